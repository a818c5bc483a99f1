"""The contract of docs/upgrade.md: messages of one version meet workers of another."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.serialization import dumps

from pipeline.flow.sweep import MOST
from pipeline.settings import load
from tests import builders
from workers import bootstrap
from workers.app import Tolerant, configuration
from workers.tasks import INGEST_BATCH, app

PAGE = (Path(__file__).parents[1] / "docs" / "upgrade.md").read_text(encoding="utf-8")
CONTRACT = {
    name: (queue, re.findall(r"`(\w+)`", arguments))
    for name, queue, arguments in re.findall(r"^\| `(wirewatch\.\w+)` \| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Celery]:
    """This process as a worker on a store of its own."""
    bootstrap.choose(load({}, data=str(tmp_path)))
    bootstrap.forget()
    bootstrap.ports().stores.prepare()
    yield app
    bootstrap.close(bootstrap.ports())
    bootstrap.forget()
    bootstrap._chosen.clear()


def test_the_contract_names_every_task_and_no_other():
    assert CONTRACT.keys() == {name for name in app.tasks if name.startswith("wirewatch.")}


@pytest.mark.parametrize("name", CONTRACT)
def test_a_task_goes_to_its_queue_and_takes_its_arguments(name):
    queue, arguments = CONTRACT[name]
    routes = configuration(load({}))["task_routes"]
    taken = inspect.signature(app.tasks[name].run).parameters.values()
    assert routes[name] == {"queue": queue}
    assert [one.name for one in taken if one.default is inspect.Parameter.empty] == arguments


@pytest.mark.parametrize("name", CONTRACT)
def test_a_message_holds_names_and_ids_alone(name):
    """As Celery writes it: JSON, which any version reads."""
    given = ["w"] if "name" in CONTRACT[name][1] else [["0" * 32]] * len(CONTRACT[name][1])
    kind, _, body = dumps((given, {}, {}), serializer=configuration(load({}))["task_serializer"])
    assert (kind, json.loads(body)[0]) == ("application/json", given)


@pytest.mark.parametrize("name", sorted(CONTRACT.keys() - {"wirewatch.watch"}))
def test_an_argument_that_is_not_known_is_passed_over_and_told(worker, caplog, name):
    nothing: list[Any] = [[] for _ in CONTRACT[name][1]]
    done = worker.tasks[name].apply(args=nothing, kwargs={"colour": "red"})
    assert done.state == "SUCCESS"
    assert f"{name}: passed over colour" in caplog.text


def test_an_argument_that_is_missing_takes_its_default():
    @app.task(name="test.later")
    def later(ids: list[str], urgent: bool = False) -> tuple[list[str], bool]:
        return ids, urgent

    try:
        assert isinstance(later, Tolerant)
        assert later.apply(args=[["a"]]).result == (["a"], False)
        assert later.apply(args=[["a"]], kwargs={"urgent": True, "more": 1}).result == (["a"], True)
    finally:
        app.tasks.unregister("test.later")


def test_a_message_without_what_a_task_needs_fails_and_says_what(worker):
    done = worker.tasks["wirewatch.poll"].apply()
    assert done.state == "FAILURE"
    assert "feed_ids" in str(done.result)


def test_the_next_sweep_of_a_backlog_waits_behind_the_entries_in_their_queue(worker):
    """Whose message it is does not depend on its queue: a worker of entries does it when it comes to it."""
    made = [builders.entry(f"entry {number}") for number in range(MOST + 1)]
    bootstrap.ports().stores.entries.create(made)
    worker.tasks["wirewatch.sweep"].apply()
    with worker.connection() as connection, connection.SimpleQueue("ingest") as queue:
        waiting = [queue.get(block=False).headers["task"] for _ in range(queue.qsize())]
    assert waiting == ["wirewatch.ingest"] * (MOST // INGEST_BATCH) + ["wirewatch.sweep"]
