"""The console's pages on SQLite, over HTTP on loopback, and what a reader costs the ingest beside it.

    .venv/bin/python -m benchmarks.console [--quick]

100,000 stories and 1,000 alerts; for the pages of operators 10,000 feeds, 100,000 matches and as many deliveries. Each
page is asked for once, and then forty times. The bars are of issue 9, at the 95th percentile of the time that passes:
150 ms for a page, 400 ms for a preview, 100 KB; and ingest is not to be slowed by more than a tenth by a reader. The
processor's time, of both sides, is the median. A table goes to stderr, JSON to stdout; exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from benchmarks.console import analysts, operators, reader

STORIES, ALERTS, FEEDS, MATCHES = 100_000, 1_000, 10_000, 100_000
ROUNDS = 40
"""The 95th percentile of twenty would be the slowest of them."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    scale = 10 if parser.parse_args().quick else 1
    costs = analysts.measured(STORIES // scale, ALERTS // scale, ROUNDS // (2 if scale > 1 else 1))
    slowest = max(costs, key=lambda one: one.p95_ms)
    costs += operators.measured(FEEDS // scale, MATCHES // scale, ALERTS // scale, ROUNDS)
    slowed = reader.measured(STORIES // scale, ALERTS // scale, slowest.ask)
    print(f"ingest with a reader of {slowest.page}: {slowed.line()}", file=sys.stderr)
    print(json.dumps({"pages": [asdict(one) for one in costs], "reader": asdict(slowed)}, indent=1))
    sys.exit(1 if any(one.missed for one in costs) or slowed.missed else 0)


if __name__ == "__main__":
    main()
