"""Which alerts could match a document: an index of a term that each alert requires, as Lucene's Monitor keeps one.

Every alert that matches is among the candidates, and few others are: an alert is filed under the rarest terms that any
match must hold, and a hit is checked against all that is required before anybody evaluates it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.query.document import UNFIELDED, Document, Field
from pipeline.query.narrow import All, Anything, Required, Some, Token, required
from pipeline.query.syntax import Query

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Filed:
    """What an alert requires, and under which tokens it is filed; under none when it may match anything."""

    required: Required
    tokens: tuple[Token, ...]


class Presearcher(Generic[Key]):
    """Alerts by what they require. Changed one at a time, never rebuilt."""

    def __init__(self) -> None:
        self._filed: dict[Key, _Filed] = {}
        self._by_token: dict[str, set[Key]] = {}
        self._by_prefix: dict[str, set[Key]] = {}
        self._unfiled: set[Key] = set()
        self._prefix_lengths: dict[int, int] = {}
        self._fields: dict[Field, int] = dict.fromkeys(UNFIELDED, 1)

    def __len__(self) -> int:
        return len(self._filed)

    def add(self, key: Key, query: Query) -> None:
        """File an alert, in place of what was filed under `key`."""
        self.remove(key)
        needs = required(query.root)
        filed = _Filed(needs, tuple(cover(needs) or ()))
        self._filed[key] = filed
        if not filed.tokens:
            self._unfiled.add(key)
        for token in filed.tokens:
            table = self._by_prefix if token.prefix else self._by_token
            table.setdefault(token.token, set()).add(key)
            self._count(token, 1)

    def remove(self, key: Key) -> None:
        """Take an alert out; nothing happens when it is not there."""
        filed = self._filed.pop(key, None)
        if filed is None:
            return
        self._unfiled.discard(key)
        for token in filed.tokens:
            table = self._by_prefix if token.prefix else self._by_token
            keys = table.get(token.token, set())
            keys.discard(key)
            if not keys:
                table.pop(token.token, None)
            self._count(token, -1)

    def candidates(self, document: Document) -> list[Key]:
        """The alerts that may match `document`."""
        tokens: set[str] = set()
        for field, users in self._fields.items():
            if users:
                for value in document.values(field):
                    tokens.update(value.positions)
        found = set(self._unfiled)
        # Walk over the smaller side: a story has few hundred tokens, an index may have more or fewer.
        for token in tokens & self._by_token.keys():
            found |= self._by_token[token]
        for token in self._prefixes(tokens) & self._by_prefix.keys():
            found |= self._by_prefix[token]
        return [key for key in found if holds(self._filed[key].required, document)]

    def _count(self, token: Token, change: int) -> None:
        for field in token.fields:
            self._fields[field] = self._fields.get(field, 0) + change
        if token.prefix:
            length = len(token.token)
            self._prefix_lengths[length] = self._prefix_lengths.get(length, 0) + change

    def _prefixes(self, tokens: Iterable[str]) -> set[str]:
        lengths = [length for length, users in self._prefix_lengths.items() if users]
        return {token[:length] for token in tokens for length in lengths if len(token) >= length}


def cover(needs: Required) -> list[Token] | None:
    """Tokens of which any match holds at least one, the fewest and rarest to be had; None when there are none."""
    match needs:
        case Anything():
            return None
        case Token():
            return [needs]
        case Some(parts):
            covers = [cover(part) for part in parts]
            if any(one is None for one in covers):
                return None
            return list(dict.fromkeys(token for one in covers for token in one or ()))
        case All(parts):
            found = [one for one in map(cover, parts) if one is not None]
            return min(found, key=_cost, default=None)


def _cost(tokens: list[Token]) -> float:
    """How often a cover is hit, guessed: short words are common, prefixes more so, and every token adds."""
    return sum((4.0 if token.prefix else 1.0) / max(1, len(token.token)) ** 2 for token in tokens)


def holds(needs: Required, document: Document) -> bool:
    """Whether `document` holds what is required."""
    match needs:
        case Anything():
            return True
        case All(parts):
            return all(holds(part, document) for part in parts)
        case Some(parts):
            return any(holds(part, document) for part in parts)
        case Token(token, fields, prefix):
            values = (value for field in fields for value in document.values(field))
            if prefix:
                return any(one.startswith(token) for value in values for one in value.positions)
            return any(token in value.positions for value in values)
