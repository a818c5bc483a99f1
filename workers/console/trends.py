"""/trends: matches of alerts day by day, the outlets and entities in them, and the share of voice between alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from pipeline.flow.alerts.trends import MOST_READ, Named, Volume, days_until, named, volumes
from pipeline.ports import Ports
from workers.console import plots
from workers.console.access import Viewer, sees
from workers.console.shell import page

USUAL = 5
"""The busiest alerts, which are compared where none is chosen."""
OFFERED = 50
"""Alerts that can be chosen among on a page: the busiest, of those that were asked for."""
SPANS = {7: "7 days", 30: "30 days", 90: "90 days"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown, as an address says it."""

    days: int = 30
    text: str = ""

    @property
    def span(self) -> int:
        """Days, a key of SPANS."""
        return self.days if self.days in SPANS else 30


def make_router(ports: Ports) -> APIRouter:
    """The page of trends."""
    router = APIRouter(prefix="/trends")

    @router.get("")
    def trends(
        request: Request,
        who: Viewer,
        asked: Annotated[Asked, Depends()],
        alert: Annotated[list[str] | None, Query()] = None,
    ) -> Response:
        days = days_until(ports.clock.now(), asked.span)
        found = volumes(ports, [one for one in ports.stores.alerts.all() if sees(who, one)], days)
        chosen = _chosen(found, alert or ())
        facts = {"asked": asked, "spans": SPANS, "most": plots.SERIES, "chosen": {one.alert.id for one in chosen}}
        facts |= {"volumes": found, "offered": _offered(found, chosen, asked.text), "read": MOST_READ}
        names = named(ports, [one.alert for one in chosen], days) if chosen else None
        shown = _plots(chosen, [day.isoformat() for day in days], names) if names else {}
        return page(request, "trends.html", 200, **facts, plots=shown, number=names.read if names else 0)

    return router


def _chosen(found: Sequence[Volume], ids: Sequence[str]) -> list[Volume]:
    """Those with these ids, else the busiest; no more than a plot can show."""
    named_ones = [one for one in found if one.alert.id in ids]
    return named_ones[: plots.SERIES] or [one for one in found if one.total][:USUAL]


def _offered(found: Sequence[Volume], chosen: Sequence[Volume], text: str) -> list[Volume]:
    """What can be chosen: that which is chosen, then those whose name holds `text`."""
    others = [one for one in found if one not in chosen and text.casefold() in one.alert.name.casefold()]
    return [*chosen, *others[: OFFERED - len(chosen)]]


def _plots(chosen: Sequence[Volume], days: Sequence[str], names: Named) -> dict[str, object]:
    series = [(one.alert.name, [float(number) for number in one.by_day]) for one in chosen]
    several = len(series) > 1
    return {
        "matches": (
            plots.lines(days, series, label="Matches a day, by alert")
            if several
            else plots.bars(list(zip(days, series[0][1], strict=True)), label=f"Matches a day of {series[0][0]}")
        ),
        "voice": plots.shares(days, series, label="Share of voice, by day") if several else "",
        "outlets": plots.ranked(names.outlets, label="Outlets"),
        "entities": plots.ranked(names.entities, label="People, places and organisations"),
    }
