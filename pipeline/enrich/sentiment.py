"""The tone of a story: whether what it tells is bad or good news. In English alone.

AFINN (Nielsen 2011, "A new ANEW") gives words a valence from -5 to 5; a story's tone is the mean over all its words.
`benchmarks/sentiment.py` says how often that is right. No lexicon of another language was measured on news, so that
stories in them have no tone at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import compress, count

from msgspec.structs import replace

from pipeline.model import Story
from pipeline.text import words

BAND = 0.03
"""Mean valence a word within which a story is neutral: chosen on the tuning half."""
LEAST_SIGNS = 2
"""A tone rests on so many words with a valence, or it is neutral."""
CLEAR = 2.0
"""How much the one side has to outweigh the other: what is mixed is neutral."""
LEAST_WORDS = 10
"""Fewer words have no tone: one word would decide."""
MOST_WORDS = 1_000
"""Words that are looked at."""
_TABLES = {"en": "valence_en.txt"}
_NEGATIONS = frozenset({"not", "no", "never", "without", "nobody", "cannot", "hardly"})


class SentimentReader:
    """By lexicon, for languages that have one."""

    def enrich(self, story: Story, claim: str) -> Story:  # noqa: ARG002 -- the language is known by now
        """Return the story with its sentiment: negative, neutral, positive, or empty where nobody can tell."""
        if story.language not in _TABLES:
            return replace(story, sentiment="")
        tokens = (*words(story.title), *words(story.body))[:MOST_WORDS]
        return replace(story, sentiment=tone(tokens, story.language))


def tone(tokens: tuple[str, ...], language: str) -> str:
    """The tone of folded tokens. A word behind a negation counts half, and the other way round."""
    if len(tokens) < LEAST_WORDS:
        return ""
    signs = list(_signs(tokens, _valences(language)))
    good, bad = sum(sign for sign in signs if sign > 0), -sum(sign for sign in signs if sign < 0)
    clear = max(good, bad) >= CLEAR * min(good, bad)
    if len(signs) < LEAST_SIGNS or abs(good - bad) <= BAND * len(tokens) or not clear:
        return "neutral"
    return "positive" if good > bad else "negative"


def _signs(tokens: tuple[str, ...], valences: dict[str, int]) -> Iterator[float]:
    for place in compress(count(), map(valences.__contains__, tokens)):
        valence = valences[tokens[place]]
        yield -valence / 2 if place and tokens[place - 1] in _NEGATIONS else valence


@cache
def _valences(language: str) -> dict[str, int]:
    text = files(__package__).joinpath("tables", _TABLES[language]).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {word: int(valence) for word, valence in rows if int(valence)}
