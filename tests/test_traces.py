"""Traces: a poll and all that it leads to are one, with a span for each task and stage."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline.errors import SettingError
from pipeline.settings import load
from tests import scrape, web
from tests.fleet import ROOT, Fleet
from workers import bootstrap


def test_a_poll_its_ingest_and_its_mail_are_one_trace_with_the_stages_within(tmp_path, site):
    settings = {"data": str(tmp_path), "allow_private": "127.0.0.1/32", "host_spacing": "0", "pages": "always"}
    fleet = Fleet(tmp_path, scrape.environment(**settings))
    fleet.wirewatch("setup")
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    fleet.wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
    (feed,) = fleet.wirewatch("feeds", "list", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "tests.traced", feed["id"]],
        env=fleet.environment | {"WIREWATCH_TRACES": "http://127.0.0.1:9"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    spans = json.loads(done.stdout.splitlines()[-1])
    by_id = {one["id"]: one for one in spans}
    assert len({one["trace"] for one in spans}) == 1

    def task_of(stage: str) -> str:
        (span, *_) = [one for one in spans if one["name"] == stage]
        return by_id[span["parent"]]["name"]

    assert {stage: task_of(stage) for stage in ("parse", "extract", "enrich", "match", "deliver")} == {
        "parse": "run/wirewatch.poll",
        "extract": "run/wirewatch.ingest",
        "enrich": "run/wirewatch.ingest",
        "match": "run/wirewatch.ingest",
        "deliver": "run/wirewatch.notify",
    }
    (parse,) = [one for one in spans if one["name"] == "parse"]
    assert parse["attributes"] == {"wirewatch.feed": feed["id"]}


def test_without_the_setting_nothing_is_traced(tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert type(bootstrap.make_observer(load({}, data=str(tmp_path)))).__name__ == "Unobserved"


def test_without_the_extra_the_setting_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(bootstrap, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"pip install wirewatch\[otel\]"):
        bootstrap.make_observer(load({}, traces="http://127.0.0.1:4318"))
