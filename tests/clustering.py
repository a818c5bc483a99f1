"""Labelled stories put into clusters, and how far that is right."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from pipeline.dedupe import BANDS_SHARED, bands, is_copy, sketch
from tests.copies import Labelled, labelled


@dataclass(frozen=True, slots=True)
class Sketched:
    """A labelled story with its sketch and its bands."""

    story: Labelled
    sketch: bytes
    bands: frozenset[int]


@dataclass(frozen=True, slots=True)
class Score:
    """Of pairs of copies, the share that is right of those said and found of those there are; heads met by a story."""

    precision: float
    recall: float
    candidates: float = 0.0


def two_halves() -> tuple[list[Sketched], list[Sketched]]:
    """The stories that thresholds were tuned on, and those kept out."""
    tuned: list[Sketched] = []
    held_out: list[Sketched] = []
    for story in labelled():
        made = sketch(story.title, story.body)
        (held_out if story.held_out else tuned).append(Sketched(story, made, frozenset(bands(made))))
    return tuned, held_out


def meets(one: Sketched, other: Sketched) -> bool:
    """Whether the two are compared at all."""
    return len(one.bands & other.bands) >= BANDS_SHARED


def same(one: Sketched, other: Sketched) -> bool:
    """Whether two stories come to be compared, and are then taken for copies."""
    return meets(one, other) and is_copy(one.sketch, other.sketch)


def pairs(stories: Sequence[Sketched]) -> Iterator[tuple[Sketched, Sketched]]:
    """Every two stories."""
    return combinations(stories, 2)


def by_pair(stories: Sequence[Sketched]) -> Score:
    """Every story compared with every other."""
    return _score([(same(one, other), one.story.cluster == other.story.cluster) for one, other in pairs(stories)])


def by_leader(stories: Sequence[Sketched], seed: int) -> Score:
    """Stories that arrive in some order: each joins the earliest head that it is a copy of, or is a head itself."""
    heads: list[Sketched] = []
    placed: list[tuple[Sketched, Sketched]] = []
    met = 0
    for story in random.Random(seed).sample(stories, len(stories)):
        candidates = [head for head in heads if meets(head, story)]
        met += len(candidates)
        head = next((head for head in candidates if is_copy(head.sketch, story.sketch)), story)
        if head is story:
            heads.append(story)
        placed.append((story, head))
    said = [
        (head is other_head, one.story.cluster == other.story.cluster)
        for (one, head), (other, other_head) in combinations(placed, 2)
    ]
    return _score(said, met / len(stories))


def _score(said: Sequence[tuple[bool, bool]], candidates: float = 0.0) -> Score:
    """The score of pairs, each as it was judged and as it is."""
    right = sum(judged and true for judged, true in said)
    return Score(right / sum(judged for judged, _ in said), right / sum(true for _, true in said), candidates)
