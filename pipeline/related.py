"""What two stories have in common, when they tell of one event in different words. Never a reason to merge them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.model import Story
from pipeline.text import words

RARE_SHARE = 0.03
"""A name or word in at most this share of the stories beside is rare."""
OF_ONE_EVENT = 3
"""What no more stories say is rare however few there are beside: that many may tell of the event itself."""
LEAST_BESIDE = 20
"""Among fewer stories nothing can be called rare, and so nothing related."""
LEAST_SCORE = 16
"""Tuned on one half of the stories of tests/copies.py; tests/test_related.py holds the other half to it."""
LEAST_SHARE = 0.15
"""Of all that could be shared: two long stories have many a rare word in common by chance."""
NAME_COUNTS = 2
"""A rare name says as much as so many rare words."""
SHORTEST = 4
"""Letters of the shortest word that is counted: a shorter one is grammar more often than news."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a story may share with another: the names in it as they stand, and its folded words."""

    names: frozenset[str]
    words: frozenset[str]

    @property
    def weight(self) -> int:
        """How much all of it is worth."""
        return _weight(len(self.names), len(self.words))


@dataclass(frozen=True, slots=True)
class Shared:
    """The rare names and rare words that two stories share, each sorted."""

    names: tuple[str, ...]
    words: tuple[str, ...]
    most: int  # the score that sharing all would have come to

    @property
    def score(self) -> int:
        """How much that is: 0 to `most`."""
        return _weight(len(self.names), len(self.words))

    @property
    def related(self) -> bool:
        """Whether it is enough to call the two related."""
        return self.score >= max(LEAST_SCORE, LEAST_SHARE * self.most)


def traits(story: Story) -> Traits:
    """The names and words of a story, headline and body."""
    names = frozenset(entity.name for entity in story.entities)
    named = {word for name in names for word in words(name)}
    said = {word for word in (*words(story.title), *words(story.body)) if len(word) >= SHORTEST}
    return Traits(names, frozenset(said - named))


def rare(one: Traits, beside: Sequence[Traits]) -> Traits:
    """What of `one` is rare among the stories `beside`, of which it is none; nothing when they are too few."""
    if len(beside) < LEAST_BESIDE:
        return Traits(frozenset(), frozenset())
    most = max(OF_ONE_EVENT, int(RARE_SHARE * len(beside)))
    return Traits(
        _seldom(one.names, (other.names for other in beside), most),
        _seldom(one.words, (other.words for other in beside), most),
    )


def shared(one: Traits, other: Traits) -> Shared:
    """What the two have in common, the same whichever comes first; give it what is rare of at least one of them."""
    most = min(one.weight, other.weight)
    return Shared(tuple(sorted(one.names & other.names)), tuple(sorted(one.words & other.words)), most)


def _weight(names: int, words: int) -> int:
    return NAME_COUNTS * names + words


def _seldom(mine: frozenset[str], others: Iterable[frozenset[str]], most: int) -> frozenset[str]:
    counted = Counter(one for other in others for one in other & mine)
    return frozenset(one for one in mine if counted[one] <= most)
