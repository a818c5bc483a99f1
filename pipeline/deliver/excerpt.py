"""The sentences that matched, with the words marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from pipeline.model import Evidence, Story

MOST_EXCERPTS = 3
LONGEST = 320
"""Letters of an excerpt, where no setting says otherwise: enough to judge by, short enough for publishers' rights."""
LONGEST_HEADLINE = 300
BEFORE, AFTER = "… ", " …"

# A full stop ends a sentence when a capital, a digit or a quote follows and no abbreviation stands before it.
_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"”’»)\]]*\s+(?=[^\sa-zа-я])|[。！？]+|\n+)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Gen|Col|Lt|Sgt|St|Prof|Sen|Rep|Gov|vs|No|Jan|Feb|Aug|Sept|Oct|Nov|Dec)|\b\w)\.$"
)
_SPACE = re.compile(r"\s")
_BODY_FIELDS = frozenset({"body", "lead"})


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of an excerpt; `marked` when it is what matched."""

    text: str
    marked: bool = False


Excerpt = tuple[Segment, ...]


def excerpts(story: Story, evidence: Sequence[Evidence], longest: int = LONGEST) -> tuple[Excerpt, ...]:
    """Up to three sentences of the body with the words that matched; of the title when only that matched.

    Each has `longest` letters at the most. The first sentence of each clause comes before a second one of any.
    """
    standing = _standing(story, evidence)
    in_body = [one for one in standing if one.field in _BODY_FIELDS]
    text, relevant = (story.body, in_body) if in_body else (story.title, [e for e in standing if e.field == "title"])
    if not relevant:
        return ((Segment(cut(story.body or story.title, longest)),),) if (story.body or story.title) else ()
    chosen: list[tuple[int, int]] = []
    for one in _first_of_each_clause(relevant):
        span = sentence(text, one.start, one.end, longest)
        if span not in chosen:
            chosen.append(span)
    return tuple(_marked(text, span, relevant) for span in chosen[:MOST_EXCERPTS])


def headline(story: Story, evidence: Sequence[Evidence]) -> Excerpt:
    """The title, with the words that matched in it."""
    end = len(story.title) if len(story.title) <= LONGEST_HEADLINE else LONGEST_HEADLINE - len(AFTER)
    in_title = [one for one in _standing(story, evidence) if one.field == "title"]
    return _marked(story.title, (0, _before_word(story.title, end, 0)), in_title)


def only_in_title(evidence: Sequence[Evidence]) -> bool:
    """Whether it is the headline that matched, and no sentence of the body."""
    fields = {one.field for one in evidence}
    return "title" in fields and not fields & _BODY_FIELDS


def cut(text: str, longest: int) -> str:
    """The beginning of a text, `longest` letters at the most, cut at a word."""
    return text if len(text) <= longest else f"{text[: longest - len(AFTER)].rsplit(' ', 1)[0]}{AFTER}"


def _standing(story: Story, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence as it stands in the story now: an edit since the match may have moved or taken out its words."""
    return [found for one in evidence if (found := _found_again(one, story))]


def _found_again(one: Evidence, story: Story) -> Evidence | None:
    if one.field != "title" and one.field not in _BODY_FIELDS:
        return one
    text = story.title if one.field == "title" else story.body
    if text[one.start : one.end] == one.text:
        return one
    start = text.find(one.text) if one.text else -1
    return replace(one, start=start, end=start + len(one.text)) if start >= 0 else None


def _first_of_each_clause(evidence: Sequence[Evidence]) -> Iterable[Evidence]:
    seen: set[str] = set()
    first = [one for one in evidence if not (one.clause in seen or seen.add(one.clause))]  # type: ignore[func-returns-value]
    return [*first, *(one for one in evidence if one not in first)]


def sentence(text: str, start: int, end: int, longest: int = LONGEST) -> tuple[int, int]:
    """The sentence around `text[start:end]`; one of more than `longest` letters is cut around its words.

    Only what is near is read, so that a text of any length costs the same.
    """
    nearest, farthest = max(0, start - longest), min(len(text), end + longest)
    near = _SENTENCE_END.finditer(text, nearest, min(len(text), farthest + 40))
    breaks = [found.end() for found in near if not _is_abbreviation(text, found.start())]
    left = max((place for place in breaks if place <= start), default=nearest)
    right = min((place for place in breaks if place >= end), default=farthest)
    if right - left <= longest:
        return left, right
    room = longest - len(BEFORE) - len(AFTER)
    end = min(end, start + room)
    left = _at_word(text, max(left, start - (room - (end - start)) // 2), start)
    return left, _before_word(text, min(right, left + room), end)


def _is_abbreviation(text: str, stop: int) -> bool:
    """Whether the full stop at `stop` ends an abbreviation: only what is before it is read, for texts of any length."""
    return bool(_ABBREVIATION.search(text[max(0, stop - 12) : stop + 1]))


def _at_word(text: str, place: int, latest: int) -> int:
    found = _SPACE.search(text, place, min(place + 30, latest))
    return found.end() if found and place > 0 else place


def _before_word(text: str, place: int, earliest: int) -> int:
    space = text.rfind(" ", max(earliest, place - 30), place)
    return space if space > 0 and place < len(text) else place


def _marked(text: str, span: tuple[int, int], evidence: Sequence[Evidence]) -> Excerpt:
    left, right = span
    segments = [Segment(BEFORE)] if _begins_inside(text, left) else []
    at = left
    for start, end in sorted({(one.start, one.end) for one in evidence if left <= one.start < right}):
        if start < at:
            continue
        shown = min(end, right)
        segments += [Segment(text[at:start]), Segment(text[start:shown], marked=True)]
        at = shown
    segments.append(Segment(text[at:right].rstrip()))
    if right < len(text) and text[right - 1 : right].isalnum():
        segments.append(Segment(AFTER))
    return tuple(segment for segment in segments if segment.text)


def _begins_inside(text: str, left: int) -> bool:
    """Whether what begins at `left` is not the beginning of a sentence."""
    before = text[max(0, left - 40) : left]
    ended = before.rstrip()
    return left > 0 and "\n" not in before[len(ended) :] and not ended.endswith(tuple('.!?…"”’»)]。！？'))
