"""The inbox: what was sent to the caller, what they say of it, and what they want to be sent.

It is about the caller's own address: a viewer may change it too, by a token that may change things.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from pipeline.deliver.links import Action
from pipeline.flow.deeds.people import call_story, change_own_alert, put_recipient
from pipeline.flow.readers.people import NewRecipient
from pipeline.flow.readers.preferences import called_irrelevant
from pipeline.flow.readers.recipients import alerts_for, recipients_of
from pipeline.model import DeliveryState
from pipeline.ports import LedgerFilter, Ports
from workers.console import cursors
from workers.console.api import paging
from workers.console.api.callers import Oneself, Reader
from workers.console.api.ledger import DeliveryOut, DeliveryPage, out, page_of
from workers.console.api.recipients import Preferences, RecipientOut
from workers.console.api.recipients import out as recipient_out
from workers.console.api.replies import IdempotencyKey, Nothing, made_once
from workers.console.inbox import own_alert, own_delivery


class AlertNamed(BaseModel):
    """An alert that goes to the caller."""

    id: str
    name: str


class OwnPreferences(RecipientOut):
    """What the caller wants to be sent."""

    alerts: list[AlertNamed] = Field(description="That go to them")


class Called(BaseModel):
    """A delivery, and whether its recipient called its story not relevant."""

    delivery: DeliveryOut
    irrelevant: bool


def make_router(ports: Ports) -> APIRouter:
    """The resources."""
    router = APIRouter(tags=["inbox"])

    @router.get("/inbox")
    def list_inbox(
        caller: Reader, state: DeliveryState | None = None, cursor: paging.Cursor = "", limit: paging.Limit = 50
    ) -> DeliveryPage:
        return page_of(
            ports, LedgerFilter(recipient=caller.who, state=state or "", after=cursors.behind(cursor)), limit
        )

    @router.post("/inbox/{delivery_id}/{action}", response_model=Called)
    def call(
        delivery_id: str, action: Literal["relevant", "irrelevant"], caller: Oneself, key: IdempotencyKey = ""
    ) -> Response:
        def make() -> Called:
            delivery = own_delivery(ports, caller.user, delivery_id)
            call_story(ports, delivery, Action(action))
            return Called(delivery=out(ports, [delivery])[0], irrelevant=bool(called_irrelevant(ports, [delivery])))

        return made_once(ports, caller, key, Nothing(), make, about=f"{action} {delivery_id}", status=200)

    _add_preferences(router, ports)
    return router


def _add_preferences(router: APIRouter, ports: Ports) -> None:
    @router.get("/preferences")
    def get_preferences(caller: Reader) -> OwnPreferences:
        return _own(ports, caller.who)

    @router.put("/preferences")
    def put_preferences(body: Preferences, caller: Oneself) -> OwnPreferences:
        put_recipient(ports, caller.who, NewRecipient(address=caller.who, **body.model_dump()))
        return _own(ports, caller.who)

    @router.post("/preferences/alerts/{alert_id}/{action}", response_model=OwnPreferences)
    def change_alert(
        alert_id: str,
        action: Literal["unsubscribe", "subscribe", "unsubscribe-all", "subscribe-all", "mute", "unmute"],
        caller: Oneself,
        key: IdempotencyKey = "",
    ) -> Response:
        """`alert_id` is `*` for what is said of all."""

        def make() -> OwnPreferences:
            change_own_alert(ports, caller.who, own_alert(ports, caller.user, alert_id), Action(action))
            return _own(ports, caller.who)

        return made_once(ports, caller, key, Nothing(), make, about=f"{action} {alert_id}", status=200)


def _own(ports: Ports, address: str) -> OwnPreferences:
    known = recipients_of(ports, [address])[address]
    alerts = [AlertNamed(id=one.id, name=one.name) for one in alerts_for(ports, address)]
    return OwnPreferences(**recipient_out(known).model_dump(), alerts=alerts)
