"""The budget of each host: so many requests at once, their starts so far apart, and none while it asks for peace.

Kept in this process, or in Redis for all processes and machines that share one. Waiting for a turn is no error; when
the turn is too far off, whoever asks is told to come back.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import redis.asyncio
from redis.exceptions import RedisError

from pipeline.settings import Settings

log = logging.getLogger(__name__)

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
        ahead = known.next_start - _now() + known.users * spacing
        if ahead > LONGEST_WAIT:
            raise TurnTooFar(ahead)
        known.users += 1
        try:
            await self._place(known)
            try:
                start = max(_now(), known.next_start)
                known.next_start = start + spacing
                if start > _now():
                    await asyncio.sleep(start - _now())
                yield
            finally:
                known.places.release()
        finally:
            known.users -= 1
            if not known.users and known.next_start <= _now():
                self.hosts.pop(host, None)  # nothing is left to be remembered of it

    async def leave_alone(self, host: str, seconds: float) -> None:
        """Give no turn for so long."""
        known = self.hosts.get(host) or self._new(host)
        known.next_start = max(known.next_start, _now() + seconds)

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
            raise TurnTooFar(LONGEST_WAIT) from None

    def _new(self, host: str) -> _Host:
        return self.hosts.setdefault(host, _Host(asyncio.Semaphore(self.settings.host_parallel)))


def _now() -> float:
    return asyncio.get_running_loop().time()


# In one step for all who ask: reserve the next start, if it is not too far off. Times are Redis's own, in milliseconds.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local start = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
if start - now > tonumber(ARGV[2]) then return start - now end
redis.call('SET', KEYS[1], start + ARGV[1], 'PX', start - now + ARGV[1] + 1000)
return start - now
"""
# Take one of a host's places, unless all are taken. A place that nobody gave back ends by itself.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_LEAVE_ALONE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local start = math.max(now + ARGV[1], tonumber(redis.call('GET', KEYS[1]) or 0))
redis.call('SET', KEYS[1], start, 'PX', start - now + 1000)
return 0
"""


class RedisBudget:
    """For all processes that share a Redis. Where it does not answer, each process keeps its own budget meanwhile."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._settings = settings
        self._alone = LocalBudget(settings)
        self._redis = redis.asyncio.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        self._reserve = self._redis.register_script(_RESERVE)
        self._take = self._redis.register_script(_TAKE)
        self._leave_alone = self._redis.register_script(_LEAVE_ALONE)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and keep it."""
        token = uuid.uuid4().hex
        try:
            await self._place(host, token)
        except (RedisError, OSError) as error:
            log.warning("host %s: its budget can't be shared, Redis does not answer: %s", host, error)
            async with self._alone.turn(host):
                yield
            return
        try:
            await self._start(host)
            yield
        finally:
            await self._give_back(host, token)

    async def leave_alone(self, host: str, seconds: float) -> None:
        """Give no turn for so long."""
        await self._alone.leave_alone(host, seconds)
        try:
            await self._leave_alone(keys=[_start_key(host)], args=[int(seconds * 1000)])
        except (RedisError, OSError) as error:
            log.warning("host %s: that it wants to be left alone can't be shared: %s", host, error)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    async def _place(self, host: str, token: str) -> None:
        hold = int((LONGEST_WAIT + self._settings.fetch_timeout) * 1000)
        arguments: list[int | str] = [self._settings.host_parallel, hold, token]
        last = _now() + LONGEST_WAIT
        while not await self._take(keys=[_places_key(host)], args=arguments):
            if _now() > last:
                raise TurnTooFar(LONGEST_WAIT)
            await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311 -- so that those who wait don't ask as one

    async def _start(self, host: str) -> None:
        spacing, most = int(self._settings.host_spacing * 1000), int(LONGEST_WAIT * 1000)
        try:
            wait = float(await self._reserve(keys=[_start_key(host)], args=[spacing, most])) / 1000
        except (RedisError, OSError):
            return  # it has a place, and the next one will notice
        if wait > LONGEST_WAIT:
            raise TurnTooFar(wait)
        await asyncio.sleep(wait)

    async def _give_back(self, host: str, token: str) -> None:
        try:
            await self._redis.zrem(_places_key(host), token)
        except (RedisError, OSError):
            log.info("host %s: a place was not given back, it ends by itself", host)


def _start_key(host: str) -> str:
    return f"wirewatch:host:{host}:start"


def _places_key(host: str) -> str:
    return f"wirewatch:host:{host}:places"
