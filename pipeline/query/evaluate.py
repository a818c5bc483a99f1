"""The judge: query and document to whether they match, and why. This file defines what the language means.

Every engine only narrows; what matches is what `evaluate` says. It is written to be plainly right first.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise, product
from typing import NamedTuple

from pipeline.model import Evidence
from pipeline.query.document import Document, Field, Value
from pipeline.query.render import render
from pipeline.query.syntax import (
    And,
    AtLeast,
    Choice,
    Element,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Wildcard,
    Word,
)

# How many ways of filling a NEAR are looked at in one value before it counts as not near.
MAX_NEAR_STEPS = 50_000
# How many places of one clause are kept as evidence.
MAX_EVIDENCE = 5


class Place(NamedTuple):
    """Tokens `first` to `last` (inclusive) of a value of `field`."""

    field: Field
    value: Value
    first: int
    last: int


def matches(query: Query, document: Document) -> bool:
    """Whether `document` is one that `query` asks for."""
    return _found(query.root, document) is not None


def evaluate(query: Query, document: Document) -> tuple[Evidence, ...] | None:
    """The evidence for a match, clause by clause in the order typed; None when it does not match.

    A clause under NOT gives none, and of an OR each part that holds does.
    """
    found = _found(query.root, document)
    if found is None:
        return None
    evidence: list[Evidence] = []
    for leaf, stands in found:
        typed = clause(leaf, query)
        evidence += [_at(typed, place) for place in stands]
    return tuple(evidence)


Leaf = Phrase | Near | AtLeast
Found = list[tuple[Leaf, list[Place]]]
"""The leaves that made a query true, each with the first places where it stands."""


def _found(node: Node, document: Document) -> Found | None:
    match node:
        case Phrase():
            found = places(node, document, MAX_EVIDENCE)
            return [(node, found)] if found else None
        case And(parts):
            together: Found = []
            for part in parts:
                also = _found(part, document)
                if also is None:
                    return None
                together += also
            return together
        case Or(parts):
            some = [one for part in parts if (one := _found(part, document)) is not None]
            return [leaf for one in some for leaf in one] if some else None
        case Not(part):
            return [] if _found(part, document) is None else None
        case Near():
            chains = islice(_near_places(node, document), MAX_EVIDENCE)
            return _leaf(node, [place for chain in chains for place in chain])
        case AtLeast(count, phrases):
            stands = [place for phrase in phrases for place in places(phrase, document)]
            return _leaf(node, stands) if _count(stands) >= count else None


def _leaf(leaf: Leaf, found: Iterable[Place]) -> Found | None:
    first = list(islice(dict.fromkeys(found), MAX_EVIDENCE))
    return [(leaf, first)] if first else None


def _count(stands: list[Place]) -> int:
    """How many places these are: readings that begin at the same token are one."""
    return len({(place.field, place.value, place.first) for place in stands})


def clause(leaf: Leaf, query: Query) -> str:
    """A leaf as it was typed, with the field it is bound to."""
    start, end = leaf.at
    typed = query.text[start:end]
    if "~" in typed:
        return render(leaf, variants=False)
    if not isinstance(leaf, Phrase):
        return typed
    exact = leaf.row and isinstance(leaf.row[0], Word) and leaf.row[0].case
    typed = f"={typed}" if exact and not typed.startswith("=") else typed
    return f"{leaf.field}:{typed}" if leaf.field else typed


def _at(clause: str, place: Place) -> Evidence:
    field, value, first, last = place
    start, end = value.stretch(first, last)
    return Evidence(clause=clause, field=field, start=start, end=end, text=value.text[start:end])


# ---------------------------------------------------------------------------------------------------------
# Phrases


def places(phrase: Phrase, document: Document, most: int | None = None) -> list[Place]:
    """Where a phrase stands, field by field, in the order of the text; the first `most` places, or all."""
    first = phrase.row[0] if phrase.row else None
    head = first.token if isinstance(first, Word) else ""
    if isinstance(first, Word) and not first.case and len(phrase.row) == 1:
        return _places_of_word(head, phrase.field, document)[:most]
    found: list[Place] = []
    for field, value in document.looked_in(phrase.field):
        if head and head not in value.positions:
            continue
        found += [Place(field, value, *stretch) for stretch in islice(_stretches(phrase, value), most)]
        if most and len(found) >= most:
            return found[:most]
    return found


def _places_of_word(token: str, within: Field | None, document: Document) -> list[Place]:
    """A lone word in any case: what most clauses are."""
    return [
        Place(field, value, place, place)
        for field, value in document.looked_in(within)
        if token in value.positions
        for place in value.positions[token]
    ]


def _stretches(phrase: Phrase, value: Value) -> Iterable[tuple[int, int]]:
    """`(first, last)` of each place in `value` where the choices stand in a row, shortest first at each start."""
    row = phrase.row
    if not row:
        return _by_choice(phrase.choices, value)
    starts = _in_a_row(row, value)
    return zip(starts, starts, strict=True) if len(row) == 1 else [(start, start + len(row) - 1) for start in starts]


def _by_choice(choices: tuple[Choice, ...], value: Value) -> Iterator[tuple[int, int]]:
    for start in _starts(choices[0], value):
        ends = {start}
        for choice in choices:
            ends = {end for begin in ends for end in _ends(choice, value, begin)}
            if not ends:
                break
        for end in sorted(ends):
            yield start, end - 1


def _in_a_row(row: tuple[Element, ...], value: Value) -> Sequence[int]:
    """Where a phrase without alternatives begins: the plain case, which most queries are made of."""
    starts = _positions(row[0], value)
    if isinstance(row[0], Word) and row[0].case:
        starts = [start for start in starts if _is(row[0], value, start)]
    for step in range(1, len(row) if starts else 0):
        starts = _followed(starts, step, row[step], value)
    return starts


def _followed(starts: Sequence[int], step: int, element: Element, value: Value) -> list[int]:
    """Those of `starts` behind which, `step` tokens further, `element` stands."""
    folded = value.folded
    last = len(folded) - step
    if isinstance(element, Word) and not element.case:
        token = element.token
        return [start for start in starts if start < last and folded[start + step] == token]
    return [start for start in starts if start < last and _is(element, value, start + step)]


def _starts(choice: Choice, value: Value) -> list[int]:
    heads = {run.elements[0] for run in choice}
    found = {place for head in heads for place in _positions(head, value)}
    return sorted(found)


def _positions(element: Element, value: Value) -> Sequence[int]:
    if isinstance(element, Wildcard):
        return sorted([place for token in _expanded(element, value) for place in value.positions[token]])
    return value.positions.get(element.token, ())


def _expanded(wildcard: Wildcard, value: Value) -> Iterator[str]:
    """The tokens of `value` that fit: only those are looked at that begin as the wildcard does."""
    prefix, vocabulary = wildcard.prefix, value.vocabulary
    ending = None if wildcard.pattern == f"{prefix}*" else wildcard_pattern(wildcard.pattern)
    for place in range(bisect_left(vocabulary, prefix), len(vocabulary)):
        token = vocabulary[place]
        if not token.startswith(prefix):
            return
        if ending is None or ending.fullmatch(token):
            yield token


def _ends(choice: Choice, value: Value, begin: int) -> Iterator[int]:
    for run in choice:
        end = begin + len(run.elements)
        if end <= len(value.folded) and all(
            _is(element, value, begin + step) for step, element in enumerate(run.elements)
        ):
            yield end


def _is(element: Element, value: Value, place: int) -> bool:
    if isinstance(element, Wildcard):
        return wildcard_pattern(element.pattern).fullmatch(value.folded[place]) is not None
    if value.folded[place] != element.token:
        return False
    return not element.case or value.cased[place] == element.case


@lru_cache(maxsize=10_000)
def wildcard_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a wildcard.

    The pieces between stars are taken at their first place and never given back (atomic groups), which finds the
    same tokens and costs at most length of pattern times length of token.
    """
    first, *others = (re.escape(piece).replace(r"\?", ".") for piece in pattern.split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


# ---------------------------------------------------------------------------------------------------------
# NEAR


def _near_places(near: Near, document: Document) -> Iterator[tuple[Place, ...]]:
    """Each way found to fill a NEAR: one place an operand, in the order of the text, none sharing a token."""
    first = near.operands[0][0]
    for field, value in document.looked_in(first.field):
        stretches = [_operand(operand, value) for operand in near.operands]
        if all(stretches):
            for chain in _chains(near, stretches):
                yield tuple(Place(field, value, first, last) for first, last in chain)


def _operand(phrases: tuple[Phrase, ...], value: Value) -> list[tuple[int, int]]:
    return sorted({stretch for phrase in phrases for stretch in _stretches(phrase, value)})


def _chains(near: Near, stretches: list[list[tuple[int, int]]]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Rows of stretches, one of each operand, in which each begins at most `distance` tokens behind the last."""
    widest = max(last - first for found in stretches for first, last in found)
    reach = near.distance + widest + 2
    steps = 0
    # Walk over the places of the rarest operand, and look for the others only around them.
    rarest = min(range(len(stretches)), key=lambda operand: len(stretches[operand]))
    for middle in stretches[rarest]:
        around = [
            [middle] if operand == rarest else _within(found, middle, reach * (len(stretches) - 1))
            for operand, found in enumerate(stretches)
        ]
        for chosen in product(*around):
            steps += 1
            if steps > MAX_NEAR_STEPS:
                return
            row = chosen if near.ordered else tuple(sorted(chosen))
            if all(0 <= right[0] - left[1] - 1 <= near.distance for left, right in pairwise(row)):
                yield row


def _within(found: list[tuple[int, int]], middle: tuple[int, int], reach: int) -> list[tuple[int, int]]:
    return [(first, last) for first, last in found if first >= middle[0] - reach and last <= middle[1] + reach]
