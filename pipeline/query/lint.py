"""Warnings about queries that are accepted and may not mean what their author thinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.query.render import render
from pipeline.query.syntax import And, AtLeast, Near, Node, Not, Or, Phrase, Wildcard, Word, leaves

# Words that nearly every story has: of the languages most alerts are written in.
STOPWORDS = frozenset(
    "a an and are as at be but by for from had has have he her his in is it its of on or she that the their they this "
    "to was were which with will you der die das und den dem ein eine ist im in von zu mit le la les de des et un une "
    "du que el los las y en por con su и в на не что с по".split()
)
OPERATORS = frozenset({"and", "or", "not"})


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 -- what it is called; nobody raises it
    """Something questionable about a clause, and what to do."""

    clause: str
    reason: str
    cure: str

    def __str__(self) -> str:
        return f"{self.clause}: {self.reason}: {self.cure}"


def warnings(root: Node) -> list[Warning]:
    """What is questionable about a query (as typed: without variants)."""
    found = [warning for leaf in leaves(root) if isinstance(leaf, Phrase) for warning in _of_phrase(leaf)]
    return [*found, *_impossible(root), *_stop(root)]


def _of_phrase(phrase: Phrase) -> Iterator[Warning]:
    inner = [element.token for element in phrase.row[1:-1] if isinstance(element, Word)]
    operator = next((token for token in inner if token in OPERATORS), "")
    if operator:
        shown = _shown(phrase)
        yield Warning(shown, f"inside quotes {operator!r} is a word like any other", "close the quotes before it")
    for element in phrase.row:
        if isinstance(element, Wildcard) and len(element.prefix) == 3 and element.pattern.endswith("*"):
            yield Warning(_shown(phrase), "three letters begin very many words", "write more of the word")


def _stop(root: Node) -> Iterator[Warning]:
    """A stopword that may match alone: the whole query, or one side of an OR."""
    match root:
        case Or(parts):
            for part in parts:
                yield from _stop(part)
        case Phrase(row=(Word(token),)) if token in STOPWORDS:
            yield Warning(_shown(root), "stands in nearly every story", "add a word, or put it into a phrase")


def _impossible(node: Node) -> Iterator[Warning]:
    match node:
        case And(parts):
            wanted = [part for part in parts if not isinstance(part, Not)]
            for part in parts:
                if isinstance(part, Not) and any(one in wanted for one in _sides(part.part)):
                    yield Warning(_shown(node), "can never be true: it wants and forbids the same", "take one out")
                    break
            for part in parts:
                yield from _impossible(part)
        case Or(parts):
            for part in parts:
                yield from _impossible(part)
        case Not(part):
            yield from _impossible(part)
        case Near() | AtLeast() | Phrase():
            return


def _sides(node: Node) -> tuple[Node, ...]:
    """What a NOT forbids: each part of an OR."""
    return node.parts if isinstance(node, Or) else (node,)


def _shown(node: Node) -> str:
    return render(node, variants=False)
