"""Alerts, and the presearcher that narrows which of them a story may match."""

from __future__ import annotations

import gc
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from pipeline.adapters.codec import decode
from pipeline.adapters.sqlite.database import Database
from pipeline.adapters.sqlite.records import SqliteRecords, Table
from pipeline.errors import QueryError
from pipeline.model import Alert, AlertState
from pipeline.ports import Candidate
from pipeline.query.document import Document
from pipeline.query.presearch import Filed, Presearcher
from pipeline.query.syntax import parse

MANY = 1_000
"""So many alerts read at once are left alone by the garbage collector."""


class SqliteAlerts(SqliteRecords[Alert]):
    """ports.AlertStore. The presearcher follows the table, whichever process wrote to it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Table("alerts", Alert, {}))
        self._lock = threading.Lock()
        self._presearcher: Presearcher[str] = Presearcher()
        self._seen = 0

    def narrow(self, documents: Sequence[Document]) -> list[Candidate]:
        """Active alerts that may match, each with the documents it may match."""
        with self._lock:
            unhealthy = self._follow()
            found: dict[Filed[str], list[int]] = {}
            for place, document in enumerate(documents):
                for filed in self._presearcher.candidates(document):
                    found.setdefault(filed, []).append(place)
        candidates = [
            Candidate(filed.key, filed.query.text, tuple(places), filed.query) for filed, places in found.items()
        ]
        for key, why in unhealthy.items():
            self.update([key], lambda alert, why=why: replace(alert, health=why) if alert.health != why else None)  # type: ignore[misc]
        return candidates

    def _follow(self) -> dict[str, str]:
        """Take in what has changed since the last time; the alerts that can't be read, and why."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT change, alert_id, thing FROM alert_changes LEFT JOIN alerts ON id = alert_id "
                "WHERE change > ? ORDER BY change",
                (self._seen,),
            ).fetchall()
        if len(rows) < MANY:
            return self._take_in(rows)
        with _uncollected():
            return self._take_in(rows)

    def _take_in(self, rows: Sequence[tuple[int, str, bytes | None]]) -> dict[str, str]:
        unhealthy: dict[str, str] = {}
        for change, key, thing in rows:
            self._seen = change
            self._presearcher.remove(key)
            alert = decode(thing, Alert) if thing is not None else None
            if alert is None or alert.state is not AlertState.ACTIVE:
                continue
            try:
                self._presearcher.add(key, parse(alert.meaning))
            except QueryError as error:
                unhealthy[key] = str(error)
        return unhealthy

    def _written(
        self,
        connection: sqlite3.Connection,
        old: Alert | None,  # noqa: ARG002
        new: Alert,
        indexed: Sequence[str],  # noqa: ARG002
    ) -> None:
        _note_change(connection, new.id)

    def _removed(self, connection: sqlite3.Connection, thing: Alert) -> None:
        _note_change(connection, thing.id)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would walk over all alerts read so far again and again; nor does it later.

    At 100,000 alerts it takes two fifths of the time to read them, and then 2 s at once. No part of a query refers back
    to the whole, so there is nothing to collect: what is taken out is freed as ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


def _note_change(connection: sqlite3.Connection, alert_id: str) -> None:
    """Put the alert at the end of the row of changes, which every process reads on from where it was."""
    connection.execute("REPLACE INTO alert_changes (alert_id) VALUES (?)", (alert_id,))
