"""The clock is set back an hour: nothing is lost, nothing doubled unmarked, and nothing waits for the hour to pass."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery

from pipeline import flow
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.setback import set_back
from pipeline.model import DeliveryState
from pipeline.ports import Ports
from tests import builders, web
from tests.builders import NOON
from tests.fakes import Clock
from tests.faults import scene, victims
from tests.faults.conservation import conservation
from tests.faults.scene import SETTLED, lasting
from tests.faults.victims import Victim
from tests.press import Press
from tests.servers import wait_until
from workers.beat import SteadyScheduler

HOUR = 3_600


def work(ports: Ports) -> None:
    """All that a sweep names, and what follows."""
    named = flow.sweep(ports)
    entries = [one for batch in named.ingests for one in batch]
    deliveries = [one for batch in named.notifies for one in batch]
    for batch in named.polls:
        entries += flow.poll(ports, batch).entry_ids
    deliveries += flow.ingest(ports, entries).delivery_ids
    flow.notify(ports, deliveries)
    for name in named.watchdogs:
        flow.watch(ports, name)


def test_what_waits_by_the_clock_of_before_is_done_by_the_new_one(ports, site, mails, clock):
    ports = replace(ports, settings=replace(ports.settings, poll_ceiling=60.0))
    press = Press(site, feeds=2, zones=2, pages=True)
    ports.stores.alerts.put(press.alerts(recipients=2))
    add_feeds(ports, [NewFeed(url=one) for one in press.addresses])
    press.publish(0, "\n\n".join(web.article("Two villages were left in the night.", "zero")))
    work(ports)
    (entry_id,) = [one.id for one in ports.stores.entries.all()]
    clock.turn(-HOUR)
    assert HOUR - 60 <= set_back(ports).total_seconds() <= HOUR
    press.publish(1, "\n\n".join(web.article("The road is open again.", "one")))
    for _ in range(3):
        clock.turn(60)
        work(ports)
    assert len(mails()) == 2
    assert conservation(ports, press.published, mails()).broken == ()
    assert ports.stores.entries.get([entry_id])[entry_id].due_at < clock.now() + timedelta(seconds=HOUR)


@pytest.mark.parametrize(
    ("reason", "ahead", "waits"),
    [
        ("throttle: 2 mails an hour", HOUR, False),
        ("quiet hours, 22:00-07:00", 9 * HOUR, False),
        ("digest: daily 08:00", 9 * HOUR, True),
        ("digest: daily 08:00", 30 * 24 * HOUR, False),
    ],
)
def test_what_is_held_is_looked_at_again_but_for_a_digest_that_may_be_meant(ports, clock, reason, ahead, waits):
    clock.turn(2 * HOUR)
    flow.sweep(ports)
    flow.watch(ports, "coverage")
    due = clock.now() + timedelta(seconds=ahead)
    held = builders.delivery(state=DeliveryState.HELD, reason=reason, created_at=clock.now(), due_at=due)
    ports.stores.deliveries.create([held])
    clock.turn(-2 * HOUR)
    assert flow.sweep(ports).notifies == ([] if waits else [[held.id]])


def test_a_lease_stays_as_long_as_it_was(ports, site, clock):
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", "Two villages were left in the night."))])
    work(ports)
    clock.turn(ports.settings.poll_ceiling)
    (feed_ids,) = flow.sweep(ports).polls
    seen: list[float] = []

    def slow() -> web.Answer:
        clock.turn(-HOUR)
        flow.sweep(ports)
        lease = ports.stores.feeds.get(feed_ids)[feed_ids[0]].lease_until
        seen.append((lease - clock.now()).total_seconds())
        return web.Answer(status=304)

    flow.watch(ports, "coverage")
    site.answers["/feed"] = slow
    flow.poll(ports, feed_ids)
    assert 0 < seen[0] <= ports.settings.lease + 60


class TurnedCelery(Celery):
    """Celery by a clock that a test turns."""

    turned = Clock()

    def now(self):
        return self.turned.now()


def test_beat_does_not_wait_for_the_time_that_was():
    made, ran = TurnedCelery(broker="memory://", set_as_current=False), []

    @made.task(name="sweep")
    def sweep():
        ran.append(made.now())

    made.conf.update(task_always_eager=True, beat_schedule={"sweep": {"task": "sweep", "schedule": 10.0}})
    scheduler = SteadyScheduler(made)
    for seconds in (0, 11, -HOUR, 11):
        made.turned.turn(seconds)
        scheduler.tick()
    scheduler.close()
    assert [(at - NOON).total_seconds() for at in ran] == [11, 22 - HOUR]


@pytest.fixture
def redis() -> Iterator[Victim]:
    with victims.redis() as made:
        yield made


@pytest.mark.elasticsearch
@pytest.mark.redis
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    not shutil.which("cc"), reason="no C compiler, to make a clock that can be set: apt-get install gcc"
)
def test_all_workers_set_back_go_on_at_once(elasticsearch_url, redis, tmp_path, monkeypatch):
    shift, clock = tmp_path / "shift", tmp_path / "setclock.so"
    source = Path(__file__).with_name("setclock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", clock, source, "-ldl"], check=True)
    shift.write_text("0")
    monkeypatch.setenv("LD_PRELOAD", str(clock))
    monkeypatch.setenv("CLOCK_SHIFT", str(shift))
    with scene.in_fleet(elasticsearch_url, redis.url, tmp_path) as at_work:
        at_work.publish()
        at_work.settle()
        wait_until(lambda: looked(at_work.ports), SETTLED, "there was a look at coverage")
        with at_work.load():
            shift.write_text(str(-HOUR))
            time.sleep(lasting(60))
        at_work.settle()
        assert any("the clock was set back by 0:5" in log.read_text() for log in tmp_path.glob("*.log"))


def looked(ports: Ports) -> bool:
    return any(one.name == "coverage" and one.look_at > ports.clock.now() for one in ports.stores.watchdogs.all())
