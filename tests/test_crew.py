"""Ingesting in processes of its own: the embedded backend."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ids import identify
from pipeline.model import Entry, EntryState
from pipeline.ports import Ports
from pipeline.settings import load
from tests.servers import wait_until
from workers import bootstrap, crew
from workers.crew import Crew


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    made = bootstrap.make_ports(load({}, data=str(tmp_path), pages="never", lease="60"))
    made.stores.prepare()
    yield made
    bootstrap.close(made)


@pytest.fixture
def pending(ports) -> list[str]:
    now = ports.clock.now()
    entries = [
        Entry(
            id=identify("entry", "feed", str(number)),
            feed_id="feed",
            identity=str(number),
            url=f"https://a.example/{number}",
            title=f"Story {number}",
            summary="Two villages near Kursk were left in the night.",
            first_seen_at=now,
            due_at=now,
        )
        for number in range(20)
    ]
    ports.stores.entries.create(entries)
    return [entry.id for entry in entries]


@pytest.fixture
def eager(monkeypatch) -> None:
    monkeypatch.setattr(crew, "WORTH_IT", 0)


def states(ports: Ports) -> set[EntryState]:
    return {entry.state for entry in ports.stores.entries.all()}


def members(made: Crew) -> set[int]:
    """The ids of its processes."""
    return set(made._pool._pool_manager.worker_manager.workers) if made._pool else set()


def test_a_few_entries_are_ingested_here(ports, pending):
    made = Crew(ports)
    assert made.ingest(pending).stories == 20
    assert not members(made)
    made.close()


@pytest.mark.usefixtures("eager")
def test_many_are_ingested_in_processes_beside_this_one(ports, pending):
    made = Crew(ports, processes=2)
    assert made.ingest(pending[:10]).stories == 10
    assert made.ingest(pending[10:]).stories == 10
    assert os.getpid() not in members(made)
    made.close()
    assert states(ports) == {EntryState.DONE}


@pytest.mark.usefixtures("pending")
def test_processes_get_ready_before_the_first_batch_if_what_waits_is_worth_them(ports, monkeypatch):
    made = Crew(ports, processes=2)
    made.get_ready()
    assert not members(made)
    monkeypatch.setattr(crew, "WORTH_IT", 20)
    made.get_ready()
    started = members(made)
    assert len(started) == 2
    made.get_ready()
    assert members(made) == started
    made.close()


@pytest.mark.usefixtures("eager")
def test_a_process_that_dies_loses_nothing_and_the_next_batch_goes_on(ports, pending):
    made = Crew(ports, processes=2)
    made.ingest(pending[:1])
    killed = members(made)
    for member in killed:
        os.kill(member, signal.SIGKILL)
    wait_until(lambda: made.ingest(pending[1:]).stories == 19, 20, "others took their place")
    made.close()
    assert states(ports) == {EntryState.DONE}


@pytest.mark.parametrize("when", ["with the next batch", "with the next sweep"])
def test_processes_that_are_not_needed_any_more_are_let_go_of(ports, pending, monkeypatch, when):
    monkeypatch.setattr(crew, "WORTH_IT", 15)
    made = Crew(ports, processes=2)
    made.ingest(pending[:10])
    assert members(made)
    if when == "with the next batch":
        assert made.ingest(pending[10:]).stories == 10  # here, since fewer are left than are worth it
    else:
        made.rest()
    assert not members(made)
    made.close()


HEAPS_OF_THREADS = """
import ctypes, sys, threading
from pathlib import Path
from pipeline.settings import load
from workers import bootstrap
from workers.crew import Crew

if sys.argv[2] == "crew":
    Crew(bootstrap.make_ports(load({}, data=sys.argv[1])))
all_here = threading.Barrier(8)

def hold():
    held = bytes(100_000)
    all_here.wait()

threads = [threading.Thread(target=hold) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(f"{sys.argv[1]}/heaps".encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(Path(sys.argv[1], "heaps").read_text().count("<heap "))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap for each thread")
def test_threads_of_a_process_with_a_crew_share_two_heaps(tmp_path):
    def heaps(of: str) -> int:
        asked = [sys.executable, "-c", HEAPS_OF_THREADS, str(tmp_path), of]
        return int(subprocess.run(asked, check=True, capture_output=True, text=True, timeout=60).stdout)

    assert heaps("none") > crew.ARENAS  # as glibc does by itself
    assert heaps("crew") == crew.ARENAS
