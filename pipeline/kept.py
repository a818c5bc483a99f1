"""What an installation keeps, kind by kind: for a backup, and for moving to another store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pipeline.model import (
    Alert,
    Audit,
    Beat,
    Credential,
    Delivery,
    Entry,
    EntryState,
    Feed,
    Feedback,
    Firing,
    Group,
    Identity,
    Match,
    Outbox,
    Recipient,
    RemovedAlert,
    Reply,
    Sketch,
    Story,
    Subscription,
    Takedown,
    User,
    Watchdog,
    WordList,
)

Thing = TypeVar("Thing", bound=Struct)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing. `name` is that of its store in ports.Stores."""

    name: str
    type: type[Any]
    progress: Callable[[Any], Any] | None = (
        None  # greater in the later of two states of a thing; None: it never changes
    )


KINDS = (
    Kind("users", User, lambda user: user.version),
    Kind("credentials", Credential, lambda credential: credential.expires_at),
    Kind("audits", Audit),
    Kind("replies", Reply, lambda reply: reply.status),
    Kind("lists", WordList, lambda one: one.updated_at),
    Kind("groups", Group, lambda group: group.updated_at),
    Kind("recipients", Recipient, lambda recipient: recipient.updated_at),
    Kind("alerts", Alert, lambda alert: alert.updated_at),
    Kind("removed_alerts", RemovedAlert, lambda removed: removed.at),
    Kind("takedowns", Takedown),
    Kind("watchdogs", Watchdog, lambda watchdog: watchdog.look_at),
    Kind("beats", Beat, lambda beat: beat.token),
    Kind("identities", Identity),
    Kind("sketches", Sketch),
    Kind("stories", Story, lambda story: (story.version, story.updated_at)),
    Kind("outboxes", Outbox, lambda outbox: max((at.timestamp() for _, at in outbox.sent), default=0.0)),
    Kind("firings", Firing),
    Kind("matches", Match, lambda match: match.delivered),
    Kind("deliveries", Delivery, lambda delivery: delivery.updated_at),
    Kind("feedback", Feedback),
    Kind("entries", Entry, lambda entry: (entry.due_at, entry.state is not EntryState.PENDING)),
    Kind("subscriptions", Subscription, lambda subscription: subscription.due_at),
    Kind("feeds", Feed, lambda feed: feed.polled_at or feed.added_at),
)
"""All of them, in the order in which they are written: what says that a step is done comes after what the step made."""
KIND_OF = {kind.name: kind for kind in KINDS}


_LOOKED_AT_FIRST = ("feeds", "subscriptions", "entries", "matches")
MOMENTS = (
    *_LOOKED_AT_FIRST,
    *(kind.name for kind in reversed(KINDS) if kind.name not in _LOOKED_AT_FIRST),
)
"""The names of the kinds in the order in which a running store is looked at, where that is not one moment.

What says that a step is done is looked at before what the step made: a feed before its entries, an entry before its
story and matches, a match before its deliveries. So a step may be done again, and none is left out.
"""

_HELD: Mapping[str, Any] = {"lease_until": None, "queued_until": None, "asked": False}


def at_rest(thing: Thing) -> Thing:
    """`thing` without what holds only while a system runs: its lease, and that a message in the broker names it."""
    held = {name: free for name, free in _HELD.items() if getattr(thing, name, free) != free}
    return replace(thing, **held) if held else thing


class Batch(NamedTuple):
    """Some things of one kind."""

    kind: str
    things: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a store or an archive holds, at rest: how many of each kind at the most, and the things."""

    at_most: Mapping[str, int]
    batches: Iterator[Batch]  # once, in the order of KINDS


class Tally:
    """How many things there are, and a digest of them in which their order plays no part.

    The digest is the sum of the things' own (BLAKE2b of their JSON, 128 bits): it tells what was changed by accident.
    """

    def __init__(self) -> None:
        self.count, self._sum = 0, 0

    def add(self, thing: Struct) -> None:
        """Count `thing` in."""
        line = msgspec.json.encode(thing, order="deterministic")
        self.count += 1
        self._sum += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest())

    @property
    def digest(self) -> str:
        """32 hex digits; the same for the same things."""
        return f"{self._sum % 2**128:032x}"
