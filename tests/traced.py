"""Polls one feed through Celery tasks with traces in memory, and prints the spans: `python -m tests.traced FEED_ID`."""

import json
import sys

from celery.contrib.testing.worker import start_worker
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.servers import wait_until
from workers import bootstrap, tracing
from workers.tasks import app, poll

QUEUES = ["poll", "ingest", "backfill", "notify"]


def main(feed_id: str) -> None:
    kept = InMemorySpanExporter()
    tracing.begin(SimpleSpanProcessor(kept))
    with start_worker(app, pool="threads", queues=QUEUES, perform_ping_check=False):
        poll.delay([feed_id])
        wait_until(lambda: "run/wirewatch.notify" in {one.name for one in kept.get_finished_spans()}, 90, "a mail went")
    bootstrap.close(bootstrap.ports())
    print(json.dumps([facts(one) for one in kept.get_finished_spans()]))  # noqa: T201 -- for the test


def facts(span: ReadableSpan) -> dict[str, object]:
    own = {name: value for name, value in span.attributes.items() if name.startswith("wirewatch.")}
    parent = span.parent and span.parent.span_id
    return {
        "name": span.name,
        "id": span.context.span_id,
        "trace": span.context.trace_id,
        "parent": parent,
        "attributes": own,
    }


if __name__ == "__main__":
    main(sys.argv[1])
