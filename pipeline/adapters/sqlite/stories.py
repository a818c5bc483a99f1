"""Stories and their full-text index: FTS5 fed with the tokens of pipeline/text.py.

The `ascii` tokeniser takes every character beyond ASCII as part of a token and splits at none of ours, so the index
holds exactly the tokens of the one analysis. It keeps no text of its own (`content=''`): what was indexed is worked
out again from the stored story when it is replaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from pipeline.adapters.codec import decode
from pipeline.adapters.sqlite.database import Database
from pipeline.adapters.sqlite.records import PAGE, SqliteRecords, Table, parts
from pipeline.dedupe import settle
from pipeline.model import Story
from pipeline.ports import Claim, StoryFilter
from pipeline.query.document import Document, Field
from pipeline.query.narrow import All, Anything, Pair, Required, Token, barred, required
from pipeline.query.syntax import Query

_ASKED_FOR: Mapping[str, Callable[[Story], datetime | str]] = {
    "published": lambda story: story.published,
    "updated_at": lambda story: story.updated_at,
    "copy_of": lambda story: story.copy_of,
}
_COLUMNS = ", ".join(field.value for field in Field)
FIRST_PAGE = 50
"""Candidates that are read at first; each page after it has twice as many, up to PAGE: who wants twenty waits less."""
COMMON = 2_000
"""Stories that hold what is asked for, from which on it is common."""
_MARKS = ", ".join("?" * len(Field))


class SqliteStories(SqliteRecords[Story]):
    """ports.StoryStore."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Table("stories", Story, _ASKED_FOR))

    def resolve(self, claims: Sequence[Claim]) -> list[str]:
        """For each claim the story of its first key that is known, else its own; bind the keys that were not known."""
        with self.database.write() as connection:
            known = _bound(connection, [key for claim in claims for key in claim.keys])
            owners, fresh = settle(claims, known)
            connection.executemany("INSERT INTO identities (key, story_id) VALUES (?, ?)", fresh.items())
            return owners

    def known(self, keys: Sequence[str]) -> str:
        """Return the story of the first of these identity keys that is known; empty when none is."""
        with self.database.read() as connection:
            bound = _bound(connection, keys)
        return next((bound[key] for key in keys if key in bound), "")

    def unbind(self, story_ids: Sequence[str]) -> int:
        """Let go of the identity keys of these stories; how many there were."""
        with self.database.write() as connection:
            delete = "DELETE FROM identities WHERE story_id = ?"
            return sum(connection.execute(delete, (story_id,)).rowcount for story_id in story_ids)

    def older(self, before: datetime) -> Iterator[Story]:
        """Stories with `updated_at` < before, longest ago first."""
        return self.before("updated_at", before.timestamp())

    def copies(self, story_id: str, limit: int) -> list[Story]:
        """Copies of the story `story_id`: the first seen first."""
        found = self.select("WHERE copy_of = ? AND copy_of <> ''", (story_id,))
        return sorted(found, key=lambda story: (story.first_seen_at, story.id))[:limit]

    def narrow(self, query: Query, where: StoryFilter) -> Iterator[Story]:
        """Candidates, latest published first."""
        with self.database.read() as connection:
            condition, values = _condition(connection, query, where)
            sql = f"SELECT rowid FROM stories {condition} ORDER BY published DESC, id"  # noqa: S608
            rows = [row[0] for row in connection.execute(sql, values)]
        start, size = 0, FIRST_PAGE
        while start < len(rows):
            yield from self._at(rows[start : start + size])
            start, size = start + size, min(PAGE, 2 * size)

    def narrowed_days(self, query: Query, where: StoryFilter) -> Mapping[str, int]:
        """How many candidates there are, by day."""
        with self.database.read() as connection:
            condition, values = _condition(connection, query, where)
            sql = f"SELECT date(published, 'unixepoch'), count(*) FROM stories {condition} GROUP BY 1"  # noqa: S608
            return dict(connection.execute(sql, values).fetchall())

    def _at(self, rows: Sequence[int]) -> list[Story]:
        marks = ",".join("?" * len(rows))
        with self.database.read() as connection:
            query = f"SELECT rowid, thing FROM stories WHERE rowid IN ({marks})"  # noqa: S608
            found = dict(connection.execute(query, rows))
        return [decode(found[row], Story) for row in rows if row in found]

    def _indexed(self, thing: Story) -> Sequence[str]:
        return streams(thing)

    def _written(self, connection: sqlite3.Connection, old: Story | None, new: Story, indexed: Sequence[str]) -> None:
        before = streams(old) if old else None
        if before == indexed:
            return
        row = connection.execute("SELECT rowid FROM stories WHERE id = ?", (new.id,)).fetchone()[0]
        if before is not None:
            _unindex(connection, row, before)
        connection.execute(
            f"INSERT INTO words (rowid, {_COLUMNS}) VALUES (?, {_MARKS})",  # noqa: S608
            (row, *indexed),
        )

    def _removed(self, connection: sqlite3.Connection, thing: Story) -> None:
        row = connection.execute("SELECT rowid FROM stories WHERE id = ?", (thing.id,)).fetchone()[0]
        _unindex(connection, row, streams(thing))


def _condition(connection: sqlite3.Connection, query: Query, where: StoryFilter) -> tuple[str, list[object]]:
    """The WHERE clause of a search, and what stands in its places.

    Where the words are common, the stories of the time asked for are gone through by their index, and not those of the
    words (which a `+` keeps SQLite from): at 100,000 stories a day of a common word takes 40 ms in place of 300.
    """
    asked: list[tuple[str, object]] = []
    if where.since:
        asked.append(("published >= ?", where.since.timestamp()))
    if where.until:
        asked.append(("published < ?", where.until.timestamp()))
    if where.ingested_since:
        asked.append(("updated_at >= ?", where.ingested_since.timestamp()))
    if expression := match_expression(required(query.root), barred(query.root)):
        sign = "+" if _is_common(connection, expression) else ""
        asked.append((f"{sign}rowid IN (SELECT rowid FROM words WHERE words MATCH ?)", expression))  # noqa: S608
    clauses = " AND ".join(clause for clause, _ in asked)
    return (f"WHERE {clauses}" if asked else ""), [value for _, value in asked]


def _is_common(connection: sqlite3.Connection, expression: str) -> bool:
    beyond = connection.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1 OFFSET ?", (expression, COMMON))
    return beyond.fetchone() is not None


def _unindex(connection: sqlite3.Connection, row: int, indexed: Sequence[str]) -> None:
    connection.execute(
        f"INSERT INTO words (words, rowid, {_COLUMNS}) VALUES ('delete', ?, {_MARKS})",  # noqa: S608
        (row, *indexed),
    )


def _bound(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    """Those of `keys` that are known, each with its story."""
    bound: dict[str, str] = {}
    for part in parts(keys):
        marks = ",".join("?" * len(part))
        query = f"SELECT key, story_id FROM identities WHERE key IN ({marks})"  # noqa: S608
        bound |= dict(connection.execute(query, part))
    return bound


def streams(story: Story) -> list[str]:
    """The tokens of a story, a string for each field."""
    document = Document(story)
    return [" ".join(chain.from_iterable(value.folded for value in document.values(field))) for field in Field]


def match_expression(needs: Required, bars: Sequence[Token] = ()) -> str:
    """What is required and what is barred, as FTS5 asks for it; empty when nothing is required."""
    wanted = _expression(needs)
    unwanted = " OR ".join(map(_expression, bars))
    return f"{wanted} NOT ({unwanted})" if wanted and unwanted else wanted


def _expression(needs: Required) -> str:
    if isinstance(needs, Anything):
        return ""
    if isinstance(needs, Token):
        columns = " ".join(field.value for field in needs.fields)
        return f'{{{columns}}} : "{needs.token}"{" *" if needs.prefix else ""}'
    if isinstance(needs, Pair):  # rows are not kept in this index (detail=column): both, anywhere
        return _expression(All((Token(needs.first, needs.fields), Token(needs.second, needs.fields))))
    word = " AND " if isinstance(needs, All) else " OR "
    return f"({word.join(map(_expression, needs.parts))})"
