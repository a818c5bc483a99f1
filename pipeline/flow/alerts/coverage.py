"""How the sources of alerts are heard, for what their readers are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.coverage import PATIENCE, Coverage, Source, coverage, sources, sources_of
from pipeline.errors import QueryError
from pipeline.model import Alert, Feed
from pipeline.ports import Ports
from pipeline.query.syntax import parse


def coverage_of(ports: Ports, alerts: Sequence[Alert]) -> dict[str, Coverage]:
    """How the sources of each of `alerts` are heard, by its name."""
    known = sources(ports.stores.feeds.all()) if alerts else []
    now = ports.clock.now()
    return {alert.name: coverage(_sources_of(alert, known), now, PATIENCE) for alert in alerts}


def _sources_of(alert: Alert, known: Sequence[Source]) -> Iterable[Feed]:
    try:
        return sources_of(parse(alert.meaning), known)
    except QueryError:
        return ()  # it gets nothing from anywhere, and its health says so
