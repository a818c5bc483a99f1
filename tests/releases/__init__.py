"""A store of each schema that was released, written by the code of its day: to try that today's opens it.

Each `schema-N.sql` is the last code with that schema run on a site of two stories: a list, a feed, an alert, a group, a
recipient and a user where it knew them; one round with a Maildir, and another whose mail server was away. When a schema
is added, make such a store with the code before it, and `python -m tests.releases STORE > tests/releases/schema-N.sql`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parent
SCHEMAS = tuple(sorted(int(path.stem.removeprefix("schema-")) for path in FOLDER.glob("schema-*.sql")))
_INDEX = ("words_data", "words_idx", "words_docsize", "words_config")
"""What FTS5 makes by itself and keeps the index in."""


def load(schema: int, path: Path) -> None:
    """Make the store of that schema at `path`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / f"schema-{schema}.sql").read_text(encoding="utf-8"))


def dump(path: Path) -> Iterator[str]:
    """The statements that make the store at `path`, its full-text index as it is."""
    with closing(sqlite3.connect(path)) as connection:
        yield f"PRAGMA user_version = {connection.execute('PRAGMA user_version').fetchone()[0]};"
        yield "BEGIN;"
        made = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql <> ''").fetchall()
        ours = [(kind, sql) for kind, name, sql in made if name not in _INDEX and name != "sqlite_sequence"]
        yield from (f"{sql};" for kind, sql in ours if kind != "trigger")
        for kind, name, sql in made:
            if kind == "table" and not sql.startswith("CREATE VIRTUAL"):
                yield from _rows(connection, name)
        yield from (f"{sql};" for kind, sql in ours if kind == "trigger")  # they would count the rows above again
        yield "COMMIT;"


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    if table in _INDEX:
        yield f"DELETE FROM {table};"
    names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]  # without what is generated
    for row in connection.execute(f"SELECT {', '.join(names)} FROM {table}"):
        values = ", ".join(_literal(connection, name, value) for name, value in zip(names, row, strict=True))
        yield f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values});"


def _literal(connection: sqlite3.Connection, column: str, value: object) -> str:
    if column == "thing" and isinstance(value, bytes):  # JSON, to be read by people too
        return f"CAST({_literal(connection, '', value.decode())} AS BLOB)"
    return str(connection.execute("SELECT quote(?)", (value,)).fetchone()[0])
