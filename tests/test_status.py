"""status: what a person on call asks, with the cure for each trouble."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta

import pytest

from pipeline.flow.operations.queues import queues
from pipeline.flow.operations.status import status, troubles
from pipeline.flow.watchdog import COVERAGE, LEDGER, watchdog_id
from pipeline.model import DeliveryState, EntryState, Event, Watchdog
from tests import builders
from tests.builders import NOON, later
from tests.fakes import Clock
from tests.fleet import BIN


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def said(ports) -> list[str]:
    found = troubles(status(ports))
    assert all(one.cure for one in found)
    return [one.what for one in found]


def test_where_all_is_well_nothing_is_said(ports, clock):
    well = {"polled_at": NOON, "new_entry_at": NOON, "next_poll_at": later(600)}
    ports.stores.feeds.create([builders.feed("a", **well), builders.feed("b", **well | {"polled_at": later(-7200)})])
    ports.stores.deliveries.create([builders.delivery("a", state=DeliveryState.SENT, updated_at=later(5))])
    found = status(ports)
    assert troubles(found) == []
    assert (found.feeds.polled_lately, found.feeds.newest_entry_at) == (1, NOON)
    assert found.last_sent.updated_at == later(5)


def test_a_queue_that_nobody_takes_is_told_with_how_long_and_not_before_it_is_late(ports, clock):
    ports.stores.entries.create([builders.entry("a"), builders.entry("b", due_at=later(60))])
    clock.at += timedelta(minutes=4)
    assert said(ports) == []
    clock.at += timedelta(minutes=6)
    assert said(ports) == ["ingest: 2 wait, the first for 10 min"]


def test_work_whose_lease_has_run_out_is_counted_apart(ports, clock):
    ports.stores.entries.create(
        [builders.entry("a", lease_until=later(-1)), builders.entry("b", lease_until=later(60)), builders.entry("c")]
    )
    ingest = next(one for one in queues(ports) if one.task == "ingest")
    assert (ingest.waiting, ingest.taken, ingest.abandoned) == (3, 1, 1)


def test_quarantine_and_watchdogs_and_an_alert_in_trouble_are_told(ports, clock):
    ports.stores.entries.create([builders.entry("a", state=EntryState.QUARANTINED)])
    ports.stores.alerts.put([builders.alert(health="too many terms")])
    ports.stores.watchdogs.create(
        [
            Watchdog(id=watchdog_id(name), name=name, due_at=NOON, look_at=NOON, trouble_since=NOON)
            for name in (COVERAGE, LEDGER)
        ]
    )
    assert said(ports) == [
        "1 entries are in quarantine",
        "watchdog coverage: trouble since 2026-03-01 12:00 UTC",
        "watchdog ledger: trouble since 2026-03-01 12:00 UTC",
        "alert 'kursk' could not be evaluated",
    ]


def test_that_workers_looked_once_and_look_no_more_is_told_first(ports, clock):
    assert said(ports) == []  # they never did: nobody has started any
    ports.stores.watchdogs.create([Watchdog(id=watchdog_id(COVERAGE), name=COVERAGE, due_at=NOON, look_at=later(60))])
    assert said(ports) == []
    clock.at += timedelta(hours=3)
    assert said(ports)[0] == "no worker has looked after the feeds for 3 h"


def test_mails_that_are_turned_away_and_those_that_failed_today_are_told(ports, clock):
    tried = {"attempts": 2, "reason": "451 try later", "due_at": later(900)}
    ports.stores.deliveries.create(
        [
            builders.delivery("a", **tried),
            builders.delivery("b", state=DeliveryState.FAILED, created_at=later(-3600)),
            builders.delivery("c", state=DeliveryState.FAILED, created_at=later(-3 * 86_400)),
            builders.delivery(
                "d", state=DeliveryState.HELD, due_at=later(900), history=(Event(at=NOON, state=DeliveryState.HELD),)
            ),
        ]
    )
    assert said(ports) == [
        "1 deliveries were not taken yet: 451 try later",
        "1 deliveries of the last day have failed",
    ]


def test_on_the_command_line_it_exits_1_when_something_needs_a_person_and_names_the_cure(tmp_path):
    environment = os.environ | {"WIREWATCH_DATA": str(tmp_path)}

    def wirewatch(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [BIN / "wirewatch", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    wirewatch("setup")
    assert "nothing needs you" in wirewatch("status")
    from pipeline.adapters import sqlite

    stores = sqlite.open_stores(str(tmp_path / "wirewatch.db"))
    stores.entries.create([builders.entry("a", state=EntryState.QUARANTINED)])
    stores.close()
    shown = wirewatch("status", code=1)
    assert "1 thing needs somebody" in shown
    assert "wirewatch quarantine list" in shown
    facts = json.loads(wirewatch("status", "--json", code=1))
    assert [one["what"] for one in facts["troubles"]] == ["1 entries are in quarantine"]
    assert {one["task"] for one in facts["queues"]} == {"poll", "ingest", "notify", "subscribe"}
