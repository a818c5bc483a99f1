"""/operations: what waits and who works, the quarantine, the ledger, and the settings in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import StreamingResponse

from pipeline.deliver.channel import one_spelling, shown
from pipeline.errors import BadInput
from pipeline.flow.beat import known_beat
from pipeline.flow.deeds.entries import discard, replay
from pipeline.flow.operations.quarantine import quarantine
from pipeline.flow.operations.queues import looked_at, queues
from pipeline.flow.operations.reconcile import in_lines, reconcile
from pipeline.flow.operations.status import LATE
from pipeline.flow.stories import csvs
from pipeline.model import Delivery, DeliveryState, Story, User
from pipeline.ports import LedgerFilter, Ports
from pipeline.settings import in_force
from workers import broker
from workers.console import cursors
from workers.console.access import Operator
from workers.console.shell import HEADERS, Finished, page, seen
from workers.console.times import times_of

PAGE = 50
BATCH = 500
"""Rows of a file whose stories are read at once."""
COLUMNS = ("created", "updated", "state", "alert", "recipient", "story", "reason", "answer", "message_id")
MOST_SHOWN = 50
"""Entries of the quarantine on a page."""
MOST_RECONCILED = 50_000
"""Deliveries that are reconciled while somebody waits; more are for the command line, and the watchdog's daily look."""
SPANS = {"1": "a day", "7": "a week", "30": "30 days", "": "ever"}
DONE = {
    "replay": "{count} will be tried again.",
    "discard": "{count} discarded, with the reason. They are listed below, and may still be tried again.",
    "nothing": "Nothing was chosen: tick the entries first.",
}
KEPT = ("feeds", "entries", "stories", "alerts", "matches", "deliveries", "recipients", "subscriptions")
"""The stores whose things are counted, by their names in ports.Stores."""


class Deed(StrEnum):
    """What can be done to entries in quarantine."""

    REPLAY = "replay"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of the ledger are to be shown, as an address says it."""

    alert: str = ""
    recipient: str = ""
    state: str = ""
    days: str = "7"
    after: str = ""

    def where(self, ids: dict[str, str], now: datetime) -> LedgerFilter:
        """The same as the store is asked; `ids` of alerts by name. Raises BadInput for an alert that is not there."""
        if self.alert and self.alert not in ids:
            raise BadInput(f"there is no alert {self.alert!r}: choose one of the list")
        return LedgerFilter(
            alert_id=ids[self.alert] if self.alert else "",
            recipient=one_spelling(self.recipient.strip()),
            state=self.state if self.state in list(DeliveryState) else "",
            since=now - timedelta(days=int(self.days)) if self.days in SPANS and self.days else None,
            after=cursors.behind(self.after),
        )

    def page(self, after: str = "") -> str:
        """The address of the first page, or of the one after a row."""
        return f"/operations/ledger?{urlencode(self._filters() | ({'after': after} if after else {}))}"

    @property
    def file(self) -> str:
        """The address of all these rows, as CSV."""
        return f"/operations/ledger.csv?{urlencode(self._filters())}"

    def _filters(self) -> dict[str, object]:
        return {"alert": self.alert, "recipient": self.recipient, "state": self.state, "days": self.days}


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery in the ledger."""

    delivery: Delivery
    alert: str
    story: Story | None


def make_router(ports: Ports) -> APIRouter:
    """The pages of operations."""
    router = APIRouter(prefix="/operations")
    _add_overview(router, ports)
    _add_quarantine(router, ports)
    _add_ledger(router, ports)
    return router


def _add_overview(router: APIRouter, ports: Ports) -> None:
    @router.get("")
    def overview(request: Request, who: Operator) -> Response:
        stores, now, looked = ports.stores, ports.clock.now(), looked_at(ports)
        facts = {
            "queues": queues(ports),
            "broker": broker.look(ports.settings),
            "slowed": known_beat(ports).slowed,
            "looked": looked,
            "late": looked is None or now - looked > LATE,
            "watchdogs": sorted(stores.watchdogs.all(), key=lambda one: one.name),
            "quarantined": len(quarantine(ports).waiting),
            "deliveries": stores.deliveries.counts(),
            "counts": {name: getattr(stores, name).count() for name in KEPT},
            "sizes": stores.sizes(),
        }
        return page(request, "operations.html", 200, **facts, times=times_of(ports, who))

    @router.get("/settings")
    def settings(request: Request, _: Operator) -> Response:
        return page(request, "operations_settings.html", 200, settings=in_force(ports.settings))


def _add_quarantine(router: APIRouter, ports: Ports) -> None:
    @router.get("/quarantine")
    def look(request: Request, who: Operator, done: Finished, start: int = 0) -> Response:
        return _quarantine_page(request, ports, who, start=start, done=done.said(DONE))

    @router.post("/quarantine")
    def do(
        request: Request,
        who: Operator,
        deed: Annotated[Deed, Form()],
        entry_ids: Annotated[list[str] | None, Form()] = None,
        reason: Annotated[str, Form()] = "",
        start: int = 0,
    ) -> Response:
        here = f"/operations/quarantine?start={start}" if start else "/operations/quarantine"
        if not entry_ids:
            return seen(request, here, "nothing")
        try:
            count = _do(ports, who, deed, entry_ids, reason)
        except BadInput as error:
            return _quarantine_page(request, ports, who, 422, start=start, error=str(error), chosen=entry_ids)
        return seen(request, here, deed, count)


def _do(ports: Ports, who: User, deed: Deed, entry_ids: Sequence[str], reason: str) -> int:
    """Do it to those in quarantine; to how many. Raises BadInput for discarding without a reason."""
    if deed is Deed.REPLAY:
        return len(replay(ports, who.address, entry_ids))
    return len(discard(ports, who.address, entry_ids, reason))


def _quarantine_page(
    request: Request,
    ports: Ports,
    who: Operator,
    status: int = 200,
    *,
    start: int = 0,
    done: str = "",
    error: str = "",
    chosen: Sequence[str] = (),
) -> Response:
    """What waits, and what was discarded from place `start` on."""
    found = quarantine(ports)
    start = max(0, min(start, (len(found.discarded) - 1) // MOST_SHOWN * MOST_SHOWN))
    facts = {"waiting": found.waiting[:MOST_SHOWN], "number": len(found.waiting), "chosen": chosen}
    gone = {"discarded": found.discarded[start : start + MOST_SHOWN], "number_discarded": len(found.discarded)}
    gone |= {"start": start, "size": MOST_SHOWN}
    said = {"done": done, "error": error, "times": times_of(ports, who)}
    return page(request, "operations_quarantine.html", status, **facts, **gone, **said)


def _add_ledger(router: APIRouter, ports: Ports) -> None:
    @router.get("/ledger")
    def ledger(request: Request, who: Operator, asked: Annotated[Asked, Depends()]) -> Response:
        ids = _ids(ports)
        found = ports.stores.deliveries.ledger(asked.where(ids, ports.clock.now()))
        rows, following = cursors.page(found, PAGE, cursors.place_of)
        facts = {"rows": _rows(ports, rows, ids), "following": following, "names": sorted(ids, key=str.casefold)}
        where = {"asked": asked, "states": list(DeliveryState), "spans": SPANS}
        return page(request, "operations_ledger.html", 200, **facts, **where, times=times_of(ports, who))

    @router.get("/ledger.csv")
    def export(_: Operator, asked: Annotated[Asked, Depends()]) -> Response:
        ids = _ids(ports)
        found = ports.stores.deliveries.ledger(asked.where(ids, ports.clock.now()))
        headers = HEADERS | {"Content-Disposition": 'attachment; filename="ledger.csv"'}
        return StreamingResponse(csvs.lines(COLUMNS, _cells(ports, found, ids)), 200, headers, "text/csv")

    @router.get("/ledger/reconciliation")
    def reconciliation(request: Request, _: Operator) -> Response:
        number = ports.stores.deliveries.count()
        account = reconcile(ports) if number <= MOST_RECONCILED else None
        lines = list(in_lines(ports, account)) if account else []
        facts = {"account": account, "lines": lines, "number": number, "most": MOST_RECONCILED}
        return page(request, "operations_reconciliation.html", 200, **facts)


def _ids(ports: Ports) -> dict[str, str]:
    """The ids of all alerts, by name."""
    return {one.name: one.id for one in ports.stores.alerts.all()}


def _cells(ports: Ports, deliveries: Iterator[Delivery], ids: dict[str, str]) -> Iterator[Sequence[object]]:
    """The rows of the file, as they come; times in UTC."""
    while some := list(islice(deliveries, BATCH)):
        for row in _rows(ports, some, ids):
            one, story = row.delivery, row.story
            times = (one.created_at.isoformat(), one.updated_at.isoformat())
            told = (one.reason, one.answer, one.message_id)
            yield (*times, one.state, row.alert, shown(one.recipient), story.url if story else "", *told)


def _rows(ports: Ports, deliveries: Sequence[Delivery], ids: dict[str, str]) -> list[Row]:
    names = {alert_id: name for name, alert_id in ids.items()}
    stories = ports.stores.stories.get(list({one.story_id for one in deliveries}))
    return [Row(one, names.get(one.alert_id, "an alert that is gone"), stories.get(one.story_id)) for one in deliveries]
