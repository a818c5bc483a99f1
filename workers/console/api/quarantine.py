"""Quarantine: entries that failed again and again, to be tried again or discarded."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import NotFound
from pipeline.flow.deeds import entries as deeds
from pipeline.flow.operations.quarantine import quarantine
from pipeline.model import Entry, EntryState
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Operator
from workers.console.api.replies import IdempotencyKey, Nothing, made_once


class Reason(BaseModel):
    """Why nobody has to look at an entry again."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class EntryOut(BaseModel):
    """An entry, and what went wrong with it."""

    id: str
    feed_id: str
    url: str
    title: str
    state: EntryState
    first_seen_at: datetime
    attempts: int
    stage: str
    error: str
    discarded: str = Field(description="The reason; empty while it waits")
    discarded_by: str


class EntryPage(BaseModel):
    """Entries in the order of their ids."""

    entries: list[EntryOut]
    next: paging.Next


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/quarantine", tags=["quarantine"])

    @router.get("")
    def list_quarantine(
        _: Operator,
        state: Literal["waiting", "discarded"] = "waiting",
        cursor: paging.Cursor = "",
        limit: paging.Limit = 50,
    ) -> EntryPage:
        entries = sorted(getattr(quarantine(ports), state), key=lambda one: one.id)
        found, following = paging.by_id(entries, cursor, limit)
        return EntryPage(entries=[_out(one) for one in found], next=following)

    @router.get("/{entry_id}")
    def get_entry(entry_id: str, _: Operator) -> EntryOut:
        found = ports.stores.entries.get([entry_id]).get(entry_id)
        if found is None or found.state is not EntryState.QUARANTINED:
            raise NotFound("entry in quarantine", entry_id)
        return _out(found)

    @router.post("/{entry_id}/replay", response_model=EntryOut)
    def replay_entry(entry_id: str, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> EntryOut:
            return _only(deeds.replay(ports, caller.who, [entry_id]), entry_id)

        return made_once(ports, caller, key, Nothing(), make, about=f"replay {entry_id}", status=200)

    @router.post("/{entry_id}/discard", response_model=EntryOut)
    def discard_entry(entry_id: str, body: Reason, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> EntryOut:
            return _only(deeds.discard(ports, caller.who, [entry_id], body.reason), entry_id)

        return made_once(ports, caller, key, body, make, about=f"discard {entry_id}", status=200)

    return router


def _only(changed: list[Entry], entry_id: str) -> EntryOut:
    """The one that was changed. Raises NotFound where it did not wait in quarantine."""
    if not changed:
        raise NotFound("entry in quarantine", entry_id)
    return _out(changed[0])


def _out(one: Entry) -> EntryOut:
    return EntryOut(
        id=one.id,
        feed_id=one.feed_id,
        url=one.url,
        title=one.title,
        state=one.state,
        first_seen_at=one.first_seen_at,
        attempts=one.attempts,
        stage=one.failed_stage,
        error=one.error,
        discarded=one.discarded.reason if one.discarded else "",
        discarded_by=one.discarded.by if one.discarded else "",
    )
