"""The budget of each host in Redis, for all processes that share one."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
from redis.exceptions import RedisError

from pipeline.adapters import budget
from pipeline.settings import Settings

log = logging.getLogger(__name__)

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
        self._alone = budget.LocalBudget(settings)
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
        hold = int((budget.LONGEST_WAIT + self._settings.fetch_timeout) * 1000)
        arguments: list[int | str] = [self._settings.host_parallel, hold, token]
        last = budget.now() + budget.LONGEST_WAIT
        while not await self._take(keys=[_places_key(host)], args=arguments):
            if budget.now() > last:
                raise budget.TurnTooFar(budget.LONGEST_WAIT)
            await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311 -- so that those who wait don't ask as one

    async def _start(self, host: str) -> None:
        spacing, most = int(self._settings.host_spacing * 1000), int(budget.LONGEST_WAIT * 1000)
        try:
            wait = float(await self._reserve(keys=[_start_key(host)], args=[spacing, most])) / 1000
        except (RedisError, OSError):
            return  # it has a place, and the next one will notice
        if wait > budget.LONGEST_WAIT:
            raise budget.TurnTooFar(wait)
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
