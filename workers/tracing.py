"""Traces, by OpenTelemetry: a span for each task and each stage within; a poll and all it leads to are one trace.

An extra, `wirewatch[otel]`, and off until the setting `traces` names a collector.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from pipeline.model import Stage

PATH = "/v1/traces"
"""Of OTLP/HTTP, below a collector's address."""

_begun_in: list[int] = []
"""The process that has begun: a thread that sends does not live on in a child."""


class Tracer:
    """ports.Observer."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("wirewatch")

    def stage(self, stage: Stage, **ids: str) -> AbstractContextManager[object]:
        """A span that says of what."""
        attributes = {f"wirewatch.{name}": value for name, value in ids.items()}
        return self._tracer.start_as_current_span(stage.value, attributes=attributes)


def to_collector(address: str) -> SpanProcessor:
    """What sends spans to the collector at `address`, in batches."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 -- as late as can be

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=address + PATH))


def begin(processor: SpanProcessor) -> None:
    """Trace this process: tasks by Celery's instrumentation, which hands a trace on with each message."""
    if _begun_in == [os.getpid()]:
        return
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "wirewatch"}))
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    _begun_in[:] = [os.getpid()]
