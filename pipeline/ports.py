"""What the flow needs of the world, as Protocols. Adapters implement them; contract tests hold them to it.

Every store of things is a `Records`: create under a deterministic id, read by id, change atomically. What must be
exact (claims, leases, identity) goes through `get` and `update`; the searches of each store may be late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from email.message import EmailMessage
from typing import Generic, NamedTuple, Protocol, TypeVar

from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.model import (
    Alert,
    Article,
    Audit,
    Beat,
    Credential,
    Delivery,
    Entry,
    Feed,
    Feedback,
    FetchRequest,
    FetchResponse,
    Firing,
    Glance,
    Group,
    Identity,
    Match,
    Outbox,
    Recipient,
    RemovedAlert,
    Reply,
    Sketch,
    Stage,
    Story,
    Subscription,
    Takedown,
    User,
    Watchdog,
    WordList,
)
from pipeline.query.document import Document
from pipeline.query.syntax import Query
from pipeline.query.variants import Variants
from pipeline.robots import Rules
from pipeline.settings import Settings

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Still(Generic[Thing]):
    """All things of a kind as they stood at one moment, whatever is written meanwhile."""

    count: int  # at the most
    things: Iterator[Thing]  # once, in no order


class Copied(Protocol[Thing]):
    """What can be carried over to another store. Its methods raise StoreUnavailable or StoreError."""

    def create(self, things: Sequence[Thing]) -> list[bool]:
        """Write those that are not there yet; for each, whether it was written. Never overwrites."""
        ...

    def still(self) -> AbstractContextManager[Still[Thing]]:
        """Everything as it stands now, for as long as the context lasts.

        In SQLite the contexts that a thread has open at once show the same moment, and it writes nothing in them.
        """
        ...


class Records(Copied[Thing], Protocol[Thing]):
    """Things by id. All methods raise StoreUnavailable or StoreError."""

    def put(self, things: Sequence[Thing]) -> None:
        """Write, replacing what stands under the same id."""
        ...

    def get(self, ids: Sequence[str]) -> dict[str, Thing]:
        """Return those that exist, by id: always the last write, never late."""
        ...

    def update(self, ids: Sequence[str], change: Callable[[Thing], Thing | None]) -> list[Thing]:
        """Replace each by `change(thing)` atomically, and return the new ones.

        `change` may be called again when somebody else wrote meanwhile, and returns None to leave the thing as
        it is (such a thing is not returned). Ids that don't exist are passed over.
        """
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Remove them; how many there were."""
        ...

    def all(self) -> Iterator[Thing]:
        """Every thing, in the order of ids, in pages. What was written just now is included."""
        ...

    def count(self) -> int:
        """How many there are, exactly."""
        ...


class Held(NamedTuple):
    """Of what waits for its time and is due: how many a message names, and how many a worker has under its lease."""

    named: int
    taken: int


class DueRecords(Records[Thing], Protocol):
    """Things that wait for their time: feeds in a state of `model.POLLED`, pending entries, unsent deliveries,
    subscriptions not ended.
    """

    def due(self, now: datetime, limit: int) -> list[Thing]:
        """Those with `model.ready_at(thing)` <= now, longest ready first. Never late."""
        ...

    def held(self, now: datetime, until: datetime) -> Held:
        """How many are named or taken after `now`, and at most to `until`. Never late."""
        ...


class FeedStore(DueRecords[Feed], Protocol):
    """The feeds."""

    def glances(self) -> Iterator[Glance]:
        """At every feed, in no order."""
        ...


class SubscriptionStore(DueRecords[Subscription], Protocol):
    """The subscriptions to hubs, one a feed at the most."""


class EntryStore(DueRecords[Entry], Protocol):
    """The entries, from pending to done or quarantined. Of those that are due, news come before backfill."""

    def ready(self, until: datetime, *, backfill: bool) -> int:
        """How many are pending, news or backfill, with `model.ready_at(entry)` <= until. Never late."""
        ...

    def under_way(self, now: datetime, until: datetime, *, backfill: bool) -> int:
        """How many are pending that a message names or a worker holds after `now`, and at most to `until`."""
        ...

    def quarantined(self) -> Iterator[Entry]:
        """Entries in quarantine."""
        ...

    def older(self, before: datetime) -> Iterator[Entry]:
        """Entries that are done, `model.ready_at(entry)` < before, longest ago first; they may be deleted meanwhile."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryFilter:
    """Which stories a search looks at. `since` is inclusive, `until` exclusive, both of `published`."""

    since: datetime | None = None
    until: datetime | None = None
    ingested_since: datetime | None = None  # inclusive, of `updated_at`


class Claim(NamedTuple):
    """What somebody holds to be one story: its identity keys, strongest first, and its id if none is known yet."""

    keys: Sequence[str]
    story_id: str


class StoryStore(Records[Story], Protocol):
    """The stories and their search."""

    def resolve(self, claims: Sequence[Claim]) -> list[str]:
        """For each claim, in turn, the story it belongs to: that of its first key that is known, else `story_id`.

        Keys not known yet are bound to the outcome. Atomic: two claims with a key in common get one story, of one
        caller or of two at once.
        """
        ...

    def known(self, keys: Sequence[str]) -> str:
        """Return the story of the first of these identity keys that is known; empty when none is."""
        ...

    def unbind(self, story_ids: Sequence[str]) -> int:
        """Let go of the identity keys of these stories, which are about to be deleted; how many there were."""
        ...

    def older(self, before: datetime) -> Iterator[Story]:
        """Stories with `updated_at` < before, longest ago first; they may be deleted meanwhile."""
        ...

    def copies(self, story_id: str, limit: int) -> list[Story]:
        """Copies of the story `story_id`, which leads their cluster: the first seen first, `limit` of them at most."""
        ...

    def narrow(self, query: Query, where: StoryFilter) -> Iterator[Story]:
        """Candidates, latest published first: every story that `query` matches, and perhaps others.

        The evaluator judges them. What was put just now is included.
        """
        ...

    def narrowed_days(self, query: Query, where: StoryFilter) -> Mapping[str, int]:
        """How many stories `narrow` would give, by the day they were published (UTC, as ISO date). Reads none."""
        ...


class Sketched(NamedTuple):
    """A story for a cluster: what its text comes down to (dedupe/sketch.py), and when it was first seen."""

    story_id: str
    sketch: bytes  # not empty
    first_seen_at: datetime


class ClusterStore(Protocol):
    """Which stories lead clusters, and the sketches of these. What was written just now counts, whoever wrote it."""

    def lead(self, sketched: Sequence[Sketched]) -> list[str]:
        """For each story, in the order they were first seen, the one that leads its cluster.

        That is the earliest leader of whose text its own is a copy (`dedupe.is_copy`), seen at most
        `dedupe.COPIED_WITHIN` before it; else itself, from now on. Who leads goes on to: asked again, only its sketch
        is replaced. Of twins that are asked about at once, by anybody, one leads.
        """
        ...

    def older(self, before: datetime) -> Iterator[str]:
        """The stories first seen before then of which a sketch is kept; it may be deleted meanwhile."""
        ...

    def delete(self, story_ids: Sequence[str]) -> int:
        """Remove the sketches of these stories, by which no copy is found any more; how many there were."""
        ...


class Candidate(NamedTuple):
    """An alert that may match some of the documents asked about (by their place in the call)."""

    alert_id: str
    meaning: str  # Alert.meaning
    documents: tuple[int, ...]
    query: Query | None = None  # the meaning as the engine has read it, where it keeps that


class AlertStore(Records[Alert], Protocol):
    """The alerts, and the engine that narrows which of them a story may match: a write counts from the next one on."""

    def narrow(self, documents: Sequence[Document]) -> list[Candidate]:
        """Active alerts that may match: every one that does, and perhaps others. All of them, not the first ten.

        An alert whose query can't be run never stops the others: it gets its `health` set.
        """
        ...


class MatchStore(Records[Match], Protocol):
    """The matches."""

    def undelivered(self, before: datetime) -> list[Match]:
        """Matches older than `before` whose deliveries were not all written: a worker died in between."""
        ...

    def of_stories(self, story_ids: Sequence[str]) -> list[Match]:
        """Every match on these stories. Never late."""
        ...

    def older(self, before: datetime) -> Iterator[Match]:
        """Matches made before then, the oldest first; they may be deleted meanwhile."""
        ...

    def by_day(self, since: date) -> Mapping[str, Mapping[date, int]]:
        """How many matches each alert (by id) has had on each day, UTC, from `since` on."""
        ...

    def latest(self, alert_ids: Sequence[str], since: datetime, limit: int) -> list[Match]:
        """Matches of these alerts from `since` on, newest first, `limit` of them at most."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFilter:
    """Which deliveries to list; empty means all."""

    alert_id: str = ""
    recipient: str = ""
    story_id: str = ""
    state: str = ""
    since: datetime | None = None
    after: tuple[datetime, str] | None = None  # `created_at` and id of a row: those that come behind it


class DeliveryStore(DueRecords[Delivery], Protocol):
    """The ledger: one row for each match, recipient and channel."""

    def ledger(self, where: LedgerFilter) -> Iterator[Delivery]:
        """Deliveries, newest first."""
        ...

    def of_matches(self, match_ids: Sequence[str]) -> list[Delivery]:
        """Every delivery of these matches. Never late."""
        ...

    def of_stories(self, story_ids: Sequence[str]) -> list[Delivery]:
        """Every delivery about these stories. Never late."""
        ...

    def due_to(self, channel: str, recipient: str, now: datetime, limit: int) -> list[Delivery]:
        """Those due to one recipient, longest ready first; queued or not. Never late."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many deliveries there are in each state."""
        ...


class Fetcher(Protocol):
    """HTTP, politely."""

    def fetch(self, requests: Sequence[FetchRequest]) -> list[FetchResponse | FetchUnavailable | FetchRefused]:
        """Get them all, concurrently, and answer in their order. Failures are answers: one never stops the rest."""
        ...

    def fetch_as_they_come(
        self, requests: Sequence[FetchRequest]
    ) -> Iterator[list[tuple[int, FetchResponse | FetchUnavailable | FetchRefused]]]:
        """The same, in groups of what has come since the last one, each answer with its place in `requests`."""
        ...

    def check(self, url: str) -> None:
        """Raise FetchRefused when `url` is at an address that may not be asked, as its name stands now."""
        ...


class Extractor(Protocol):
    """Extraction where it can be killed."""

    def extract(self, html: bytes, url: str, content_type: str) -> Article:
        """As `pipeline.extract.page.extract`; raises ExtractError, or ExtractorDied when the page killed it."""
        ...


class Mailer(Protocol):
    """Where mails go."""

    def send(self, message: EmailMessage) -> str:
        """Hand over to the server; return its answer. Raises DeliveryUnavailable or DeliveryRefused."""
        ...


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        ...


Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class Moved(NamedTuple):
    """A kind of thing that was moved into a new index."""

    kind: str
    source: str
    target: str
    copied: int  # documents, those among them twice or more often that were changed meanwhile
    passes: int
    waited: float  # seconds for which writers of this kind had to


class Disk(NamedTuple):
    """The fullest disk under a store, in bytes: what is free, and what must be for it to take writes."""

    free: int
    floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """All that a backend keeps."""

    feeds: FeedStore
    subscriptions: SubscriptionStore
    entries: EntryStore
    stories: StoryStore
    clusters: ClusterStore
    identities: Copied[Identity]  # what `stories` knows stories by
    sketches: Copied[Sketch]  # those of `clusters`
    alerts: AlertStore
    removed_alerts: Records[RemovedAlert]
    lists: Records[WordList]
    matches: MatchStore
    firings: Records[Firing]
    takedowns: Records[Takedown]
    deliveries: DeliveryStore
    outboxes: Records[Outbox]
    recipients: Records[Recipient]
    groups: Records[Group]
    feedback: Records[Feedback]
    watchdogs: Records[Watchdog]
    beats: Records[Beat]
    users: Records[User]
    credentials: Records[Credential]
    audits: Records[Audit]
    replies: Records[Reply]
    prepare: Callable[[], list[str]]  # create what is missing; what was done, in lines. Idempotent, and quick.
    check: Callable[[], None]  # raise StoreError, with the cure, unless all is there as this version wants it
    reindex: Callable[[Collection[str], Progress], list[Moved]]  # move what an earlier version wrote, and these kinds
    alone: Callable[[str], AbstractContextManager[Callable[[], None]]]  # be the only one who does such work, by name;
    # gives what is to be called now and then so that it stays so. Raises StoreUnavailable while others are at it.
    probe: Callable[[], str]  # try for real what must work; a line that says so. Raises StoreError.
    sizes: Callable[[], Mapping[str, int]]  # bytes on disk of each file or index, by name
    size: Callable[[], int]  # bytes that what is kept takes up, without what is free to be written over
    look_ahead: Callable[[datetime], object]  # make now what is needed then; StoreNotReady where there is no room
    reclaim: Callable[[bool], str]  # give free space back to the disk (True: thoroughly, others wait); a line
    disk: Callable[[], Disk | None]  # None where the store does not tell
    close: Callable[[], None]


class Enricher(Protocol):
    """Adds what it knows to a story. `claim` is the language that page or feed says it is in, or empty."""

    def enrich(self, story: Story, claim: str) -> Story:
        """Return the story with more in it."""
        ...


class Observer(Protocol):
    """Who watches the stages at work, for metrics and traces."""

    def stage(self, stage: Stage, **ids: str) -> AbstractContextManager[object]:
        """Stand around one piece of work of `stage`; `ids` say of what. Raises nothing, and lets errors pass."""
        ...


class Unobserved:
    """Nobody watches."""

    def stage(self, stage: Stage, **ids: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Nothing is kept."""
        return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The world as the flow sees it; made in workers/bootstrap.py, and in tests."""

    stores: Stores
    fetcher: Fetcher
    extractor: Extractor
    mailer: Mailer
    clock: Clock
    settings: Settings
    variants: Variants  # the spellings in force
    enrichers: Sequence[Enricher]  # in this order
    observer: Observer = field(default_factory=Unobserved)
    robots: dict[str, Rules] = field(default_factory=dict)  # of the sites this process has asked, by origin
