"""What a story must at least hold for a query to match, and what it must not: trees without order, distance or case.

Engines use it to leave out what can't match; they may return more than matches, never less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pipeline.query.document import UNFIELDED, Field
from pipeline.query.syntax import And, AtLeast, Choice, Element, Near, Node, Not, Or, Phrase, Wildcard, Word


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is required."""


@dataclass(frozen=True, slots=True)
class Token:
    """A folded token stands in one of `fields`; with `prefix`, one that begins with it."""

    token: str
    fields: tuple[Field, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two folded tokens stand in a row in one of `fields`."""

    first: str
    second: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every part is required."""

    parts: tuple[Required, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part is required."""

    parts: tuple[Required, ...]


Required = Anything | Token | Pair | All | Some
ANYTHING = Anything()


def required(node: Node) -> Required:
    """What every document that `node` matches holds."""
    match node:
        case And(parts):
            return every(map(required, parts))
        case Or(parts):
            return some(map(required, parts))
        case Not(Not(part)):
            return required(part)
        case Not():
            return ANYTHING
        case Near(operands):
            return every(some(map(_phrase, phrases)) for phrases in operands)
        case AtLeast(_, phrases):
            return some(map(_phrase, phrases))
        case Phrase():
            return _phrase(node)


def barred(node: Node) -> tuple[Token, ...]:
    """Tokens of which no document that `node` matches holds any: what `a NOT b` takes away, where a token says it."""
    match node:
        case And(parts):
            return tuple(dict.fromkeys(token for part in parts for token in barred(part)))
        case Not(part):
            return _each_enough(part)
        case _:
            return ()


def _each_enough(node: Node) -> tuple[Token, ...]:
    """Tokens of which each alone makes `node` match."""
    match node:
        case Or(parts):
            return tuple(token for part in parts for token in _each_enough(part))
        case Phrase(choices=(choice,)):
            fields = (node.field,) if node.field else UNFIELDED
            alone = [run.elements[0] for run in choice if len(run.elements) == 1]
            return tuple(_element(one, fields) for one in alone if _is_said_by_a_token(one))
        case _:
            return ()


def _is_said_by_a_token(element: Element) -> bool:
    return element.pattern == f"{element.prefix}*" if isinstance(element, Wildcard) else not element.case


def every(parts: Iterable[Required]) -> Required:
    """All of `parts`, simplified."""
    kept = tuple(dict.fromkeys(part for part in parts if part != ANYTHING))
    if not kept:
        return ANYTHING
    return kept[0] if len(kept) == 1 else All(kept)


def some(parts: Iterable[Required]) -> Required:
    """Any of `parts`, simplified."""
    kept = tuple(dict.fromkeys(parts))
    if not kept or ANYTHING in kept:
        return ANYTHING
    return kept[0] if len(kept) == 1 else Some(kept)


def _phrase(phrase: Phrase) -> Required:
    fields = (phrase.field,) if phrase.field else UNFIELDED
    tokens = [element.token for element in phrase.row if isinstance(element, Word)]
    if len(tokens) > 1 and len(tokens) == len(phrase.row):
        return every(Pair(first, second, fields) for first, second in pairwise(tokens))
    return every(_choice(choice, fields) for choice in phrase.choices)


def _choice(choice: Choice, fields: tuple[Field, ...]) -> Required:
    return some(every(_element(element, fields) for element in run.elements) for run in choice)


def _element(element: Element, fields: tuple[Field, ...]) -> Token:
    if isinstance(element, Wildcard):
        return Token(element.prefix, fields, prefix=True)
    return Token(element.token, fields)
