"""Which alerts could match a document: an index of a term that each alert requires, as Lucene's Monitor keeps one.

Every alert that matches is among the candidates, and few others are: an alert is filed under the rarest words, or rows
of two words, of which any match must hold one. How rare a word is, is learnt from the documents that pass; an alert
that was filed under what turned out to be common is filed anew.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Generic, TypeVar

from pipeline.query.document import UNFIELDED, Document, Field
from pipeline.query.narrow import All, Anything, Pair, Required, Some, Token, required
from pipeline.query.syntax import Query

Key = TypeVar("Key", bound=Hashable)
Clue = Token | Pair
"""What an alert can be filed under."""
Label = str | tuple[str, str]
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
MOST_WORDS = 100_000
"""Words that are remembered, of all that pass."""
PAIRED = 0.1
"""How much rarer a pair is guessed to be than the rarer of its two."""


@dataclass(frozen=True, slots=True, eq=False)
class Filed(Generic[Key]):
    """An alert in the drawers of its clues; with the others when it has none."""

    key: Key
    query: Query
    clues: tuple[Clue, ...]
    also: tuple[Label, ...] = ()  # any match has one of these besides: a look at them spares an evaluation


class Presearcher(Generic[Key]):
    """Alerts by what they require. Changed one at a time, never rebuilt."""

    def __init__(self) -> None:
        self._filed: dict[Key, Filed[Key]] = {}
        # Two sets meet three times as fast as a set and a dict's keys, so what has keys has them twice.
        self._drawers: dict[Label, list[Filed[Key]]] = {}
        self._words: set[str] = set()  # of `_drawers`
        self._pairs: set[Label] = set()  # of `_drawers`
        self._prefixes: dict[str, list[Filed[Key]]] = {}
        self._beginnings: dict[str, tuple[str, ...]] = {}  # the labels of `_prefixes`, by their first letters
        self._looked_at: set[str] = set()  # words of which is known with what prefixes filed they begin:
        self._begun: dict[str, list[str]] = {}  # these with some, and
        self._beginning: set[str] = set()  # its keys
        self._without: set[Filed[Key]] = set()
        self._fields: Counter[Field] = Counter()  # of labels that look in one field alone
        self._seen: Counter[str] = Counter()
        self._documents = self._learnt = 0

    def __len__(self) -> int:
        return len(self._filed)

    def add(self, key: Key, query: Query) -> None:
        """File an alert, in place of what was filed under `key`."""
        self.remove(key)
        clues, also = self._best(required(query.root))
        filed = self._filed[key] = Filed(key, query, clues, tuple(map(_label, also)))
        if not clues:
            self._without.add(filed)
        for clue in clues:
            self._put(filed, clue)
        self._count(filed, 1)

    def clues(self, needs: Required) -> tuple[Clue, ...]:
        """The clues that a query with these needs is best filed under, by what is known now."""
        return self._best(needs)[0]

    def _best(self, needs: Required) -> tuple[tuple[Clue, ...], tuple[Clue, ...]]:
        """The rarest clues that any match has one of, and the next rarest: each part of `needs` gives some."""
        parts = needs.parts if isinstance(needs, All) else (needs,)
        covers = [tuple(clues) for part in parts if (clues := cover(part, self._cost)) is not None]
        covers.sort(key=lambda clues: sum(map(self._cost, clues)))
        others = [clues for clues in covers[1:] if not any(map(_is_prefix, clues))]
        return (covers[0] if covers else ()), (others[0] if others else ())

    def remove(self, key: Key) -> None:
        """Take an alert out; nothing happens when it is not there."""
        filed = self._filed.pop(key, None)
        if filed is None:
            return
        self._without.discard(filed)
        for clue in filed.clues:
            self._take(filed, clue)
        self._count(filed, -1)

    def candidates(self, document: Document) -> set[Filed[Key]]:
        """The alerts that may match `document`."""
        values = [value for field in UNFIELDED for value in document.values(field)]
        words = set[str]().union(*[value.folded for value in values])
        pairs = set[Label]().union(*[pairwise(value.folded) for value in values])
        if self._documents % LEARN_EVERY == 0:
            self._learn(words)
        self._documents += 1
        for field in [field for field, users in self._fields.items() if users]:
            within = f"{field.value}:"
            for value in document.values(field):
                labels = [within + token for token in value.folded]
                words.update(labels)
                pairs.update(zip(labels, value.folded[1:], strict=False))
        return self._under(words, pairs)

    def _under(self, words: set[str], pairs: set[Label]) -> set[Filed[Key]]:
        """What is filed under any of these, and has also what it needs besides."""
        drawers = [self._drawers[word] for word in self._words & words]
        drawers += [self._drawers[pair] for pair in self._pairs & pairs]
        drawers += [self._prefixes[start] for start in self._starts(words)]
        return {
            filed
            for filed in chain(self._without, *drawers)
            if not filed.also or not words.isdisjoint(filed.also) or not pairs.isdisjoint(filed.also)
        }

    def _put(self, filed: Filed[Key], clue: Clue) -> None:
        label = _label(clue)
        if _is_prefix(clue):
            if label not in self._prefixes:
                self._begin(str(label), lambda known: (*known, str(label)))
            self._prefixes.setdefault(str(label), []).append(filed)
        else:
            self._labels(label).add(label)
            self._drawers.setdefault(label, []).append(filed)

    def _take(self, filed: Filed[Key], clue: Clue) -> None:
        label = _label(clue)
        table: dict[Any, list[Filed[Key]]] = self._prefixes if _is_prefix(clue) else self._drawers
        table[label].remove(filed)
        if not table[label]:
            del table[label]
            if _is_prefix(clue):
                self._begin(str(label), lambda known: tuple(one for one in known if one != label))
            else:
                self._labels(label).discard(label)

    def _labels(self, label: Label) -> set[Any]:
        """Those of its kind."""
        return self._pairs if isinstance(label, tuple) else self._words

    def _count(self, filed: Filed[Key], change: int) -> None:
        for label in (*map(_label, filed.clues), *filed.also):
            field, colon, _ = (label if isinstance(label, str) else label[0]).partition(":")
            if colon:
                self._fields[Field(field)] += change

    def _begin(self, prefix: str, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        self._look_anew()
        head = prefix[:HEAD]
        known = change(self._beginnings.pop(head, ()))
        if known:
            self._beginnings[head] = known

    def _starts(self, words: set[str]) -> set[str]:
        """The prefixes filed that one of `words` begins with. A language has few words: each is looked at once."""
        if len(self._looked_at) > MOST_WORDS:
            self._look_anew()
        unknown = words - self._looked_at
        for word in unknown:
            known = self._beginnings.get(word[:HEAD], ())
            if found := [one for one in known if word.startswith(one)]:
                self._begun[word] = found
                self._beginning.add(word)
        self._looked_at |= unknown
        return {start for word in self._beginning & words for start in self._begun[word]}

    def _look_anew(self) -> None:
        self._looked_at.clear()
        self._begun.clear()
        self._beginning.clear()

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
        hot = [
            drawer for label, drawer in self._drawers.items() if isinstance(label, str) and self._seen[label] > often
        ]
        for filed in [filed for drawer in hot for filed in drawer]:
            self.add(filed.key, filed.query)

    def _cost(self, clue: Clue) -> float:
        """How often a clue is met, as a part of all documents; guessed by its length as long as nothing is known."""
        if isinstance(clue, Pair):
            return PAIRED * min(self._rate(clue.first), self._rate(clue.second))
        return 4.0 / len(clue.token) ** 2 if clue.prefix else self._rate(clue.token)

    def _rate(self, word: str) -> float:
        return (self._seen[word] + 1.0 / max(1, len(word)) ** 2) / (self._learnt + 1)


def filed_under(query: Query) -> list[str]:
    """The words by which stories are chosen that `query` is held against; as nothing is known of how rare they are."""
    empty: Presearcher[str] = Presearcher()
    clues = empty.clues(required(query.root))
    return [_in_words(clue) for clue in clues]


def _in_words(clue: Clue) -> str:
    label = _label(clue)
    if isinstance(label, tuple):
        return " ".join(label)
    return f"{label}*" if _is_prefix(clue) else label


def _is_prefix(clue: Clue) -> bool:
    return isinstance(clue, Token) and clue.prefix


def _field(clue: Clue) -> Field | None:
    """The one field a clue looks in; None where it looks wherever words do."""
    return None if clue.fields == UNFIELDED else clue.fields[0]


def _label(clue: Clue) -> Label:
    """What stands on a clue's drawer. No token holds a colon, so no two clues share one by accident."""
    field = _field(clue)
    if isinstance(clue, Pair):
        return (_within(field, clue.first), clue.second)
    return _within(field, clue.token)


def _within(field: Field | None, token: str) -> str:
    return sys.intern(f"{field}:{token}") if field else token


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
