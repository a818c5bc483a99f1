"""Names and their aliases: the operator's own file and the tables of ours, read and found in a text.

A line is a kind, then the name under which a thing is kept and its aliases: `person: Vladimir Putin|Putin|=VVP`. `=`
before an alias keeps the case, as in the alert language; `#` begins a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import compress, count
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import BadInput
from pipeline.model import EntityKind
from pipeline.text import Tokens


class Name(NamedTuple):
    """Who or what: the name under which it is kept. `code` is ISO 3166-1 alpha-2 for a country."""

    name: str
    kind: EntityKind
    code: str = ""


@dataclass(frozen=True, slots=True)
class Alias:
    """One way to name a thing, as tokens of pipeline/text.py. `cased` is empty where any case will do."""

    name: Name
    folded: tuple[str, ...]
    cased: tuple[str, ...] = ()
    capital: bool = False  # where it stands it has to begin with no small letter


class Found(NamedTuple):
    """An alias that stands in a text: tokens `first` to `end`, exclusive."""

    alias: Alias
    first: int
    end: int


class Aliases:
    """Finds the longest alias that begins at a token."""

    def __init__(self, aliases: Iterable[Alias] = ()) -> None:
        self._alike: dict[tuple[str, ...], tuple[Alias, ...]] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}  # by first token, the longest first
        for alias in aliases:
            if alias.folded:
                self._alike[alias.folded] = (*self._alike.get(alias.folded, ()), alias)
        for folded in sorted(self._alike, key=len, reverse=True):
            known = self._lengths.get(folded[0], ())
            if len(folded) not in known:
                self._lengths[folded[0]] = (*known, len(folded))

    def __bool__(self) -> bool:
        return bool(self._alike)

    def named(self, folded: tuple[str, ...]) -> tuple[Alias, ...]:
        """The aliases that are exactly these tokens."""
        return self._alike.get(folded, ())

    def at(self, tokens: Tokens, place: int) -> Found | None:
        """The longest alias whose first token is at `place`; of equals, the one that was given first."""
        for length in self._lengths.get(tokens.folded[place], ()):
            end = min(place + length, len(tokens))
            for alias in self._alike.get(tokens.folded[place:end], ()):
                if _as_written(alias, tokens, place, end):
                    return Found(alias, place, end)
        return None

    def starts(self, tokens: Tokens) -> list[int]:
        """The tokens at which an alias may begin, ascending."""
        return list(compress(count(), map(self._lengths.__contains__, tokens.folded))) if self else []

    def within(self, tokens: Tokens) -> Iterator[Found]:
        """All that stand in a text, from left to right, none inside another."""
        end = 0
        for place in self.starts(tokens):
            found = self.at(tokens, place) if place >= end else None
            if found:
                yield found
                end = found.end


def _as_written(alias: Alias, tokens: Tokens, place: int, end: int) -> bool:
    if alias.cased:
        return tokens.cased[place:end] == alias.cased
    return not (alias.capital and tokens.cased[place][0].islower())


def alias(name: Name, text: str, *, capital: bool = False) -> Alias:
    """`text` as an alias of `name`. An acronym of ours keeps its case (US is not us)."""
    tokens = Tokens(text.removeprefix("="))
    keeps = text.startswith("=") or (capital and text.isupper() and text.isascii())
    return Alias(name, tokens.folded, tokens.cased if keeps else (), capital)


def own(path: Path) -> Aliases:
    """The operator's file, matched in any case and language. Raises BadInput naming the file, the line and the cure."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    return Aliases(read(lines, str(path)))


def read(lines: Iterable[str], source: str, *, capital: bool = False) -> Iterator[Alias]:
    """The aliases of a table's lines. Raises BadInput for a line that says nothing that can be matched."""
    for number, line in enumerate(lines, 1):
        said = line.partition("#")[0].strip()
        if said:
            yield from _line(said, f"{source}, line {number}", capital=capital)


def _line(said: str, where: str, *, capital: bool) -> Iterator[Alias]:
    kind, _, names = said.partition(":")
    if kind.strip() not in list(EntityKind) or not names.strip():
        raise BadInput(
            f"{where}: {said!r} names no kind: write person: Vladimir Putin|Putin (or place:, organisation:)"
        )
    texts = [text.strip() for text in names.split("|")]
    name = Name(texts[0].removeprefix("="), EntityKind(kind.strip()))
    for text in texts:
        made = alias(name, text, capital=capital)
        if not made.folded:
            raise BadInput(f"{where}: {text!r} holds no word: take out the | before or behind it")
        yield made
