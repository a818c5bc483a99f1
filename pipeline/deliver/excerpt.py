"""The sentences that matched, with the words marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.model import Evidence, Story

MOST_EXCERPTS = 3
LONGEST = 320
"""Characters of an excerpt: enough to judge by, short enough for publishers' rights."""

# A full stop ends a sentence when a capital, a digit or a quote follows and no abbreviation stands before it.
_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"”’»)\]]*\s+(?=[^\sa-zа-я])|[。！？]+|\n+)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Gen|Col|Lt|Sgt|St|Prof|Sen|Rep|Gov|vs|No|Jan|Feb|Aug|Sept|Oct|Nov|Dec)|\b\w)\.$"
)
_BODY_FIELDS = frozenset({"body", "lead"})


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of an excerpt; `marked` when it is what matched."""

    text: str
    marked: bool = False


Excerpt = tuple[Segment, ...]


def excerpts(story: Story, evidence: Sequence[Evidence]) -> tuple[Excerpt, ...]:
    """Up to three sentences of the body with the words that matched; of the title when only that matched.

    The first sentence of each clause comes before a second one of any.
    """
    in_body = [one for one in evidence if one.field in _BODY_FIELDS]
    text, relevant = (story.body, in_body) if in_body else (story.title, [e for e in evidence if e.field == "title"])
    if not relevant:
        return ((Segment(_cut(story.body or story.title)),),) if (story.body or story.title) else ()
    chosen: list[tuple[int, int]] = []
    for one in _first_of_each_clause(relevant):
        start, end = sentence(text, one.start, one.end)
        if (start, end) not in chosen:
            chosen.append((start, end))
    return tuple(_marked(text, span, relevant) for span in chosen[:MOST_EXCERPTS])


def _first_of_each_clause(evidence: Sequence[Evidence]) -> Iterable[Evidence]:
    seen: set[str] = set()
    first = [one for one in evidence if not (one.clause in seen or seen.add(one.clause))]  # type: ignore[func-returns-value]
    return [*first, *(one for one in evidence if one not in first)]


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence around `text[start:end]`, cut to LONGEST characters around it."""
    breaks = [found.end() for found in _SENTENCE_END.finditer(text) if not _is_abbreviation(text, found.start())]
    left = max((place for place in breaks if place <= start), default=0)
    right = min((place for place in breaks if place >= end), default=len(text))
    if right - left > LONGEST:
        spare = max(0, LONGEST - (end - start)) // 2
        left = _at_word(text, max(left, start - spare))
        right = _before_word(text, min(right, max(end, left + LONGEST)))
    return left, right


def _is_abbreviation(text: str, stop: int) -> bool:
    """Whether the full stop at `stop` ends an abbreviation: only what is before it is read, for texts of any length."""
    return bool(_ABBREVIATION.search(text[max(0, stop - 12) : stop + 1]))


def _at_word(text: str, place: int) -> int:
    found = re.compile(r"\s").search(text, place, place + 30)
    return found.end() if found and place > 0 else place


def _before_word(text: str, place: int) -> int:
    space = text.rfind(" ", max(0, place - 30), place)
    return space if space > 0 and place < len(text) else place


def _marked(text: str, span: tuple[int, int], evidence: Sequence[Evidence]) -> Excerpt:
    left, right = span
    segments: list[Segment] = []
    at = left
    if (
        left > 0
        and text[left - 1 : left] not in ("", "\n")
        and not _SENTENCE_END.search(text[max(0, left - 4) : left + 1])
    ):
        segments.append(Segment("… "))
    for start, end in sorted({(one.start, one.end) for one in evidence if left <= one.start and one.end <= right}):
        if start < at:
            continue
        segments += [Segment(text[at:start]), Segment(text[start:end], marked=True)]
        at = end
    segments.append(Segment(text[at:right].rstrip()))
    if right < len(text) and text[right - 1 : right].isalnum():
        segments.append(Segment(" …"))
    return tuple(segment for segment in segments if segment.text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"
