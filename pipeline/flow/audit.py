"""The audit log: who changed what, from what, to what. Written by `record` alone, and only ever added to."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from pipeline.deliver.channel import shown
from pipeline.model import Audit
from pipeline.ports import Ports

COMMAND_LINE = "command line"
"""Who it was where nobody signed in: somebody on the machine."""
_NEVER_TOLD = {"password", "version", "id", "updated_at"}
"""Fields that are secret, or say nothing that a person asks about."""
_ADDRESSES = ("address", "recipients", "members")
_LAST_MICROSECOND = 10**17  # of the year 5138, so that a later audit has the smaller id


def record(ports: Ports, who: str, did: str, about: str, before: Struct | None, after: Struct | None) -> Audit:
    """Write down that `who` (an address) did something to the thing called `about`, which was `before` and is `after`.

    None stands for a thing that is not there. Only fields that differ are kept, and never a password or its hash.
    """
    now = ports.clock.now()
    place = f"{_LAST_MICROSECOND - int(now.timestamp() * 1_000_000):018d}-{secrets.token_hex(4)}"
    was, became = _differing(_facts(before), _facts(after))
    audit = Audit(id=place, at=now, who=who, did=did, about=about, before=was, after=became)
    ports.stores.audits.create([audit])
    return audit


def audits(ports: Ports) -> Iterator[Audit]:
    """The audit log, the latest first."""
    return ports.stores.audits.all()


def _facts(thing: Struct | None) -> dict[str, Any]:
    if thing is None:
        return {}
    facts: dict[str, Any] = msgspec.to_builtins(thing)
    told = {name: value for name, value in facts.items() if name not in _NEVER_TOLD}
    return told | {name: _without_secret(told[name]) for name in _ADDRESSES if name in told}


def _without_secret(value: Any) -> Any:
    """An address, or a list of them, as lists show it: that of a chat holds its secret."""
    return shown(value) if isinstance(value, str) else [shown(one) for one in value]


def _differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    same = {name for name in before.keys() & after.keys() if before[name] == after[name]}
    return (
        {name: value for name, value in before.items() if name not in same},
        {name: value for name, value in after.items() if name not in same},
    )
