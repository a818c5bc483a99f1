"""The things: frozen records that pass between stages and stand in the stores. No behaviour.

All times are aware and in UTC. Ids are deterministic (ids.py).
"""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

# gc=False: no thing refers back to what holds it, so there is nothing in them for the collector, which would look over
# thousands of them each time.


class Stage(StrEnum):
    """The stages, in their order: metrics, traces and logs call them so too."""

    FETCH = "fetch"
    PARSE = "parse"
    EXTRACT = "extract"
    ENRICH = "enrich"
    DEDUPE = "dedupe"
    INDEX = "index"
    MATCH = "match"
    DELIVER = "deliver"


class FeedState(StrEnum):
    """Whether a feed is polled."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    DEAD = "dead"  # too many failures
    GONE = "gone"  # the server said 410

    # Enum's own is written in Python, and every feed is counted by its state.
    __hash__ = str.__hash__


POLLED = (FeedState.ACTIVE, FeedState.DEAD)
"""A dead feed is still asked, once a day: what came back by itself needs no person."""


class Habits(Struct, frozen=True, kw_only=True, gc=False):
    """When a feed publishes, in counts that fade. Learnt and read by pipeline/habits.py alone."""

    hours: tuple[float, ...] = (0.0,) * 24  # stories by hour of the day, UTC
    weekdays: tuple[float, ...] = (0.0,) * 7  # stories by day of the week, 0 is Monday
    watched: tuple[float, ...] = (0.0,) * 7  # how many days of each these counts are of
    as_of: datetime | None = None  # when they were written; None: nothing is known
    latest: datetime | None = None  # when the latest story came
    usual: float = 0.0  # stories a day, averaged up to then; 0: not known
    longest_gap: float = 0.0  # seconds without a story that were nothing unusual
    window: int = 0  # entries that the document holds
    limit: float = 0.0  # seconds between polls at the most, since entries were lost at more; 0: none were


class Pages(StrEnum):
    """When the page of an entry is fetched."""

    ALWAYS = "always"
    WHEN_SHORT = "when-short"  # when the feed gives less than the whole text
    NEVER = "never"


class PageRecord(Struct, frozen=True, kw_only=True, gc=False):
    """What a feed's pages were worth beside its own text. Learnt and read by pipeline/extract/policy.py alone."""

    same: int = 0  # short texts in a row whose page said no more
    same_letters: int = 0  # the longest of them
    doubts: int = 0  # texts that look whole of which the page is still fetched, since one was not
    tried: int = 0  # pages that were asked for, of the last ones
    barred: float = 0.0  # how many of these could not be had; a count that fades
    reason: str = ""  # why the last of them could not


class Feed(Struct, frozen=True, kw_only=True, gc=False):
    """An address that is polled, and what is known of it. `id` is identify("feed", url as added)."""

    id: str
    url: str
    added_at: datetime
    title: str = ""
    site_url: str = ""
    tags: tuple[str, ...] = ()
    state: FeedState = FeedState.ACTIVE
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    interval: float = 0.0  # seconds; 0 until the first poll
    next_poll_at: datetime
    lease_until: datetime | None = None  # a worker is polling it
    queued_until: datetime | None = None  # a message in the broker names it: no need to queue it again
    polled_at: datetime | None = None
    succeeded_at: datetime | None = None
    new_entry_at: datetime | None = None
    latest_published: datetime | None = None  # the latest date any of its entries had that was not in the future
    failures: float = 0.0  # weighted count since the last success
    error: str = ""  # the last failure in words, empty after a success
    moved_to: str = ""  # a permanent redirect seen once; saved when seen again
    notes: tuple[str, ...] = ()  # what was odd about the last body, for `feeds list`
    outline: tuple[tuple[str, str], ...] = ()  # what its OPML said that has no field here, for the export
    pushed_until: datetime | None = None  # a hub delivers its news until then: polling is the safety net
    wall: str = ""  # the bot wall that the last failure was, by name
    habits: Habits = Habits()
    pages: Pages | None = None  # its own policy; None: that of the settings
    page_record: PageRecord = PageRecord()
    polls: str = ""  # its last polls, a line each (polls.py)
    # What the publisher asked for the last time: a 304 repeats none of it.
    max_age: float = 0.0  # seconds (Cache-Control)
    least_interval: float = 0.0  # these three as in ParsedFeed
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    listed: tuple[str, ...] | None = None  # by its last document, as pipeline/retention.py reads it; None: not known


class Rhythm(Struct, frozen=True, kw_only=True, gc=False):
    """A part of Habits: enough to tell whether a feed is silent."""

    latest: datetime | None = None
    usual: float = 0.0
    longest_gap: float = 0.0


class Glance(Struct, frozen=True, kw_only=True, gc=False):
    """A part of Feed, under the same names: what is looked at where all feeds pass by, and read in half the time."""

    id: str
    url: str
    title: str = ""
    tags: tuple[str, ...] = ()
    state: FeedState = FeedState.ACTIVE
    polled_at: datetime | None = None
    new_entry_at: datetime | None = None
    error: str = ""
    wall: str = ""
    habits: Rhythm = Rhythm()


class SubscriptionState(StrEnum):
    """Where a subscription stands with its hub."""

    WANTED = "wanted"  # the hub is asked until it has verified that we want it
    VERIFIED = "verified"  # content may come until `expires_at`
    DENIED = "denied"  # by the hub, which is asked again much later
    ENDING = "ending"  # the hub is asked to stop
    ENDED = "ended"


ASKED = tuple(state for state in SubscriptionState if state is not SubscriptionState.ENDED)
"""The states in which the hub may have to be asked something."""


class Subscription(Struct, frozen=True, kw_only=True, gc=False):
    """A hub's promise to push what a feed publishes (WebSub). `id` is identify("subscription", feed_id)."""

    id: str
    feed_id: str
    hub: str
    topic: str  # the address under which the hub knows the feed
    token: str  # the unguessable end of the callback address
    secret: str  # with which the hub signs what it pushes
    state: SubscriptionState = SubscriptionState.WANTED
    created_at: datetime
    due_at: datetime  # when the hub is to be asked (again)
    queued_until: datetime | None = None
    attempts: int = 0  # how often the hub was asked since it last verified; written before the asking
    expires_at: datetime | None = None  # the end of the hub's lease
    pushed_at: datetime | None = None  # when content under a good signature came the last time
    error: str = ""  # why it was refused or denied, in words


class Enclosure(Struct, frozen=True, kw_only=True, gc=False):
    """A file that comes with an entry: a picture, a recording. `length` is in bytes, 0 where it is not stated."""

    url: str
    media_type: str = ""
    length: int = 0


class EntryState(StrEnum):
    """Where an entry stands on its way to a story."""

    PENDING = "pending"
    DONE = "done"
    QUARANTINED = "quarantined"


class Arrival(StrEnum):
    """How an entry came: it stays so when the feed changes it (freshness.py)."""

    NEWS = "news"
    FIRST_POLL = "first poll"  # of its feed: all that the feed had
    REISSUED = "reissued"  # with its feed's back catalogue, under another identity
    PRUNED = "pruned"  # and is kept as a mark, since its feed lists it still (retention.py)


class Discard(Struct, frozen=True, kw_only=True, gc=False):
    """That a person wants no more of an entry in quarantine."""

    reason: str
    by: str  # address
    at: datetime


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """What a feed said of one story. `id` is identify("entry", feed_id, identity)."""

    id: str
    feed_id: str
    identity: str  # guid, else link, else a hash of title and date
    url: str  # absolute, as the feed gave it; may be empty
    title: str  # plain text
    summary: str = ""  # HTML as given
    content: str = ""  # HTML as given (content:encoded, atom:content)
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: str = ""  # the feed's own claim
    published: datetime | None = None
    updated: datetime | None = None
    enclosures: tuple[Enclosure, ...] = ()
    shares_address: bool = False  # as ParsedEntry's
    content_hash: str = ""  # changes when what the feed says changes
    first_seen_at: datetime
    arrival: Arrival = Arrival.NEWS
    backfill: bool = False  # its turn comes after all news
    notes: tuple[str, ...] = ()
    state: EntryState = EntryState.PENDING
    due_at: datetime  # when it is to be ingested (first, again after a failure, or the later look at a young page)
    looks: int = 0  # how often its page has been ingested with success
    attempts: int = 0  # written before the work; back to 0 when it succeeds, one back when the store was away
    lease_until: datetime | None = None
    queued_until: datetime | None = None
    error: str = ""
    failed_stage: str = ""
    discarded: Discard | None = None  # of one in quarantine, which stays there
    story_id: str = ""


class Takedown(Struct, frozen=True, kw_only=True, gc=False):
    """That a story is to be forgotten whenever it comes. `id` is the story's."""

    id: str
    url: str  # as it was asked for
    at: datetime


class Article(Struct, frozen=True, kw_only=True, gc=False):
    """What a page said. `url` is where it was found after redirects; empty fields were not stated."""

    url: str
    canonical_url: str = ""
    title: str = ""
    paragraphs: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    site: str = ""
    section: str = ""
    language: str = ""  # the page's own claim
    image: str = ""


class EntityKind(StrEnum):
    """Kinds of named entities, as CoNLL and IPTC name them."""

    PERSON = "person"
    PLACE = "place"
    ORGANISATION = "organisation"


Span = tuple[str, int, int]
"""Field (title or body) of a story, and the offsets in it, end exclusive."""


class Entity(Struct, frozen=True, kw_only=True, gc=False):
    """Somebody or something named in a story. `code` is ISO 3166-1 alpha-2 for a country."""

    name: str
    kind: EntityKind
    code: str = ""
    mentions: int = 1
    spans: tuple[Span, ...] = ()  # where it is named, the first few of its mentions


class TextFrom(StrEnum):
    """Where the body of a story comes from."""

    PAGE = "page"
    FEED = "feed"


class Changes(Struct, frozen=True, kw_only=True, gc=False):
    """What is otherwise in a newer version of a story. Sentences as they stand there, in their order."""

    headline_before: str = ""  # empty where the headline says the same
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Revision(Struct, frozen=True, kw_only=True, gc=False):
    """A later version of a story, and what it changed in the one before."""

    version: int
    at: datetime
    changes: Changes
    edited: bool  # by its publisher; else the text only came from elsewhere than before (the page, for one)


class Story(Struct, frozen=True, kw_only=True, gc=False):
    """The enriched article that is indexed and matched. `id` is ids.story_id(first seen, its first key)."""

    id: str
    url: str  # canonical
    title: str
    body: str  # paragraphs set apart by a blank line
    authors: tuple[str, ...] = ()
    published: datetime
    site: str = ""
    section: str = ""
    language: str = "unknown"  # ISO 639-1
    tags: tuple[str, ...] = ()
    feed_ids: tuple[str, ...] = ()
    entry_ids: tuple[str, ...] = ()  # that brought it
    feed_titles: tuple[str, ...] = ()
    sentiment: str = ""  # negative, neutral or positive where it can be told honestly
    word_count: int = 0  # of the body; pipeline/reading.py has the minutes
    entities: tuple[Entity, ...] = ()
    image: str = ""
    text_from: TextFrom = TextFrom.PAGE
    text_reason: str = ""  # why the feed's text had to do
    version: int = 1
    content_hash: str = ""  # of title and body: a new version is one whose hash differs
    revisions: tuple[Revision, ...] = ()  # the later versions, the latest last
    copy_of: str = ""  # the story that leads its cluster: the first seen of those that carry this text; empty: itself
    first_seen_at: datetime
    old: str = ""  # why an alert that first matches this version mails nobody (freshness.py), in words
    updated_at: datetime  # when it was ingested the last time


class Identity(Struct, frozen=True, kw_only=True, gc=False):
    """That a key by which stories are known again belongs to one. `id` is identify("identity", key)."""

    id: str
    key: str
    story_id: str


class Sketch(Struct, frozen=True, kw_only=True, gc=False):
    """What the text of a story that leads a cluster comes down to (dedupe/sketch.py). `id` is the story's."""

    id: str
    sketch: bytes
    first_seen_at: datetime


class AlertState(StrEnum):
    """Whether an alert is matched."""

    ACTIVE = "active"
    PAUSED = "paused"


class Alert(Struct, frozen=True, kw_only=True, gc=False):
    """A saved query with recipients. `id` is identify("alert", name)."""

    id: str
    name: str
    query: str  # as typed
    meaning: str  # the query in full: lists written out, spellings added (query/meaning.py); what engines run
    variants: bool = True  # whether other spellings are looked for
    copies: bool = False  # whether every copy of a story is delivered, or the first alone
    updates: bool = False  # whether an edit is delivered that brings another sentence or headline that matches
    recipients: tuple[str, ...] = ()  # addresses (Recipient.address) and groups (@desk)
    policy: str = "immediate"  # when its mails go, as pipeline/deliver/policy.py reads it
    throttle: int = 0  # mails an hour and recipient at the most, the rest in the next one; 0: no bound
    urgent: bool = False  # quiet hours don't hold it
    team: str = ""  # whose it is, in lower case: others don't see it in the console; empty: everybody's
    state: AlertState = AlertState.ACTIVE
    health: str = ""  # why it could not be evaluated the last time, in words; empty when all is well
    created_at: datetime
    updated_at: datetime


class RemovedAlert(Struct, frozen=True, kw_only=True, gc=False):
    """An alert that somebody has removed, for as long as it may be put back. `id` is the alert's."""

    id: str
    alert: Alert
    by: str  # who, as in Audit
    at: datetime


class Recipient(Struct, frozen=True, kw_only=True, gc=False):
    """Somebody who is told, by mail or another channel. `id` is identify("recipient", address).

    Whom an alert names and nobody has described gets mails as this says by default.
    """

    id: str
    address: str  # of mail; or a channel's, as pipeline/deliver/channel.py reads it: slack+https://…
    name: str = ""
    zone: str = "UTC"  # IANA
    language: str = "en"  # of the mails, ISO 639-1
    policy: str = ""  # in place of the alerts' own
    secret: str = ""  # that signs what a webhook gets, or the access token of a Matrix account
    quiet: str = ""  # hours in which nothing comes that is not urgent, in their zone: 22:00-07:00
    unsubscribed: tuple[str, ...] = ()  # ids of alerts; EVERY_ALERT for all
    muted: dict[str, datetime] = {}  # ids of alerts, and until when
    bounces: int = 0  # refusals in a row
    bounced: str = ""  # why nothing is sent to the address any more, in words
    updated_at: datetime


EVERY_ALERT = "*"


class Role(StrEnum):
    """What a user of the console may do; each may do what the ones before it may."""

    VIEWER = "viewer"  # read
    ANALYST = "analyst"  # and make alerts
    OPERATOR = "operator"  # and care for feeds, quarantine and queues
    ADMINISTRATOR = "administrator"  # and for users


ROLES = tuple(Role)


class User(Struct, frozen=True, kw_only=True, gc=False):
    """Somebody who signs in to the console. `id` is identify("user", address)."""

    id: str
    address: str  # of mail, and the one they are told at
    name: str = ""
    role: Role = Role.VIEWER
    teams: tuple[str, ...] = ()  # whose alerts they see, in lower case; an administrator sees all
    password: str = ""  # its Argon2 hash (RFC 9106); empty until they have chosen one
    version: int = 0  # goes up with each password and role: credentials of an earlier one hold no more
    disabled: bool = False  # kept, with all that is theirs, and let in by nothing

    def may(self, role: str) -> bool:
        """Whether they may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(Role(role))


class Scope(StrEnum):
    """What a token of the API may be used for; its user has to be allowed it too."""

    READ = "read"  # as a viewer
    WRITE = "write"  # as an analyst
    OPERATE = "operate"  # as an operator
    ADMINISTER = "administer"  # as an administrator


class CredentialKind(StrEnum):
    """What a credential is for."""

    SESSION = "session"  # a browser that has signed in
    LINK = "link"  # one time, to choose a password
    TOKEN = "token"  # of the API  # noqa: S105
    FEED = "feed"  # the address of an alert's Atom feed; `name` is the alert's id


class Credential(Struct, frozen=True, kw_only=True, gc=False):
    """What proves who somebody is. `id` is the SHA-256 of its secret, which is kept nowhere."""

    id: str
    kind: CredentialKind
    user_id: str  # empty: a link for whoever becomes the first administrator
    version: int  # of the user, when it was made; of a token any will do
    name: str = ""  # what its owner calls it
    scopes: tuple[Scope, ...] = ()
    created_at: datetime
    expires_at: datetime


class Audit(Struct, frozen=True, kw_only=True, gc=False):
    """That somebody changed something. Only ever added. `id` sorts the latest first."""

    id: str
    at: datetime
    who: str  # address of the user; what stands there else is no address
    did: str  # a verb and the kind of thing: change user
    about: str  # its name
    before: dict[str, Any] = {}  # the fields that changed, as they were; empty for what is new
    after: dict[str, Any] = {}  # and as they are; empty for what is gone


class Reply(Struct, frozen=True, kw_only=True, gc=False):
    """What a request under an Idempotency-Key was answered. `id` is identify("reply", token's id, key)."""

    id: str
    request: str  # a hash of it: another one under the same key is refused
    status: int = 0  # 0: the work is under way
    body: str = ""  # JSON
    expires_at: datetime


class Group(Struct, frozen=True, kw_only=True, gc=False):
    """Recipients under one name, which alerts use as @name. `id` is identify("group", name)."""

    id: str
    name: str  # in lower case
    members: tuple[str, ...]  # addresses
    updated_at: datetime


class WordList(Struct, frozen=True, kw_only=True, gc=False):
    """A named list that queries use as `@name`: any of its words or phrases. `id` is identify("list", name)."""

    id: str
    name: str  # in lower case
    members: tuple[str, ...]
    updated_at: datetime


class Evidence(Struct, frozen=True, kw_only=True, gc=False):
    """One stretch of a story that made a clause true: offsets are into `Story.title` or `Story.body` …"""

    clause: str  # the clause as the query has it
    field: str  # title, body, author …
    start: int
    end: int
    text: str  # the words as they stand in the story


class Match(Struct, frozen=True, kw_only=True, gc=False):
    """An alert fired on a story. `id` is ids.match_id(alert_id, story_id): once for all versions.

    An update has the version as a last part of its id.
    """

    id: str
    alert_id: str
    story_id: str
    story_version: int
    matched_at: datetime
    evidence: tuple[Evidence, ...]
    old: str = ""  # Story.old of that version: its deliveries are suppressed
    copy_of: str = ""  # Story.copy_of of that version
    update: bool = False  # the alert had fired on the story; `evidence` is what its new version brought
    recipients: tuple[str, ...] | None = None  # whom it is for: addresses; None: written before this was kept
    delivered: bool = False  # all its deliveries have been written


class Firing(Struct, frozen=True, kw_only=True, gc=False):
    """That an alert fired on a cluster, and by which match. `id` is ids.firing_id(alert_id, its leader's id)."""

    id: str
    match_id: str
    story_id: str
    at: datetime


class Feedback(Struct, frozen=True, kw_only=True, gc=False):
    """That a recipient found a match not relevant. `id` is ids.feedback_id(match_id, recipient)."""

    id: str
    match_id: str
    alert_id: str
    story_id: str
    recipient: str  # address
    at: datetime


class DeliveryState(StrEnum):
    """Where a delivery stands: every match ends in exactly one of the last three."""

    PENDING = "pending"
    HELD = "held"  # until `due_at`, by a policy, quiet hours or a throttle
    SENDING = "sending"  # claimed by a worker until `lease_until`
    SENT = "sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


UNSENT = (DeliveryState.PENDING, DeliveryState.HELD, DeliveryState.SENDING)
"""The states in which a delivery may have to be sent."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One line of a delivery's history."""

    at: datetime
    state: DeliveryState
    note: str = ""


class Delivery(Struct, frozen=True, kw_only=True, gc=False):
    """One recipient's message about a match. `id` is ids.delivery_id(match_id, channel, recipient)."""

    id: str
    match_id: str
    alert_id: str
    story_id: str
    recipient: str
    channel: str = "mail"
    state: DeliveryState = DeliveryState.PENDING
    due_at: datetime
    lease_until: datetime | None = None
    queued_until: datetime | None = None
    attempts: int = 0
    mail_id: str = ""  # the mail it is in, from when that is first sent; several may be in one
    reason: str = ""  # why held, suppressed or failed
    answer: str = ""  # what the server said
    message_id: str = ""
    repeated: bool = False  # an earlier attempt may have been delivered: sent again under the same Message-ID
    created_at: datetime
    updated_at: datetime
    history: tuple[Event, ...] = ()


class Outbox(Struct, frozen=True, kw_only=True, gc=False):
    """What one worker at a time sends to a recipient. `id` is identify("outbox", channel, recipient)."""

    id: str
    lease_until: datetime | None = None  # each mail renews it; who finds another in its place has lost the outbox
    asked: bool = False  # somebody found it taken: its holder looks for more before letting go
    sent: tuple[
        tuple[str, datetime], ...
    ] = ()  # the alert and the moment of each mail of the last hour, written before


class Notice(Struct, frozen=True, kw_only=True, gc=False):
    """A mail to the operators that is to be sent. `id` is identify("notice", watchdog, moment)."""

    id: str
    at: datetime
    subject: str
    text: str
    to: tuple[str, ...]  # addresses of those who have not got it yet


class Watchdog(Struct, frozen=True, kw_only=True, gc=False):
    """A standing look at whether all is well, by one worker at a time. `id` is identify("watchdog", name)."""

    id: str
    name: str
    due_at: datetime  # when there is something to do: to look, or to send what could not be sent
    look_at: datetime  # when it looks next
    lease_until: datetime | None = None
    queued_until: datetime | None = None
    trouble_since: datetime | None = None  # of what the operators were told and which is not over
    notices: tuple[Notice, ...] = ()  # that somebody has not got yet


class Beat(Struct, frozen=True, kw_only=True, gc=False):
    """Which of the beats leads, and how the last sweep went. `id` is identify("beat"): there is one record."""

    id: str
    holder: str = ""  # the process that leads
    token: int = 0  # grows whenever the lead changes hands: a sweep under an earlier one is refused
    lease_until: datetime | None = None  # of the lead
    swept_at: datetime | None = None  # when a sweep last came to its end
    slowed: str = ""  # why feeds are polled less often than is due, in words; empty when they are not


class FetchRequest(Struct, frozen=True, kw_only=True, gc=False):
    """What to get. `etag` and `last_modified` make it conditional (RFC 9110, section 13)."""

    url: str
    etag: str = ""
    last_modified: str = ""
    max_bytes: int
    cut: bool = False  # what is larger is had up to there; else it is refused
    accept: str = "*/*"
    form: tuple[tuple[str, str], ...] = ()  # sent by POST, as application/x-www-form-urlencoded; by GET when empty
    # Sent as it is, by `method`. It goes to this address alone, no redirect is followed, and a status of 2xx says that
    # it was taken, whatever of the answer's body comes after.
    body: bytes = b""
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()  # besides, such as the type of `body`
    stays: bool = False  # a redirect to another origin is answered as it is, and not followed
    within: float = math.inf  # seconds, where it has fewer than all requests have


class FetchResponse(Struct, frozen=True, kw_only=True, gc=False):
    """What came: `headers` have lower-case names, `body` is decoded of its transfer and content encodings."""

    url: str  # after redirects, and where one leads that is not followed
    status: int  # 2xx or 304, or 3xx where a request that `stays` is led away; all else is an error
    headers: dict[str, str]
    body: bytes
    redirects: tuple[tuple[int, str], ...] = ()  # (status, address it led to), in order


def unleased_at(thing: Delivery) -> datetime:
    """When `thing` may be worked on, whether a message in the broker names it or not: it is due, and under no lease."""
    return max(thing.due_at, thing.lease_until or thing.due_at)


def ready_at(thing: Feed | Entry | Delivery | Subscription | Watchdog) -> datetime:
    """When `thing` may be queued (again): it is due, under no lease, and no message in the broker should name it."""
    due = thing.next_poll_at if isinstance(thing, Feed) else thing.due_at
    lease = None if isinstance(thing, Subscription) else thing.lease_until
    return max(due, lease or due, thing.queued_until or due)


class ParsedEntry(Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a feed as it stands there. Times are as stated, with UTC where no zone is."""

    identity: str
    url: str
    title: str
    summary: str = ""
    content: str = ""
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    enclosures: tuple[Enclosure, ...] = ()
    shares_address: bool = False  # its document has other entries there, with other titles: it is one of several posts
    content_hash: str = ""
    notes: tuple[str, ...] = ()


class ParsedFeed(Struct, frozen=True, kw_only=True, gc=False):
    """A feed document. `least_interval` is how long it asks to be left alone, in seconds (ttl, sy:updatePeriod)."""

    title: str = ""
    site_url: str = ""
    language: str = ""
    hub: str = ""  # WebSub, W3C Recommendation 2018
    topic: str = ""  # its own address as it states it (rel=self), which a hub knows it by
    least_interval: float = 0.0
    skip_hours: tuple[int, ...] = ()  # hours of the day, UTC, in which it asks to be left alone (RSS 2.0 skipHours)
    skip_days: tuple[int, ...] = ()  # days of the week, 0 is Monday (RSS 2.0 skipDays)
    entries: tuple[ParsedEntry, ...] = ()
    notes: tuple[str, ...] = ()
