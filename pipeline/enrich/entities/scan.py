"""Finds where the names of a story stand, and counts them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.enrich.entities.aliases import Aliases, Found
from pipeline.enrich.entities.gazetteer import code_of
from pipeline.enrich.entities.rows import Reading
from pipeline.model import Entity, EntityKind, Span
from pipeline.text import Tokens

MOST = 60
"""Entities of one story that are kept, most mentioned first."""
MOST_SPANS = 20
"""Places of one entity that are kept, first ones first; its mentions are counted to the end."""
READ_MOST = 100_000
"""Characters of a story in which rows are read: 30 times a long story. Aliases are found in all of it."""

_LONG_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class Part:
    """Title or body of a story, its tokens, and what its rows name, in the order of the text."""

    field: str
    tokens: Tokens
    readings: tuple[Reading, ...]


Reader = Callable[[str, str], Sequence[Reading]]
"""Text and its language (ISO 639-1) to what is named in it, from left to right."""


def part(field: str, text: str, language: str, read: Reader) -> Part:
    """`text` as `read` reads it. A headline in capitals says nothing by them, and only aliases are found in it."""
    readings = () if field == "title" and _is_capitalised(text) else tuple(read(text[:READ_MOST], language))
    return Part(field, Tokens(text), readings)


def _is_capitalised(title: str) -> bool:
    long = _LONG_WORD.findall(title)
    return sum(map(str.istitle, long)) * 2 > len(long)


def entities(parts: list[Part], own: Aliases, named: Aliases, known: Aliases) -> tuple[Entity, ...]:
    """One entity a name, most mentioned first. Where aliases overlap, the operator's `own` win, then the longest."""
    spans: dict[tuple[str, EntityKind], list[Span]] = {}
    for one in parts:
        for found in _found(one, own, named, known):
            start, end = one.tokens.stretch(found.first, found.end - 1)
            spans.setdefault(found.alias.name[:2], []).append((one.field, start, end))
    made = [
        Entity(name=name, kind=kind, code=code_of(name, kind), mentions=len(where), spans=tuple(where[:MOST_SPANS]))
        for (name, kind), where in spans.items()
    ]
    return tuple(sorted(made, key=lambda entity: (-entity.mentions, entity.name, entity.kind))[:MOST])


def _found(one: Part, own: Aliases, named: Aliases, known: Aliases) -> Iterator[Found]:
    tokens = one.tokens
    taken = {found.first: found for found in own.within(tokens)} if own else {}
    hidden = [reading for reading in one.readings if reading.kind is None and len(reading.tokens) > 1]
    end = 0
    for place in sorted({*taken, *named.starts(tokens), *known.starts(tokens)}):
        if place >= end:
            found = taken.get(place) or _longest(tokens, place, named, known, taken, hidden)
            if found:
                yield found
                end = found.end


def _longest(
    tokens: Tokens, place: int, named: Aliases, known: Aliases, taken: dict[int, Found], hidden: list[Reading]
) -> Found | None:
    """The longest alias at `place` that leaves the operator's own alone; of equals, that of this story."""
    by_story, by_table = named.at(tokens, place), known.at(tokens, place)
    if by_table and hidden and _is_part_of_another(tokens, by_table, hidden):
        by_table = None
    found = by_table if by_story is None or (by_table and by_table.end > by_story.end) else by_story
    if found and taken and any(other in taken for other in range(found.first, found.end)):
        return None
    return found


def _is_part_of_another(tokens: Tokens, found: Found, hidden: list[Reading]) -> bool:
    """Whether it is but a part of a longer name that may name anything: Washington in Washington Irving."""
    start, end = tokens.stretch(found.first, found.end - 1)
    return any(one.start <= start and end <= one.end and (one.start, one.end) != (start, end) for one in hidden)
