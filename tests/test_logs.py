"""Logs: one event a line, with the ids by which a story is followed from the poll to the mail."""

from __future__ import annotations

import io
import json
import logging
import sys

from tests import scrape, web
from tests.fleet import BIN, Fleet
from workers import logs


def _once(tmp_path, site) -> tuple[Fleet, list[dict]]:
    """A round over one story that fires an alert; the events in its log."""
    import subprocess

    fleet = Fleet(
        tmp_path,
        scrape.environment(
            data=str(tmp_path), allow_private="127.0.0.1/32", host_spacing="0", log_format="json", pages="always"
        ),
    )
    fleet.wirewatch("setup")
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    fleet.wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
    done = subprocess.run(
        [BIN / "wirewatch", "once", "--all", "--json"],
        env=fleet.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return fleet, [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def test_a_search_for_an_entry_finds_its_way_from_the_poll_to_the_mail(tmp_path, site):
    fleet, events = _once(tmp_path, site)
    (row,) = fleet.wirewatch("ledger", "--json")
    (story,) = fleet.wirewatch("search", "kursk", "--json")
    entry = next(one["entry"] for one in events if one["message"].startswith("parse:"))
    way = [one for one in events if entry in json.dumps(one)]
    assert [one["message"].partition(":")[0] for one in way] == ["parse", "match", "deliver", "index", "deliver"]
    assert {one["story"] for one in way if "story" in one} == {story["id"]}
    assert way[-1]["message"].startswith("deliver: sent")
    assert (way[-1]["delivery"], way[-1]["match"]) == (row["id"], row["match_id"])
    assert (way[-1]["alert"], way[-1]["mail"]) == (way[1]["alert"], row["mail_id"])
    assert way[0]["feed"] == way[3]["feed"]


def test_every_event_has_its_time_level_and_place(tmp_path, site):
    _, events = _once(tmp_path, site)
    assert events
    for one in events:
        assert {"time", "level", "logger", "process", "message"} <= one.keys()
        assert one["time"].endswith("+00:00")


def _record(**extra: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "index: %s", ("done",), None, extra=extra)


def test_text_has_the_ids_behind_and_nothing_where_there_are_none():
    assert logs.Text().format(_record(entry=("a", "b"), story="s")).endswith("INFO x index: done entry=a,b story=s")
    assert logs.Text().format(_record()).endswith("INFO x index: done")
    assert logs.Text().format(_record(story="")).endswith("INFO x index: done")


def test_an_error_is_one_line_of_json_with_its_traceback():
    try:
        raise ValueError("no\nnews")
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    line = logs.as_json().format(record)
    assert "\n" not in line
    assert "ValueError: no\nnews" in json.loads(line)["error"]


def test_auto_is_text_on_a_terminal_and_json_elsewhere(monkeypatch):
    for terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        assert logs.is_text("auto", stream) is terminal
        assert logs.is_text("text", stream)
        assert not logs.is_text("json", stream)
