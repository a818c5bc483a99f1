"""News overtake backfill, on a real Redis and in memory: whoever takes from both has news first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from pipeline.settings import load
from workers.app import QUEUES, configuration
from workers.turns import BACKFILL, SWEEP, NewsFirst

MANY = 5_000
NEWS = 20


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def broker(request: pytest.FixtureRequest) -> Iterator[Celery]:
    """Celery as the workers have it, on each broker in turn."""
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url").removesuffix("/0") + "/6"
    made = Celery("test", set_as_current=False)
    made.conf.update(configuration(load({}, broker=url)))
    with made.connection() as connection, connection.channel() as channel:
        for queue in QUEUES:
            channel.queue_declare(queue)
            channel.queue_purge(queue)
        yield made
        for queue in QUEUES:
            channel.queue_purge(queue)
    made.close()


def send(broker: Celery, queue: str, *names: object) -> None:
    with broker.connection() as connection, connection.Producer() as producer:
        for name in names:
            producer.publish([[str(name)]], exchange="", routing_key=queue, serializer="json")


def take(broker: Celery, queues: list[str], number: int) -> list[str]:
    """The first so many of what a worker that takes from `queues` is given, one at a time as ours do."""
    found: list[str] = []

    def keep(body: list[list[str]], message: object) -> None:
        found.append(body[0][0])
        message.ack()

    with broker.connection() as connection:
        wanted = [connection.SimpleQueue(queue, no_ack=False).queue for queue in queues]
        with connection.Consumer(wanted, callbacks=[keep], accept=["json"]) as consumer:
            consumer.qos(prefetch_count=1)
            while len(found) < number:
                connection.drain_events(timeout=10)
    return found


def test_news_overtake_five_thousand_entries_of_backfill(broker):
    send(broker, BACKFILL, *(f"old {number}" for number in range(MANY // 10)))  # ten entries a message
    before = take(broker, ["ingest", BACKFILL], 5)
    send(broker, "ingest", *(f"news {number}" for number in range(NEWS)))
    after = take(broker, ["ingest", BACKFILL], NEWS + 5)
    assert all(name.startswith("old") for name in before)
    assert after[:NEWS] == [f"news {number}" for number in range(NEWS)]
    assert all(name.startswith("old") for name in after[NEWS:])


def test_the_order_in_which_queues_are_named_makes_no_difference(broker):
    send(broker, BACKFILL, "old")
    send(broker, "ingest", "news")
    assert take(broker, [BACKFILL, "ingest"], 2) == ["news", "old"]


def test_the_other_queues_take_turns(broker):
    send(broker, "ingest", *range(20))
    send(broker, "notify", *range(100, 120))
    first = take(broker, ["ingest", "notify"], 20)
    assert 5 <= sum(int(name) >= 100 for name in first) <= 15


def test_a_sweep_waits_behind_no_mails(broker):
    send(broker, "notify", *(f"mail {number}" for number in range(20)))
    send(broker, SWEEP, "a sweep")
    assert take(broker, ["notify", SWEEP], 1) == ["a sweep"]
    send(broker, SWEEP, "the next")
    assert take(broker, ["notify", SWEEP], 2) == ["the next", "mail 0"]


def test_turns_go_round_with_the_sweep_first_and_the_backfill_last():
    turns = NewsFirst()
    turns.update([BACKFILL, "notify", "poll", SWEEP])
    assert turns.consume(4) == [SWEEP, "notify", "poll", BACKFILL]
    turns.rotate("notify")
    turns.rotate(SWEEP)
    assert turns.consume(4) == [SWEEP, "poll", "notify", BACKFILL]
