"""Workers that notify are killed with kill -9 and started again: nothing is lost, and what comes twice is marked.

All of issue 8 takes some minutes: `TEST_DELIVERIES=5000 python -m pytest tests/faults/test_notify_killed.py`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline import flow
from pipeline.flow.firing import write_deliveries
from pipeline.ids import match_id
from pipeline.model import Delivery, DeliveryState
from pipeline.ports import Ports
from pipeline.settings import load
from tests import builders
from tests.faults.conservation import untold
from tests.faults.scene import drop_indices
from tests.fleet import ROOT
from tests.postbox import Postbox, open_postbox
from tests.servers import wait_until
from workers import bootstrap

DELIVERIES = int(os.environ.get("TEST_DELIVERIES", "500"))
RECIPIENTS = 50
MOST_BETWEEN = min(100, DELIVERIES // 10)
"""Mails between two kills: of few deliveries few, so that several fall among them."""
LEASE = "2"
WORKERS = 2

pytestmark = pytest.mark.timeout(900)


class Shop:
    """Ports, a postbox, and workers that may be killed."""

    def __init__(self, folder: Path, postbox: Postbox, store: str) -> None:
        self.folder, self.postbox = folder, postbox
        chosen = {
            "data": str(folder / "data"),
            "mail": postbox.url,
            "lease": LEASE,
            "extract_timeout": "1",
            "log_level": "ERROR",
            "store": store,
            "store_prefix": f"test-{os.getpid()}-{random.randrange(10**6)}",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
        self.environment = kept | {f"WIREWATCH_{name.upper()}": value for name, value in chosen.items()}
        self.ports: Ports = bootstrap.make_ports(load({}, **chosen))
        self.ports.stores.prepare()
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "tests.faults.notifier", *arguments]
            worker = subprocess.Popen(command, env=self.environment, cwd=ROOT, stderr=log)
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            with suppress(OSError):
                worker.kill()
            worker.wait()
        bootstrap.close(self.ports)
        if self.ports.settings.store.startswith("http"):
            drop_indices(self.ports)

    def unsent(self) -> int:
        counts = self.ports.stores.deliveries.counts()
        return sum(count for state, count in counts.items() if state != DeliveryState.SENT)


@pytest.fixture
def shop(tmp_path, request):
    store = request.param if hasattr(request, "param") else "sqlite"
    address = f"sqlite://{tmp_path}/store.db" if store == "sqlite" else request.getfixturevalue("elasticsearch_url")
    with open_postbox() as postbox:
        made = Shop(tmp_path, postbox, address)
        yield made
        made.stop()


def matched(ports: Ports, deliveries: int) -> list[Delivery]:
    """So many deliveries that wait, of an alert for each story."""
    to = tuple(f"{number}@desk.example" for number in range(RECIPIENTS))
    now = ports.clock.now()
    matches = []
    for number in range(deliveries // RECIPIENTS):
        alert = builders.alert(name=f"alert {number}", recipients=to)
        story = builders.story(f"story {number}", body="Two villages near Kursk were left in the night.")
        ports.stores.alerts.put([alert])
        ports.stores.stories.put([story])
        key = match_id(alert.id, story.id)
        matches.append(builders.match(id=key, alert_id=alert.id, story_id=story.id, matched_at=now))
    ports.stores.matches.create(matches)
    return write_deliveries(ports, matches, queued=False)


def assert_told(shop: Shop) -> None:
    """Each delivery went out under its Message-ID, and what went out twice is marked."""
    rows = list(shop.ports.stores.deliveries.all())
    assert {one.state for one in rows} == {DeliveryState.SENT}
    assert list(untold(rows, shop.postbox.mails)) == []


def test_a_death_between_the_servers_250_and_our_write_sends_again_under_the_same_message_id_and_marks_it(shop):
    matched(shop.ports, RECIPIENTS)
    assert shop.start("3").wait(60) == -9
    assert len(shop.postbox.mails) == 3
    assert shop.ports.stores.deliveries.counts() == {"sent": 2, "sending": 1, "pending": RECIPIENTS - 3}
    shop.start()
    wait_until(lambda: not shop.unsent(), 60, "all is sent")
    assert_told(shop)
    assert sum(one.repeated for one in shop.ports.stores.deliveries.all()) == 1
    assert len(shop.postbox.mails) == RECIPIENTS + 1


@pytest.mark.parametrize(
    "shop", ["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)], indirect=True
)
def test_workers_killed_at_random_lose_nothing_and_repeat_only_what_is_marked(shop):
    rows = matched(shop.ports, DELIVERIES)
    assert len(rows) == DELIVERIES
    chance, kills = random.Random(8), 0
    running = [shop.start() for _ in range(WORKERS)]
    while shop.unsent():
        # Some mails later, wherever the worker is then; or when all that is left waits for a lease.
        enough = len(shop.postbox.mails) + chance.randrange(1, MOST_BETWEEN)
        with suppress(AssertionError):
            wait_until(lambda enough=enough: len(shop.postbox.mails) >= enough, 3, "mails come")
        if shop.unsent() and chance.random() < 0.7:
            assert all(worker.poll() is None for worker in running), (shop.folder / "log").read_text()[-500:]
            victim = running.pop(chance.randrange(WORKERS))
            victim.kill()
            victim.wait()
            kills += 1
            running.append(shop.start())
    time.sleep(float(LEASE))
    assert flow.sweep(shop.ports).notifies == []
    assert_told(shop)
    repeated = sum(one.repeated for one in shop.ports.stores.deliveries.all())
    extra = len(shop.postbox.mails) - DELIVERIES
    print(f"{DELIVERIES} deliveries, {kills} kills, {extra} mails twice, {repeated} marked repeated")  # noqa: T201 -- shown with -s
    assert kills >= 3
