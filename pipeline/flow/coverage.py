"""What readers are told of the sources of their alerts that have fallen silent."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.coverage import PATIENCE, coverage, in_words, names_sources, sources
from pipeline.deliver.policy import read_zone
from pipeline.errors import QueryError
from pipeline.model import POLLED, Alert, Feed, Recipient
from pipeline.ports import Ports
from pipeline.query.syntax import Query, parse


def coverage_notes(ports: Ports, alerts: Iterable[Alert], recipient: Recipient) -> list[str]:
    """A line for each alert whose sources are silent, and one for all alerts that any feed may serve."""
    feeds = [feed for feed in ports.stores.feeds.all() if feed.state in POLLED]
    now, zone = ports.clock.now(), read_zone(recipient.zone)
    said: dict[str, list[str]] = {}
    for alert in alerts:
        if line := in_words(coverage(_sources(alert, feeds), now, PATIENCE), now, zone):
            said.setdefault(line, []).append(alert.name)
    return [f"{', '.join(names)}: {line}" for line, names in said.items()]


def _sources(alert: Alert, feeds: list[Feed]) -> Iterable[Feed]:
    query = _read(alert)
    return sources(query, feeds) if query and names_sources(query) else feeds


def _read(alert: Alert) -> Query | None:
    try:
        return parse(alert.meaning)
    except QueryError:
        return None  # its health says so; it has all feeds
