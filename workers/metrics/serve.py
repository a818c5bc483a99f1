"""Shows the metrics: what all processes under this one have counted, and what is read when somebody looks."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, ProcessCollector, exposition, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from pipeline.settings import Settings
from workers.metrics import names

log = logging.getLogger(__name__)

_exposed: list[int] = []
"""The port, once there is one: `up` is a worker and a console in one."""


def registry(*more: Collector) -> CollectorRegistry:
    """All that is shown: the files of this process and its children, this process's own memory and CPU, and `more`."""
    made = CollectorRegistry()
    MultiProcessCollector(made)  # type: ignore[no-untyped-call]
    ProcessCollector(registry=made)
    for one in more:
        made.register(one)
    return made


def rendered(shown: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The metrics in the format that `accept` asks for, and its media type."""
    render, kind = exposition.choose_encoder(accept)
    return render(shown), kind


def expose(settings: Settings, *more: Collector) -> None:
    """Serve them on the port of the settings, if they name one, in a thread; once in a process.

    A port that is taken is said, and work goes on: better unseen than undone.
    """
    if _exposed:
        return
    _exposed.append(settings.metrics_port)
    names.begin()
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port, settings.metrics_host, registry(*more))
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        log.error("metrics are not served on %s: %s; set WIREWATCH_METRICS_PORT", where, error.strerror)  # noqa: TRY400
