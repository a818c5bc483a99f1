"""A query back as text: as understood. `parse(render(node)).root` is `node` again, variants included."""

from __future__ import annotations

from pipeline.query.syntax import (
    OPERATOR,
    And,
    AtLeast,
    Choice,
    Element,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Run,
    Wildcard,
    Word,
)


def render(node: Node, *, variants: bool = True) -> str:
    """The query in full: every AND written out, every word as it is looked for.

    Spellings that no person typed stand behind a `~`, as in `"mutual (defence|~defense)"`; without `variants` they are
    left out.
    """
    match node:
        case And(parts):
            return " AND ".join(_bracketed(part, variants, Or) for part in parts)
        case Or(parts):
            return " OR ".join(render(part, variants=variants) for part in parts)
        case Not(part):
            return "NOT " + _bracketed(part, variants, And, Or, Near)
        case Near(operands, distance, ordered):
            operator = f" {'ONEAR' if ordered else 'NEAR'}/{distance} "
            return operator.join(_alternatives(operand, variants) for operand in operands)
        case AtLeast(count, phrases):
            return f"ATLEAST/{count} {_alternatives(phrases, variants)}"
        case Phrase():
            return _phrase(node, variants)


def _bracketed(node: Node, variants: bool, *kinds: type) -> str:
    text = render(node, variants=variants)
    return f"({text})" if isinstance(node, kinds) else text


def _alternatives(phrases: tuple[Phrase, ...], variants: bool) -> str:
    texts = [_phrase(phrase, variants) for phrase in phrases]
    return texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})"


def _phrase(phrase: Phrase, variants: bool) -> str:
    field = f"{phrase.field}:" if phrase.field else ""
    choices = [choice if variants else tuple(run for run in choice if not run.variant) for choice in phrase.choices]
    first = choices[0][0].elements[0]
    sign = "=" if isinstance(first, Word) and first.case else "+" * phrase.spelled
    words = " ".join(map(_choice, choices))
    bare = len(choices) == 1 and words.isalnum() and not OPERATOR.fullmatch(words)
    return f"{field}{sign}{words}" if bare else f'{field}{sign}"{words}"'


def _choice(choice: Choice) -> str:
    runs = list(map(_run, choice))
    return runs[0] if len(runs) == 1 else f"({'|'.join(runs)})"


def _run(run: Run) -> str:
    return ("~" if run.variant else "") + " ".join(map(_element, run.elements))


def _element(element: Element) -> str:
    return element.pattern if isinstance(element, Wildcard) else element.case or element.token
