"""What a query means: its lists written out and its spellings added, as a query again.

An alert keeps its meaning beside what was typed. So every engine and every process reads the same, a person can look
at it, and a table that changes later changes nothing until the alert is understood anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.errors import QueryError
from pipeline.query.render import render
from pipeline.query.syntax import Query, parse
from pipeline.query.variants import NONE, Variants, vary

MAX_TYPED = 10_000
"""Characters a person may type; a meaning may be longer."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The named lists, by name, and the variants in force."""

    lists: Mapping[str, tuple[str, ...]]
    variants: Variants


PLAIN = Lexicon({}, NONE)


def varied(query: Query, lexicon: Lexicon, *, variants: bool = True) -> Query:
    """A query as it was read, with other spellings beside its words; its clauses stay where they were typed."""
    return replace(query, root=vary(query.root, lexicon.variants)) if variants else query


def understand(typed: str, lexicon: Lexicon, *, variants: bool = True) -> Query:
    """The query that `typed` means; its `text` is the meaning. Raises QueryError about what was typed."""
    if len(typed) > MAX_TYPED:
        raise QueryError(typed[:40] + "…", MAX_TYPED, f"longer than {MAX_TYPED} characters", "split it")
    return parse(render(varied(parse(typed, lexicon.lists), lexicon, variants=variants).root))
