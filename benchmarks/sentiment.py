"""How often the tone of hand-labelled news is told right.

    .venv/bin/python -m benchmarks.sentiment [--show]

Table on stderr, JSON on stdout. `opposite` is what hurts: bad news told as good, or the other way round.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path

from pipeline.enrich.sentiment import tone
from pipeline.text import words

LABELS = Path(__file__).parent / "labels" / "sentiment.toml"


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--show", action="store_true", help="what is wrong")
    show = options.parse_args().show
    labels = tomllib.loads(LABELS.read_text(encoding="utf-8"))
    results = {half: scored(rows, show=show) for half, rows in labels.items()}
    for half, figures in results.items():
        note(f"{half:9} right {figures['right']:.2f}, opposite {figures['opposite']:.2f} of {figures['labelled']:.0f}")
    print(json.dumps(results, indent=1))


def scored(rows: list[dict[str, str]], *, show: bool) -> dict[str, float]:
    told = [(row["sentiment"], tone(words(row["text"]), "en"), row["text"]) for row in rows]
    for label, said, text in told if show else ():
        if label != said:
            note(f"{label:9} told {said:9} {text[:80]}")
    right = sum(label == said for label, said, _ in told)
    opposite = sum({label, said} == {"negative", "positive"} for label, said, _ in told)
    return {"labelled": len(told), "right": round(right / len(told), 3), "opposite": round(opposite / len(told), 3)}


def note(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
