"""look back: an alert saved at T matches every story whose ingest ends after T.

An ingest indexes its stories and then asks for the alerts that match. One that asked just before an alert was saved
has indexed its stories by then; so once the alert is saved, the stories of one longest ingest, which is a lease, are
searched. Whatever both find is one match, by its id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pipeline import match
from pipeline.errors import StoreError
from pipeline.flow.firing import mark_unhealthy, with_recipients, write_deliveries
from pipeline.model import Alert, AlertState, Match, Story
from pipeline.ports import Candidate, Ports, StoryFilter
from pipeline.query.document import Document
from pipeline.query.syntax import EVERYTHING, Query, parse

log = logging.getLogger(__name__)


def look_back(ports: Ports, alerts: Sequence[Alert], began: datetime | None = None) -> list[Match]:
    """Match alerts that were just saved against the stories just ingested; the matches that were new.

    `began` is when their saving did, where it took its time.
    """
    now = ports.clock.now()
    where = StoryFilter(ingested_since=(began or now) - timedelta(seconds=ports.settings.lease))
    found: list[Match] = []
    for alert in alerts:
        if alert.state is not AlertState.ACTIVE:
            continue
        query = parse(alert.meaning)
        candidate = Candidate(alert.id, alert.meaning, (0,), query)
        for story in _stories(ports, alert, query, where):
            verdict = match.judge([candidate], [Document(story)], now)
            found += verdict.matches
            mark_unhealthy(ports, verdict.unhealthy)
    found = with_recipients(ports, found)
    created = ports.stores.matches.create(found)
    fresh = [one for one, new in zip(found, created, strict=True) if new]
    write_deliveries(ports, fresh, queued=False)
    return fresh


def _stories(ports: Ports, alert: Alert, query: Query, where: StoryFilter) -> Iterator[Story]:
    """Those that `alert` may match; all, which are those of one lease, where the store can't run its query."""
    try:
        yield from ports.stores.stories.narrow(query, where)
    except StoreError as error:
        log.warning("look back for %r at every story: %s", alert.name, error, extra={"alert": alert.id})
        yield from ports.stores.stories.narrow(EVERYTHING, where)
