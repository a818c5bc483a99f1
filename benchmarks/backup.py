"""How fast backup, restore and migrate are, and how much memory they take.

    python -m benchmarks.backup [--stories N] [--words N]

A SQLite file of N stories of 600 words, each with its entry, match and delivery, is made; then each command runs in a
process of its own, and its peak memory is read from the kernel. Table on stderr, JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.adapters import sqlite
from pipeline.ids import identify
from pipeline.model import DeliveryState, EntryState
from tests import builders
from tests.builders import NOON

BATCH = 500
WORDS = [f"word{number}" for number in range(5_000)]
WIREWATCH = Path(sys.executable).parent / "wirewatch"


def fill(path: Path, stories: int, words: int) -> None:
    """A store of so many stories at `path`."""
    random.seed(7)
    with closing(sqlite.open_stores(str(path))) as made:
        made.prepare()
        for start in range(0, stories, BATCH):
            names = [str(number) for number in range(start, min(start + BATCH, stories))]
            made.stories.create(
                [
                    builders.story(
                        name,
                        body=" ".join(random.choices(WORDS, k=words)),
                        published=NOON + timedelta(seconds=int(name)),
                    )
                    for name in names
                ]
            )
            made.entries.create([builders.entry(name, state=EntryState.DONE) for name in names])
            made.matches.create([builders.match(name, delivered=True) for name in names])
            made.deliveries.create(
                [builders.delivery(name, match_id=identify("match", name), state=DeliveryState.SENT) for name in names]
            )


def measured(*arguments: str) -> dict[str, float]:
    """Run `wirewatch`: seconds, and MB at its peak."""
    began = time.perf_counter()
    process = subprocess.Popen([WIREWATCH, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"wirewatch {' '.join(arguments)} failed")
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=600)
    chosen = parser.parse_args()
    stories: int = chosen.stories
    with TemporaryDirectory() as folder:
        old, archive = Path(folder, "old", "wirewatch.db"), Path(folder, "it.zst")
        old.parent.mkdir()
        fill(old, stories, chosen.words)
        runs = {
            "backup": measured("--data", str(old.parent), "backup", str(archive)),
            "check": measured("--data", folder, "restore", "--check", str(archive)),
            "restore": measured("--data", f"{folder}/new", "restore", str(archive)),
            "migrate": measured("migrate", "--from", f"sqlite://{old}", "--to", f"sqlite://{folder}/moved.db"),
        }
        sizes = {"store_mb": old.stat().st_size >> 20, "archive_mb": archive.stat().st_size >> 20}
    print(f"{stories} stories, {4 * stories} things; {sizes}", file=sys.stderr)
    for name, run in runs.items():
        rate = 4 * stories / run["cpu"]
        print(
            f"{name:8} {run['seconds']:7} s {run['cpu']:7} s CPU {run['peak_mb']:5} MB {rate:7.0f} things/s CPU",
            file=sys.stderr,
        )
    print(json.dumps({"stories": stories, **sizes, **runs}))


if __name__ == "__main__":
    main()
