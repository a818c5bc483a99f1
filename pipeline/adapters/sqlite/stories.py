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
from pipeline.query.narrow import All, Anything, Pair, Required, Token, required
from pipeline.query.syntax import Query

_ASKED_FOR: Mapping[str, Callable[[Story], datetime | str]] = {
    "published": lambda story: story.published,
    "updated_at": lambda story: story.updated_at,
    "copy_of": lambda story: story.copy_of,
}
_COLUMNS = ", ".join(field.value for field in Field)
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

    def copies(self, story_id: str, limit: int) -> list[Story]:
        """Copies of the story `story_id`: the first seen first."""
        found = self.select("WHERE copy_of = ? AND copy_of <> ''", (story_id,))
        return sorted(found, key=lambda story: (story.first_seen_at, story.id))[:limit]

    def narrow(self, query: Query, where: StoryFilter) -> Iterator[Story]:
        """Candidates, latest published first."""
        needs = required(query.root)
        rows = self._rows(match_expression(needs), where)
        for start in range(0, len(rows), PAGE):
            yield from self._at(rows[start : start + PAGE])

    def _rows(self, expression: str, where: StoryFilter) -> list[int]:
        clauses: list[str] = []
        values: list[object] = []
        if where.since:
            clauses, values = [*clauses, "published >= ?"], [*values, where.since.timestamp()]
        if where.until:
            clauses, values = [*clauses, "published < ?"], [*values, where.until.timestamp()]
        if where.ingested_since:
            clauses, values = [*clauses, "updated_at >= ?"], [*values, where.ingested_since.timestamp()]
        if expression:
            clauses = [*clauses, "rowid IN (SELECT rowid FROM words WHERE words MATCH ?)"]
        condition = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        sql = f"SELECT rowid FROM stories {condition} ORDER BY published DESC, id"  # noqa: S608
        with self.database.read() as connection:
            return [row[0] for row in connection.execute(sql, [*values, *([expression] if expression else [])])]

    def _at(self, rows: Sequence[int]) -> list[Story]:
        marks = ",".join("?" * len(rows))
        with self.database.read() as connection:
            query = f"SELECT rowid, thing FROM stories WHERE rowid IN ({marks})"  # noqa: S608
            found = dict(connection.execute(query, rows))
        return [decode(found[row], Story) for row in rows if row in found]

    def _written(self, connection: sqlite3.Connection, old: Story | None, new: Story) -> None:
        before, after = streams(old) if old else None, streams(new)
        if before == after:
            return
        row = connection.execute("SELECT rowid FROM stories WHERE id = ?", (new.id,)).fetchone()[0]
        if before is not None:
            _unindex(connection, row, before)
        connection.execute(
            f"INSERT INTO words (rowid, {_COLUMNS}) VALUES (?, {_MARKS})",  # noqa: S608
            (row, *after),
        )

    def _removed(self, connection: sqlite3.Connection, thing: Story) -> None:
        row = connection.execute("SELECT rowid FROM stories WHERE id = ?", (thing.id,)).fetchone()[0]
        _unindex(connection, row, streams(thing))


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


def match_expression(needs: Required) -> str:
    """What is required, as FTS5 asks for it; empty when nothing is."""
    if isinstance(needs, Anything):
        return ""
    if isinstance(needs, Token):
        columns = " ".join(field.value for field in needs.fields)
        return f'{{{columns}}} : "{needs.token}"{" *" if needs.prefix else ""}'
    if isinstance(needs, Pair):  # rows are not kept in this index (detail=column): both, anywhere
        return match_expression(All((Token(needs.first, needs.fields), Token(needs.second, needs.fields))))
    word = " AND " if isinstance(needs, All) else " OR "
    return f"({word.join(map(match_expression, needs.parts))})"
