"""The Celery workers as processes, on a real Redis, a real Elasticsearch and a real SMTP server."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests import servers, web
from tests.fleet import BIN, Fleet, launched
from tests.postbox import Postbox, open_postbox
from tests.servers import wait_until

pytestmark = [pytest.mark.elasticsearch, pytest.mark.redis, pytest.mark.timeout(240)]

LEASE = 8
SWEEP = 1
BOUND = LEASE + SWEEP + 5
"""Within which a killed worker's work is taken up again and done: lease, sweep, and the work itself."""


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with open_postbox() as made:
        yield made


@pytest.fixture
def settings(elasticsearch_url: str, redis_url: str, postbox: Postbox) -> dict[str, str]:
    return {
        "store": elasticsearch_url,
        "store_prefix": f"test-{uuid4().hex[:8]}",
        "broker": redis_url,
        "mail": postbox.url,
        "allow_private": "127.0.0.1/32",
        "host_spacing": "0",
        "poll_floor": "1",
        "poll_ceiling": "2",
        "sweep_every": str(SWEEP),
        "lease": str(LEASE),
        "extract_timeout": "5",
        "pages": "always",
    }


def watch(fleet: Fleet, feed: str) -> None:
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    fleet.wirewatch("feeds", "add", feed)


def came(postbox: Postbox, fleet: Fleet, seconds: float, count: int = 1) -> None:
    try:
        wait_until(lambda: len(postbox.mails) >= count, seconds, f"{count} mails came")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{fleet.logs()}") from None


def test_a_story_becomes_one_mail(settings, site, postbox, tmp_path):
    with launched(tmp_path, **settings) as fleet:
        watch(fleet, web.put_story(site, "one", "Two villages near Kursk were left in the night."))
        came(postbox, fleet, 60)
        web.put_story(site, "two", "The road to Kursk is open again.")
        came(postbox, fleet, 60, 2)
        assert [str(mail["Subject"]) for mail in postbox.mails] == ["[kursk] Story one", "[kursk] Story two"]
        assert postbox.recipients == ["analyst@example.org"] * 2
        wait_until(lambda: fleet.outcomes() == [("sent", False)] * 2, 20, "both are sent")
        assert [row["answer"] for row in fleet.wirewatch("ledger", "--json")] == ["250 taken"] * 2


def test_a_worker_killed_in_the_middle_of_ingest_loses_nothing_and_repeats_nothing(settings, site, postbox, tmp_path):
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    page = site.answers["/one"]
    asked, killed = threading.Event(), threading.Event()

    def slow() -> web.Answer:
        if not killed.is_set():
            asked.set()
            killed.wait(60)
        return page

    site.answers["/one"] = slow
    with launched(tmp_path, **settings) as fleet:
        watch(fleet, feed)
        assert asked.wait(60), fleet.logs()
        fleet.kill("ingest")
        at = time.monotonic()
        killed.set()
        fleet.start("ingest")
        came(postbox, fleet, BOUND + 20)
        took = time.monotonic() - at
        assert took < BOUND, f"taken up after {took:.1f} s"
        wait_until(lambda: fleet.wirewatch("status", "--json")["deliveries"] == {"sent": 1}, 20, "one delivery, sent")
        (row,) = fleet.wirewatch("ledger", "--json")
        assert (row["state"], row["repeated"], row["attempts"]) == ("sent", False, 1)
        assert len(postbox.mails) == 1
        assert len(fleet.wirewatch("search", "kursk", "--json")) == 1


def test_a_worker_that_is_asked_to_stop_finishes_what_it_is_at_and_leaves_the_rest(settings, site, postbox, tmp_path):
    """SIGTERM during a slow page, as docker-compose stop sends it."""
    settings["lease"] = "40"  # none runs out, so what is done twice was not finished
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    page = site.answers["/one"]
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> web.Answer:
        asked.set()
        go_on.wait(60)
        return page

    site.answers["/one"] = slow
    with launched(tmp_path, **settings) as fleet:
        watch(fleet, feed)
        assert asked.wait(60), fleet.logs()
        worker = fleet.processes["ingest"]
        worker.terminate()
        wait_until(lambda: "Warm shutdown" in (fleet.folder / "ingest.log").read_text(), 10, "it was heard")
        web.put_story(site, "two", "The road to Kursk is open again.")  # for the worker that comes after it
        go_on.set()
        assert worker.wait(30) == 0, fleet.logs()
        fleet.start("ingest")
        came(postbox, fleet, 60, 2)
        wait_until(lambda: fleet.outcomes() == [("sent", False)] * 2, 20, "both are sent, and neither again")
        assert site.asked("/one") == 1  # by the worker that was stopped, and by nobody again
        assert len(postbox.mails) == 2


def test_a_worker_is_healthy_while_it_answers_and_beat_while_sweeps_are_done(settings, site, tmp_path):
    with launched(tmp_path, **settings) as fleet:
        wait_until(lambda: healthy(fleet, "beat"), 60, f"beat is healthy\n{fleet.logs()}")
        wait_until(lambda: healthy(fleet, "ingest"), 30, f"the worker is healthy\n{fleet.logs()}")
        fleet.kill("ingest")
        assert not healthy(fleet, "ingest")


def healthy(fleet: Fleet, part: str) -> bool:
    host = [] if part == "beat" else ["--host", "test"]
    command = [BIN / "wirewatch", "healthy", part, *host]
    return subprocess.run(command, env=fleet.environment, capture_output=True, check=False).returncode == 0


def test_work_goes_on_after_redis_was_restarted_and_had_lost_everything(settings, site, postbox, tmp_path):
    port = servers.free_port()
    settings["broker"] = f"redis://127.0.0.1:{port}/0"
    with servers.redis_at(port), launched(tmp_path, **settings) as fleet:
        watch(fleet, web.put_story(site, "one", "Two villages near Kursk were left in the night."))
        came(postbox, fleet, 60)
        stop_redis(port)
        web.put_story(site, "two", "The road to Kursk is open again.")
        with servers.redis_at(port):
            came(postbox, fleet, 60, 2)


def stop_redis(port: int) -> None:
    """SHUTDOWN NOSAVE, as an operator's restart does, with nothing kept."""
    import redis

    with redis.Redis(port=port) as client:
        client.shutdown(nosave=True)
    wait_until(lambda: not servers.redis_answers(port), 10, "Redis is down")
