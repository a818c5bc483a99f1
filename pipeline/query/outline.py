"""A query as a person reads it: a tree of words, each clause with the other spellings that are looked for.

`typed_at` of a clause is where it was typed: there one of these spellings is switched off (variants.without).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.query.document import Field
from pipeline.query.render import render
from pipeline.query.syntax import And, AtLeast, Near, Node, Not, Or, Phrase, Query
from pipeline.query.variants import spellings

_IN_FIELD = {
    Field.TITLE: "in the headline",
    Field.LEAD: "in the first two paragraphs",
    Field.BODY: "in the text",
    Field.AUTHOR: "as author",
    Field.SITE: "as site",
    Field.LANG: "as language",
    Field.ENTITY: "as a person, place or organisation",
    Field.TAG: "as tag",
    Field.FEED: "as feed",
    Field.URL: "in the address",
    Field.SENTIMENT: "as tone",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """A part of a query: what it says, and the parts that it says it of."""

    says: str
    parts: tuple[Outline, ...] = ()
    also: tuple[str, ...] = ()  # other spellings that are looked for
    typed_at: int | None = None  # None where they can't be switched off, as of the members of a list


def outline(query: Query) -> Outline:
    """The tree of a query whose clauses stand where they were typed: as parsed, and varied perhaps (variants.vary)."""
    return _outline(query.root, query.text)


def _outline(node: Node, typed: str) -> Outline:
    match node:
        case And(parts):
            return _of("all of these", parts, typed)
        case Or(parts):
            return _of("any of these", parts, typed)
        case Not(Or(parts)):
            return _of("none of these", parts, typed)
        case Not(part):
            return _of("not", (part,), typed)
        case Near(operands, distance, ordered):
            order = "in this order" if ordered else "in any order"
            return Outline(f"{_apart(distance)}, {order}", tuple(_any_of(one, typed) for one in operands))
        case AtLeast(count, phrases):
            return Outline(f"in at least {count} places", (_any_of(phrases, typed),))
        case Phrase():
            return _phrase(node, typed)


def _of(says: str, parts: Iterable[Node], typed: str) -> Outline:
    return Outline(says, tuple(_outline(part, typed) for part in parts))


def _apart(distance: int) -> str:
    return f"with at most {distance} word{'s' * (distance != 1)} between"


def _any_of(phrases: tuple[Phrase, ...], typed: str) -> Outline:
    return _phrase(phrases[0], typed) if len(phrases) == 1 else _of("any of these", phrases, typed)


def _phrase(phrase: Phrase, typed: str) -> Outline:
    words = render(replace(phrase, field=None), variants=False)
    says = f"{words} {_IN_FIELD[phrase.field]}" if phrase.field else words
    also = tuple(dict.fromkeys(spellings(phrase)))
    start = phrase.at[0]
    from_list = typed[start : start + 1] == "@"
    return Outline(says, also=also, typed_at=start if also and not from_list else None)
