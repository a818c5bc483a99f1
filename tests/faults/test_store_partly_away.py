"""A store of which a part is away while the rest takes writes: no entry is to blame, and every mail goes out after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline import flow
from pipeline.adapters import elastic, sqlite
from pipeline.errors import StoreError, StoreNotReady, StoreUnavailable
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.ingest import BLAMELESS
from pipeline.flow.stories.explain import explain
from pipeline.model import TextFrom
from pipeline.ports import Ports
from pipeline.query.document import Document
from pipeline.settings import load
from tests import web
from tests.conftest import world
from tests.fakes import Clock
from tests.faults.faults import TOO_MANY
from tests.faults.scene import drop_indices
from tests.faults.wire import Wire

NEAR_KURSK = "Two villages near Kursk were left in the night."
STORIES = 6
AWAY = StoreUnavailable("a part of the store is away")


@pytest.fixture
def ports(tmp_path: Path, clock: Clock) -> Iterator[Ports]:
    """On SQLite."""
    made = world(sqlite.open_stores(str(tmp_path / "store.db")), tmp_path, clock)
    made.stores.prepare()
    yield made
    close(made)


@pytest.fixture
def wired(wire: Wire, tmp_path: Path, clock: Clock) -> Iterator[Ports]:
    """On Elasticsearch, behind the wire."""
    named = {"store": f"http://127.0.0.1:{wire.port}", "store_prefix": f"test-{uuid4().hex[:8]}"}
    made = world(elastic.open_stores(load({}, **named)), tmp_path, clock, **named)
    made.stores.prepare()
    yield made
    drop_indices(made)
    close(made)


def close(made: Ports) -> None:
    made.fetcher.close()
    made.extractor.close()
    made.stores.close()


def publish(ports: Ports, site: web.Site, count: int = STORIES) -> None:
    """Have entries wait to be ingested, each with a page of its own that the alert matches."""
    links = [
        (
            f"Report {number}",
            site.put(f"/{number}", web.page(f"Report {number}", *web.article(NEAR_KURSK, str(number)))),
        )
        for number in range(count)
    ]
    add_feeds(ports, [NewFeed(url=site.put("/feed", web.rss(*links), web.RSS))])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",)))
    (polls,) = flow.sweep(ports).polls
    flow.poll(ports, polls)


def work(ports: Ports, clock: Clock, rounds: int) -> list[int]:
    """Sweep once a lease, and do what it names; how many entries each task had."""
    sizes: list[int] = []
    for _ in range(rounds):
        clock.turn(ports.settings.lease)
        found = flow.sweep(ports)
        for ids in (*found.ingests, *found.backfills):
            sizes.append(len(ids))
            with suppress(StoreUnavailable, StoreError):
                flow.notify(ports, flow.ingest(ports, ids).delivery_ids)
    return sizes


def told(ports: Ports, mails) -> list[str]:
    """What was mailed once the entries have come to their end, none of them in quarantine."""
    assert list(ports.stores.entries.quarantined()) == []
    assert {story.text_from for story in ports.stores.stories.all()} == {TextFrom.PAGE}
    return [str(mail["Subject"]) for mail in mails()]


ALL = [f"[kursk] Report {number}" for number in range(STORIES)]


def failing(error: StoreError | StoreUnavailable):
    def asked(*_: object, **__: object) -> None:
        raise error

    return asked


@pytest.mark.parametrize("error", [AWAY, StoreNotReady("it refuses us, or an index is not there")])
@pytest.mark.parametrize(("part", "method"), [("alerts", "narrow"), ("matches", "create"), ("stories", "resolve")])
def test_an_outage_of_a_part_of_the_store_counts_against_no_entry(
    ports, site, mails, clock, monkeypatch, part, method, error
):
    publish(ports, site)
    with monkeypatch.context() as fault:
        fault.setattr(getattr(ports.stores, part), method, failing(error))
        work(ports, clock, rounds=ports.settings.attempts + 3)
        assert [entry.attempts for entry in ports.stores.entries.all()] == [0] * STORIES
        assert mails() == []
    work(ports, clock, rounds=1)
    assert told(ports, mails) == ALL


def test_what_waits_for_a_part_of_the_store_says_so(ports, site, clock, monkeypatch):
    publish(ports, site, count=1)
    monkeypatch.setattr(ports.stores.stories, "resolve", failing(AWAY))
    work(ports, clock, rounds=1)
    said = [step.said for step in explain(ports, f"{site.base}/0", "kursk")]
    assert f"waits for the store: {AWAY}" in said


@pytest.mark.parametrize("error", [StoreError, StoreUnavailable])
def test_an_entry_that_the_store_cannot_bear_stops_no_other(ports, site, mails, clock, monkeypatch, error):
    publish(ports, site)
    monkeypatch.setattr(ports.stores.alerts, "narrow", refusing(ports, "Report 3", error("too much")))
    sizes = work(ports, clock, rounds=2)
    assert sizes[0] == STORIES
    assert set(sizes[1:]) == {1}
    assert [str(mail["Subject"]) for mail in mails()] == [one for one in ALL if "3" not in one]


def test_an_entry_that_the_store_refuses_ends_in_quarantine_with_what_the_store_said(ports, site, clock, monkeypatch):
    publish(ports, site)
    monkeypatch.setattr(ports.stores.alerts, "narrow", refusing(ports, "Report 3", StoreError("no such field")))
    work(ports, clock, rounds=ports.settings.attempts + 3)
    (entry,) = ports.stores.entries.quarantined()
    assert (entry.title, entry.error, entry.failed_stage) == ("Report 3", "no such field", "store")


def test_an_entry_that_the_store_cannot_bear_for_days_ends_in_quarantine(ports, site, clock, monkeypatch):
    publish(ports, site)
    monkeypatch.setattr(ports.stores.alerts, "narrow", refusing(ports, "Report 3", StoreUnavailable("no memory")))
    work(ports, clock, rounds=2)
    clock.turn(BLAMELESS.total_seconds())
    work(ports, clock, rounds=ports.settings.attempts + 2)
    (entry,) = ports.stores.entries.quarantined()
    assert (entry.title, entry.error) == ("Report 3", "no memory")


def refusing(ports: Ports, title: str, error: StoreError | StoreUnavailable):
    narrow = ports.stores.alerts.narrow

    def asked(documents: Sequence[Document]):
        if any(one.story.title == title for one in documents):
            raise error
        return narrow(documents)

    return asked


def test_of_a_worker_that_left_no_word_no_more_is_said_than_is_known(ports, site, clock, monkeypatch):
    publish(ports, site, count=1)
    with monkeypatch.context() as fault:
        fault.setattr(ports.stores.alerts, "narrow", killed)
        for _ in range(ports.settings.attempts + 1):
            with pytest.raises(KeyboardInterrupt):
                work(ports, clock, rounds=1)
    work(ports, clock, rounds=1)
    (entry,) = ports.stores.entries.quarantined()
    assert entry.error.endswith("its worker died, or could not even tell the store why")
    (story,) = ports.stores.stories.all()
    assert story.text_from is TextFrom.PAGE  # as it was stored before; the last attempt came no further
    assert "killed the extractor" not in story.text_reason


def killed(_: object) -> None:
    raise KeyboardInterrupt  # after which nothing is written


@pytest.mark.elasticsearch
def test_every_mail_goes_out_once_after_percolation_was_refused_for_longer_than_all_attempts(
    wired, wire, site, mails, clock
):
    publish(wired, site, count=3)
    wire.only, wire.instead = b"-alerts/_search", TOO_MANY
    work(wired, clock, rounds=wired.settings.attempts + 3)
    assert mails() == []
    assert len(list(wired.stores.stories.all())) == 3  # the rest of the store took them
    wire.instead = b""
    work(wired, clock, rounds=1)
    assert told(wired, mails) == ALL[:3]
    work(wired, clock, rounds=2)
    assert told(wired, mails) == ALL[:3]
