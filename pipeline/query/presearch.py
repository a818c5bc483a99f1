"""Which alerts could match a document: an index of a term that each alert requires, as Lucene's Monitor keeps one.

Every alert that matches is among the candidates, and few others are: an alert is filed under the rarest words, or rows
of two words, of which any match must hold one. How rare a word is, is learnt from the documents that pass; an alert
that was filed under what turned out to be common is filed anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from pipeline.query.document import UNFIELDED, Document, Field
from pipeline.query.narrow import All, Anything, Pair, Required, Some, Token, required
from pipeline.query.syntax import Query

Key = TypeVar("Key", bound=Hashable)
Clue = Token | Pair
"""What an alert can be filed under."""
Cost = Callable[[Clue], float]

LEARN_EVERY = 4
"""Of so many documents one is learnt from: enough to know the language by."""
LEARN_FROM = 2_000
"""Learnt documents after which what was learnt counts half, so that the language of today decides."""
REFILE_AT = frozenset({50, 200, 800})
"""After so many documents, and then at every halving, alerts under common tokens are filed anew."""
COMMON = 0.02
"""A token in more documents than this part is common."""
HEAD = 3
"""Letters by which prefixes are told apart first: no wildcard begins with fewer."""
PAIRED = 0.1
"""How much rarer a pair is guessed to be than the rarer of its two."""


@dataclass(frozen=True, slots=True, eq=False)
class Filed(Generic[Key]):
    """An alert in the drawers of its clues; with the others when it has none."""

    key: Key
    query: Query
    clues: tuple[Clue, ...]
    also: str = ""  # another word that any match holds, where there is one: a look at it spares an evaluation


class Presearcher(Generic[Key]):
    """Alerts by what they require. Changed one at a time, never rebuilt."""

    def __init__(self) -> None:
        self._filed: dict[Key, Filed[Key]] = {}
        self._drawers: dict[str, list[Filed[Key]]] = {}
        self._prefixes: dict[str, list[Filed[Key]]] = {}
        self._without: set[Filed[Key]] = set()
        self._lengths: dict[str, Counter[int]] = {}  # of the prefixes that are filed, by how they begin
        self._fields: Counter[Field] = Counter()  # of clues that look in one field alone
        self._firsts: Counter[str] = Counter()  # the first words of filed pairs
        self._seen: Counter[str] = Counter()
        self._documents = self._learnt = 0

    def __len__(self) -> int:
        return len(self._filed)

    def add(self, key: Key, query: Query) -> None:
        """File an alert, in place of what was filed under `key`."""
        self.remove(key)
        needs = required(query.root)
        clues = self.clues(needs)
        filed = self._filed[key] = Filed(key, query, clues, _also(needs, clues))
        if not filed.clues:
            self._without.add(filed)
        for clue in filed.clues:
            self._table(clue).setdefault(_label(clue), []).append(filed)
            self._count(clue, 1)

    def clues(self, needs: Required) -> tuple[Clue, ...]:
        """The clues that a query with these needs is best filed under, by what is known now."""
        return tuple(cover(needs, self._cost) or ())

    def remove(self, key: Key) -> None:
        """Take an alert out; nothing happens when it is not there."""
        filed = self._filed.pop(key, None)
        if filed is None:
            return
        self._without.discard(filed)
        for clue in filed.clues:
            table, label = self._table(clue), _label(clue)
            table[label].remove(filed)
            if not table[label]:
                del table[label]
            self._count(clue, -1)

    def candidates(self, document: Document) -> set[Filed[Key]]:
        """The alerts that may match `document`."""
        words = _tokens(document, UNFIELDED)
        if self._documents % LEARN_EVERY == 0:
            self._learn(words)
        self._documents += 1
        for field, users in self._fields.items():
            if users:
                words |= {f"{field}:{token}" for token in _tokens(document, (field,))}
        found = set(self._without)
        for label in (*words, *self._rows(document)):
            if label in self._drawers:
                found.update(self._drawers[label])
        for start in self._starts(words) & self._prefixes.keys():
            found.update(self._prefixes[start])
        return {filed for filed in found if not filed.also or filed.also in words}

    def _table(self, clue: Clue) -> dict[str, list[Filed[Key]]]:
        return self._prefixes if isinstance(clue, Token) and clue.prefix else self._drawers

    def _count(self, clue: Clue, change: int) -> None:
        field = _field(clue)
        if field is not None:
            self._fields[field] += change
        if isinstance(clue, Pair):
            first = _label(clue).partition(" ")[0]
            self._firsts[first] += change
            if not self._firsts[first]:
                del self._firsts[first]
        elif clue.prefix:
            self._lengths.setdefault(_label(clue)[:HEAD], Counter())[len(_label(clue))] += change

    def _rows(self, document: Document) -> Iterator[str]:
        """The labels of the pairs in `document` that begin as a filed pair does."""
        for value in (value for field in UNFIELDED for value in document.values(field)):
            for first, second in pairwise(value.folded):
                if first in self._firsts:
                    yield f"{first} {second}"
        for field, users in self._fields.items():
            for value in document.values(field) if users else ():
                for first, second in pairwise(value.folded):
                    if f"{field}:{first}" in self._firsts:
                        yield f"{field}:{first} {second}"

    def _starts(self, words: Iterable[str]) -> set[str]:
        return {
            word[:length] for word in words if word[:HEAD] in self._lengths for length in self._lengths[word[:HEAD]]
        }

    def _learn(self, words: set[str]) -> None:
        self._seen.update(words)
        self._learnt += 1
        if self._learnt in REFILE_AT:
            self._refile()
        if self._learnt >= LEARN_FROM:
            self._learnt //= 2
            self._seen = Counter({word: count // 2 for word, count in self._seen.items() if count > 1})
            self._refile()

    def _refile(self) -> None:
        often = COMMON * self._learnt
        hot = [drawer for label, drawer in self._drawers.items() if self._seen[label] > often]
        for filed in [filed for drawer in hot for filed in drawer]:
            self.add(filed.key, filed.query)

    def _cost(self, clue: Clue) -> float:
        """How often a clue is met, as a part of all documents; guessed by its length as long as nothing is known."""
        if isinstance(clue, Pair):
            return PAIRED * min(self._rate(clue.first), self._rate(clue.second))
        return 4.0 / len(clue.token) ** 2 if clue.prefix else self._rate(clue.token)

    def _rate(self, word: str) -> float:
        return (self._seen[word] + 1.0 / max(1, len(word)) ** 2) / (self._learnt + 1)


def _also(needs: Required, clues: tuple[Clue, ...]) -> str:
    """A plain word that is required besides what an alert is filed under."""
    parts = needs.parts if isinstance(needs, All) else (needs,)
    words = [part.token for part in parts if isinstance(part, Token) and not part.prefix and part.fields == UNFIELDED]
    filed = {clue.token for clue in clues if isinstance(clue, Token)}
    return next((word for word in words if word not in filed), "")


def filed_under(query: Query) -> list[str]:
    """The words by which stories are chosen that `query` is held against; as nothing is known of how rare they are."""
    empty: Presearcher[str] = Presearcher()
    clues = empty.clues(required(query.root))
    return [f"{_label(clue)}{'*' if isinstance(clue, Token) and clue.prefix else ''}" for clue in clues]


def _field(clue: Clue) -> Field | None:
    """The one field a clue looks in; None where it looks wherever words do."""
    return None if clue.fields == UNFIELDED else clue.fields[0]


def _label(clue: Clue) -> str:
    """What stands on a clue's drawer. No token holds a space or a colon, so no two clues share one by accident."""
    text = f"{clue.first} {clue.second}" if isinstance(clue, Pair) else clue.token
    field = _field(clue)
    return f"{field}:{text}" if field else text


def _tokens(document: Document, fields: Iterable[Field]) -> set[str]:
    return {token for field in fields for value in document.values(field) for token in value.folded}


def cover(needs: Required, cost: Cost) -> list[Clue] | None:
    """Clues of which any match holds at least one, the fewest and rarest to be had; None when there are none."""
    match needs:
        case Anything():
            return None
        case Token() | Pair():
            return [needs]
        case Some(parts):
            covers = [cover(part, cost) for part in parts]
            if any(one is None for one in covers):
                return None
            return list(dict.fromkeys(clue for one in covers for clue in one or ()))
        case All(parts):
            found = [one for part in parts if (one := cover(part, cost)) is not None]
            return min(found, key=lambda clues: sum(map(cost, clues)), default=None)
