"""A store that is away: one clear line, nothing lost, and all goes on when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline import flow
from pipeline.adapters import elastic
from pipeline.errors import StoreUnavailable
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.ports import Ports
from pipeline.settings import load
from tests import web
from tests.conftest import world
from tests.fakes import Clock
from tests.faults.wire import Wire

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def ports(wire: Wire, tmp_path: Path, clock: Clock) -> Iterator[Ports]:
    prefix = f"test-{uuid4().hex[:8]}"
    settings = load({}, store=f"http://127.0.0.1:{wire.port}", store_prefix=prefix, store_timeout="2")
    made = world(elastic.open_stores(settings), tmp_path, clock)
    made.stores.prepare()
    yield made
    made.fetcher.close()
    made.extractor.close()
    made.stores.close()


def test_work_that_the_store_left_is_done_when_it_is_back(ports, wire, site, mails, clock):
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", "Two villages near Kursk were left in the night."))])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",)))
    (polls,) = flow.sweep(ports).polls
    (entry_id,) = flow.poll(ports, polls).entry_ids
    page = site.answers["/one"]
    site.answers["/one"] = lambda: wire.cut() or page
    with pytest.raises(StoreUnavailable) as caught:
        flow.ingest(ports, [entry_id])
    assert f"127.0.0.1:{wire.port} does not answer" in str(caught.value)
    with pytest.raises(StoreUnavailable):
        flow.sweep(ports)

    wire.mend()
    site.answers["/one"] = page
    assert flow.sweep(ports).backfills == []  # under the lease of the work that was broken off
    clock.turn(ports.settings.lease)
    assert flow.sweep(ports).backfills == [[entry_id]]
    deliveries = flow.ingest(ports, [entry_id]).delivery_ids
    assert flow.notify(ports, deliveries).sent == 1
    assert len(mails()) == 1
