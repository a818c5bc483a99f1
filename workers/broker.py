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


def look(settings: Settings) -> Broker | None:
    """What the Redis of `settings` says; None where the broker is in the memory of the process that works."""
    if settings.broker.startswith("memory"):
        return None
    try:
        address = redis_address(settings)
        with Redis.from_url(address, socket_timeout=SECONDS, retry=Retry(NoBackoff(), 0)) as redis:
            lengths = {queue: int(redis.llen(queue)) for queue in QUEUES}
        with app.connection(address) as connection:
            answers = app.control.ping(timeout=SECONDS, connection=connection) or []
    except RedisError as error:
        return Broker(trouble=f"the broker does not answer ({type(error).__name__}): is Redis running?")
    return Broker(lengths=lengths, workers=tuple(sorted(name for answer in answers for name in answer)))
