"""/inbox: what was sent to the visitor, what was not and why, and what they want to be sent. All of it can be undone.

It is about the visitor's own address, so whoever may look may also change it, as they may from any of their mails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Form, Request, Response

from pipeline.deliver.language import LANGUAGES
from pipeline.deliver.links import Action
from pipeline.errors import BadInput, NotFound
from pipeline.flow.deeds.people import call_story, change_own_alert, put_recipient
from pipeline.flow.readers.people import NewRecipient
from pipeline.flow.readers.preferences import called_irrelevant
from pipeline.flow.readers.recipients import alerts_for, recipients_of
from pipeline.model import EVERY_ALERT, Alert, Delivery, DeliveryState, Recipient, Story, User
from pipeline.ports import LedgerFilter, Ports
from workers.console import cursors
from workers.console.access import Viewer
from workers.console.shell import Finished, page, seen
from workers.console.times import Times, times_of

PAGE = 50
KINDS = {
    "": "All",
    DeliveryState.SENT: "Sent",
    DeliveryState.HELD: "Held",
    DeliveryState.SUPPRESSED: "Muted or suppressed",
    DeliveryState.FAILED: "Failed",
}
DONE = {
    Action.UNSUBSCRIBE: "No mail of that alert comes to you any more.",
    Action.SUBSCRIBE: "You get that alert's mails again.",
    Action.UNSUBSCRIBE_ALL: "No mail of any alert comes to you any more.",
    Action.SUBSCRIBE_ALL: "You get mails again.",
    Action.MUTE: "That alert is muted for a day.",
    Action.UNMUTE: "That alert is muted no more.",
    Action.IRRELEVANT: "Noted as not relevant: whoever edits the alert sees it.",
    Action.RELEVANT: "Noted as relevant after all.",
    "saved": "Saved.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deliveries are to be shown, as an address says it."""

    state: str = ""
    after: str = ""

    @property
    def kind(self) -> str:
        """A key of KINDS."""
        return self.state if self.state in KINDS else ""

    def page(self, after: str = "") -> str:
        """The address of the first page, or of the one after a place."""
        return f"/inbox?{_query(self.kind, after)}"

    @property
    def query(self) -> str:
        """What the address of this very page asks, for forms to lead back to it."""
        return _query(self.kind, self.after)


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery to the visitor."""

    delivery: Delivery
    alert: str
    story: Story | None
    irrelevant: bool


@dataclass(frozen=True, slots=True)
class Mine:
    """An alert that goes to the visitor, and how they have it."""

    alert: Alert
    unsubscribed: bool
    muted_until: str  # empty when it is not muted


def _query(kind: str, after: str) -> str:
    return urlencode({"state": kind} | ({"after": after} if after else {}))


def make_router(ports: Ports) -> APIRouter:
    """The pages of a visitor's own mails."""
    router = APIRouter(prefix="/inbox")
    _add_looks(router, ports)
    _add_deeds(router, ports)
    return router


def _add_looks(router: APIRouter, ports: Ports) -> None:
    @router.get("")
    def inbox(request: Request, who: Viewer, asked: Annotated[Asked, Depends()], done: Finished) -> Response:
        where = LedgerFilter(recipient=who.address, state=asked.kind, after=cursors.behind(asked.after))
        found, following = cursors.page(ports.stores.deliveries.ledger(where), PAGE, cursors.place_of)
        facts = {"rows": _rows(ports, found), "following": following, "kinds": KINDS}
        mine = {"mine": alerts_for(ports, who.address), "asked": asked}
        return page(request, "inbox.html", 200, **facts, **mine, times=times_of(ports, who), done=done.said(DONE))

    @router.get("/preferences")
    def preferences(request: Request, who: Viewer, done: Finished) -> Response:
        known = recipients_of(ports, [who.address])[who.address]
        return _preferences_page(request, ports, who, said=known, done=done.said(DONE))


def _add_deeds(router: APIRouter, ports: Ports) -> None:
    @router.post("/preferences")
    def describe(
        request: Request,
        who: Viewer,
        language: Annotated[str, Form()] = "en",
        zone: Annotated[str, Form()] = "UTC",
        quiet: Annotated[str, Form()] = "",
        policy: Annotated[str, Form()] = "",
    ) -> Response:
        said = NewRecipient(address=who.address, language=language, zone=zone, quiet=quiet, policy=policy)
        try:
            put_recipient(ports, who.address, said)
        except BadInput as error:
            return _preferences_page(request, ports, who, 422, said=said, error=str(error))
        return seen(request, "/inbox/preferences", "saved")

    @router.post("/deliveries/{delivery_id}/{action}")
    def call(
        request: Request, who: Viewer, delivery_id: str, action: Action, asked: Annotated[Asked, Depends()]
    ) -> Response:
        call_story(ports, own_delivery(ports, who, delivery_id), action)
        return seen(request, asked.page(asked.after), action)

    @router.post("/alerts/{alert_id}/{action}")
    def change(request: Request, who: Viewer, alert_id: str, action: Action) -> Response:
        change_own_alert(ports, who.address, own_alert(ports, who, alert_id), action)
        return seen(request, "/inbox/preferences", action)


def own_delivery(ports: Ports, who: User, delivery_id: str) -> Delivery:
    """The delivery with that id, to this user. Raises NotFound, for another's too."""
    found = ports.stores.deliveries.get([delivery_id]).get(delivery_id)
    if found is None or found.recipient != who.address:
        raise NotFound("delivery", delivery_id)
    return found


def own_alert(ports: Ports, who: User, alert_id: str) -> str:
    """`alert_id` where that alert goes to this user, or it stands for all. Raises NotFound."""
    if alert_id not in {EVERY_ALERT, *(one.id for one in alerts_for(ports, who.address))}:
        raise NotFound("alert", alert_id)
    return alert_id


def _preferences_page(
    request: Request,
    ports: Ports,
    who: Viewer,
    status: int = 200,
    *,
    said: Recipient | NewRecipient,
    error: str = "",
    done: str = "",
) -> Response:
    """The form with what was `said`: kept already, or refused for `error`."""
    times, known = times_of(ports, who), recipients_of(ports, [who.address])[who.address]
    facts = {
        "said": said,
        "error": error,
        "done": done,
        "zones": sorted(available_timezones()),
        "languages": LANGUAGES,
        "bounced": known.bounced,
        "unsubscribed_all": EVERY_ALERT in known.unsubscribed,
        "mine": [_mine(one, known, times) for one in alerts_for(ports, who.address)],
    }
    return page(request, "inbox_preferences.html", status, **facts, times=times)


def _mine(alert: Alert, known: Recipient, times: Times) -> Mine:
    until = known.muted.get(alert.id)
    return Mine(alert, alert.id in known.unsubscribed, times(until) if until and until > times.now else "")


def _rows(ports: Ports, deliveries: Sequence[Delivery]) -> list[Row]:
    alerts = ports.stores.alerts.get(list({one.alert_id for one in deliveries}))
    stories = ports.stores.stories.get(list({one.story_id for one in deliveries}))
    irrelevant = called_irrelevant(ports, deliveries)
    return [
        Row(
            delivery=one,
            alert=alerts[one.alert_id].name if one.alert_id in alerts else "an alert that is gone",
            story=stories.get(one.story_id),
            irrelevant=one.id in irrelevant,
        )
        for one in deliveries
    ]
