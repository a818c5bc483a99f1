"""What health checks look at in the store: whether a queue moves, and whether sweeps come to their end."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from msgspec.structs import replace

from pipeline import flow
from pipeline.flow.operations import queues as queue_rooms
from pipeline.flow.operations.queues import queues, stuck, unswept
from tests import builders

TASKS = ("poll", "ingest", "notify", "subscribe")


@pytest.mark.parametrize("task", TASKS)
def test_a_queue_in_which_nothing_waits_is_not_stuck(ports, task):
    assert stuck(ports, task) == ""


def test_a_queue_is_stuck_when_something_waits_for_long_and_nobody_is_at_anything(ports, clock):
    at = clock.now()
    ports.stores.entries.create([builders.entry("one", due_at=at), builders.entry("two", due_at=at)])
    clock.turn(2 * ports.settings.lease)
    assert stuck(ports, "ingest") == ""
    clock.turn(6 * ports.settings.sweep_every)
    assert stuck(ports, "ingest") == "2 wait for ingest, the oldest for 300 s, and no worker is at any of them"
    until = clock.now() + timedelta(seconds=ports.settings.lease)
    ports.stores.entries.put([builders.entry("two", due_at=at, lease_until=until)])
    assert stuck(ports, "ingest") == ""  # a long queue, but it moves


WAITING = {
    "poll": lambda name, at: builders.feed(name, next_poll_at=at),
    "ingest": lambda name, at: builders.entry(name, due_at=at),
    "notify": lambda name, at: builders.delivery(name, due_at=at),
}


@pytest.mark.parametrize("task", WAITING)
def test_a_queue_moves_in_which_more_wait_than_are_looked_at_before_those_that_somebody_is_at(
    ports, clock, monkeypatch, task
):
    monkeypatch.setattr(queue_rooms, "MOST", 5)
    until = clock.now() + timedelta(seconds=400 + ports.settings.lease)
    made = [WAITING[task](f"{number}.a", clock.now()) for number in range(20)]
    named = [replace(one, queued_until=until) for one in made[:8]]
    taken = [replace(one, lease_until=until) for one in made[8:10]]
    store = {"poll": ports.stores.feeds, "ingest": ports.stores.entries, "notify": ports.stores.deliveries}[task]
    store.create([*named, *made[8:]])
    clock.turn(400)
    assert "no worker is at any of them" in stuck(ports, task)
    store.put(taken)
    assert stuck(ports, task) == ""
    queue = next(one for one in queues(ports) if one.task == task)
    assert (queue.waiting, queue.more, queue.named, queue.taken) == (5, True, 8, 2)


def test_feeds_that_are_left_alone_on_purpose_are_not_stuck(ports, clock):
    ports.stores.feeds.create([builders.feed(next_poll_at=clock.now(), interval=100_000)])
    clock.turn(1_000)
    assert stuck(ports, "poll").startswith("1 wait for poll")
    flow.sweep(dataclasses.replace(ports, settings=dataclasses.replace(ports.settings, disk_reserve=10**15)))
    assert stuck(ports, "poll") == ""


def test_sweeps_have_to_come_to_their_end(ports, clock):
    assert unswept(ports) == "no sweep has come to its end yet"
    flow.sweep(ports)
    assert unswept(ports) == ""
    clock.turn(60)
    assert unswept(ports) == "the last sweep came to its end 60 s ago"
