"""The audit log: who changed what, from what, to what. Written here alone, and only ever added to."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from pipeline.deliver.channel import shown
from pipeline.model import Audit
from pipeline.ports import Ports

MOST_APART = 500
"""Things that were changed at once and have an audit each; the rest are counted."""
_NEVER_TOLD = {"password", "secret", "version", "id", "updated_at"}
"""Fields that are secret, or say nothing that a person asks about."""
_ADDRESSES = {"address", "recipients", "members"}
"""Fields with addresses of recipients; a channel's is often a secret itself."""
_LAST_MICROSECOND = 10**17  # of the year 5138, so that a later audit has the smaller id


@dataclass(frozen=True, slots=True)
class Changed:
    """The thing called `about` was `before` and is `after`; None stands for one that is not there."""

    about: str
    before: Struct | None = None
    after: Struct | None = None


def of_shell(user: str) -> str:
    """Who it was where nobody signed in: somebody on the machine, by the name they have there."""
    return f"cli:{user}"


def record(ports: Ports, who: str, did: str, about: str, before: Struct | None, after: Struct | None) -> Audit:
    """Write down that `who` (an address) did something to the thing called `about`, which was `before` and is `after`.

    None stands for a thing that is not there. Only fields that differ are kept, never a password or its hash, and of a
    channel's address what `shown` leaves.
    """
    audit = _audit(ports, who, did, Changed(about, before, after))
    ports.stores.audits.create([audit])
    return audit


def record_all(ports: Ports, who: str, did: str, changed: Sequence[Changed]) -> None:
    """Write down that `who` did the same to several things: as `record`; beyond MOST_APART they are counted."""
    written = [_audit(ports, who, did, one) for one in changed[:MOST_APART]]
    if len(changed) > MOST_APART:
        written.append(_audit(ports, who, did, Changed(f"{len(changed) - MOST_APART} more")))
    ports.stores.audits.create(written)


def audits(ports: Ports) -> Iterator[Audit]:
    """The audit log, the latest first."""
    return ports.stores.audits.all()


def _audit(ports: Ports, who: str, did: str, changed: Changed) -> Audit:
    now = ports.clock.now()
    place = f"{_LAST_MICROSECOND - int(now.timestamp() * 1_000_000):018d}-{secrets.token_hex(4)}"
    was, became = _differing(_facts(changed.before), _facts(changed.after))
    return Audit(id=place, at=now, who=who, did=did, about=changed.about, before=_told(was), after=_told(became))


def _facts(thing: Struct | None) -> dict[str, Any]:
    if thing is None:
        return {}
    facts: dict[str, Any] = msgspec.to_builtins(thing)
    return {name: value for name, value in facts.items() if name not in _NEVER_TOLD}


def _differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    same = {name for name in before.keys() & after.keys() if before[name] == after[name]}
    return (
        {name: value for name, value in before.items() if name not in same},
        {name: value for name, value in after.items() if name not in same},
    )


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: _without_keys(value) if name in _ADDRESSES else value for name, value in facts.items()}


def _without_keys(addresses: Any) -> Any:
    return shown(addresses) if isinstance(addresses, str) else [shown(one) for one in addresses]
