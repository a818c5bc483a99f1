"""Alerts. Another team's is not there for those who don't see it, whatever they ask."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import NotFound
from pipeline.flow.audit import record
from pipeline.flow.manage import MOST_THROTTLE, NewAlert, put_alert, remove_alert
from pipeline.model import Alert, AlertState
from pipeline.ports import Ports
from workers.console.access import sees
from workers.console.api import paging
from workers.console.api.callers import Caller, Reader, Writer
from workers.console.api.replies import IdempotencyKey, made_once

Text = Annotated[str, Field(max_length=10_000)]


class AlertBody(BaseModel):
    """What can be said of an alert."""

    model_config = ConfigDict(extra="forbid")

    query: Text
    recipients: list[Annotated[str, Field(max_length=320)]] = Field(default=[], max_length=1_000)
    variants: bool = Field(default=True, description="Look for other spellings of the words too")
    copies: bool = Field(default=False, description="Mail every copy of a story")
    updates: bool = Field(default=False, description="Mail edits that match anew")
    policy: Annotated[str, Field(max_length=200)] = "immediate"
    throttle: Annotated[int, Field(ge=0, le=MOST_THROTTLE)] = 0
    urgent: bool = False
    team: Annotated[str, Field(max_length=61)] = ""


class NewAlertBody(AlertBody):
    """A new alert; its name can't be changed later."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class AlertOut(NewAlertBody):
    """An alert as it is kept."""

    name: str
    query: str
    id: str
    meaning: str = Field(description="The query in full: lists and spellings written out")
    state: AlertState
    health: str
    created_at: datetime
    updated_at: datetime


class AlertPage(BaseModel):
    """Alerts in the order of their ids."""

    alerts: list[AlertOut]
    next: str = Field(description="The cursor of the next page; empty where this is the last")


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/alerts", tags=["alerts"])

    @router.get("")
    def list_alerts(caller: Reader, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> AlertPage:
        after = paging.read(cursor)
        seen = (one for one in ports.stores.alerts.all() if one.id > after and sees(caller.user, one))
        found, following = paging.page(seen, limit, lambda one: one.id)
        return AlertPage(alerts=[_out(one) for one in found], next=following)

    @router.post("", status_code=201, response_model=AlertOut)
    def add_alert(body: NewAlertBody, caller: Writer, key: IdempotencyKey = "") -> Response:
        def make() -> AlertOut:
            _refuse_team(caller, body.team)
            made = put_alert(ports, _new(body.name, body))
            record(ports, caller.user.address, "add alert", made.name, None, made)
            return _out(made)

        return made_once(ports, caller, key, body, make)

    @router.get("/{alert_id}")
    def get_alert(alert_id: str, caller: Reader) -> AlertOut:
        return _out(_seen(ports, caller, alert_id))

    @router.put("/{alert_id}")
    def change_alert(alert_id: str, body: AlertBody, caller: Writer) -> AlertOut:
        before = _seen(ports, caller, alert_id)
        _refuse_team(caller, body.team)
        after = put_alert(ports, _new(before.name, body), replace_existing=True)
        record(ports, caller.user.address, "change alert", after.name, before, after)
        return _out(after)

    @router.delete("/{alert_id}", status_code=204)
    def delete_alert(alert_id: str, caller: Writer) -> None:
        gone = remove_alert(ports, _seen(ports, caller, alert_id).name)
        record(ports, caller.user.address, "remove alert", gone.name, gone, None)

    return router


def _seen(ports: Ports, caller: Caller, alert_id: str) -> Alert:
    """The alert with that id. Raises NotFound, for another team's too: that it is there is not told."""
    found = ports.stores.alerts.get([alert_id]).get(alert_id)
    if found is None or not sees(caller.user, found):
        raise NotFound("alert", alert_id)
    return found


def _refuse_team(caller: Caller, team: str) -> None:
    if not caller.may_own(team.strip().lower()):
        raise HTTPException(403, "You are not in that team")


def _new(name: str, body: AlertBody) -> NewAlert:
    said = body.model_dump(exclude={"name", "recipients"})
    return NewAlert(name=name, recipients=tuple(body.recipients), **said)


def _out(alert: Alert) -> AlertOut:
    # Built without looking again: what is kept was checked when it was saved, under the bounds of its time.
    facts = {name: getattr(alert, name) for name in AlertOut.model_fields}
    return AlertOut.model_construct(**facts | {"recipients": list(alert.recipients)})
