"""What stories and clusters keep beside their things, as things that can be carried to another store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from pipeline.adapters.sqlite.clusters import learn
from pipeline.adapters.sqlite.database import Database
from pipeline.ids import identify
from pipeline.model import Identity, Sketch
from pipeline.ports import Still


class SqliteIdentities:
    """ports.Copied of the keys by which stories are known again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, things: Sequence[Identity]) -> list[bool]:
        """Bind the keys that are not known yet; for each, whether it was."""
        bind = "INSERT OR IGNORE INTO identities (key, story_id) VALUES (?, ?)"
        with self._database.write() as connection:
            return [connection.execute(bind, (one.key, one.story_id)).rowcount == 1 for one in things]

    @contextmanager
    def still(self) -> Iterator[Still[Identity]]:
        """Every key as it stands now."""
        with self._database.still(), self._database.read() as connection:
            rows = connection.execute("SELECT key, story_id FROM identities")
            yield Still(
                _count(connection, "identities"),
                (Identity(id=identify("identity", key), key=key, story_id=story_id) for key, story_id in rows),
            )


class SqliteSketches:
    """ports.Copied of the sketches of the stories that lead."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, things: Sequence[Sketch]) -> list[bool]:
        """Let those lead that are not known yet; for each, whether it was written."""
        with self._database.write() as connection:
            return [_create(connection, one) for one in things]

    @contextmanager
    def still(self) -> Iterator[Still[Sketch]]:
        """Every leader as it stands now."""
        with self._database.still(), self._database.read() as connection:
            rows = connection.execute("SELECT story_id, sketch, first_seen_at FROM sketches")
            yield Still(
                _count(connection, "sketches"),
                (
                    Sketch(id=story_id, sketch=sketch, first_seen_at=datetime.fromtimestamp(seen, UTC))
                    for story_id, sketch, seen in rows
                ),
            )


def _create(connection: sqlite3.Connection, one: Sketch) -> bool:
    if connection.execute("SELECT 1 FROM sketches WHERE story_id = ?", (one.id,)).fetchone():
        return False
    learn(connection, one)
    return True


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
