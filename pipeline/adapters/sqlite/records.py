"""Things by id: a table with the thing as JSON and the columns that questions need."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pipeline.adapters.codec import decode, encode
from pipeline.adapters.sqlite.database import Database
from pipeline.ports import Still

PAGE = 500
_LOWEST = -1e12
"""Below any number in a column: some 30,000 years before 1970."""


class HasId(Protocol):
    """Whatever is kept."""

    @property
    def id(self) -> str: ...  # noqa: D102


Thing = TypeVar("Thing", bound=HasId)
Part = TypeVar("Part", bound=HasId)


@dataclass(frozen=True, slots=True)
class Table(Generic[Thing]):
    """Where things of a kind are kept, and what each column says of them."""

    name: str
    kind: type[Thing]
    columns: Mapping[str, Callable[[Thing], Any]]
    durable: bool = False  # a commit must outlive a power cut


class SqliteRecords(Generic[Thing]):
    """ports.Records on a table."""

    def __init__(self, database: Database, table: Table[Thing]) -> None:
        self.database, self.table = database, table
        names = ["id", "thing", *table.columns]
        marks = ", ".join("?" * len(names))
        self._create = f"INSERT OR IGNORE INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        self._put = (
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) "  # noqa: S608
            f"ON CONFLICT (id) DO UPDATE SET {changes}"
        )

    def create(self, things: Sequence[Thing]) -> list[bool]:
        """Write those that are not there yet; for each, whether it was written."""
        if not things:
            return []
        # Worked out before the lock is taken, which all who write stand in line for.
        indexed_of = [self._indexed(thing) for thing in things]
        made = []
        with self.database.write(durable=self.table.durable) as connection:
            for thing, indexed in zip(things, indexed_of, strict=True):
                new = connection.execute(self._create, self._row(thing)).rowcount == 1
                made.append(new)
                if new:
                    self._written(connection, None, thing, indexed)
        return made

    def put(self, things: Sequence[Thing]) -> None:
        """Write, replacing what stands under the same id."""
        if not things:
            return
        with self.database.write(durable=self.table.durable) as connection:
            known = self._read(connection, [thing.id for thing in things])
            for thing in things:
                connection.execute(self._put, self._row(thing))
                self._written(connection, known.get(thing.id), thing, self._indexed(thing))

    def get(self, ids: Sequence[str]) -> dict[str, Thing]:
        """Return those that exist, by id."""
        with self.database.read() as connection:
            return self._read(connection, ids)

    def update(self, ids: Sequence[str], change: Callable[[Thing], Thing | None]) -> list[Thing]:
        """Replace each by `change(thing)` in one transaction; the new ones."""
        if not ids:
            return []
        changed: list[Thing] = []
        with self.database.write(durable=self.table.durable) as connection:
            for thing in self._read(connection, list(dict.fromkeys(ids))).values():
                new = change(thing)
                if new is not None:
                    connection.execute(self._put, self._row(new))
                    self._written(connection, thing, new, self._indexed(new))
                    changed.append(new)
        return changed

    def delete(self, ids: Sequence[str]) -> int:
        """Remove them; how many there were."""
        count = 0
        with self.database.write(durable=self.table.durable) as connection:
            for thing in self._read(connection, ids).values():
                self._removed(connection, thing)
                count += connection.execute(
                    f"DELETE FROM {self.table.name} WHERE id = ?",  # noqa: S608
                    (thing.id,),
                ).rowcount
        return count

    def all(self) -> Iterator[Thing]:
        """Every thing, in the order of ids, in pages."""
        return self.all_as(self.table.kind)

    def all_as(self, kind: type[Part]) -> Iterator[Part]:
        """As `all`; of each what `kind` has fields for."""
        after = ""
        while True:
            page = self.select_as(kind, "WHERE id > ? ORDER BY id LIMIT ?", (after, PAGE))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].id

    def count(self) -> int:
        """How many there are."""
        with self.database.read() as connection:
            return int(connection.execute(f"SELECT count(*) FROM {self.table.name}").fetchone()[0])  # noqa: S608

    @contextmanager
    def still(self) -> Iterator[Still[Thing]]:
        """Every thing as it stands now."""
        with self.database.still():
            yield Still(self.count(), self.all())

    def select(self, clauses: str, values: Sequence[Any]) -> list[Thing]:
        """The things for which `clauses` (a constant of this package) hold."""
        return self.select_as(self.table.kind, clauses, values)

    def select_as(self, kind: type[Part], clauses: str, values: Sequence[Any]) -> list[Part]:
        """As `select`; of each what `kind` has fields for."""
        with self.database.read() as connection:
            rows = connection.execute(f"SELECT thing FROM {self.table.name} {clauses}", values)  # noqa: S608
            return [decode(row[0], kind) for row in rows]

    def among(self, column: str, values: Sequence[str]) -> list[Thing]:
        """The things with one of `values` in a column."""
        return [
            thing
            for part in parts(values)
            for thing in self.select(f"WHERE {column} IN ({','.join('?' * len(part))})", part)
        ]

    def before(self, column: str, end: float, condition: str = "1") -> Iterator[Thing]:
        """The things with a number below `end` in a column and for which a condition holds, the lowest first, in pages.

        A page begins after the last thing of the one before, so that what was read may be deleted.
        """
        after, last = _LOWEST, ""
        where = f"WHERE {condition} AND {column} >= ? AND {column} < ? AND ({column} > ? OR id > ?)"
        while True:
            page = self.select(f"{where} ORDER BY {column}, id LIMIT {PAGE}", (after, end, after, last))
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1].id
            after = float(_plain(self.table.columns[column](page[-1])))

    def _read(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Thing]:
        found: dict[str, Thing] = {}
        for part in parts(ids):
            marks = ",".join("?" * len(part))
            query = f"SELECT id, thing FROM {self.table.name} WHERE id IN ({marks})"  # noqa: S608
            for key, thing in connection.execute(query, part):
                found[key] = decode(thing, self.table.kind)
        return {key: found[key] for key in ids if key in found}

    def _row(self, thing: Thing) -> tuple[Any, ...]:
        values = (_plain(column(thing)) for column in self.table.columns.values())
        return (thing.id, encode(thing), *values)

    def _indexed(self, thing: Thing) -> Sequence[str]:  # noqa: ARG002
        """What an index of the table's own holds of a thing."""
        return ()

    def _written(self, connection: sqlite3.Connection, old: Thing | None, new: Thing, indexed: Sequence[str]) -> None:
        """Inside the transaction that wrote `new`, of which `indexed` is to be found: for what hangs on a thing."""

    def _removed(self, connection: sqlite3.Connection, thing: Thing) -> None:
        """Inside the transaction that removes `thing`."""


def parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """`ids` in parts that one statement can ask for."""
    return (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value
