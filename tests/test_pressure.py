"""Feeds are polled less often while news pile up or the disk fills, and whoever looks is told."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from pipeline import flow
from pipeline.adapters import elastic
from pipeline.adapters.elastic.disk import floor_of
from pipeline.flow.beat import known_beat
from pipeline.flow.pressure import FULL, pace
from pipeline.flow.sweep import MOST
from pipeline.model import EntryState
from pipeline.ports import Disk, Ports
from pipeline.settings import load
from tests import builders

INTERVAL = 600.0


def with_settings(ports: Ports, **settings: object) -> Ports:
    return dataclasses.replace(ports, settings=dataclasses.replace(ports.settings, **settings))


def wait_for_ingest(ports: Ports, number: int, **fields: object) -> None:
    at = ports.clock.now()
    entries = [builders.entry(f"entry {one}", due_at=at, first_seen_at=at, **fields) for one in range(number)]
    ports.stores.entries.create(entries)


def taken_by_workers(ports: Ports, batches: list[list[str]]) -> None:
    ids = [one for batch in batches for one in batch]
    ports.stores.entries.update(ids, lambda one: replace(one, state=EntryState.DONE, queued_until=None))


def due_since(ports: Ports, seconds: float) -> str:
    """A feed that has been due for so long; its id."""
    at = ports.clock.now() - timedelta(seconds=seconds)
    feed = builders.feed(f"since-{seconds:g}", interval=INTERVAL, next_poll_at=at)
    ports.stores.feeds.create([feed])
    return feed.id


def test_with_nothing_in_the_way_all_due_feeds_are_polled(ports):
    one = due_since(ports, 1)
    assert pace(ports) == FULL
    assert flow.sweep(ports).polls == [[one]]
    assert known_beat(ports).slowed == ""


def test_while_more_entries_wait_than_the_setting_allows_feeds_are_polled_less_often_and_it_is_said(ports, caplog):
    ports = with_settings(ports, ingest_backlog=10)
    wait_for_ingest(ports, 15)
    due_since(ports, INTERVAL * 0.9)
    longer = due_since(ports, INTERVAL * 1.1)
    assert flow.sweep(ports).polls == [[longer]]  # half the pace: each interval once more
    assert "polling slows down: 15 entries wait to be ingested (ingest_backlog is 10)" in caplog.text
    assert known_beat(ports).slowed == "15 entries wait to be ingested (ingest_backlog is 10)"


def test_with_twice_as_many_none_is_polled_until_they_are_done(ports, caplog):
    ports = with_settings(ports, ingest_backlog=10)
    wait_for_ingest(ports, 20)
    feed = due_since(ports, 1_000_000)
    assert flow.sweep(ports).polls == []
    assert flow.sweep(ports).polls == []
    assert caplog.text.count("polling slows down") == 1  # not at each sweep
    ports.stores.entries.delete([builders.entry(f"entry {one}").id for one in range(11)])
    assert flow.sweep(ports).polls == [[feed]]
    assert "polling is back at its pace" in caplog.text


def test_backfill_slows_no_polling_however_much_of_it_waits(ports):
    ports = with_settings(ports, ingest_backlog=10)
    wait_for_ingest(ports, 100, backfill=True)
    feed = due_since(ports, 1)
    assert flow.sweep(ports).polls == [[feed]]


def test_news_are_queued_apart_from_backfill_which_is_not_named_again_and_again(ports, clock):
    wait_for_ingest(ports, MOST + 50, backfill=True)
    ports.stores.entries.create([builders.entry("news", due_at=clock.now())])
    work = flow.sweep(ports)
    assert work.ingests == [[builders.entry("news").id]]
    assert sum(map(len, work.backfills)) == MOST - 1
    assert sum(map(len, flow.sweep(ports).backfills)) == 1  # so many are named, and no worker has come to one yet
    assert flow.sweep(ports).backfills == []
    clock.turn(ports.settings.lease)
    assert sum(map(len, flow.sweep(ports).backfills)) > 0


def test_a_backlog_is_named_in_turns_and_the_next_follows_as_soon_as_one_is_worked_off(ports, clock):
    wait_for_ingest(ports, 2 * MOST + 50, backfill=False)
    first = flow.sweep(ports)
    assert sum(map(len, first.ingests)) == MOST
    assert first.more
    beside = flow.sweep(ports)  # before a worker has come to any of them
    assert (beside.ingests, beside.more) == ([], False)
    taken_by_workers(ports, first.ingests)
    second = flow.sweep(ports)
    assert (sum(map(len, second.ingests)), second.more) == (MOST, True)
    taken_by_workers(ports, second.ingests)
    last = flow.sweep(ports)
    assert (sum(map(len, last.ingests)), last.more) == (50, False)


def test_before_the_disk_is_full_polling_slows_down_and_then_pauses(ports):
    free = ports.stores.disk().free - ports.stores.disk().floor
    due_since(ports, INTERVAL * 0.5)
    longer = due_since(ports, INTERVAL * 3)
    slow = with_settings(ports, disk_reserve=int(free / 1.5))
    assert flow.sweep(slow).polls == [[longer]]
    assert "left to write to (disk_reserve is" in known_beat(ports).slowed
    full = with_settings(ports, disk_reserve=free * 2)
    assert pace(full).share == 0
    assert pace(with_settings(ports, disk_reserve=0)) == FULL


def test_a_store_that_does_not_tell_of_its_disk_slows_nothing(ports):
    mute = dataclasses.replace(ports, stores=dataclasses.replace(ports.stores, disk=lambda: None))
    assert pace(with_settings(mute, disk_reserve=10**15)) == FULL


def test_the_floor_of_the_store_is_no_room(ports):
    tight = dataclasses.replace(ports.stores, disk=lambda: Disk(free=10**12, floor=10**12))
    assert pace(dataclasses.replace(ports, stores=tight)).share == 0


def test_a_node_that_stores_nothing_has_no_say_in_how_full_the_disk_is(site):
    """A cluster as it answers: one node with data, and one that only has a vote, on a disk of next to nothing."""

    def answers(path: str, body: object) -> None:
        site.put(path, json.dumps(body), "application/json", X_Elastic_Product="Elasticsearch")

    roomy, small = (
        {"fs": {"total": {"total_in_bytes": size, "available_in_bytes": size // 2}}} for size in (10**12, 10)
    )
    answers("/_cluster/settings", {"persistent": {"cluster.routing.allocation.disk.watermark.flood_stage": "1b"}})
    answers("/_nodes/stats/fs", {"nodes": {"data": roomy, "voting": small}})
    answers("/_nodes/data%3Atrue/stats/fs", {"nodes": {"data": roomy}})
    stores = elastic.open_stores(load({}, store=site.base))
    assert stores.disk() == Disk(free=5 * 10**11, floor=1)
    answers("/_nodes/data%3Atrue/stats/fs", {})
    assert stores.disk() is None
    stores.close()


TERABYTE = 10**12
WATERMARK = "cluster.routing.allocation.disk.watermark.flood_stage"


@pytest.mark.parametrize(
    ("settings", "floor"),
    [
        ({}, TERABYTE // 20),
        ({WATERMARK: "90%"}, TERABYTE // 10),
        ({WATERMARK: "0.9"}, TERABYTE // 10),
        ({WATERMARK: "500mb"}, 500 * 1024**2),
        ({WATERMARK: "95%", f"{WATERMARK}.max_headroom": "20GB"}, 20 * 1024**3),
        ({WATERMARK: "95%", f"{WATERMARK}.max_headroom": "-1"}, TERABYTE // 20),
        ({WATERMARK: "95%", "cluster.routing.allocation.disk.threshold_enabled": "false"}, 0),
    ],
)
def test_the_flood_stage_of_elasticsearch_is_read_as_it_may_be_set(settings, floor):
    assert floor_of(settings, TERABYTE) == pytest.approx(floor, rel=1e-6)
