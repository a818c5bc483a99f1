"""Why a clause does not hold: the nearest miss, in words for a person."""

from __future__ import annotations

from itertools import pairwise

from pipeline.query.document import Document, Field
from pipeline.query.evaluate import Place, evaluate, places
from pipeline.query.render import render
from pipeline.query.syntax import And, AtLeast, Near, Node, Not, Or, Phrase, Query, Run, Word


def miss(node: Node, document: Document) -> str:
    """What is missing for `node` to hold; empty when it holds."""
    if evaluate(Query("", node), document) is not None:
        return ""
    match node:
        case And(parts):
            return "; ".join(f"{_shown(part)}: {why}" for part in parts if (why := miss(part, document)))
        case Or(parts):
            return "; ".join(f"{_shown(part)}: {miss(part, document)}" for part in parts)
        case Not(part):
            found = evaluate(Query("", part), document) or ()
            words = ", ".join(dict.fromkeys(one.text for one in found))
            return f"stands in the story as {words}" if words else "holds in the story"
        case AtLeast(count, phrases):
            stands = {place[:3] for phrase in phrases for place in places(phrase, document)}
            return f"{len(stands)} places, {count} are wanted"
        case Near():
            return _near(node, document)
        case Phrase():
            return _phrase(node, document)


def _shown(node: Node) -> str:
    return render(node, variants=False)


def _near(near: Near, document: Document) -> str:
    stands = [[place for phrase in operand for place in places(phrase, document)] for operand in near.operands]
    missing = [
        " or ".join(map(_shown, operand)) for operand, found in zip(near.operands, stands, strict=True) if not found
    ]
    if missing:
        return f"{' and '.join(missing)} not in the story"
    for one, other in pairwise(stands):
        gap, turned = _gap(one, other)
        if gap is None:
            return "all present, not in one field"
        if turned and near.ordered:
            return "all present, in the other order"
        if gap > near.distance:
            return f"all present, {gap} words apart"
    return "all present, not within reach of each other"


def _gap(one: list[Place], other: list[Place]) -> tuple[int | None, bool]:
    """The fewest words between two clauses in one value, and whether the second comes first there."""
    gaps = [
        (right.first - left.last - 1, turned)
        for a in one
        for b in other
        if a[:2] == b[:2]
        for left, right, turned in ((a, b, False), (b, a, True))
        if right.first > left.last
    ]
    return min(gaps, default=(None, False))


def _phrase(phrase: Phrase, document: Document) -> str:
    elsewhere = _elsewhere(phrase, document)
    if elsewhere:
        return elsewhere
    words = [Phrase((choice,), phrase.field) for choice in phrase.choices]
    stands = [places(word, document) for word in words]
    missing = [_shown(word) for word, found in zip(words, stands, strict=True) if not found]
    if len(words) == 1 or len(missing) == len(words):
        return _other_case(phrase, document) or "not in the story"
    if missing:
        return f"{' and '.join(missing)} not in the story"
    for one, other in pairwise(stands):
        gap, turned = _gap(one, other)
        if gap is None:
            return "its words are all present, not in one field"
        if turned:
            return "its words are all present, in another order"
        if gap > 0:
            return f"its words are all present, {gap} words apart"
    return "its words are all present, not in a row"


def _elsewhere(phrase: Phrase, document: Document) -> str:
    """Where a clause that is bound to a field stands instead."""
    if phrase.field not in (Field.TITLE, Field.BODY, Field.LEAD):
        return ""
    found = places(Phrase(phrase.choices), document)
    others = dict.fromkeys(str(place.field) for place in found if place.field != phrase.field)
    return f"in the {' and '.join(others)}, not in the {phrase.field}" if others else ""


def _other_case(phrase: Phrase, document: Document) -> str:
    """How a word of exact case is written in the story instead."""
    if not any(isinstance(element, Word) and element.case for element in phrase.row):
        return ""
    plain = tuple((Run((Word(element.token),)),) for element in phrase.row if isinstance(element, Word))
    for place in places(Phrase(plain, phrase.field), document):
        value = place.value
        start, end = value.stretch(place.first, place.last)
        return f"only in another case, as {value.text[start:end]}"
    return ""
