"""Whose turn it is in the queues that a worker takes from: sweeps first, the backfill last, between them one by one.

A queue of its own rather than priorities of messages: kombu's memory transport knows none, and what waits in which is
seen from outside. Whoever takes from `ingest` and `backfill` has no backfill before news, on Redis (where kombu asks
BRPOP for the queues in the order given here) and in memory (where it tries them by itself).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from queue import Empty
from typing import Any

from kombu.transport import memory

SWEEP, BACKFILL = "sweep", "backfill"
_PLACES = {SWEEP: 0, BACKFILL: 2}
"""A sweep is short, rare, and worth nothing when the next is due: in turn with mails of which each waits for half a
minute, all of them would run out before they are taken, and no feed would be polled while a mail server is down."""


class NewsFirst:
    """The order of queues, as kombu's `queue_order_strategy` wants it (kombu/utils/scheduling.py)."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def update(self, queues: Iterable[str]) -> None:
        """Take from these."""
        self.items[:] = queues

    def consume(self, n: int) -> list[str]:
        """The queues, whose turn it is first, but for sweeps and the backfill."""
        return sorted(self.items[:n], key=lambda queue: _PLACES.get(queue, 1))

    def rotate(self, last_used: str) -> None:
        """Let the others have their turn."""
        if last_used in self.items:
            self.items.remove(last_used)
            self.items.append(last_used)


class _Turns:
    """What kombu's FairCycle is to a channel: it takes one message from the first queue that has any."""

    def __init__(self, take: Callable[..., Any], queues: list[str], empty: type[Exception]) -> None:
        self._take, self._queues, self._empty = take, queues, empty
        self._order = NewsFirst()

    def get(self, callback: Callable[..., Any], **options: Any) -> Any:
        """Hand the next message to `callback`; raises what kombu wants when all queues are empty."""
        if set(self._order.items) != set(self._queues):
            self._order.update(self._queues)
        for queue in self._order.consume(len(self._queues)):
            try:
                taken = self._take(queue, callback, **options)
            except self._empty:
                continue
            self._order.rotate(queue)
            return taken
        raise self._empty

    def close(self) -> None:
        """Nothing is open."""


class Channel(memory.Channel):
    """A channel in memory that gives news before backfill."""

    def _reset_cycle(self) -> None:
        self._cycle = _Turns(self._get_and_deliver, self._active_queues, Empty)


class Transport(memory.Transport):
    """The broker in the memory of a process."""

    Channel = Channel
