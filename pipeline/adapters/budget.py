"""The budget of each host: so many requests at once, their starts so far apart, and none while it asks for peace.

Kept in this process here; redis_budget.py keeps it for all processes and machines that share a Redis. Waiting for a
turn is no error; when the turn is too far off, whoever asks is told to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.settings import Settings

LONGEST_WAIT = 20.0
"""Seconds that a request waits for its turn; it keeps a place in its batch busy for so long."""


class TurnTooFar(Exception):
    """The turn comes in `seconds`, and that is too long to wait for here."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class HostBudget(Protocol):
    """Who may ask a host, and when."""

    def turn(self, host: str) -> AbstractAsyncContextManager[None]:
        """Wait for a turn and keep it for as long as the context lasts. Raises TurnTooFar."""
        ...

    async def leave_alone(self, host: str, seconds: float) -> None:
        """Give no turn for so long: the host asked for it (Retry-After, RFC 9110, 10.2.3)."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


@dataclass(slots=True)
class _Host:
    places: asyncio.Semaphore
    next_start: float = 0.0  # of the loop's clock
    users: int = 0


@dataclass(slots=True)
class LocalBudget:
    """For one process. Belongs to the loop it is used on."""

    settings: Settings
    hosts: dict[str, _Host] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and keep it."""
        known = self.hosts.get(host) or self._new(host)
        spacing = self.settings.host_spacing
        ahead = known.next_start - now() + known.users * spacing
        if ahead > LONGEST_WAIT:
            raise TurnTooFar(ahead)
        known.users += 1
        try:
            await self._place(known)
            try:
                # Looked at again: whoever had the place before may have been asked for peace.
                wait = max(0.0, known.next_start - now())
                if wait > LONGEST_WAIT:
                    raise TurnTooFar(wait)
                known.next_start = now() + wait + spacing
                await asyncio.sleep(wait)
                yield
            finally:
                known.places.release()
        finally:
            known.users -= 1
            if not known.users and known.next_start <= now():
                self.hosts.pop(host, None)  # nothing is left to be remembered of it

    async def leave_alone(self, host: str, seconds: float) -> None:
        """Give no turn for so long."""
        known = self.hosts.get(host) or self._new(host)
        known.next_start = max(known.next_start, now() + seconds)

    async def close(self) -> None:
        """Nothing is open."""

    async def _place(self, known: _Host) -> None:
        if not known.places.locked():
            await known.places.acquire()
            return
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await known.places.acquire()
        except TimeoutError:
            raise TurnTooFar(max(LONGEST_WAIT, known.next_start - now())) from None

    def _new(self, host: str) -> _Host:
        return self.hosts.setdefault(host, _Host(asyncio.Semaphore(self.settings.host_parallel)))


def now() -> float:
    """Seconds of the running loop's clock."""
    return asyncio.get_running_loop().time()
