"""Labelled stories judged as related or not, and how far that is right."""

from __future__ import annotations

from itertools import permutations

from pipeline.enrich import enrich
from pipeline.related import Shared, Traits, rare, shared, traits
from tests import builders
from tests.copies import labelled


def judged(*, held_out: bool) -> list[tuple[Shared, bool]]:
    """What each story of one half shares with each other, as the flow asks, and whether both tell of one event."""
    firsts = {one.cluster: one for one in sorted(labelled(), key=lambda one: one.kind) if one.held_out == held_out}
    told = [
        (name, traits(enrich(builders.story(name, title=one.title, body=one.body)))) for name, one in firsts.items()
    ]
    seldom = {name: rare(mine, _beside(name, told)) for name, mine in told}
    return [
        (shared(seldom[one], theirs), _event(one) == _event(other))
        for (one, _), (other, theirs) in permutations(told, 2)
    ]


def score(pairs: list[tuple[Shared, bool]]) -> tuple[float, float]:
    """Precision and recall."""
    right = sum(found.related and true for found, true in pairs)
    return right / sum(found.related for found, _ in pairs), right / sum(true for _, true in pairs)


def _beside(name: str, told: list[tuple[str, Traits]]) -> list[Traits]:
    return [other for known, other in told if known != name]


def _event(cluster: str) -> str:
    """A form filled in otherwise is another event; a rival's story is of the event of the wire."""
    return cluster.split(", rival", maxsplit=1)[0]
