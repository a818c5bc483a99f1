"""Celery workers, Redis, Elasticsearch and SMTP, each taken away under load: nothing is lost, nothing doubled unmarked.

The times are those of issue 10, and each fault has a test; or they are a part of them (tests/faults/scene.py), and all
come one after another. All tests share one fleet, and the conservation check is of everything since the first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pipeline.model import Delivery, DeliveryState
from tests import web
from tests.faults import scene
from tests.faults.faults import FAULTS
from tests.faults.scene import SCALE, SETTLED, Scene, lasting
from tests.faults.test_notify_killed import DELIVERIES, matched
from tests.servers import wait_until

pytestmark = [pytest.mark.elasticsearch, pytest.mark.redis, pytest.mark.timeout(1_800)]

ISSUE_SECONDS = dict.fromkeys(FAULTS, 60.0) | {"workers killed": 180.0, "mail server gone": 300.0}
BETWEEN = 2.0
AT_RANDOM = ("workers killed",) * 3 + ("Redis restarted empty",) * 2 + ("Elasticsearch killed",)
"""Each at least once, and then as often as it stands here: a cold Elasticsearch takes the longest to be quick again."""
MOST_BETWEEN, LONGEST_BETWEEN = min(250, DELIVERIES // 4), 30.0
"""Mails, and seconds, between two of these faults."""
ROUNDS = {one: [one] for one in FAULTS} if SCALE == 1 else {"one after another": list(FAULTS)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene.in_killable_fleet(tmp_path_factory.mktemp("fleet")) as made:
        yield made


@pytest.fixture
def at_work(shared: Scene) -> Scene:
    """The scene with a story that has gone all its way: what follows begins in good order."""
    shared.publish()
    shared.settle()
    return shared


@pytest.mark.parametrize("faults", ROUNDS.values(), ids=ROUNDS)
def test_faults_lose_nothing_and_double_nothing_unmarked(at_work, faults):
    with at_work.load():
        for fault in faults:
            FAULTS[fault](at_work, lasting(ISSUE_SECONDS[fault]))
            time.sleep(BETWEEN)
    # A mail is tried again after twice as long each time.
    at_work.settle(SETTLED + 2 * max(lasting(ISSUE_SECONDS[fault]) for fault in faults))


def test_mails_by_the_thousand_come_once_while_workers_redis_and_elasticsearch_are_killed_at_random(at_work):
    chance = random.Random(8)
    first, done = list(dict.fromkeys(AT_RANDOM)), 0
    rows = matched(at_work.ports, DELIVERIES)
    while unsent(at_work, rows):
        enough = len(at_work.postbox.mails) + chance.randrange(1, MOST_BETWEEN)
        with suppress(AssertionError):
            wait_until(lambda enough=enough: len(at_work.postbox.mails) >= enough, LONGEST_BETWEEN, "mails come")
        FAULTS[first.pop() if first else chance.choice(AT_RANDOM)](at_work, BETWEEN)
        done += 1
    assert not first
    found = at_work.settle()
    print(f"{len(rows)} deliveries, {done} faults, {found.repeated} mails twice, all marked")  # noqa: T201 -- shown with -s


def unsent(at_work: Scene, rows: list[Delivery]) -> bool:
    known = at_work.ports.stores.deliveries.get([one.id for one in rows])
    return any(one.state is not DeliveryState.SENT for one in known.values())


def test_a_page_that_never_ends_kills_its_extractor_alone_and_its_entry_rests_in_quarantine(at_work):
    number = at_work.numbers
    at_work.publish()
    url = at_work.press.site.put(f"/story/{number}", "<html><body><article>" + "<p>a" * 1_100_000, web.HTML)
    with at_work.load():
        wait_until(lambda: url in quarantined(at_work), SETTLED, "its entry rests")
    assert "extractor ran out of its" in quarantined(at_work)[url]
    at_work.settle()


def quarantined(at_work: Scene) -> dict[str, str]:
    """What is said of each entry in quarantine, by its address."""
    return {entry.url: entry.error for entry in at_work.ports.stores.entries.quarantined()}
