"""Moving windows in which tries and requests are counted: in Redis where that is the broker, for all processes of the
console, else in the memory of this one.

While Redis does not answer each process counts for itself, so that nobody is let through uncounted or kept out by it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from limits import RateLimitItem, WindowStats
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from pipeline.adapters.redis_address import redis_address
from pipeline.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 1.0
"""For which Redis may take to answer."""
LEFT_ALONE = 30.0
"""Seconds for which a Redis that did not answer is not asked again."""

Answer = TypeVar("Answer")


class Windows:
    """Counts what each one does, and forgets it when its window has moved on."""

    def __init__(self, settings: Settings) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = None if settings.broker.startswith("memory") else _in_redis(redis_address(settings))
        self._ask_from = 0.0

    def hit(self, limit: RateLimitItem, who: str) -> bool:
        """Count one more; whether it is within the limit."""
        return self._asked(lambda windows: windows.hit(limit, _named(who)))

    def left(self, limit: RateLimitItem, who: str) -> WindowStats:
        """When the window ends, and how many it still takes."""
        return self._asked(lambda windows: windows.get_window_stats(limit, _named(who)))

    def forget(self, limit: RateLimitItem, who: str) -> None:
        """Begin again."""
        self._own.clear(limit, _named(who))
        self._asked(lambda windows: windows.clear(limit, _named(who)))

    def _asked(self, ask: Callable[[MovingWindowRateLimiter], Answer]) -> Answer:
        if self._shared is None or time.monotonic() < self._ask_from:
            return ask(self._own)
        try:
            return ask(self._shared)
        except StorageError as error:
            self._ask_from = time.monotonic() + LEFT_ALONE
            log.warning("Redis does not count tries (%s): this process counts for itself", error)
            return ask(self._own)


def _in_redis(address: str) -> MovingWindowRateLimiter:
    storage = storage_from_string(
        address,
        wrap_exceptions=True,
        key_prefix="wirewatch-tries",
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
    )
    return MovingWindowRateLimiter(storage)


def _named(who: str) -> str:
    """Addresses of people do not stand in Redis."""
    return hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()
