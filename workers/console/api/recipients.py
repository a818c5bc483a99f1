"""Recipients: who is told, when their mails go, and what they have unsubscribed from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.deliver.channel import shown
from pipeline.errors import NotFound
from pipeline.flow.deeds import people as deeds
from pipeline.flow.readers.people import NewRecipient
from pipeline.model import EVERY_ALERT, Recipient
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Operator
from workers.console.api.replies import IdempotencyKey, made_once

Short = Annotated[str, Field(max_length=200)]


class Preferences(BaseModel):
    """What can be said of a recipient; null leaves it as it is."""

    model_config = ConfigDict(extra="forbid")

    zone: Annotated[Short | None, Field(description="IANA, such as Europe/Kyiv")] = None
    language: Annotated[Short | None, Field(description="ISO 639-1")] = None
    policy: Annotated[Short | None, Field(description="In place of the alerts' own; empty for theirs")] = None
    quiet: Annotated[Short | None, Field(description="22:00-07:00; empty for never")] = None


class RecipientBody(Preferences):
    """A recipient, by address."""

    address: Annotated[str, Field(max_length=2_000)]
    name: Short | None = None
    reinstate: bool = Field(default=False, description="Send to the address again that was given up for bounces")


class Subscription(BaseModel):
    """Whether a recipient is subscribed."""

    model_config = ConfigDict(extra="forbid")

    subscribed: bool
    alert_id: Annotated[Short, Field(description="Of this alert; `*`: of all")] = EVERY_ALERT


class RecipientOut(BaseModel):
    """A recipient: of a chat's address what is no secret."""

    id: str
    address: str
    name: str
    zone: str
    language: str
    policy: str
    quiet: str
    unsubscribed: list[str] = Field(description="Ids of alerts; `*` for all")
    muted: dict[str, datetime] = Field(description="Ids of alerts, and until when")
    bounces: int
    bounced: str


class RecipientPage(BaseModel):
    """Recipients in the order of their ids."""

    recipients: list[RecipientOut]
    next: paging.Next


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/recipients", tags=["recipients"])

    @router.get("")
    def list_recipients(_: Operator, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> RecipientPage:
        found, following = paging.by_id(ports.stores.recipients.all(), cursor, limit)
        return RecipientPage(recipients=[out(one) for one in found], next=following)

    @router.post("", status_code=201, response_model=RecipientOut)
    def put_recipient(body: RecipientBody, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> RecipientOut:
            said = NewRecipient(**body.model_dump(exclude={"reinstate"}))
            return out(deeds.put_recipient(ports, caller.who, said, reinstate=body.reinstate))

        return made_once(ports, caller, key, body, make)

    @router.get("/{recipient_id}")
    def get_recipient(recipient_id: str, _: Operator) -> RecipientOut:
        return out(_known(ports, recipient_id))

    @router.post("/{recipient_id}/subscription", response_model=RecipientOut)
    def subscribe(recipient_id: str, body: Subscription, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> RecipientOut:
            known, what = _known(ports, recipient_id), body.alert_id
            if what != EVERY_ALERT and not ports.stores.alerts.get([what]):
                raise NotFound("alert", what)
            return out(deeds.set_subscribed(ports, caller.who, known.address, what, subscribed=body.subscribed))

        return made_once(ports, caller, key, body, make, about=recipient_id, status=200)

    return router


def out(one: Recipient) -> RecipientOut:
    """A recipient as the API shows them."""
    return RecipientOut(
        id=one.id,
        address=shown(one.address),
        name=one.name,
        zone=one.zone,
        language=one.language,
        policy=one.policy,
        quiet=one.quiet,
        unsubscribed=list(one.unsubscribed),
        muted=one.muted,
        bounces=one.bounces,
        bounced=one.bounced,
    )


def _known(ports: Ports, recipient_id: str) -> Recipient:
    found = ports.stores.recipients.get([recipient_id]).get(recipient_id)
    if found is None:
        raise NotFound("recipient", recipient_id)
    return found
