"""The books of the ledger: matched = sent + held + suppressed + failed + pending + sending, match by match.

"Matched" is each match times those it is for (`Match.recipients`). For each of these there must be one delivery, and
no other; the deliveries of a match that was just made may still be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.ids import delivery_id
from pipeline.model import Delivery, DeliveryState, Match

MOST_FAULTS = 100
"""So many faults are named; all are counted."""


class FaultKind(StrEnum):
    """What can be wrong."""

    UNWRITTEN = "unwritten"  # a match is old enough, and its deliveries are not all written
    MISSING = "missing"  # somebody whom a match is for has no delivery
    UNMEANT = "unmeant"  # a delivery to somebody whom its match is not for
    DOUBLED = "doubled"  # a second delivery of a match to one recipient
    STRAY = "stray"  # a delivery whose match is not there
    UNPROVED = "unproved"  # a delivery whose state is not what its history or the server's answer says


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that does not add up."""

    kind: FaultKind
    match_id: str
    alert_id: str
    story_id: str
    recipient: str = ""
    delivery_id: str = ""


@dataclass(slots=True, kw_only=True)
class Account:
    """What a reconciliation came to."""

    matches: int = 0
    waiting: int = 0  # of these, those so young that their deliveries may still be written: not in `matched`
    matched: int = 0  # matches × those they are for
    states: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)  # the first MOST_FAULTS
    faulty: Counter[str] = field(default_factory=Counter)  # how many there are of each kind

    @property
    def adds_up(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faulty

    def equation(self) -> str:
        """The account in one line."""
        sides = " + ".join(f"{state} {self.states[state]}" for state in DeliveryState)
        equal = "=" if self.matched == self.states.total() else "≠"
        return f"matched {self.matched} {equal} {sides}"


def reconcile(
    matches: Iterable[tuple[Match, Sequence[Delivery]]],
    deliveries: Iterable[tuple[Delivery, Match | None]],
    written_by: datetime,
) -> Account:
    """Reconcile every match with its deliveries, and every delivery with its match.

    Either stream is read once and not kept. Matches older than `written_by` must have their deliveries.
    """
    account = Account()
    for match, rows in matches:
        account.matches += 1
        if not match.delivered:
            _wait(account, match, written_by)
        else:
            _settle(account, match, rows)
    for row, owner in deliveries:
        if owner is None:
            _found(account, _of_row(FaultKind.STRAY, row))
    return account


def _wait(account: Account, match: Match, written_by: datetime) -> None:
    account.waiting += 1
    if match.matched_at < written_by:
        _found(account, _of_match(FaultKind.UNWRITTEN, match))


def _settle(account: Account, match: Match, rows: Sequence[Delivery]) -> None:
    had = dict.fromkeys(row.recipient for row in rows)
    meant = dict.fromkeys(had if match.recipients is None else match.recipients)
    account.matched += len(meant)
    account.states.update(row.state.value for row in rows)
    for recipient in meant:
        if recipient not in had:
            _found(account, _of_match(FaultKind.MISSING, match, recipient))
    for row in rows:
        for kind in _wrong(row, meant):
            _found(account, _of_row(kind, row))


def _wrong(row: Delivery, meant: Iterable[str]) -> Iterator[FaultKind]:
    if row.recipient not in meant:
        yield FaultKind.UNMEANT
    if row.id != delivery_id(row.match_id, row.channel, row.recipient):
        yield FaultKind.DOUBLED  # the one under the right id is its twin
    if not _proved(row):
        yield FaultKind.UNPROVED


def _proved(row: Delivery) -> bool:
    """Whether a row's history ends with its state, and an end has its proof: the server's answer, or the reason."""
    if not row.history or row.history[-1].state is not row.state:
        return False
    if row.state is DeliveryState.SENT:
        return bool(row.answer)
    return bool(row.reason) or row.state not in (DeliveryState.SUPPRESSED, DeliveryState.FAILED, DeliveryState.HELD)


def _of_match(kind: FaultKind, match: Match, recipient: str = "") -> Fault:
    return Fault(kind=kind, match_id=match.id, alert_id=match.alert_id, story_id=match.story_id, recipient=recipient)


def _of_row(kind: FaultKind, row: Delivery) -> Fault:
    return Fault(
        kind=kind,
        match_id=row.match_id,
        alert_id=row.alert_id,
        story_id=row.story_id,
        recipient=row.recipient,
        delivery_id=row.id,
    )


def _found(account: Account, fault: Fault) -> None:
    account.faulty[fault.kind.value] += 1
    if len(account.faults) < MOST_FAULTS:
        account.faults.append(fault)
