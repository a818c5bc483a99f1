"""The file: one connection a thread, short transactions, errors translated in one place."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import StoreError, StoreNotReady, StoreUnavailable
from pipeline.ports import Disk
from pipeline.query.document import Field

BUSY_SECONDS = 30.0
_INCREMENTAL = 2
_GIVEN_BACK_AT_ONCE = 1_000
"""Pages of 4 KB: others who write wait for so many, some tens of milliseconds."""

_FIRST_SCHEMA = f"""
CREATE TABLE feeds (id TEXT PRIMARY KEY, thing BLOB NOT NULL, state TEXT NOT NULL, ready_at REAL NOT NULL);
CREATE INDEX feeds_ready ON feeds (state, ready_at);
CREATE TABLE entries (id TEXT PRIMARY KEY, thing BLOB NOT NULL, state TEXT NOT NULL, ready_at REAL NOT NULL);
CREATE INDEX entries_ready ON entries (state, ready_at);
CREATE TABLE stories (id TEXT PRIMARY KEY, thing BLOB NOT NULL, published REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX stories_published ON stories (published);
CREATE INDEX stories_updated_at ON stories (updated_at);
CREATE VIRTUAL TABLE words USING fts5
    ({", ".join(field.value for field in Field)}, content='', detail=column, tokenize="ascii tokenchars '_'");
CREATE TABLE identities (key TEXT PRIMARY KEY, story_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE alerts (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE alert_changes (change INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL UNIQUE);
CREATE TABLE lists (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE matches (id TEXT PRIMARY KEY, thing BLOB NOT NULL, delivered INTEGER NOT NULL, matched_at REAL NOT NULL);
CREATE INDEX matches_undelivered ON matches (matched_at) WHERE delivered = 0;
CREATE TABLE deliveries (id TEXT PRIMARY KEY, thing BLOB NOT NULL, state TEXT NOT NULL, ready_at REAL NOT NULL,
    created_at REAL NOT NULL, alert_id TEXT NOT NULL, recipient TEXT NOT NULL, story_id TEXT NOT NULL);
CREATE INDEX deliveries_ready ON deliveries (state, ready_at);
CREATE INDEX deliveries_created ON deliveries (created_at);
CREATE INDEX deliveries_story ON deliveries (story_id);
"""
_SUBSCRIPTIONS = """
CREATE TABLE subscriptions (id TEXT PRIMARY KEY, thing BLOB NOT NULL, state TEXT NOT NULL, ready_at REAL NOT NULL);
CREATE INDEX subscriptions_ready ON subscriptions (state, ready_at);
"""
_CLUSTERS = """
ALTER TABLE stories ADD COLUMN copy_of TEXT NOT NULL DEFAULT '';
CREATE INDEX stories_copies ON stories (copy_of) WHERE copy_of <> '';
CREATE TABLE sketches (story_id TEXT NOT NULL UNIQUE, sketch BLOB NOT NULL, first_seen_at REAL NOT NULL);
CREATE TABLE bands (band INTEGER NOT NULL, sketch INTEGER NOT NULL, PRIMARY KEY (band, sketch)) WITHOUT ROWID;
CREATE TABLE firings (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE takedowns (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
"""
_RECIPIENTS = """
CREATE TABLE recipients (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE groups (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE feedback (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE outboxes (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE INDEX deliveries_to ON deliveries (recipient, ready_at) WHERE state IN ('pending', 'held', 'sending');
"""
_RECONCILIATION = """
ALTER TABLE deliveries ADD COLUMN match_id TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET match_id = json_extract(CAST(thing AS TEXT), '$.match_id');
CREATE INDEX deliveries_match ON deliveries (match_id);
CREATE TABLE watchdogs (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
"""
_USERS = """
CREATE TABLE users (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE credentials (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE audits (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE replies (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
"""
_LATEST = """
ALTER TABLE matches ADD COLUMN alert_id TEXT NOT NULL DEFAULT '';
UPDATE matches SET alert_id = json_extract(CAST(thing AS TEXT), '$.alert_id');
CREATE INDEX matches_latest ON matches (matched_at, alert_id);
CREATE INDEX deliveries_latest_to ON deliveries (recipient, created_at);
"""
_OPERATIONS = """
ALTER TABLE matches ADD COLUMN story_id TEXT NOT NULL DEFAULT '';
UPDATE matches SET story_id = json_extract(CAST(thing AS TEXT), '$.story_id');
CREATE INDEX matches_story ON matches (story_id);
CREATE INDEX identities_story ON identities (story_id);
CREATE INDEX sketches_seen ON sketches (first_seen_at);
CREATE TABLE removed_alerts (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE beats (id TEXT PRIMARY KEY, thing BLOB NOT NULL);
ALTER TABLE entries ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;
DROP INDEX entries_ready;
CREATE INDEX entries_ready ON entries (state, backfill, ready_at);
"""
_BY_DAY = """
ALTER TABLE matches ADD COLUMN day INTEGER AS (CAST(floor(matched_at / 86400) AS INTEGER));
CREATE INDEX matches_by_day ON matches (day, alert_id, matched_at);
"""
# INSERT OR IGNORE, then UPDATE: an upsert in a trigger gives way to the OR of the statement that fired it.
_COUNTED = """
ALTER TABLE entries ADD COLUMN under_way REAL NOT NULL DEFAULT 0;
DROP INDEX matches_by_day;
CREATE TABLE match_days (day INTEGER NOT NULL, alert_id TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (day, alert_id)) WITHOUT ROWID;
INSERT INTO match_days SELECT day, alert_id, count(*) FROM matches GROUP BY day, alert_id;
CREATE TRIGGER match_made AFTER INSERT ON matches BEGIN
    INSERT OR IGNORE INTO match_days VALUES (new.day, new.alert_id, 0);
    UPDATE match_days SET number = number + 1 WHERE day = new.day AND alert_id = new.alert_id;
END;
CREATE TRIGGER match_gone AFTER DELETE ON matches BEGIN
    UPDATE match_days SET number = number - 1 WHERE day = old.day AND alert_id = old.alert_id;
    DELETE FROM match_days WHERE day = old.day AND alert_id = old.alert_id AND number = 0;
END;
CREATE TRIGGER match_moved AFTER UPDATE ON matches WHEN new.day <> old.day OR new.alert_id <> old.alert_id BEGIN
    UPDATE match_days SET number = number - 1 WHERE day = old.day AND alert_id = old.alert_id;
    DELETE FROM match_days WHERE day = old.day AND alert_id = old.alert_id AND number = 0;
    INSERT OR IGNORE INTO match_days VALUES (new.day, new.alert_id, 0);
    UPDATE match_days SET number = number + 1 WHERE day = new.day AND alert_id = new.alert_id;
END;
"""
_STEPS = (
    _FIRST_SCHEMA,
    _SUBSCRIPTIONS,
    _CLUSTERS,
    _RECIPIENTS,
    _RECONCILIATION,
    _USERS,
    _LATEST,
    _OPERATIONS,
    _BY_DAY,
    _COUNTED,
)
"""Each takes a file from the version of its place to the next; never changed once released, only added to."""
VERSION = len(_STEPS)


class Database:
    """One file. `read` and `write` give a connection inside a transaction."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        # Writers of this process queue here; SQLite's own waiting is by sleeping and looking again.
        self._writing = threading.RLock()

    def prepare(self) -> list[str]:
        """Make or migrate the schema; what was done, in lines."""
        with self.write() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == VERSION:
                return [f"{self.path}: ready"]
            if version > VERSION:
                raise _too_new(self.path, version)
            for statement in _statements("".join(_STEPS[version:])):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        return [f"{self.path}: {f'brought up to date from schema {version}' if version else 'made'}"]

    def check(self) -> None:
        """Raise StoreError, with the cure, unless the file has the schema of this version."""
        with self.read() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise _too_new(self.path, version)
        if version < VERSION:
            what = f"has schema {version}, and this Wirewatch wants {VERSION}" if version else "is not set up"
            raise StoreError(f"{self.path} {what}: run `wirewatch setup`")

    def probe(self) -> str:
        """Look the file over; a line that says so. Raises StoreError when it is damaged."""
        with self.read() as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"{self.path} is damaged ({found}): restore it from a backup")
        return f"{self.path}: looked over, and sound"

    def sizes(self) -> dict[str, int]:
        """Bytes of the file and of what is written beside it and not yet copied into it."""
        files = [Path(self.path), Path(f"{self.path}-wal")]
        return {file.name: file.stat().st_size for file in files if file.exists()}

    def size(self) -> int:
        """Bytes of the pages that are in use."""
        with self.read() as connection:
            return (_pragma(connection, "page_count") - _pragma(connection, "freelist_count")) * _pragma(
                connection, "page_size"
            )

    def reclaim(self, thorough: bool) -> str:
        """Shorten the file by its free pages, a few at a time; `thorough` writes it anew, and others wait until then.

        A file from before this was possible is shortened by a thorough one alone, which also makes it possible.
        """
        while self._forget_deleted_words():
            pass
        with self._writing, self.read() as connection:
            before = _pragma(connection, "page_count") * _pragma(connection, "page_size")
            if thorough:
                connection.execute("VACUUM")
            possible = _pragma(connection, "auto_vacuum") == _INCREMENTAL
        while possible and self._give_back():
            pass
        with self.read() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            after = _pragma(connection, "page_count") * _pragma(connection, "page_size")
        given = f"{self.path}: {(before - after) / 1e6:.0f} of {before / 1e6:.0f} MB given back"
        return given if possible else f"{given}; its free pages are used again: `wirewatch prune --compact` shortens it"

    def _forget_deleted_words(self) -> bool:
        """Write some of the full-text index anew, in which what was deleted is only marked; whether there is more."""
        with self.write() as connection:
            before = connection.total_changes
            connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (-_GIVEN_BACK_AT_ONCE,))
            return connection.total_changes - before > 1  # FTS5, section 6.8: less, and nothing was done

    def _give_back(self) -> bool:
        """Give some pages back; whether there are more."""
        with self._writing, self.read() as connection:
            connection.execute(f"PRAGMA incremental_vacuum({_GIVEN_BACK_AT_ONCE})").fetchall()
            return _pragma(connection, "freelist_count") > 0

    def disk(self) -> Disk:
        """What is free beside the file."""
        return Disk(free=shutil.disk_usage(Path(self.path).parent).free, floor=0)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._open:
            self._open.pop().close()
        self._local = threading.local()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading: each statement sees the last commit."""
        with self._translated():
            yield self._connection()

    @contextmanager
    def still(self) -> Iterator[None]:
        """What this thread reads in it all stands as at one moment. It writes nothing in it; others go on."""
        with self._translated():
            connection = self._connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start, so that what it reads can't change under it.

        In WAL mode a commit outlives any crash of the process; `durable` makes it outlive a power cut too.
        """
        with self._writing, self._translated():
            connection = self._connection()
            if connection.in_transaction:  # part of a larger piece of work of this thread
                yield connection
                return
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            # Of a new file, or at the next VACUUM: else it never gets shorter. Before anything is written.
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA temp_store = MEMORY")
            # KB, of each thread's. The system caches the file anyway: 4 MB were no faster, with 300,000 entries stored.
            connection.execute("PRAGMA cache_size = -1000")
            # Pages, of 4 KB: the same ones are written again and again, and are copied home once for all these times.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            self._local.connection = connection
            self._open.append(connection)
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise StoreNotReady(f"{self.path} is not set up: run `wirewatch setup`") from error
            raise StoreUnavailable(
                f"{self.path}: {error}: see whether the disk is full or another program locks it"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path}: {error}: restore it from a backup, or name another file") from error


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _too_new(path: str, version: int) -> StoreError:
    return StoreError(f"{path} was made by a later Wirewatch (schema {version}): upgrade this one")


def _roll_back(connection: sqlite3.Connection) -> None:
    """End the transaction, unless SQLite has done so itself, as when it no longer fits on the disk."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """One by one, for `executescript` would commit first. A trigger has statements in it, and is one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
