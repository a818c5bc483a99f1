"""Whether every story that one clause matches another matches too: what makes a query impossible, or a clause idle.

Only what is sure is said: false means that it may be otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import product

from pipeline.query.document import UNFIELDED, Field
from pipeline.query.syntax import And, AtLeast, Element, Near, Node, Not, Or, Phrase, Wildcard

Row = tuple[Element, ...]
_PARTS = {Field.LEAD: Field.BODY}
"""Fields that lie in another."""


def implies(one: Node, other: Node) -> bool:
    """Whether whatever `one` matches is matched by `other`."""
    return one == other or _each_part(one, other) or _whole(one, other)


def _each_part(one: Node, other: Node) -> bool:
    """By a part of `other` that is enough, or all that are wanted."""
    match other:
        case Or(parts):
            return any(implies(one, part) for part in parts)
        case And(parts):
            return all(implies(one, part) for part in parts)
        case _:
            return False


def _whole(one: Node, other: Node) -> bool:
    """By what `one` has in every story that it matches."""
    match one:
        case And(parts):
            return any(implies(part, other) for part in parts)
        case Or(parts) | AtLeast(_, parts):
            return all(implies(part, other) for part in parts)
        case Near(operands):
            return any(all(implies(phrase, other) for phrase in operand) for operand in operands)
        case Not():
            return False
        case Phrase():
            return isinstance(other, Phrase) and _phrase(one, other)


def _phrase(one: Phrase, other: Phrase) -> bool:
    wanted = _rows(other)
    return _lies_in(one.field, other.field) and all(any(_holds(row, part) for part in wanted) for row in _rows(one))


def _lies_in(one: Field | None, other: Field | None) -> bool:
    if other is None:
        return one is None or _PARTS.get(one, one) in UNFIELDED
    return one is not None and other in (one, _PARTS.get(one))


def _rows(phrase: Phrase) -> list[Row]:
    """Every reading; the parser bounds how many there are."""
    return [tuple(element for run in runs for element in run.elements) for runs in product(*phrase.choices)]


def _holds(row: Row, part: Row) -> bool:
    """Whether `part` stands somewhere in `row`."""
    starts = range(len(row) - len(part) + 1)
    return any(all(map(_is_a, row[start : start + len(part)], part)) for start in starts)


def _is_a(one: Element, other: Element) -> bool:
    """Whether every token that `one` takes `other` takes."""
    if one == other:
        return True
    if isinstance(other, Wildcard):
        begins = other.pattern == f"{other.prefix}*"
        if isinstance(one, Wildcard):
            return begins and one.prefix.startswith(other.prefix)
        return fnmatchcase(one.token, other.pattern)
    return not isinstance(one, Wildcard) and not other.case and one.token == other.token


def forbidden_too(wanted: Sequence[Node], forbidden: Sequence[Node]) -> bool:
    """Whether whatever has all that is `wanted` has something `forbidden`."""
    return bool(wanted and forbidden) and implies(And(tuple(wanted)), Or(tuple(forbidden)))
