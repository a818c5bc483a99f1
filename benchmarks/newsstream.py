"""Alerts and stories of one Zipf vocabulary, the same for the same seed (issue 5, bars)."""

from __future__ import annotations

import random
from bisect import bisect
from datetime import UTC, datetime
from itertools import accumulate

from pipeline.ids import identify, story_id
from pipeline.model import Alert, Story

VOCABULARY = 50_000
STORY_WORDS = 500
COMMON = 200
NOW = datetime(2026, 3, 1, tzinfo=UTC)

_SYLLABLES = [a + b for a in "bcdfghjklmnprstvwz" for b in "aeiou"]


def _words() -> list[str]:
    """Words by rank: frequent ones are short, as in language."""
    made = []
    for rank in range(VOCABULARY):
        number, parts = rank, []
        for _ in range(2 if rank < 8_000 else 3):
            number, place = divmod(number * 7 + 3, len(_SYLLABLES))
            parts.append(_SYLLABLES[place])
        made.append("".join(parts) + _letters(rank))
    return made


def _letters(number: int) -> str:
    out = ""
    while True:
        number, digit = divmod(number, 20)
        out += "bcdfghjklmnpqrstvwxz"[digit]
        if not number:
            return out


WORDS = _words()
_CUMULATED = list(accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))


def story(chance: random.Random, number: int) -> Story:
    """A story of 500 words, ten of them its title, as Zipf has them."""
    total = _CUMULATED[-1]
    words = [WORDS[bisect(_CUMULATED, chance.random() * total)] for _ in range(STORY_WORDS)]
    sentences = [" ".join(words[start : start + 20]).capitalize() + "." for start in range(10, STORY_WORDS, 20)]
    body = "\n\n".join(" ".join(sentences[start : start + 5]) for start in range(0, len(sentences), 5))
    url = f"https://site{number % 50}.example/{number}"
    return Story(
        id=story_id(NOW, url),
        url=url,
        title=" ".join(words[:10]).capitalize(),
        body=body,
        published=NOW,
        site=f"Site {number % 50}",
        language="en",
        first_seen_at=NOW,
        updated_at=NOW,
    )


def query(chance: random.Random) -> str:
    """40% two-word phrases, 20% boolean of three, 15% single words, 10% NEAR/5, 10% with a field, 5% wildcards."""

    def rare() -> str:
        return WORDS[chance.randrange(COMMON, VOCABULARY)]

    def word() -> str:
        return WORDS[chance.randrange(COMMON)] if chance.random() < 0.02 else rare()

    kind = chance.random()
    if kind < 0.40:
        return f'"{word()} {word()}"'
    if kind < 0.60:
        return f"{word()} AND ({word()} OR {word()})" if chance.random() < 0.5 else f"{word()} {word()} NOT {word()}"
    if kind < 0.75:
        return rare()
    if kind < 0.85:
        return f"{word()} NEAR/5 {word()}"
    if kind < 0.95:
        return f"title:{word()}" if chance.random() < 0.5 else f"site:site{chance.randrange(50)} {word()}"
    return f"{rare()[:-1]}*"  # some twenty words begin so


def alerts(count: int, seed: int = 7) -> list[Alert]:
    """`count` alerts; the first ones are the same whatever `count`."""
    chance = random.Random(seed)
    return [_alert(query(chance), number) for number in range(count)]


def _alert(query: str, number: int) -> Alert:
    return Alert(
        id=identify("alert", str(number)),
        name=f"alert {number}",
        query=query,
        meaning=query,
        recipients=("analyst@example.org",),
        created_at=NOW,
        updated_at=NOW,
    )


def stories(count: int, seed: int = 11) -> list[Story]:
    """`count` stories."""
    chance = random.Random(seed)
    return [story(chance, number) for number in range(count)]
