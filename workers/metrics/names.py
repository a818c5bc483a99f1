"""Every metric that is counted as the work goes; those that are read from the store are in workers/stock.py.

Names as Prometheus' own conventions have them: base units, `_total` for what only grows. docs/metrics.md lists them.
"""

from __future__ import annotations

from itertools import product

from prometheus_client import Counter, Histogram

from pipeline.model import Stage

STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)
WAIT_SECONDS = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)

POLLS = Counter("wirewatch_polls", "Feeds polled, by what came of it.", ["outcome"], registry=None)
ENTRIES = Counter("wirewatch_entries", "Entries read in feeds that were new or changed.", ["change"], registry=None)
INGESTED = Counter("wirewatch_ingested_entries", "Entries ingested, by what came of it.", ["outcome"], registry=None)
MATCHES = Counter("wirewatch_matches", "Times an alert fired on a story.", registry=None)
DELIVERIES = Counter("wirewatch_deliveries", "Deliveries, by what was done with them.", ["outcome"], registry=None)
STAGES = Histogram(
    "wirewatch_stage_duration_seconds",
    "Time that one piece of work of a stage took.",
    ["stage"],
    buckets=STAGE_SECONDS,
    registry=None,
)
PUBLISHED_TO_MAIL = Histogram(
    "wirewatch_publication_to_mail_seconds",
    "From the publication of a story to its mail, of deliveries that nothing held.",
    buckets=WAIT_SECONDS,
    registry=None,
)
SEEN_TO_MAIL = Histogram(
    "wirewatch_seen_to_mail_seconds",
    "From when a story was first seen in a feed to its mail, of deliveries that nothing held.",
    buckets=WAIT_SECONDS,
    registry=None,
)
TASKS = Counter("wirewatch_tasks", "Celery tasks that ended.", ["task", "outcome"], registry=None)
TASK_SECONDS = Histogram(
    "wirewatch_task_duration_seconds", "Time a Celery task took.", ["task"], buckets=STAGE_SECONDS, registry=None
)
QUEUED = Counter("wirewatch_queued_tasks", "Celery tasks that this process put into queues.", ["task"], registry=None)
ERRORS = Counter("wirewatch_backend_errors", "Errors of what Wirewatch stands on.", ["backend"], registry=None)

TASK_NAMES = ("poll", "ingest", "notify", "sweep", "subscribe", "watch")
LABELS = (
    (POLLS, ("changed", "unchanged", "failed", "put_off")),
    (ENTRIES, ("new", "changed")),
    (INGESTED, ("story", "failed", "quarantined")),
    (DELIVERIES, ("pending", "sent", "held", "postponed", "failed", "suppressed")),
    (STAGES, tuple(Stage)),
    (TASK_SECONDS, TASK_NAMES),
    (QUEUED, TASK_NAMES),
    (ERRORS, ("store", "broker", "mail")),
)


def begin() -> None:
    """Show every series from the start, at nothing: what never happened is told from what is not measured."""
    for metric, values in LABELS:
        for value in values:
            metric.labels(value)
    for task, outcome in product(TASK_NAMES, ("done", "failed")):
        TASKS.labels(task, outcome)
