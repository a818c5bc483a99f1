"""What it costs to watch: an observed stage, a line in the log, and one look into the store for a scrape, on SQLite.

    .venv/bin/python -m benchmarks.observe [--feeds 10000] [--deliveries 100000] [--times 20000]

CPU time of this process, so that others on the machine count little. A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory

from pipeline.flow.operations.status import status
from pipeline.model import DeliveryState, Stage
from pipeline.ports import Ports
from pipeline.settings import load
from tests import builders
from workers import bootstrap, logs
from workers.metrics.meter import Meter

BATCH = 5_000


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="The cost of metrics and logs.")
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20_000)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        ports = bootstrap.make_ports(load({}, data=folder))
        ports.stores.prepare()
        fill(ports, chosen.feeds, chosen.deliveries)
        look = cpu(lambda: status(ports), 5) * 1e3
        bootstrap.close(ports)
    meter = Meter()
    found = {
        "stage_us": cpu(lambda: stage(meter), chosen.times) * 1e6,
        "json_line_us": cpu(line(logs.as_json()), chosen.times) * 1e6,
        "text_line_us": cpu(line(logs.Text()), chosen.times) * 1e6,
        "look_ms": look,
    }
    for name, value in found.items():
        print(f"{name:14} {value:10.1f}", file=sys.stderr)
    print(json.dumps({name: round(value, 1) for name, value in found.items()} | vars(chosen)))


def fill(ports: Ports, feeds: int, deliveries: int) -> None:
    """A store of that size, in which nothing waits."""
    for start in range(0, feeds, BATCH):
        ports.stores.feeds.create([builders.feed(str(n), interval=600.0) for n in range(start, start + BATCH)])
    for start in range(0, deliveries, BATCH):
        ports.stores.deliveries.create(
            [builders.delivery(str(n), state=DeliveryState.SENT) for n in range(start, start + BATCH)]
        )


def stage(meter: Meter) -> None:
    with meter.stage(Stage.PARSE, feed="f"):
        pass


def line(form: logging.Formatter) -> Callable[[], None]:
    """Writes a line as those that follow a story."""
    log = logging.getLogger("benchmark")
    log.propagate = False
    handler = logging.FileHandler(os.devnull)
    handler.setFormatter(form)
    ids = dict.fromkeys(logs.IDS, "3f1c" * 8)

    def write() -> None:
        log.handlers[:] = [handler]
        log.warning("deliver: %s to %s", "sent", "analyst@example.org", extra=ids)

    return write


def cpu(work: Callable[[], object], times: int) -> float:
    """Seconds of CPU that `work` takes once."""
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


if __name__ == "__main__":
    main()
