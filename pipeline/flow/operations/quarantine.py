"""quarantine: entries that failed again and again. A person tries them again, or discards them with a reason.

What is discarded stays, with who said so and why, and may still be tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from pipeline.errors import BadInput
from pipeline.model import Discard, Entry, EntryState
from pipeline.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """What waits for a person, and what a person has discarded; each the latest first."""

    waiting: list[Entry]
    discarded: list[Entry]


def quarantine(ports: Ports) -> Quarantine:
    """All that is in quarantine."""
    found = list(ports.stores.entries.quarantined())
    return Quarantine(
        waiting=[one for one in found if one.discarded is None],
        discarded=[one for one in found if one.discarded is not None],
    )


def replay(ports: Ports, entry_ids: Sequence[str]) -> list[Entry]:
    """Have entries tried again as if they were new; those that were in quarantine."""
    now = ports.clock.now()

    def change(entry: Entry) -> Entry | None:
        if entry.state is not EntryState.QUARANTINED:
            return None
        return replace(
            entry,
            state=EntryState.PENDING,
            attempts=0,
            error="",
            failed_stage="",
            discarded=None,
            due_at=now,
            backfill=True,
        )

    return ports.stores.entries.update(entry_ids, change)


def discard(ports: Ports, entry_ids: Sequence[str], *, reason: str, by: str) -> list[Entry]:
    """Want no more of entries in quarantine; those that were waiting there. Raises BadInput without a reason."""
    if not reason.strip():
        raise BadInput("discarding needs a reason, which is kept: say why nobody has to look at these again")
    said = Discard(reason=reason.strip(), by=by, at=ports.clock.now())

    def change(entry: Entry) -> Entry | None:
        if entry.state is not EntryState.QUARANTINED or entry.discarded:
            return None
        return replace(entry, discarded=said)

    return ports.stores.entries.update(entry_ids, change)
