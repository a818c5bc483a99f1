"""Feeds, entries, matches and deliveries: what each can be asked for besides being had by id."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from msgspec import Struct

from pipeline.adapters.codec import decode
from pipeline.adapters.sqlite.alerts import SqliteAlerts
from pipeline.adapters.sqlite.clusters import SqliteClusters
from pipeline.adapters.sqlite.copied import SqliteIdentities, SqliteSketches
from pipeline.adapters.sqlite.database import Database
from pipeline.adapters.sqlite.records import PAGE, SqliteRecords, Table
from pipeline.adapters.sqlite.stories import SqliteStories
from pipeline.model import (
    ASKED,
    POLLED,
    UNSENT,
    Audit,
    Beat,
    Credential,
    Delivery,
    Entry,
    EntryState,
    Feed,
    Feedback,
    Firing,
    Glance,
    Group,
    Match,
    Outbox,
    Recipient,
    RemovedAlert,
    Reply,
    Subscription,
    Takedown,
    User,
    Watchdog,
    WordList,
    ready_at,
    unleased_at,
)
from pipeline.ports import Held, LedgerFilter, Stores

_FIRST_DAY = date(1970, 1, 1)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_DUE = "WHERE state = ? AND ready_at <= ? ORDER BY ready_at LIMIT ?"
_READY_BETWEEN = "WHERE state = ? AND ready_at > ? AND ready_at <= ?"

# A page goes on after the last row of the one before: with OFFSET each would read all before it again.
# Said so that the index on created_at leads to the place.
_AFTER = "created_at <= ? AND (created_at < ? OR id > ?)"
_END_OF_TIME = 1e12

Waiting = TypeVar("Waiting", Feed, Subscription, Entry, Delivery)


def _due(records: SqliteRecords[Waiting], states: Sequence[str], now: datetime, limit: int) -> list[Waiting]:
    """Those in one of `states` that are ready, longest ready first. A state at a time: so the index serves."""
    found = [one for state in states for one in records.select(_DUE, (state, now.timestamp(), limit))]
    return sorted(found, key=ready_at)[:limit]


class _Marks(Struct, frozen=True):
    """What is read of a thing to see whether a message names it, or a worker holds it."""

    id: str
    queued_until: datetime | None = None
    lease_until: datetime | None = None


def _held(
    records: SqliteRecords[Waiting],
    states: Sequence[str],
    now: datetime,
    until: datetime,
    clauses: str = _READY_BETWEEN,
) -> Held:
    """How many of those in one of `states` are named, and how many taken. A state at a time: so the index serves."""
    at, end = now.timestamp(), until.timestamp()
    found = [one for state in states for one in records.select_as(_Marks, clauses, (state, at, end))]
    return Held(
        sum((one.queued_until or now) > now for one in found), sum((one.lease_until or now) > now for one in found)
    )


def _asked(where: LedgerFilter) -> tuple[str, list[object]]:
    """The conditions of a page of the ledger and their values; those of `_AFTER` come last."""
    named = {
        "alert_id = ?": where.alert_id,
        "recipient = ?": where.recipient,
        "story_id = ?": where.story_id,
        "+state = ?": where.state,  # not by its index: each page would sort all that are in that state
        "created_at >= ?": where.since.timestamp() if where.since else None,
    }
    asked = {condition: value for condition, value in named.items() if value}
    return " AND ".join((*asked, _AFTER)), list(asked.values())


def _behind(created_at: datetime, delivery_id: str) -> tuple[float, float, str]:
    """The values of `_AFTER` for what follows this row."""
    return created_at.timestamp(), created_at.timestamp(), delivery_id


def open_stores(path: str) -> Stores:
    """The stores in the file `path`; nothing is read or made until they are used."""
    database = Database(path)
    return Stores(
        feeds=SqliteFeeds(database),
        subscriptions=SqliteSubscriptions(database),
        entries=SqliteEntries(database),
        stories=SqliteStories(database),
        clusters=SqliteClusters(database),
        identities=SqliteIdentities(database),
        sketches=SqliteSketches(database),
        alerts=SqliteAlerts(database),
        removed_alerts=SqliteRecords(database, Table("removed_alerts", RemovedAlert, {}, durable=True)),
        lists=SqliteRecords(database, Table("lists", WordList, {})),
        matches=SqliteMatches(database),
        firings=SqliteRecords(database, Table("firings", Firing, {})),
        takedowns=SqliteRecords(database, Table("takedowns", Takedown, {}, durable=True)),
        deliveries=SqliteDeliveries(database),
        outboxes=SqliteRecords(database, Table("outboxes", Outbox, {})),
        recipients=SqliteRecords(database, Table("recipients", Recipient, {}, durable=True)),
        groups=SqliteRecords(database, Table("groups", Group, {})),
        feedback=SqliteRecords(database, Table("feedback", Feedback, {})),
        watchdogs=SqliteRecords(database, Table("watchdogs", Watchdog, {})),
        beats=SqliteRecords(database, Table("beats", Beat, {})),
        users=SqliteRecords(database, Table("users", User, {}, durable=True)),
        credentials=SqliteRecords(database, Table("credentials", Credential, {}, durable=True)),
        audits=SqliteRecords(database, Table("audits", Audit, {}, durable=True)),
        replies=SqliteRecords(database, Table("replies", Reply, {})),
        prepare=database.prepare,
        check=database.check,
        reindex=lambda _also, _progress: [],  # `prepare` brings a file up to date
        alone=lambda _work: nullcontext(lambda: None),  # a transaction at a time is enough
        probe=database.probe,
        sizes=database.sizes,
        size=database.size,
        look_ahead=lambda _: None,
        reclaim=database.reclaim,
        disk=database.disk,
        close=database.close,
    )


class SqliteFeeds(SqliteRecords[Feed]):
    """ports.FeedStore."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Table("feeds", Feed, {"state": lambda feed: feed.state, "ready_at": ready_at}))

    def due(self, now: datetime, limit: int) -> list[Feed]:
        """Polled feeds that are ready, longest ready first."""
        return _due(self, POLLED, now, limit)

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, POLLED, now, until)

    def glances(self) -> Iterator[Glance]:
        """At every feed, as they lie in the file, which takes half the time of any other order."""
        after = 0
        while True:
            with self.database.read() as connection:
                query = "SELECT rowid, thing FROM feeds WHERE rowid > ? ORDER BY rowid LIMIT ?"
                page = connection.execute(query, (after, PAGE)).fetchall()
            yield from [decode(thing, Glance) for _, thing in page]
            if len(page) < PAGE:
                return
            after = page[-1][0]


class SqliteSubscriptions(SqliteRecords[Subscription]):
    """ports.SubscriptionStore."""

    def __init__(self, database: Database) -> None:
        columns = {"state": lambda subscription: subscription.state, "ready_at": ready_at}
        super().__init__(database, Table("subscriptions", Subscription, columns))

    def due(self, now: datetime, limit: int) -> list[Subscription]:
        """Those not ended that are ready, longest ready first."""
        return _due(self, ASKED, now, limit)

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, ASKED, now, until)


class SqliteEntries(SqliteRecords[Entry]):
    """ports.EntryStore."""

    def __init__(self, database: Database) -> None:
        columns = {
            "state": lambda entry: entry.state,
            "backfill": lambda entry: int(entry.backfill),
            "ready_at": ready_at,
            "under_way": lambda entry: max(entry.queued_until or _NEVER, entry.lease_until or _NEVER),
        }
        super().__init__(database, Table("entries", Entry, columns))

    def due(self, now: datetime, limit: int) -> list[Entry]:
        """Pending entries that are ready: news before backfill, of each the longest ready first."""
        news = self._ready(now, limit, backfill=False)
        return [*news, *self._ready(now, limit - len(news), backfill=True)]

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        clauses = f"{_READY_BETWEEN} AND backfill IN (0, 1)"  # for the index: it is between state and ready_at
        return _held(self, [EntryState.PENDING], now, until, clauses)

    def ready(self, until: datetime, *, backfill: bool) -> int:
        """How many are pending and ready by then."""
        query = "SELECT count(*) FROM entries WHERE state = ? AND backfill = ? AND ready_at <= ?"
        with self.database.read() as connection:
            return int(connection.execute(query, (EntryState.PENDING, backfill, until.timestamp())).fetchone()[0])

    def under_way(self, now: datetime, until: datetime, *, backfill: bool) -> int:
        """How many are pending that a message names or a worker holds after `now`, and at most to `until`."""
        query = """SELECT count(*) FROM entries WHERE state = ? AND backfill = ? AND ready_at > ? AND ready_at <= ?
            AND under_way > ?"""
        at, end = now.timestamp(), until.timestamp()
        with self.database.read() as connection:
            return int(connection.execute(query, (EntryState.PENDING, backfill, at, end, at)).fetchone()[0])

    def _ready(self, now: datetime, limit: int, *, backfill: bool) -> list[Entry]:
        clauses = "WHERE state = ? AND backfill = ? AND ready_at <= ? ORDER BY ready_at LIMIT ?"
        return self.select(clauses, (EntryState.PENDING, backfill, now.timestamp(), limit))

    def quarantined(self) -> Iterator[Entry]:
        """Entries in quarantine."""
        yield from self.select("WHERE state = ? ORDER BY ready_at DESC", (EntryState.QUARANTINED,))

    def older(self, before: datetime) -> Iterator[Entry]:
        """Entries that are done, ready before then, longest ago first."""
        return self.before("ready_at", before.timestamp(), "state = 'done'")


class SqliteMatches(SqliteRecords[Match]):
    """ports.MatchStore."""

    def __init__(self, database: Database) -> None:
        columns = {
            "delivered": lambda match: int(match.delivered),
            "matched_at": lambda match: match.matched_at,
            "alert_id": lambda match: match.alert_id,
            "story_id": lambda match: match.story_id,
        }
        super().__init__(database, Table("matches", Match, columns))

    def undelivered(self, before: datetime) -> list[Match]:
        """Matches older than `before` whose deliveries were not all written."""
        return self.select("WHERE delivered = 0 AND matched_at < ? ORDER BY matched_at", (before.timestamp(),))

    def of_stories(self, story_ids: Sequence[str]) -> list[Match]:
        """Every match on these stories."""
        return self.among("story_id", story_ids)

    def older(self, before: datetime) -> Iterator[Match]:
        """Matches made before then, the oldest first."""
        return self.before("matched_at", before.timestamp())

    def by_day(self, since: date) -> Mapping[str, Mapping[date, int]]:
        """How many matches each alert that has any has had on each day from `since` on."""
        query = "SELECT alert_id, day, number FROM match_days WHERE day >= ?"  # kept by triggers
        with self.database.read() as connection:
            rows = connection.execute(query, ((since - _FIRST_DAY).days,)).fetchall()
        days = {day: _FIRST_DAY + timedelta(days=day) for day in {day for _, day, _ in rows}}
        counted: defaultdict[str, dict[date, int]] = defaultdict(dict)
        for alert_id, day, number in rows:
            counted[alert_id][days[day]] = number
        return counted

    def latest(self, alert_ids: Sequence[str], since: datetime, limit: int) -> list[Match]:
        """Matches of these alerts from `since` on, newest first."""
        # As JSON, since a statement takes only so many values.
        clauses = """WHERE matched_at >= ? AND alert_id IN (SELECT value FROM json_each(?))
            ORDER BY matched_at DESC, id LIMIT ?"""
        return self.select(clauses, (since.timestamp(), json.dumps(list(alert_ids)), limit))


class SqliteDeliveries(SqliteRecords[Delivery]):
    """ports.DeliveryStore."""

    def __init__(self, database: Database) -> None:
        columns = {
            "state": lambda delivery: delivery.state,
            "ready_at": ready_at,
            "created_at": lambda delivery: delivery.created_at,
            "alert_id": lambda delivery: delivery.alert_id,
            "recipient": lambda delivery: delivery.recipient,
            "story_id": lambda delivery: delivery.story_id,
            "match_id": lambda delivery: delivery.match_id,
        }
        super().__init__(database, Table("deliveries", Delivery, columns, durable=True))

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Pending or abandoned deliveries that are ready, longest ready first."""
        return _due(self, UNSENT, now, limit)

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, UNSENT, now, until)

    def due_to(self, channel: str, recipient: str, now: datetime, limit: int) -> list[Delivery]:
        """Those due to one recipient, longest ready first."""
        clauses = "WHERE recipient = ? AND state IN ('pending', 'held', 'sending') ORDER BY ready_at"
        found = self.select(clauses, (recipient,))
        return [one for one in found if one.channel == channel and unleased_at(one) <= now][:limit]

    def ledger(self, where: LedgerFilter) -> Iterator[Delivery]:
        """Deliveries, newest first."""
        conditions, values = _asked(where)
        after = _behind(*where.after) if where.after else (_END_OF_TIME, _END_OF_TIME, "")
        while True:
            query = f"WHERE {conditions} ORDER BY created_at DESC, id LIMIT {PAGE}"
            page = self.select(query, (*values, *after))
            yield from page
            if len(page) < PAGE:
                return
            after = _behind(page[-1].created_at, page[-1].id)

    def of_matches(self, match_ids: Sequence[str]) -> list[Delivery]:
        """Every delivery of these matches."""
        return self.among("match_id", match_ids)

    def of_stories(self, story_ids: Sequence[str]) -> list[Delivery]:
        """Every delivery about these stories."""
        return self.among("story_id", story_ids)

    def counts(self) -> Mapping[str, int]:
        """How many deliveries there are in each state."""
        with self.database.read() as connection:
            return dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state"))
