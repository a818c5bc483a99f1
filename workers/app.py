"""Celery: how tasks travel. What they do is in workers/tasks.py.

A task carries ids only and may run twice, late, or never: leases, attempts and deterministic ids in the store make
that harmless, and the sweep names again what no message names any more. The bounds (docs/operations.md):

- a task is ended after nine tenths of `lease`, so a lease never runs out under work that is still going on
  (the threads pool has no time limits: there the extractor, the fetcher and the mailer have their own);
- work of a killed worker is taken up again after at most `lease` + `sweep_every` seconds;
- Redis hands an unacknowledged message out again after `lease` + 60 seconds, later than these tasks last;
- a watchdog alone may look for an hour (`tasks.WATCH_SECONDS`), under a lease as long: who gets its message a second
  time meanwhile finds by that lease that somebody is at it, and leaves it.
"""

from __future__ import annotations

import logging
import multiprocessing.process
import sys
from inspect import signature
from typing import Any

from celery import Celery, Task
from celery.signals import beat_init, setup_logging, task_failure, worker_init, worker_process_init, worker_ready

from pipeline.adapters.redis_address import redis_address
from pipeline.errors import WirewatchError
from pipeline.settings import TASK_PART, Settings
from workers import bootstrap
from workers.metrics import serve as metrics
from workers.metrics import timing
from workers.turns import BACKFILL

IN_MEMORY = "memory://localhost/"
"""`memory://`, with a host, which kombu misses aloud."""

log = logging.getLogger(__name__)

# Asking hubs is fetching, and rare: it goes with the polls. A watchdog looks for long and mails: with the mails.
ROUTES = {
    "poll": "poll",
    "ingest": "ingest",
    "notify": "notify",
    "sweep": "sweep",
    "subscribe": "poll",
    "watch": "notify",
}

QUEUES = (*sorted(set(ROUTES.values())), BACKFILL)
"""All that workers take from. What is no news goes into the backfill, by whoever queues it (tasks.py)."""


class Tolerant(Task):  # type: ignore[misc]  # Celery has no types
    """A task that passes over the keywords it does not know: a later version sent them (docs/upgrade.md)."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with what is known."""
        known = kwargs.keys() & signature(self.run).parameters.keys()
        unknown = sorted(kwargs.keys() - known)
        if unknown:
            log.warning("%s: passed over %s, which a later version sent", self.name, ", ".join(unknown))
        return self.run(*args, **{name: kwargs[name] for name in known})


app = Celery("wirewatch", include=["workers.tasks"], task_cls=Tolerant)
timing.connect()


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's settings out of ours."""
    return {
        "broker_url": IN_MEMORY if _in_memory(settings) else redis_address(settings),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport": "workers.turns:Transport" if _in_memory(settings) else None,
        "broker_transport_options": _transport(settings),
        # A connection that is lost under a task would leave it running beside its redelivered twin.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # No soft limit before it: Celery raises that as an exception wherever the task happens to be, and it was taken
        # for an error of the page or the mail that was in hand.
        "task_time_limit": settings.lease * TASK_PART,
        "task_create_missing_queues": True,
        "task_default_queue": "sweep",
        "task_routes": {f"wirewatch.{task}": {"queue": queue} for task, queue in ROUTES.items()},
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0.1, "interval_step": 0.3},
        "beat_schedule": {
            "sweep": {
                "task": "wirewatch.sweep",
                "schedule": settings.sweep_every,
                # A sweep that waited until the next one is due has nothing to add to it.
                "options": {"expires": settings.sweep_every},
            }
        },
        # `up` alone has its broker in memory, so nobody else's beat names its sweeps.
        "beat_scheduler": "workers.beat:SteadyScheduler" if _in_memory(settings) else "workers.beat:LeadingScheduler",
        "beat_max_loop_interval": max(0.1, min(5.0, settings.sweep_every)),
        "timezone": "UTC",
    }


def _in_memory(settings: Settings) -> bool:
    return settings.broker.startswith("memory")


def _transport(settings: Settings) -> dict[str, Any]:
    if _in_memory(settings):
        return {"polling_interval": 0.01}  # kombu's own is 1 s: 4 tasks a second
    return {
        "visibility_timeout": int(settings.lease) + 60,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # Else redis-py would call again by itself for who listens, and then wait without end for what nobody subscribed
        # to: the worker hangs. Kombu makes all of its connections anew when it hears of one that is lost.
        "retry_on_timeout": False,
        "queue_order_strategy": "workers.turns:NewsFirst",
    }


def _configuration_of_this_process() -> dict[str, Any]:
    try:
        return configuration(bootstrap.settings())
    except WirewatchError as error:
        print(f"wirewatch: {error}", file=sys.stderr)  # noqa: T201 -- `celery -A workers.app` has no better place
        raise SystemExit(2) from None


app.add_defaults(_configuration_of_this_process)


@setup_logging.connect
def _log(**_: object) -> None:
    bootstrap.set_up_logging(bootstrap.settings().log_level, serving=True)


@worker_init.connect
def _check(**_: object) -> None:
    try:
        bootstrap.check_store()
    except WirewatchError as error:
        print(f"wirewatch: {error}", file=sys.stderr)  # noqa: T201 -- as above
        raise SystemExit(1) from None


@task_failure.connect
def _tell(sender: Task, exception: BaseException, **_: object) -> None:
    # What was foreseen is one line; Celery itself tells of the rest, with its traceback.
    if isinstance(exception, WirewatchError):
        log.warning("%s: %s", sender.name, exception)


@worker_init.connect
def _before_fork(**_: object) -> None:
    # What children share and need not read again: one that was killed is replaced under load, and its lease is running.
    bootstrap.preload(bootstrap.settings())


@worker_process_init.connect
def _after_fork(**_: object) -> None:
    # Celery puts a process of its own kind in multiprocessing's place: a daemon, which may have no children, with a
    # key that multiprocessing will not hand to one. The extractor's children end by themselves when this one does.
    own = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
    own |= {"daemon": False, "authkey": multiprocessing.process.AuthenticationString(own["authkey"])}  # type: ignore[attr-defined]
    bootstrap.forget()
    bootstrap.begin_traces()


# Not before its children are there: they would have a copy of the thread's locks.
@worker_ready.connect
@beat_init.connect
def _show_metrics(**_: object) -> None:
    metrics.expose(bootstrap.settings())
