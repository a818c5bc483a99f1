"""What the broker knows: how many messages wait in each queue, and which workers answer. Asked for people only: the
store is the truth of what is to be done.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pipeline.adapters.redis_address import redis_address
from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings
from workers.app import QUEUES, app

SECONDS = 1.0
"""For which workers may take to answer: one that is busy answers too, since its pool is not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """What it said; `trouble` in its place when it could not be asked."""

    lengths: dict[str, int] = field(default_factory=dict)  # messages by queue; what workers hold is not in it
    workers: tuple[str, ...] = ()  # names of those that answered
    trouble: str = ""


def messages(settings: Settings) -> dict[str, int]:
    """How many messages wait in each queue. Raises RedisError."""
    with _redis(settings) as redis:
        return {queue: int(redis.llen(queue)) for queue in QUEUES}


def look(settings: Settings) -> Broker | None:
    """What the Redis of `settings` says; None where the broker is in the memory of the process that works."""
    if settings.broker.startswith("memory"):
        return None
    try:
        lengths = messages(settings)
        names = _ping(settings)
    except RedisError as error:
        return Broker(trouble=f"the broker does not answer ({type(error).__name__}): is Redis running?")
    return Broker(lengths=lengths, workers=names)


def answers(settings: Settings, worker: str) -> bool:
    """Whether the worker of this name answers through the broker. Raises BrokerUnavailable when that does not."""
    try:
        with _redis(settings) as redis:
            redis.ping()
        return worker in _ping(settings, worker)
    except RedisError as error:
        raise BrokerUnavailable(f"the broker does not answer ({type(error).__name__}): is Redis running?") from error


def _redis(settings: Settings) -> Redis:
    return Redis.from_url(redis_address(settings), socket_timeout=SECONDS, retry=Retry(NoBackoff(), 0))


def _ping(settings: Settings, *names: str) -> tuple[str, ...]:
    """The names of the workers that answer, of all or of these."""
    with app.connection(redis_address(settings)) as connection:
        found = app.control.ping(destination=list(names) or None, timeout=SECONDS, connection=connection) or []
    return tuple(sorted(name for answer in found for name in answer))
