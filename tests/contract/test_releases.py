"""The SQLite file of every schema that was released: opened, read and worked on by today's code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import flow
from pipeline.adapters import sqlite
from pipeline.adapters.sqlite.database import VERSION
from pipeline.flow.operations import copying
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.stories.explain import explain
from pipeline.flow.stories.search import search
from pipeline.model import DeliveryState
from pipeline.ports import Ports, Stores, StoryFilter
from pipeline.query.syntax import parse
from tests import releases
from tests.conftest import world
from tests.fakes import Clock

LATER = Clock(datetime(2026, 11, 27, tzinfo=UTC))
"""A day after they were made."""


@pytest.fixture(params=releases.SCHEMAS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    releases.load(request.param, path)
    return path


@pytest.fixture
def stores(old: Path) -> Iterator[Stores]:
    with closing(sqlite.open_stores(str(old))) as made:
        made.prepare()
        yield made


@pytest.fixture
def ports(stores: Stores, tmp_path: Path) -> Ports:
    return world(stores, tmp_path, LATER)


def test_every_schema_before_this_one_has_a_file():
    assert set(range(1, VERSION)) <= set(releases.SCHEMAS)


def test_an_old_file_keeps_all_that_it_had(old, stores):
    text = "\n".join(releases.dump(old))
    assert f"user_version = {VERSION};" in text
    assert stores.probe().endswith("sound")
    assert copying.held(stores).items() >= {"lists": 1, "feeds": 1, "alerts": 1, "entries": 2, "matches": 2}.items()
    assert {one.state for one in stores.deliveries.all()} == {DeliveryState.SENT, DeliveryState.PENDING}
    assert [one.name for one in stores.lists.all()] == ["nato"]


def test_an_old_file_is_searched_and_explained_as_a_new_one(stores, ports):
    found = sorted(search(ports, parse("kursk"), StoryFilter()), key=lambda story: story.title)
    assert [story.title for story in found] == ["Story one", "Story two"]
    assert all(step.ok for step in explain(ports, found[0].url, "kursk"))


def test_what_an_old_file_has_sent_stays_sent_and_what_waits_is_sent_once(stores, ports, mails):
    due = [one.id for one in stores.deliveries.due(LATER.now(), 10)]
    assert [flow.notify(ports, due).sent for _ in range(2)] == [1, 0]
    (mail,) = mails()
    assert "Story two" in mail["Subject"]
    assert stores.deliveries.counts() == {"sent": 2}
    assert reconcile(ports).adds_up


def test_an_old_file_takes_new_work(stores, ports, site):
    stories = list(stores.stories.all())
    report = flow.poll(ports, [one.id for one in stores.feeds.all()])
    assert len(report.failed) == 1  # its site is gone, which is written down
    assert flow.ingest(ports, [entry.id for entry in stores.entries.all()]).matches == 0
    assert len(list(stores.stories.all())) == len(stories)


KILLED = """
import os, signal, sys
from pipeline.adapters.sqlite.database import Database

left = int(sys.argv[2])

def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

database = Database(sys.argv[1])
database._connection().set_trace_callback(count)
database.prepare()
print(left)
"""


def prepared(path: Path, statements: int) -> subprocess.CompletedProcess[str]:
    """`prepare` in a process that is killed before it begins another statement than so many."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(statements)], capture_output=True, text=True, check=False
    )


def test_a_migration_that_is_killed_leaves_the_old_file_whole(tmp_path):
    path, measured = tmp_path / "store.db", tmp_path / "measured.db"
    releases.load(1, path)
    releases.load(1, measured)
    before = list(releases.dump(path))
    done = 10_000 - json.loads(prepared(measured, 10_000).stdout)
    for statements in (4, done // 2, done - 2):  # right after it begins, amidst, and before it commits
        assert prepared(path, statements).returncode == -signal.SIGKILL
        assert list(releases.dump(path)) == before
    assert prepared(path, done).returncode == 0
    assert list(releases.dump(path)) == list(releases.dump(measured)) != before
