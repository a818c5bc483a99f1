"""The judge: query and document to whether they match, and why. This file defines what the language means.

Every engine only narrows; what matches is what `evaluate` says. It is written to be plainly right first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

from pipeline.model import Evidence
from pipeline.query.document import UNFIELDED, Document, Field, Value
from pipeline.query.syntax import (
    And,
    AtLeast,
    Choice,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Wildcard,
    Word,
    render,
)

# How many ways of filling a NEAR are looked at in one value before it counts as not near.
MAX_NEAR_STEPS = 50_000
# How many places of one clause are kept as evidence.
MAX_EVIDENCE = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Tokens `first` to `last` (inclusive) of value number `value` of `field`."""

    field: Field
    value: int
    first: int
    last: int


def matches(query: Query, document: Document) -> bool:
    """Whether `document` is one that `query` asks for."""
    return _holds(query.root, document)


def evaluate(query: Query, document: Document) -> tuple[Evidence, ...] | None:
    """The evidence for a match, clause by clause in the order typed; None when it does not match.

    A clause under NOT gives none, and of an OR each part that holds does.
    """
    if not _holds(query.root, document):
        return None
    return tuple(evidence for node in _true_leaves(query.root, document) for evidence in _evidence(node, document))


def _holds(node: Node, document: Document) -> bool:
    match node:
        case And(parts):
            return all(_holds(part, document) for part in parts)
        case Or(parts):
            return any(_holds(part, document) for part in parts)
        case Not(part):
            return not _holds(part, document)
        case Phrase():
            return next(places(node, document), None) is not None
        case Near():
            return next(_near_places(node, document), None) is not None
        case AtLeast(count, phrases):
            return _reaches(count, _any_places(phrases, document))


def _reaches(count: int, found: Iterable[Place]) -> bool:
    seen: set[tuple[Field, int, int]] = set()
    for place in found:
        seen.add((place.field, place.value, place.first))
        if len(seen) >= count:
            return True
    return False


def _true_leaves(node: Node, document: Document) -> Iterator[Phrase | Near | AtLeast]:
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                if _holds(part, document):
                    yield from _true_leaves(part, document)
        case Not():
            return
        case _:
            yield node


def _evidence(node: Phrase | Near | AtLeast, document: Document) -> Iterator[Evidence]:
    clause = render(node)
    match node:
        case Phrase():
            found: Iterable[Place] = places(node, document)
        case Near():
            found = (place for group in _near_places(node, document) for place in group)
        case AtLeast(_, phrases):
            found = _any_places(phrases, document)
    for place in list(dict.fromkeys(_first(found, MAX_EVIDENCE))):
        value = document.values(place.field)[place.value]
        start, end = value.stretch(place.first, place.last)
        yield Evidence(clause=clause, field=place.field, start=start, end=end, text=value.text[start:end])


def _first(found: Iterable[Place], most: int) -> Iterator[Place]:
    for number, place in enumerate(found):
        if number == most:
            return
        yield place


# ---------------------------------------------------------------------------------------------------------
# Phrases


def fields_of(phrase: Phrase) -> tuple[Field, ...]:
    """Where a phrase looks."""
    return (phrase.field,) if phrase.field else UNFIELDED


def places(phrase: Phrase, document: Document) -> Iterator[Place]:
    """Where a phrase stands, field by field, in the order of the text."""
    for field in fields_of(phrase):
        for number, value in enumerate(document.values(field)):
            for first, last in _stretches(phrase.choices, value):
                yield Place(field, number, first, last)


def _any_places(phrases: tuple[Phrase, ...], document: Document) -> Iterator[Place]:
    for phrase in phrases:
        yield from places(phrase, document)


def _stretches(choices: tuple[Choice, ...], value: Value) -> Iterator[tuple[int, int]]:
    """`(first, last)` of each place in `value` where the choices stand in a row, shortest first at each start."""
    for start in _starts(choices[0], value):
        ends = {start}
        for choice in choices:
            ends = {end for begin in ends for end in _ends(choice, value, begin)}
            if not ends:
                break
        for end in sorted(ends):
            yield start, end - 1


def _starts(choice: Choice, value: Value) -> list[int]:
    heads = {run.elements[0] for run in choice}
    found = {place for head in heads for place in _positions(head, value)}
    return sorted(found)


def _positions(element: Word | Wildcard, value: Value) -> Iterable[int]:
    if isinstance(element, Wildcard):
        pattern = wildcard_pattern(element.pattern)
        return [place for token, found in value.positions.items() if pattern.fullmatch(token) for place in found]
    return value.positions.get(element.token, ())


def _ends(choice: Choice, value: Value, begin: int) -> Iterator[int]:
    for run in choice:
        end = begin + len(run.elements)
        if end <= len(value.folded) and all(
            _is(element, value, begin + step) for step, element in enumerate(run.elements)
        ):
            yield end


def _is(element: Word | Wildcard, value: Value, place: int) -> bool:
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
    for field in fields_of(near.operands[0][0]):
        for number, value in enumerate(document.values(field)):
            stretches = [_operand(operand, value) for operand in near.operands]
            if all(stretches):
                for chain in _chains(near, stretches):
                    yield tuple(Place(field, number, first, last) for first, last in chain)


def _operand(phrases: tuple[Phrase, ...], value: Value) -> list[tuple[int, int]]:
    return sorted({stretch for phrase in phrases for stretch in _stretches(phrase.choices, value)})


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
