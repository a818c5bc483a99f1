"""Metrics of several processes, of what stands in the store, and who may see them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pipeline.adapters import elastic, sqlite
from pipeline.flow.accounts.credentials import make_token
from pipeline.model import Role, Scope
from pipeline.ports import Ports
from pipeline.settings import load
from tests import scrape, web
from tests.browser import Browser
from tests.builders import user
from tests.conftest import world
from tests.consoles import console
from tests.fakes import Clock
from tests.fleet import BIN, ROOT, Fleet
from tests.scrape import scraped, value
from tests.servers import free_port, process, wait_until
from tests.test_backup import wirewatch_in
from workers import bootstrap
from workers.stock import Stock

WORKER = ("worker", "-Q", "poll,ingest,backfill,notify,sweep", "-c", "2", "--without-gossip", "--without-mingle")


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.redis
def test_a_worker_tells_what_its_children_did_also_those_that_are_dead(tmp_path, redis_url, site):
    port = free_port()
    settings = {
        "data": str(tmp_path),
        "broker": f"{redis_url.rpartition('/')[0]}/7",
        "allow_private": "127.0.0.1/32",
        "host_spacing": "0",
        "sweep_every": "0.5",
        "metrics_port": str(port),
    }
    fleet = Fleet(tmp_path, scrape.environment(**settings))
    fleet.wirewatch("setup")
    fleet.wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
    command = [BIN / "celery", "-A", "workers.app", *WORKER]
    with (
        (tmp_path / "worker.log").open("wb") as log,
        process(command, env=fleet.environment, cwd=ROOT, stdout=log, stderr=log) as worker,
        ExitStack() as stack,
    ):

        def stories() -> float:
            return value(scraped(port), "wirewatch_ingested_entries_total", outcome="story")

        wait_until(lambda: stories() == 0, 60, f"it shows metrics before there is anything to count\n{fleet.logs()}")
        fleet.start("beat")
        stack.callback(fleet.stop)
        wait_until(lambda: stories() == 1, 60, f"the story is counted\n{fleet.logs()}")
        before = set(_children(worker.pid))
        for child in before:
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: len(set(_children(worker.pid)) - before) >= 2, 30, "others took their place")
        found = scraped(port)
        assert value(found, "wirewatch_ingested_entries_total", outcome="story") == 1
        assert value(found, "wirewatch_stage_duration_seconds_count", stage="parse") >= 1
        swept = value(found, "wirewatch_tasks_total", task="sweep", outcome="done")
        wait_until(
            lambda: value(scraped(port), "wirewatch_tasks_total", task="sweep", outcome="done") > swept,
            30,
            "and they count too",
        )
        # Beat was given the same port: that is said, and it goes on.
        assert f"metrics are not served on 127.0.0.1:{port}" in (tmp_path / "beat.log").read_text()


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
def test_metrics_are_for_operators_and_for_tokens_of_the_scope_operate(ports):
    ports.stores.users.create([user(), user(Role.ANALYST, "eve@example.org")])
    secret = {scope: make_token(ports, user(), scope, (scope,)) for scope in (Scope.READ, Scope.OPERATE)}
    port = free_port()
    with console(ports, port, [], by_session=True):
        stranger = Browser(port)
        asked = {
            scope: stranger.get("/metrics", headers={"Authorization": f"Bearer {one}"}) for scope, one in secret.items()
        }
        assert asked[Scope.OPERATE].status == 200
        assert value(scrape.series(asked[Scope.OPERATE].text), "wirewatch_store_up") == 1
        assert asked[Scope.READ].status == 403
        for nothing in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
            refused = stranger.get("/metrics", headers=nothing)
            assert refused.status == 403
            assert "wirewatch_" not in refused.text
    for role, status in ((Role.OPERATOR, 200), (Role.ANALYST, 403)):
        port = free_port()
        with console(ports, port, [], visitor=user(role)):
            assert Browser(port).get("/metrics").status == status


def test_a_store_that_does_not_answer_is_shown_and_nothing_old_in_its_place(tmp_path):
    stores = sqlite.open_stores(str(tmp_path / "store.db"))  # not set up
    stock = Stock(world(stores, tmp_path, Clock()))
    assert [(metric.name, metric.samples[0].value) for metric in stock.collect()] == [("wirewatch_store_up", 0)]
    stores.close()


@pytest.fixture
def silent(tmp_path, monkeypatch) -> Iterator[Ports]:
    """Ports on an Elasticsearch that takes every connection and says nothing; who looks waits half a second."""
    monkeypatch.setattr(bootstrap, "LOOK_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        made = world(elastic.open_stores(load({}, store=address)), tmp_path, Clock(), store=address)
        yield made
        made.stores.close()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_a_store_that_says_nothing_is_told_to_be_down_before_a_scrape_is_over(silent):
    with within(5):
        assert [(one.name, one.samples[0].value) for one in Stock(silent).collect()] == [("wirewatch_store_up", 0)]
    port = free_port()
    with console(silent, port, []), within(5):
        assert Browser(port).get("/readyz").status == 503
    with within(5):
        done = wirewatch_in(Path(silent.settings.data), WIREWATCH_STORE=silent.settings.store)("status", code=1)
    assert b"does not answer" in done.stderr


def test_the_store_is_asked_once_for_those_who_scrape_at_once(tmp_path):
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    stock = Stock(world(stores, tmp_path, Clock()))
    first = {metric.name: metric for metric in stock.collect()}
    assert first["wirewatch_store_up"].samples[0].value == 1
    stores.close()
    assert {metric.name: metric for metric in stock.collect()} == first


CREWED = """
from datetime import UTC, datetime
import workers.metrics
from pipeline.settings import load
from tests import builders
from workers import bootstrap, crew
from workers.metrics import serve

if __name__ == "__main__":
    ports = bootstrap.make_ports(load(pages="never"))
    ports.stores.prepare()
    now = datetime.now(UTC)
    ports.stores.entries.create([builders.entry("a", due_at=now, first_seen_at=now)])
    crew.WORTH_IT = 0
    made = crew.Crew(ports, processes=2)
    assert made.ingest([builders.entry("a").id]).stories == 1
    made.close()
    bootstrap.close(ports)
    print(serve.rendered(serve.registry(), "")[0].decode())
"""


def test_what_a_crew_does_in_processes_of_its_own_is_told_by_the_one_that_hired_it(tmp_path):
    script = tmp_path / "crewed.py"
    script.write_text(CREWED)
    environment = scrape.environment(data=str(tmp_path)) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = scrape.series(done.stdout)
    assert value(found, "wirewatch_stage_duration_seconds_count", stage="enrich") == 1
    assert value(found, "wirewatch_stage_duration_seconds_count", stage="match") == 1
