"""Of any number of beats one leads, and a sweep that it named before another followed it is refused."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from pipeline import flow
from pipeline.adapters import sqlite
from pipeline.flow.beat import BEAT, known_beat, lead
from tests import builders
from tests.fleet import BIN, ROOT, environment
from tests.servers import wait_until

SWEEP = 0.5


def test_the_first_beat_leads_and_keeps_the_lead(ports, clock):
    assert lead(ports, "one") == 1
    assert lead(ports, "two") == 0
    clock.turn(ports.settings.sweep_every)
    assert lead(ports, "one") == 1
    clock.turn(ports.settings.sweep_every * 2)
    assert lead(ports, "two") == 0


def test_a_beat_that_is_heard_no_more_is_followed_under_a_higher_token(ports, clock):
    lead(ports, "one")
    clock.turn(ports.settings.sweep_every * 3)
    assert lead(ports, "two") == 2
    assert lead(ports, "one") == 0


def test_a_beat_that_comes_back_before_anybody_followed_it_goes_on_under_its_token(ports, clock):
    lead(ports, "one")
    clock.turn(1_000)
    assert lead(ports, "one") == 1


def test_of_beats_that_start_at_once_one_leads(ports):
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda number: lead(ports, f"beat {number}"), range(8)))
    assert sorted(tokens) == [0] * 7 + [1]


def test_a_sweep_of_a_beat_that_was_followed_is_refused_and_marks_nothing(ports, clock, caplog):
    late = lead(ports, "one")
    clock.turn(1_000)
    token = lead(ports, "two")
    ports.stores.feeds.create([builders.feed(next_poll_at=clock.now())])
    assert flow.sweep(ports, late).polls == []
    assert "refused, its beat has lost the lead (token 1, now 2)" in caplog.text
    assert known_beat(ports).swept_at is None
    assert flow.sweep(ports, token).polls == [[builders.feed().id]]
    assert known_beat(ports).swept_at == clock.now()


# -- real beats on a real Redis


class Beats:
    """Processes of `celery beat` on one store and one Redis, and the tokens of the sweeps that they name."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.store = sqlite.open_stores(str(folder / "wirewatch.db"))
        self.store.prepare()
        self.folder, self.processes = folder, list[subprocess.Popen[bytes]]()
        self.redis = redis.Redis.from_url(redis_url)
        self.environment = environment(data=str(folder), broker=redis_url, sweep_every=str(SWEEP))

    def start(self) -> subprocess.Popen[bytes]:
        log = (self.folder / f"beat{len(self.processes)}.log").open("wb")
        command = [BIN / "celery", "-A", "workers.app", "beat", "--pidfile="]
        process = subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def tokens(self) -> list[int]:
        """Of the messages that wait in the queue, in their order."""
        return [int(one) for one in map(_token, reversed(self.redis.lrange("sweep", 0, -1)))]

    def token(self) -> int:
        found = self.store.beats.get([BEAT]).get(BEAT)
        return found.token if found else 0

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.redis.flushdb()
        self.redis.close()
        self.store.close()


def _token(message: bytes) -> bytes:
    import base64
    import json

    return json.loads(base64.b64decode(json.loads(message)["body"]))[1]["token"]


@pytest.fixture
def beats(tmp_path: Path, redis_url: str) -> Iterator[Beats]:
    made = Beats(tmp_path, redis_url.removesuffix("/0") + "/7")
    made.redis.flushdb()
    yield made
    made.close()


@pytest.mark.redis
def test_two_beats_name_each_sweep_once(beats):
    beats.start()
    beats.start()
    wait_until(lambda: len(beats.tokens()) >= 1, 30, "a sweep was named")
    time.sleep(SWEEP)  # apart from the start, when only one may run yet
    begun, known = time.monotonic(), len(beats.tokens())
    wait_until(lambda: len(beats.tokens()) >= known + 8, 30, "eight more")
    assert time.monotonic() - begun > 8 * SWEEP * 0.7  # two would have named them in half the time
    assert set(beats.tokens()) == {1}


@pytest.mark.redis
def test_a_beat_that_was_stopped_is_followed_and_does_not_lead_when_it_wakes_up(beats):
    first = beats.start()
    wait_until(beats.tokens, 30, "the first beat leads")
    second = beats.start()
    first.send_signal(signal.SIGSTOP)
    wait_until(lambda: 2 in beats.tokens(), 30, "the second beat leads")
    first.send_signal(signal.SIGCONT)
    known = len(beats.tokens())
    wait_until(lambda: len(beats.tokens()) >= known + 4, 30, "it goes on")
    tokens = beats.tokens()
    # What the first sent as it woke up, if it was stopped in the act, has the token of its time and is refused.
    assert tokens[-3:] == [2, 2, 2]
    assert beats.token() == 2
    second.kill()
    wait_until(lambda: beats.tokens()[-1] == 3, 30, "the first leads again, under a new token")
