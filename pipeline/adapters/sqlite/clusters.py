"""Which stories lead clusters: their sketches, and the bands by which those of a copy are found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pipeline.adapters.sqlite.database import Database
from pipeline.dedupe.clusters import COPIED_WITHIN, MOST_LEADERS, in_order, originals
from pipeline.dedupe.sketch import BANDS, BANDS_SHARED, bands
from pipeline.model import Sketch
from pipeline.ports import Sketched

_MOST_OF_A_BAND = 1_000
"""Leaders that are looked at for one band, the latest first: it may be the phrase of a form that thousands fill in."""
_OF_ONE_BAND = f"SELECT * FROM (SELECT sketch FROM bands WHERE band = ? ORDER BY sketch DESC LIMIT {_MOST_OF_A_BAND})"  # noqa: S608
_NEAR = (
    "SELECT story_id, sketches.sketch, first_seen_at FROM "  # noqa: S608
    f"(SELECT sketch, count(*) AS shared FROM ({' UNION ALL '.join([_OF_ONE_BAND] * BANDS)}) GROUP BY sketch "
    f"HAVING shared >= {BANDS_SHARED} ORDER BY shared DESC LIMIT {MOST_LEADERS}) AS near "
    "JOIN sketches ON sketches.rowid = near.sketch WHERE first_seen_at >= ?"
)


class SqliteClusters:
    """ports.ClusterStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lead(self, sketched: Sequence[Sketched]) -> list[str]:
        """For each story the one that leads its cluster, decided in one transaction."""
        if not sketched:
            return []
        with self._database.write() as connection:
            leaders = {one.story_id: _lead(connection, one) for one in sorted(sketched, key=in_order)}
        return [leaders[one.story_id] for one in sketched]

    def older(self, before: datetime) -> Iterator[str]:
        """The stories first seen before then of which a sketch is kept."""
        with self._database.read() as connection:
            query = "SELECT story_id FROM sketches WHERE first_seen_at < ?"
            yield from [row[0] for row in connection.execute(query, (before.timestamp(),))]

    def delete(self, story_ids: Sequence[str]) -> int:
        """Remove the sketches of these stories; how many there were."""
        with self._database.write() as connection:
            return sum(_unlearn(connection, story_id) for story_id in story_ids)


def _lead(connection: sqlite3.Connection, one: Sketched) -> str:
    led = _unlearn(connection, one.story_id)
    found = [] if led else originals(one, _near(connection, one))
    if found:
        return found[0].story_id
    learn(connection, Sketch(id=one.story_id, sketch=one.sketch, first_seen_at=one.first_seen_at))
    return one.story_id


def learn(connection: sqlite3.Connection, one: Sketch) -> None:
    """Let `one`, which is not there yet, be found by its bands."""
    row = connection.execute(
        "INSERT INTO sketches (story_id, sketch, first_seen_at) VALUES (?, ?, ?)",
        (one.id, one.sketch, one.first_seen_at.timestamp()),
    ).lastrowid
    connection.executemany(
        "INSERT INTO bands (band, sketch) VALUES (?, ?)", [(band, row) for band in bands(one.sketch)]
    )


def _near(connection: sqlite3.Connection, one: Sketched) -> list[Sketched]:
    """The leaders that share bands with `one`, as many as are compared."""
    since = (one.first_seen_at - COPIED_WITHIN).timestamp()
    rows = connection.execute(_NEAR, (*bands(one.sketch), since))
    return [Sketched(story_id, sketch, datetime.fromtimestamp(seen, UTC)) for story_id, sketch, seen in rows]


def _unlearn(connection: sqlite3.Connection, story_id: str) -> bool:
    """Remove the sketch of `story_id`; whether there was one, so that it leads."""
    known = connection.execute("SELECT rowid, sketch FROM sketches WHERE story_id = ?", (story_id,)).fetchone()
    if known is None:
        return False
    row, sketch = known
    connection.executemany("DELETE FROM bands WHERE band = ? AND sketch = ?", [(band, row) for band in bands(sketch)])
    connection.execute("DELETE FROM sketches WHERE rowid = ?", (row,))
    return True
