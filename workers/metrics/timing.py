"""Times Celery's tasks by its own signals, in whichever process they run."""

from __future__ import annotations

import time
from typing import Any

from celery import Task
from celery.signals import after_task_publish, task_failure, task_postrun, task_prerun
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pipeline.errors import StoreError, StoreUnavailable
from workers.metrics import names

_began: dict[str, float] = {}
"""When each task that runs in this process began, by its id."""


def connect() -> None:
    """Have Celery say what it does."""
    task_prerun.connect(_begin)
    task_postrun.connect(_end)
    task_failure.connect(_failed)
    after_task_publish.connect(_queued)


def _begin(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


def _end(task_id: str, task: Task, state: str, **_: Any) -> None:
    name = _short(task.name)
    names.TASKS.labels(name, "done" if state == "SUCCESS" else "failed").inc()
    began = _began.pop(task_id, None)
    if began is not None:
        names.TASK_SECONDS.labels(name).observe(time.monotonic() - began)


def _failed(exception: BaseException, **_: Any) -> None:
    count_error(exception)


def _queued(sender: str, **_: Any) -> None:
    names.QUEUED.labels(_short(sender)).inc()


def count_error(error: BaseException) -> None:
    """Count an error of the store's or the broker's; others are nobody's."""
    if isinstance(error, StoreUnavailable | StoreError):
        names.ERRORS.labels("store").inc()
    elif isinstance(error, OperationalError | RedisError):
        names.ERRORS.labels("broker").inc()


def _short(name: str) -> str:
    return name.removeprefix("wirewatch.")
