"""`wirewatch up` on a SQLite file that can't be written for a while: nothing is lost, nothing comes twice unmarked."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.faults import scene
from tests.faults.scene import lasting

pytestmark = pytest.mark.timeout(300)

DISK = 48_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of DISK bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be made, which only root may: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(ballast: Path) -> None:
    """Leave no byte of the disk."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(os.urandom(4096))


def test_a_full_disk_loses_nothing(small_disk):
    with scene.embedded(small_disk / "data") as at_work:
        at_work.publish()
        at_work.settle()
        ballast = small_disk / "ballast"
        with at_work.load():
            until = time.monotonic() + lasting(60)
            while time.monotonic() < until:  # again and again: a log that is copied home makes room
                fill(ballast)
                time.sleep(0.2)
            ballast.unlink()
        at_work.settle()
        assert "see whether the disk is full" in (at_work.fleet.folder / "up.log").read_text()


def test_a_file_that_another_program_locks_loses_nothing(tmp_path):
    with scene.embedded(tmp_path / "data") as at_work:
        at_work.publish()
        at_work.settle()
        with at_work.load(), closing(sqlite3.connect(tmp_path / "data" / "wirewatch.db")) as other:
            other.isolation_level = None
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(lasting(60))
            other.execute("ROLLBACK")
        at_work.settle()
