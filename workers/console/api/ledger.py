"""The ledger: deliveries and what became of each, and whether they add up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.deliver.channel import one_spelling
from pipeline.errors import BadInput, NotFound
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.stories import export
from pipeline.model import Delivery, DeliveryState
from pipeline.ports import LedgerFilter, Ports
from workers.console import cursors
from workers.console.api import paging
from workers.console.api.callers import Operator
from workers.console.operations import MOST_RECONCILED


class EventOut(BaseModel):
    """One line of a delivery's history."""

    at: datetime
    state: DeliveryState
    note: str


class DeliveryOut(BaseModel):
    """A row of the ledger: of a chat's address what is no secret."""

    id: str
    match_id: str
    alert: str
    story: str
    title: str
    recipient: str
    channel: str
    state: DeliveryState
    held_until: datetime | None
    reason: str
    answer: str
    mail_id: str
    message_id: str
    repeated: bool
    attempts: int
    created: datetime
    updated: datetime
    history: list[EventOut]


class DeliveryPage(BaseModel):
    """Deliveries, newest first."""

    deliveries: list[DeliveryOut]
    next: paging.Next


class FaultOut(BaseModel):
    """Something that does not add up."""

    kind: str
    match_id: str
    alert_id: str
    story_id: str
    recipient: str
    delivery_id: str


class Asked(BaseModel):
    """Which rows are wanted."""

    alert_id: Annotated[str, Field(max_length=200)] = ""
    recipient: Annotated[str, Field(max_length=320)] = ""
    story_id: Annotated[str, Field(max_length=200)] = ""
    state: DeliveryState | None = None
    since: datetime | None = Field(default=None, description="Matched at or after")
    cursor: Annotated[str, Field(max_length=300, description=paging.CURSOR_SAYS)] = ""
    limit: Annotated[int, Field(ge=1, le=paging.MOST)] = 50

    def where(self) -> LedgerFilter:
        """The same as the store is asked. Raises BadInput for a cursor that is none."""
        since = self.since.replace(tzinfo=UTC) if self.since and self.since.tzinfo is None else self.since
        return LedgerFilter(
            alert_id=self.alert_id,
            recipient=one_spelling(self.recipient),
            story_id=self.story_id,
            state=self.state or "",
            since=cursors.within(since) if since else None,
            after=cursors.behind(self.cursor),
        )


class AccountOut(BaseModel):
    """What a reconciliation came to."""

    adds_up: bool
    matches: int
    waiting: int = Field(description="Of these, those so young that their deliveries may still be written")
    matched: int = Field(description="Matches times those they are for")
    states: dict[str, int]
    faulty: dict[str, int]
    faults: list[FaultOut]


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(tags=["ledger"])

    @router.get("/deliveries")
    def list_deliveries(_: Operator, asked: Annotated[Asked, Query()]) -> DeliveryPage:
        return page_of(ports, asked.where(), asked.limit)

    @router.get("/deliveries/{delivery_id}")
    def get_delivery(delivery_id: str, _: Operator) -> DeliveryOut:
        found = ports.stores.deliveries.get([delivery_id])
        if not found:
            raise NotFound("delivery", delivery_id)
        return out(ports, list(found.values()))[0]

    @router.get("/reconciliation")
    def get_reconciliation(_: Operator) -> AccountOut:
        number = ports.stores.deliveries.count()
        if number > MOST_RECONCILED:
            raise BadInput(f"{number} deliveries take too long to reconcile here: run wirewatch ledger --reconcile")
        account = reconcile(ports)
        return AccountOut(
            adds_up=account.adds_up,
            matches=account.matches,
            waiting=account.waiting,
            matched=account.matched,
            states=dict(account.states),
            faulty=dict(account.faulty),
            faults=[FaultOut(**_plain(one)) for one in account.faults],
        )

    return router


def page_of(ports: Ports, where: LedgerFilter, limit: int) -> DeliveryPage:
    """The first of the rows that are asked for: none before the cursor is read."""
    found, following = cursors.page(ports.stores.deliveries.ledger(where), limit, cursors.place_of)
    return DeliveryPage(deliveries=out(ports, found), next=following)


def out(ports: Ports, deliveries: Sequence[Delivery]) -> list[DeliveryOut]:
    """These rows, with their alerts and stories as far as they are kept."""
    alerts = ports.stores.alerts.get(list({one.alert_id for one in deliveries}))
    stories = ports.stores.stories.get(list({one.story_id for one in deliveries}))
    return [
        DeliveryOut(
            **export.delivery(
                one, alerts[one.alert_id].name if one.alert_id in alerts else one.alert_id, stories.get(one.story_id)
            )
        )
        for one in deliveries
    ]


def _plain(fault: Any) -> dict[str, str]:
    return {name: str(getattr(fault, name)) for name in FaultOut.model_fields}
