"""Alerts. Another team's is not there for those who don't see it, whatever they ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.deliver.channel import shown
from pipeline.errors import BadInput, NotFound, Superseded
from pipeline.flow.alerts import syndicate
from pipeline.flow.alerts.manage import MOST_THROTTLE, NewAlert, edition
from pipeline.flow.alerts.preview import first_deliveries
from pipeline.flow.deeds import alerts as deeds
from pipeline.model import Alert, AlertState, DeliveryState
from pipeline.ports import Ports
from workers.console.access import sees
from workers.console.alerts import removed, removed_alert
from workers.console.api import paging
from workers.console.api.callers import Caller, Oneself, Reader, Writer
from workers.console.api.replies import IdempotencyKey, Nothing, made_once

Text = Annotated[str, Field(max_length=10_000)]
_MASK = "/…"
"""What `shown` leaves in place of a secret, and no address has."""


IfMatch = Annotated[
    str, Header(alias="If-Match", max_length=200, description="The ETag of the answer that was edited: 412 if it aged")
]


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
    team: Annotated[str | None, Field(max_length=61, description="null: none, or on a change the one it has")] = None


class NewAlertBody(AlertBody):
    """A new alert; its name can't be changed later."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class AlertOut(NewAlertBody):
    """An alert as it is kept; of a chat's address what is no secret. Sent back so, it stands for the kept one."""

    name: str
    query: str
    id: str
    meaning: str = Field(description="The query in full: lists and spellings written out")
    team: str
    state: AlertState
    health: str
    created_at: datetime
    updated_at: datetime


class AlertPage(BaseModel):
    """Alerts in the order of their ids."""

    alerts: list[AlertOut]
    next: str = Field(description="The cursor of the next page; empty where this is the last")


class Removed(BaseModel):
    """An alert that can be put back, by its id."""

    id: str
    name: str
    by: str
    at: datetime


class RemovedAlerts(BaseModel):
    """What was removed within a week, the latest first."""

    alerts: list[Removed]


class NextMail(BaseModel):
    """What would become of a match right now, for one recipient."""

    recipient: str
    state: DeliveryState = Field(description="pending goes at once, held at that moment, suppressed never")
    at: datetime
    reason: str


class NextMails(BaseModel):
    """For the first recipients of an alert."""

    recipients: list[NextMail]


class FeedAddress(BaseModel):
    """The secret address of an alert's Atom feed, which is shown this once. The one that was before is withdrawn."""

    address: str


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/alerts", tags=["alerts"])

    @router.get("")
    def list_alerts(caller: Reader, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> AlertPage:
        seen = (one for one in ports.stores.alerts.all() if sees(caller.user, one))
        found, following = paging.by_id(seen, cursor, limit)
        return AlertPage(alerts=[_out(one) for one in found], next=following)

    @router.post("", status_code=201, response_model=AlertOut)
    def add_alert(body: NewAlertBody, caller: Writer, key: IdempotencyKey = "") -> Response:
        def make() -> AlertOut:
            _refuse_team(caller, body.team)
            return _out(deeds.save_alert(ports, caller.who, _new(body.name, body)))

        return made_once(ports, caller, key, body, make)

    @router.get("/removed")
    def list_removed(caller: Reader) -> RemovedAlerts:
        found = removed(ports, caller.user)
        return RemovedAlerts(alerts=[Removed(id=one.id, name=one.alert.name, by=one.by, at=one.at) for one in found])

    @router.get("/{alert_id}")
    def get_alert(alert_id: str, caller: Reader, response: Response) -> AlertOut:
        return _tagged(response, _seen(ports, caller, alert_id))

    @router.put("/{alert_id}")
    def change_alert(
        alert_id: str, body: AlertBody, caller: Writer, response: Response, match: IfMatch = ""
    ) -> AlertOut:
        before = _seen(ports, caller, alert_id)
        _refuse_team(caller, body.team)
        new, edited = _new(before.name, body, before), _edited(match, before)
        return _tagged(response, deeds.save_alert(ports, caller.who, new, replace_existing=True, edited=edited))

    @router.delete("/{alert_id}", status_code=204)
    def delete_alert(alert_id: str, caller: Writer) -> None:
        deeds.remove_alert(ports, caller.who, _seen(ports, caller, alert_id).id)

    @router.get("/{alert_id}/next")
    def tell_next_mails(alert_id: str, caller: Reader) -> NextMails:
        (found,) = first_deliveries(ports, [_seen(ports, caller, alert_id)])
        told = [
            NextMail(recipient=shown(one.recipient), state=one.state, at=one.due_at, reason=one.reason) for one in found
        ]
        return NextMails(recipients=told)

    _add_states(router, ports)
    _add_feed(router, ports)
    return router


def _add_states(router: APIRouter, ports: Ports) -> None:
    @router.post("/{alert_id}/pause", response_model=AlertOut)
    def pause_alert(alert_id: str, caller: Writer, key: IdempotencyKey = "") -> Response:
        return _in_state(ports, caller, alert_id, AlertState.PAUSED, key)

    @router.post("/{alert_id}/resume", response_model=AlertOut)
    def resume_alert(alert_id: str, caller: Writer, key: IdempotencyKey = "") -> Response:
        return _in_state(ports, caller, alert_id, AlertState.ACTIVE, key)

    @router.post("/{alert_id}/restore", response_model=AlertOut)
    def restore_alert(alert_id: str, caller: Writer, key: IdempotencyKey = "") -> Response:
        def make() -> AlertOut:
            return _out(deeds.restore_alert(ports, caller.who, removed_alert(ports, caller.user, alert_id).id))

        return made_once(ports, caller, key, Nothing(), make, about=f"restore {alert_id}", status=200)


def _add_feed(router: APIRouter, ports: Ports) -> None:
    """Without an Idempotency-Key: answers with a secret are kept nowhere."""

    @router.post("/{alert_id}/feed", status_code=201)
    def make_address(alert_id: str, caller: Oneself) -> FeedAddress:
        return FeedAddress(address=syndicate.renew_address(ports, caller.user, _seen(ports, caller, alert_id)))

    @router.delete("/{alert_id}/feed", status_code=204)
    def withdraw_address(alert_id: str, caller: Oneself) -> None:
        syndicate.withdraw_address(ports, caller.user, _seen(ports, caller, alert_id))


def _in_state(ports: Ports, caller: Caller, alert_id: str, state: AlertState, key: str) -> Response:
    def make() -> AlertOut:
        return _out(deeds.set_alert_state(ports, caller.who, _seen(ports, caller, alert_id).id, state))

    return made_once(ports, caller, key, Nothing(), make, about=f"{state} {alert_id}", status=200)


def _seen(ports: Ports, caller: Caller, alert_id: str) -> Alert:
    """The alert with that id. Raises NotFound, for another team's too: that it is there is not told."""
    found = ports.stores.alerts.get([alert_id]).get(alert_id)
    if found is None or not sees(caller.user, found):
        raise NotFound("alert", alert_id)
    return found


def _refuse_team(caller: Caller, team: str | None) -> None:
    if team is not None and not caller.may_own(team.strip().lower()):
        raise HTTPException(403, "You are not in that team")


def _new(name: str, body: AlertBody, before: Alert | None = None) -> NewAlert:
    said = body.model_dump(exclude={"name", "recipients", "team"})
    recipients = _unmasked(body.recipients, before.recipients if before else ())
    team = body.team if body.team is not None else before.team if before else ""
    return NewAlert(name=name, recipients=recipients, team=team, **said)


def _unmasked(named: Sequence[str], kept: Sequence[str]) -> tuple[str, ...]:
    """The recipients that are named; one as `_out` shows it is the `kept` one that looks so. Raises BadInput."""
    alike = {mask: [one for one in kept if shown(one) == mask] for mask in named if _MASK in mask}
    for mask, meant in alike.items():
        if len(meant) != named.count(mask):
            raise BadInput(f"{mask} is how {len(meant)} recipients of this alert are shown: give the whole address")
    return tuple(alike[one].pop(0) if one in alike else one for one in named)


def _edited(match: str, known: Alert) -> str:
    """The edition that a change is of, where If-Match says one (RFC 9110, 13.1.1). Raises Superseded."""
    tags = [one.strip() for one in match.split(",")]
    if not match or tags == ["*"]:
        return ""
    if _tag(known) not in tags:
        raise Superseded(f"alert {known.name!r} was changed meanwhile: read it again, and send the change once more")
    return edition(known)


def _tagged(response: Response, alert: Alert) -> AlertOut:
    response.headers["ETag"] = _tag(alert)
    return _out(alert)


def _tag(alert: Alert) -> str:
    return f'"{edition(alert)}"'


def _out(alert: Alert) -> AlertOut:
    # Built without looking again: what is kept was checked when it was saved, under the bounds of its time.
    facts = {name: getattr(alert, name) for name in AlertOut.model_fields}
    # An answer may be kept for an Idempotency-Key, and is read by viewers.
    return AlertOut.model_construct(**facts | {"recipients": list(map(shown, alert.recipients))})
