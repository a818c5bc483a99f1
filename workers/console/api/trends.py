"""Trends: matches of alerts day by day, and the outlets and entities in them. Days are UTC's."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.flow.alerts.trends import days_until, named, volumes
from pipeline.ports import Ports
from workers.console.access import sees
from workers.console.api.callers import Reader

MOST = 200
"""Alerts in an answer."""


class VolumeOut(BaseModel):
    """How many matches an alert has had on each day."""

    id: str
    name: str
    total: int
    by_day: list[int] = Field(description="As `days` has them")


class Trends(BaseModel):
    """The busiest alerts first; outlets and entities are those of the alerts that were asked for, or of all."""

    days: list[date]
    alerts: list[VolumeOut]
    outlets: dict[str, int]
    entities: dict[str, int]
    read: int = Field(description="The latest matches, of which outlets and entities were counted")


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/trends", tags=["trends"])

    @router.get("")
    def get_trends(
        caller: Reader,
        days: Annotated[int, Query(ge=1, le=90)] = 30,
        alert: Annotated[list[str] | None, Query(max_length=MOST, description="Ids; none: the busiest")] = None,
    ) -> Trends:
        span = days_until(ports.clock.now(), days)
        seen = [one for one in ports.stores.alerts.all() if sees(caller.user, one) and (not alert or one.id in alert)]
        found = volumes(ports, seen, span)[:MOST]
        names = named(ports, [one.alert for one in found], span)
        out = [
            VolumeOut(id=one.alert.id, name=one.alert.name, total=one.total, by_day=list(one.by_day)) for one in found
        ]
        return Trends(
            days=span, alerts=out, outlets=dict(names.outlets), entities=dict(names.entities), read=names.read
        )

    return router
