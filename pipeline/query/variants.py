"""Spellings and names that mean the same: a table that ships with the package, and the operator's own.

A line of a table is one thing under all its spellings, `Kyiv|Kiev|Київ`. Endings may follow, each put behind every
spelling, `organis|organiz -e -ed -ing`; a lone `-` is the word as it stands. `#` begins a comment. Nothing is stemmed
and nothing is guessed: what is looked for besides the words typed can be read in the table, and in the query as
understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import prod
from pathlib import Path

from pipeline.errors import BadInput
from pipeline.query.document import WHOLE
from pipeline.query.render import render
from pipeline.query.syntax import (
    MAX_PHRASE_READINGS,
    And,
    AtLeast,
    Choice,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Run,
    Word,
    phrases,
)
from pipeline.text import is_solid, words

SHIPPED = ("spelling.txt", "names.txt")

Spelling = tuple[str, ...]
"""The folded tokens of one spelling: `Hong Kong` has two."""


@dataclass(frozen=True, slots=True)
class Variants:
    """The other spellings of each spelling, and how many words the longest has."""

    others: dict[Spelling, tuple[Spelling, ...]]
    longest: int


NONE = Variants({}, 0)


@cache
def shipped() -> Variants:
    """The table that comes with the package."""
    tables = files(__package__).joinpath("tables")
    return table(line for name in SHIPPED for line in tables.joinpath(name).read_text(encoding="utf-8").splitlines())


def with_own(path: Path) -> Variants:
    """The shipped table and the operator's file together. Raises BadInput naming the file, and the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    for number, line in enumerate(lines, 1):
        if len(_spellings(line)) == 1:
            raise BadInput(f"{path}, line {number}: one spelling alone has no variants: write Kyiv|Kiev")
    own = table(lines)
    both = dict(shipped().others)
    for spelling, others in own.others.items():
        both[spelling] = tuple(dict.fromkeys((*both.get(spelling, ()), *others)))
    return Variants(both, max(shipped().longest, own.longest))


def table(lines: Iterable[str]) -> Variants:
    """Read the lines of a table; the lines of one spelling are put together."""
    others: dict[Spelling, tuple[Spelling, ...]] = {}
    for line in lines:
        for group in _groups(line):
            for spelling in group:
                known = others.get(spelling, ())
                others[spelling] = tuple(dict.fromkeys((*known, *(one for one in group if one != spelling))))
    return Variants(others, max(map(len, others), default=0))


def _spellings(line: str) -> list[str]:
    return [one.strip() for one in line.partition("#")[0].partition(" -")[0].split("|") if one.strip()]


def _groups(line: str) -> Iterator[list[Spelling]]:
    spellings = _spellings(line)
    _, marked, rest = line.partition("#")[0].partition(" -")
    endings = [ending.removeprefix("-") for ending in f"-{rest}".split()] if marked else [""]
    for ending in endings:
        tokens = (words(f"{spelling}{ending}") for spelling in spellings)
        yield list(dict.fromkeys(one for one in tokens if one))


def vary(node: Node, variants: Variants) -> Node:
    """`node` with the other spellings of its words and rows of words as runs marked `variant`.

    Words whose case is to be right or that are to be as spelled, wildcards, fields of whole names and alternatives that
    a person wrote stay as they are.
    A phrase that would have too many readings keeps its first words varied and the rest as typed.
    """
    match node:
        case And(parts):
            return And(tuple(vary(part, variants) for part in parts))
        case Or(parts):
            return Or(tuple(vary(part, variants) for part in parts))
        case Not(part):
            return Not(vary(part, variants))
        case Near(operands):
            return replace(node, operands=tuple(_each(phrases, variants) for phrases in operands))
        case AtLeast():
            return replace(node, phrases=_each(node.phrases, variants))
        case Phrase():
            return _varied(node, variants)


def spellings(node: Node) -> list[str]:
    """The spellings that were added to the words of `node`."""
    return [_spelt(run) for phrase in phrases(node) for choice in phrase.choices for run in choice if run.variant]


def without(query: Query, variants: Variants, place: int, spelling: str) -> str:
    """The text of `query` (as parsed) with one other spelling less for the clause typed at `place`; the rest is kept.

    As it is where nothing is typed there that has it.
    """
    clause = next((one for one in phrases(query.root) if one.at[0] == place), None)
    varied = _varied(clause, variants) if clause else None
    if clause is None or varied is None or spelling not in spellings(varied):
        return query.text
    kept = tuple(
        tuple(replace(run, variant=False) for run in choice if not (run.variant and _spelt(run) == spelling))
        for choice in varied.choices
    )
    written = render(replace(clause, choices=kept, field=None, spelled=True))
    return f"{query.text[:place]}{written}{query.text[clause.at[1] :]}"


def _spelt(run: Run) -> str:
    return _in_words([element.token for element in run.elements if isinstance(element, Word)])


def _in_words(tokens: list[str]) -> str:
    """Tokens as they are written: those of scripts without spaces in one piece."""
    return "".join(tokens) if all(map(is_solid, tokens)) else " ".join(tokens)


def _each(phrases: Sequence[Phrase], variants: Variants) -> tuple[Phrase, ...]:
    return tuple(_varied(phrase, variants) for phrase in phrases)


def _varied(phrase: Phrase, variants: Variants) -> Phrase:
    if phrase.field in WHOLE or phrase.spelled:
        return phrase
    choices: list[Choice] = []
    left = MAX_PHRASE_READINGS // prod(len(choice) for choice in phrase.choices)
    place = 0
    while place < len(phrase.choices):
        length, others = _longest(phrase.choices[place:], variants)
        if others and len(others) < left:
            left //= len(others) + 1
            typed = tuple(
                element for choice in phrase.choices[place : place + length] for element in choice[0].elements
            )
            choices.append((Run(typed), *(Run(tuple(map(Word, other)), variant=True) for other in others)))
        else:
            choices += phrase.choices[place : place + length]
        place += length
    return replace(phrase, choices=tuple(choices))


def _longest(choices: Sequence[Choice], variants: Variants) -> tuple[int, tuple[Spelling, ...]]:
    """How many of the first choices are a spelling that has others, and those; one and none where none is."""
    for length in range(min(variants.longest, len(choices)), 0, -1):
        spelling = _plain(choices[:length])
        if spelling in variants.others:
            return length, variants.others[spelling]
    return 1, ()


def _plain(choices: Sequence[Choice]) -> Spelling:
    """The tokens of choices that are one plain word each; nothing where one is not."""
    tokens: list[str] = []
    for choice in choices:
        element = choice[0].elements[0]
        if len(choice) > 1 or len(choice[0].elements) > 1 or not isinstance(element, Word) or element.case:
            return ()
        tokens.append(element.token)
    return tuple(tokens)
