"""How well the entities of hand-labelled paragraphs are found: precision and recall by kind.

    .venv/bin/python -m benchmarks.entities [--half tuning|held_out] [--show] [--unaided] [--spacy MODEL]

The paragraphs (benchmarks/labels/entities.toml) were written and labelled for this, before the rules; the rules were
tuned on one half of them. An entity is right when name and kind are; countries are looked for under their English
names. `--unaided` leaves out the table of known names, which was written by whoever wrote the paragraphs. Table on
stderr, JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.enrich import Enricher, EntityTagger
from pipeline.enrich.entities import gazetteer
from pipeline.model import EntityKind, Story
from pipeline.text import words

LABELS = Path(__file__).parent / "labels" / "entities.toml"
HALVES = ("tuning", "held_out")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--half", choices=HALVES, help="only this one")
    options.add_argument("--show", action="store_true", help="what was missed and what is wrong")
    options.add_argument("--unaided", action="store_true", help="without the table of known names")
    options.add_argument("--spacy", metavar="MODEL", help="this model of spaCy instead of the rules")
    asked = options.parse_args()
    if asked.unaided:
        gazetteer._known = lambda: ()  # type: ignore[assignment]
    tagger = _tagger(asked.spacy)
    labels = tomllib.loads(LABELS.read_text(encoding="utf-8"))
    results = {half: scored(labels[half], tagger, show=asked.show) for half in HALVES if asked.half in (None, half)}
    table(results)
    print(json.dumps(results, indent=1))


def _tagger(model: str | None) -> Enricher:
    if not model:
        return EntityTagger()
    from pipeline.enrich.entities.spacy import SpacyReader  # noqa: PLC0415 -- an extra

    return EntityTagger(read=SpacyReader(model))


def scored(paragraphs: Sequence[dict[str, Any]], tagger: Enricher, *, show: bool) -> dict[str, dict[str, float]]:
    counts: Counter[tuple[str, str]] = Counter()
    for paragraph in paragraphs:
        for kind, outcome, name in outcomes(paragraph, tagger):
            counts[kind, outcome] += 1
            counts["all", outcome] += 1
            if show and outcome != "right":
                note(f"{paragraph['language']} {outcome:7} {kind:13} {name:40} {paragraph['text'][:50]}")
    return {kind: _figures(counts, kind) for kind in (*EntityKind, "all")}


def outcomes(paragraph: dict[str, Any], tagger: Enricher) -> Iterator[tuple[str, str, str]]:
    """(kind, right or wrong or missed, name) of one paragraph."""
    story = tagger.enrich(story_of(paragraph), "")
    found = {(entity.kind, folded(entity.name)): entity.name for entity in story.entities}
    for kind in EntityKind:
        for label in paragraph.get(kind, ()):
            names = [found.pop((kind, folded(name)), None) for name in label.split("|")]
            yield kind, "right" if any(names) else "missed", label
    either = {folded(name) for label in paragraph.get("either", ()) for name in label.split("|")}
    for (kind, name), shown in found.items():
        if name not in either:
            yield kind, "wrong", shown


def story_of(paragraph: dict[str, Any]) -> Story:
    return Story(
        id="", url="", title="", body=paragraph["text"], language=paragraph["language"], published=NOW,
        first_seen_at=NOW, updated_at=NOW,
    )  # fmt: skip


def folded(name: str) -> str:
    return " ".join(words(name))


def _figures(counts: Counter[tuple[str, str]], kind: str) -> dict[str, float]:
    right, wrong, missed = (counts[kind, outcome] for outcome in ("right", "wrong", "missed"))
    return {
        "labelled": right + missed,
        "precision": round(right / max(1, right + wrong), 3),
        "recall": round(right / max(1, right + missed), 3),
    }


def table(results: dict[str, dict[str, dict[str, float]]]) -> None:
    for half, kinds in results.items():
        for kind, figures in kinds.items():
            note(f"{half:9} {kind:13} {figures['labelled']:4.0f} labelled, precision {figures['precision']:.3f}, "
                 f"recall {figures['recall']:.3f}")  # fmt: skip


def note(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
