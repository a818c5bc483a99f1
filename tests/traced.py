"""Polls one feed through Celery tasks with traces in memory, and prints the spans: `python -m tests.traced FEED_ID`."""

import json
import sys
import time

from celery.contrib.testing.worker import start_worker
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from workers import bootstrap, tracing
from workers.tasks import app, poll

exporter = InMemorySpanExporter()
tracing.begin(SimpleSpanProcessor(exporter))
with start_worker(app, pool="threads", queues=["poll", "ingest", "notify"], perform_ping_check=False):
    poll.delay([sys.argv[1]])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(
        one.name == "run/wirewatch.notify" for one in exporter.get_finished_spans()
    ):
        time.sleep(0.05)
spans = [
    {
        "name": one.name,
        "id": one.context.span_id,
        "trace": one.context.trace_id,
        "parent": one.parent and one.parent.span_id,
        "attributes": {name: value for name, value in one.attributes.items() if name.startswith("wirewatch.")},
    }
    for one in exporter.get_finished_spans()
]
print(json.dumps(spans))  # noqa: T201 -- for the test
bootstrap.close(bootstrap.ports())
