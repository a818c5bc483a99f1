"""Celery workers, Redis, Elasticsearch and SMTP, each taken away under load: nothing is lost, nothing doubled unmarked.

The times are those of issue 10, or a part of them (tests/faults/scene.py). All tests share one fleet, so each finds
what the ones before have left, and the conservation check is of everything since the first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.client import connect
from pipeline.model import EntryState
from tests import web
from tests.faults import scene
from tests.faults.scene import RedisServer, Scene, lasting

pytestmark = [pytest.mark.elasticsearch, pytest.mark.redis, pytest.mark.timeout(900)]

TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/html\r\nContent-Length: 18\r\nConnection: close\r\n\r\n"
    b"<h1>Slow down</h1>"
)
"""As a proxy in front says it: nothing in it is Elasticsearch's."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    made = RedisServer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene.in_fleet(elasticsearch_url, redis, tmp_path_factory.mktemp("fleet")) as made:
        yield made


@pytest.fixture
def at_work(shared: Scene) -> Scene:
    """The scene with a story that has gone all its way: what follows begins in good order."""
    shared.publish()
    shared.settle()
    return shared


def test_redis_restarted_empty_loses_nothing(at_work, redis):
    with at_work.load():
        time.sleep(1)
        redis.stop()
        redis.start()
        time.sleep(1)
    at_work.settle()


def test_redis_gone_loses_nothing(at_work):
    with at_work.load():
        at_work.wires["redis"].cut()
        time.sleep(lasting(60))
        at_work.wires["redis"].mend()
    at_work.settle()


def test_elasticsearch_gone_loses_nothing(at_work):
    with at_work.load():
        at_work.wires["store"].cut()
        time.sleep(lasting(60))
        at_work.wires["store"].mend()
    at_work.settle()


def test_elasticsearch_that_asks_to_be_left_alone_loses_nothing(at_work):
    with at_work.load():
        at_work.wires["store"].instead = TOO_MANY
        time.sleep(lasting(60))
        at_work.wires["store"].instead = b""
    at_work.settle()


def test_elasticsearch_made_read_only_by_the_disk_watermark_loses_nothing(at_work):
    with at_work.load():
        until = time.monotonic() + lasting(60)
        while time.monotonic() < until:  # again and again: Elasticsearch frees indices by itself when it sees room
            set_read_only(at_work, blocked=True)
            time.sleep(1)
        set_read_only(at_work, blocked=False)
    at_work.settle()


def set_read_only(at_work: Scene, *, blocked: bool) -> None:
    names = indices.Names(at_work.ports.settings.store_prefix)
    with connect(at_work.ports.settings) as client:
        client.indices.put_settings(
            index=[names.index(kind) for kind in indices.Kind],
            settings={"index.blocks.read_only_allow_delete": True if blocked else None},
        )


def test_workers_killed_again_and_again_lose_nothing(at_work):
    chance, every = random.Random(10), min(5.0, lasting(180) / 3)
    until = time.monotonic() + lasting(180)
    with at_work.load(a_second=5):
        while time.monotonic() < until:
            time.sleep(every)
            victim = chance.choice(["poll", "ingest", "notify"])
            at_work.fleet.kill(victim)
            at_work.fleet.start(victim)
    at_work.settle()


def test_a_mail_server_that_is_down_gets_every_mail_when_it_is_back(at_work):
    with at_work.load():
        at_work.wires["smtp"].cut()
        time.sleep(lasting(300))
        at_work.wires["smtp"].mend()
    at_work.settle(90 + 2 * lasting(300))


def test_beat_killed_and_then_doubled_loses_nothing_and_doubles_nothing(at_work):
    with at_work.load():
        at_work.fleet.kill("beat")
        time.sleep(lasting(60))
        at_work.fleet.start("beat")
        at_work.fleet.start("beat-too")
        time.sleep(lasting(60))
        at_work.fleet.kill("beat-too")
    at_work.settle()


def test_a_page_that_never_ends_kills_its_extractor_alone_and_its_entry_rests_in_quarantine(at_work):
    number = at_work.numbers
    at_work.publish()
    endless = "<html><body><article>" + "<p>a" * 1_100_000
    at_work.press.site.put(f"/story/{number}", endless, web.HTML)
    with at_work.load():
        time.sleep(lasting(60))
    found = at_work.settle()
    (entry,) = at_work.ports.stores.entries.quarantined()
    assert (entry.state, entry.url) == (EntryState.QUARANTINED, f"{at_work.press.site.base}/story/{number}")
    assert "ran out of its 4 s" in entry.error
    assert found.quarantined == 1
