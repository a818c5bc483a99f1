"""Feeds, entries, matches and deliveries: what each can be asked for besides being had by id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch

from pipeline.adapters.codec import from_plain
from pipeline.adapters.elastic import disk, indices
from pipeline.adapters.elastic.alerts import ElasticAlerts, probe
from pipeline.adapters.elastic.client import RETRIES, WHOLE, connect, translated
from pipeline.adapters.elastic.clusters import ElasticClusters
from pipeline.adapters.elastic.copied import ElasticIdentities, ElasticSketches
from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.lock import alone
from pipeline.adapters.elastic.mappings import Kind
from pipeline.adapters.elastic.months import settle
from pipeline.adapters.elastic.records import Body, ElasticRecords, Shelf
from pipeline.adapters.elastic.reindex import mend, needs_mending, reindex
from pipeline.adapters.elastic.stories import ElasticStories
from pipeline.errors import StoreUnavailable
from pipeline.ids import month_at
from pipeline.model import (
    ASKED,
    POLLED,
    UNSENT,
    Audit,
    Beat,
    Credential,
    Delivery,
    DeliveryState,
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
from pipeline.settings import Settings

_PLAIN: dict[Kind, type[Any]] = {
    Kind.FIRINGS: Firing,
    Kind.TAKEDOWNS: Takedown,
    Kind.OUTBOXES: Outbox,
    Kind.RECIPIENTS: Recipient,
    Kind.GROUPS: Group,
    Kind.FEEDBACK: Feedback,
    Kind.WATCHDOGS: Watchdog,
    Kind.BEATS: Beat,
    Kind.USERS: User,
    Kind.CREDENTIALS: Credential,
    Kind.AUDITS: Audit,
    Kind.REPLIES: Reply,
    Kind.REMOVED_ALERTS: RemovedAlert,
}
"""What is asked for by id alone."""
_BUCKETS = 10_000
"""In one answer; Elasticsearch gives 65,536 at the most."""
_MOST_TERMS = 50_000
"""In one question; Elasticsearch takes 65,536 at the most (index.max_terms_count)."""
_LONGEST_READY: list[Body] = [{"ready_at": "asc"}]
_NEWS_FIRST: Body = {"backfill": {"order": "asc", "missing": "_first"}}


def open_stores(settings: Settings, retries: int = RETRIES) -> Stores:
    """The stores at `settings.store`, each request tried so often again; nothing is asked of it until they are used."""
    client = connect(settings, retries)
    names = Names(settings.store_prefix)
    stories, clusters = ElasticStories(client, names), ElasticClusters(client, names)
    records: dict[Kind, ElasticRecords[Any]] = {
        Kind.FEEDS: ElasticFeeds(client, names),
        Kind.SUBSCRIPTIONS: ElasticSubscriptions(client, names),
        Kind.ENTRIES: ElasticEntries(client, names),
        Kind.STORIES: stories,
        Kind.IDENTITIES: stories.identities,
        Kind.SKETCHES: clusters.sketches,
        Kind.ALERTS: ElasticAlerts(client, names),
        Kind.LISTS: ElasticRecords(client, Shelf(names, Kind.LISTS, WordList, refresh=True)),
        Kind.MATCHES: ElasticMatches(client, names),
        Kind.DELIVERIES: ElasticDeliveries(client, names),
        **{kind: ElasticRecords(client, Shelf(names, kind, thing)) for kind, thing in _PLAIN.items()},
    }
    # What has an index and no place of its own among the stores is part of one of them.
    own: dict[str, Any] = {
        str(kind): one for kind, one in records.items() if kind not in (Kind.IDENTITIES, Kind.SKETCHES)
    }
    return Stores(
        **own,
        clusters=clusters,
        identities=ElasticIdentities(client, names),
        sketches=ElasticSketches(client, names),
        prepare=partial(prepare, client, names, settings.store_shards),
        check=partial(indices.check, client, names),
        reindex=lambda also, progress: reindex(
            client, names, records, shards=settings.store_shards, also=also, progress=progress
        ),
        alone=partial(alone, client, names),
        probe=partial(probe, client, names),
        sizes=partial(disk.sizes, client, names),
        size=partial(disk.size, client, names),
        reclaim=partial(disk.reclaim, client, names),
        look_ahead=lambda at: settle(client, names, [month_at(at)], begin=True),
        disk=partial(disk.disk, client),
        close=client.close,
    )


def prepare(client: Elasticsearch, names: Names, shards: int) -> list[str]:
    """Prepare all indices, and put right what a reindex that was killed has left; what was done, in lines."""
    lines = indices.prepare(client, names, shards=shards)
    if not needs_mending(indices.existing(client, names)):
        return lines
    try:
        with alone(client, names, "setup"):
            return [*lines, *mend(client, names)]
    except StoreUnavailable as error:
        return [*lines, f"not looked for what a reindex may have left: {error}"]


class ElasticFeeds(ElasticRecords[Feed]):
    """ports.FeedStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names, Kind.FEEDS, Feed, {"ready_at": _ready_at}))

    def due(self, now: datetime, limit: int) -> list[Feed]:
        """Polled feeds that are ready, longest ready first."""
        return list(self.search(_due(POLLED, now), _LONGEST_READY, limit))

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, POLLED, now, until)

    def glances(self) -> Iterator[Glance]:
        """At every feed."""
        return (from_plain(hit["_source"], Glance) for hit in self.hits({"match_all": {}}, [{"id": "asc"}]))


class ElasticSubscriptions(ElasticRecords[Subscription]):
    """ports.SubscriptionStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names, Kind.SUBSCRIPTIONS, Subscription, {"ready_at": _ready_at}))

    def due(self, now: datetime, limit: int) -> list[Subscription]:
        """Those not ended that are ready, longest ready first."""
        return list(self.search(_due(ASKED, now), _LONGEST_READY, limit))

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, ASKED, now, until)


class ElasticEntries(ElasticRecords[Entry]):
    """ports.EntryStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names, Kind.ENTRIES, Entry, {"ready_at": _ready_at}))

    def due(self, now: datetime, limit: int) -> list[Entry]:
        """Pending entries that are ready: news before backfill, of each the longest ready first."""
        return list(self.search(_due([EntryState.PENDING], now), [_NEWS_FIRST, *_LONGEST_READY], limit))

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, [EntryState.PENDING], now, until)

    def ready(self, until: datetime, *, backfill: bool) -> int:
        """How many are pending and ready by then."""
        return self._pending(until, [], backfill=backfill)

    def under_way(self, now: datetime, until: datetime, *, backfill: bool) -> int:
        """How many are pending that a message names or a worker holds after `now`, and at most to `until`."""
        held = [{"range": {name: {"gt": _moment(now)}}} for name in ("queued_until", "lease_until")]
        return self._pending(until, [{"bool": {"should": held, "minimum_should_match": 1}}], backfill=backfill)

    def _pending(self, until: datetime, besides: Sequence[Body], *, backfill: bool) -> int:
        self.refresh()
        query = _due([EntryState.PENDING], until)
        query["bool"]["filter" if backfill else "must_not"] += [{"term": {"backfill": True}}]
        query["bool"]["filter"] += besides
        with translated(self.client):
            return int(self.client.count(index=self.shelf.alias, query=query)["count"])

    def quarantined(self) -> Iterator[Entry]:
        """Entries in quarantine, the latest first."""
        return self.search({"term": {"state": EntryState.QUARANTINED.value}}, [{"ready_at": "desc"}])

    def older(self, before: datetime) -> Iterator[Entry]:
        """Entries that are done, ready before then, longest ago first."""
        done: Body = {"term": {"state": EntryState.DONE.value}}
        ready = {"range": {"ready_at": {"lt": _moment(before)}}}
        return self.search({"bool": {"filter": [done, ready]}}, _LONGEST_READY)


class ElasticMatches(ElasticRecords[Match]):
    """ports.MatchStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names, Kind.MATCHES, Match))

    def undelivered(self, before: datetime) -> list[Match]:
        """Matches older than `before` whose deliveries were not all written."""
        older = {"range": {"matched_at": {"lt": _moment(before)}}}
        query = {"bool": {"filter": [{"term": {"delivered": False}}, older]}}
        return list(self.search(query, [{"matched_at": "asc"}]))

    def of_stories(self, story_ids: Sequence[str]) -> list[Match]:
        """Every match on these stories."""
        return list(self.search({"terms": {"story_id": list(story_ids)}}, [{"id": "asc"}]))

    def older(self, before: datetime) -> Iterator[Match]:
        """Matches made before then, the oldest first."""
        return self.search({"range": {"matched_at": {"lt": _moment(before)}}}, [{"matched_at": "asc"}])

    def by_day(self, since: date) -> Mapping[str, Mapping[date, int]]:
        """How many matches each alert that has any has had on each day from `since` on."""
        self.refresh()
        sources = [
            {"alert_id": {"terms": {"field": "alert_id"}}},
            {"day": {"date_histogram": {"field": "matched_at", "calendar_interval": "day", "format": "yyyy-MM-dd"}}},
        ]
        counted: defaultdict[str, dict[date, int]] = defaultdict(dict)
        after: Body = {}
        while True:
            buckets: Body = {"composite": {"sources": sources, "size": _BUCKETS, **after}}
            with translated(self.client):
                answer = self.client.search(
                    index=self.shelf.alias,
                    size=0,
                    query={"range": {"matched_at": {"gte": since.isoformat()}}},
                    aggs={"days": buckets},
                    **WHOLE,
                )
            found = answer["aggregations"]["days"]
            for one in found["buckets"]:
                counted[one["key"]["alert_id"]][date.fromisoformat(one["key"]["day"])] = one["doc_count"]
            if "after_key" not in found:
                return counted
            after = {"after": found["after_key"]}

    def latest(self, alert_ids: Sequence[str], since: datetime, limit: int) -> list[Match]:
        """Matches of these alerts from `since` on, newest first."""
        late = {"range": {"matched_at": {"gte": _moment(since)}}}
        found: list[Match] = []
        for start in range(0, len(alert_ids), _MOST_TERMS):
            some = list(alert_ids[start : start + _MOST_TERMS])
            query: Body = {"bool": {"filter": [{"terms": {"alert_id": some}}, late]}}
            found += self.search(query, [{"matched_at": "desc"}, {"id": "asc"}], limit)
        found.sort(key=lambda one: one.id)
        return sorted(found, key=lambda one: one.matched_at, reverse=True)[:limit]


class ElasticDeliveries(ElasticRecords[Delivery]):
    """ports.DeliveryStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names, Kind.DELIVERIES, Delivery, {"ready_at": _ready_at}))

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Pending or abandoned deliveries that are ready, longest ready first."""
        return list(self.search(_due(UNSENT, now), _LONGEST_READY, limit))

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`."""
        return _held(self, UNSENT, now, until)

    def due_to(self, channel: str, recipient: str, now: datetime, limit: int) -> list[Delivery]:
        """Those due to one recipient, longest ready first."""
        wanted = {"recipient": [recipient], "channel": [channel], "state": [str(state) for state in UNSENT]}
        query: Body = {"bool": {"filter": [{"terms": {name: values}} for name, values in wanted.items()]}}
        found = (one for one in self.search(query, _LONGEST_READY) if unleased_at(one) <= now)
        return list(islice(found, limit))

    def ledger(self, where: LedgerFilter) -> Iterator[Delivery]:
        """Deliveries, newest first."""
        named = {
            "alert_id": where.alert_id,
            "recipient": where.recipient,
            "story_id": where.story_id,
            "state": where.state,
        }
        clauses: list[Body] = [{"term": {name: value}} for name, value in named.items() if value]
        if where.since:
            clauses.append({"range": {"created_at": {"gte": _moment(where.since)}}})
        if where.after:
            clauses.append(_behind(*where.after))
        return self.search({"bool": {"filter": clauses}}, [{"created_at": "desc"}, {"id": "asc"}])

    def of_matches(self, match_ids: Sequence[str]) -> list[Delivery]:
        """Every delivery of these matches."""
        return list(self.search({"terms": {"match_id": list(match_ids)}}, [{"id": "asc"}]))

    def of_stories(self, story_ids: Sequence[str]) -> list[Delivery]:
        """Every delivery about these stories."""
        return list(self.search({"terms": {"story_id": list(story_ids)}}, [{"id": "asc"}]))

    def counts(self) -> Mapping[str, int]:
        """How many deliveries there are in each state."""
        self.refresh()
        with translated(self.client):
            answer = self.client.search(
                index=self.shelf.alias,
                size=0,
                aggs={"states": {"terms": {"field": "state", "size": len(DeliveryState)}}},
                **WHOLE,
            )
        return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["states"]["buckets"]}


def _held(records: ElasticRecords[Any], states: Sequence[str], now: datetime, until: datetime) -> Held:
    """How many of those in one of `states` are named, and how many taken."""
    records.refresh()
    marks = {"named": "queued_until", "taken": "lease_until"}
    counted = {name: {"filter": {"range": {field: {"gt": _moment(now)}}}} for name, field in marks.items()}
    with translated(records.client):
        answer = records.client.search(
            index=records.shelf.alias, size=0, query=_due(states, until), aggs=counted, track_total_hits=False, **WHOLE
        )
    return Held(*(int(answer["aggregations"][name]["doc_count"]) for name in marks))


def _ready_at(thing: Feed | Entry | Delivery | Subscription) -> str:
    return _moment(ready_at(thing))


def _behind(created_at: datetime, delivery_id: str) -> Body:
    """What the ledger has after this row: older ones, and those of its moment with a later id."""
    moment = _moment(created_at)
    together: Body = {"bool": {"filter": [{"term": {"created_at": moment}}, {"range": {"id": {"gt": delivery_id}}}]}}
    return {"bool": {"should": [{"range": {"created_at": {"lt": moment}}}, together]}}


def _due(states: Sequence[str], now: datetime) -> Body:
    ready = {"range": {"ready_at": {"lte": _moment(now)}}}
    return {"bool": {"filter": [{"terms": {"state": [str(state) for state in states]}}, ready], "must_not": []}}


def _moment(when: datetime) -> str:
    """To the microsecond, always: a bound that leaves them out is rounded up to the end of its second."""
    return when.isoformat(timespec="microseconds")
