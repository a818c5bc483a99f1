"""ingest: pending entries become stories, and stories that alerts match become pending deliveries.

Every step is idempotent: ids are deterministic and matches are created, never overwritten, so an entry may be
ingested again at any time by anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial, reduce

from msgspec.structs import replace

from pipeline import dedupe, enrich, extract, freshness, index, robots, walls
from pipeline.errors import (
    ExtractError,
    ExtractorDied,
    FetchRefused,
    FetchUnavailable,
    HostBusy,
    StoreError,
    StoreNotReady,
    StoreUnavailable,
    WirewatchError,
)
from pipeline.flow.firing import match_stories
from pipeline.flow.keep import Seen, keep
from pipeline.flow.pages import fetch_pages
from pipeline.flow.stories.forget import blanked, erase, marked
from pipeline.model import (
    Article,
    DeliveryState,
    Entry,
    EntryState,
    Feed,
    FetchResponse,
    PageRecord,
    Pages,
    Stage,
    Story,
)
from pipeline.ports import Claim, Ports

log = logging.getLogger(__name__)

YOUNG = timedelta(days=1)
"""A page younger than this is fetched once more later: a stub that becomes the story."""
PATIENCE = timedelta(minutes=10)
"""For so long a story waits for a host that has more pages to give than it may be asked for."""
BLAMELESS = timedelta(days=3)
"""For so long, which is more than a weekend, a store that can't be worked with counts against no entry. Beyond, it may
be the entry that the store can't bear, and it is to come to an end."""
STORE = "store"
"""What stands as the stage of entries at which the store failed; no stage of theirs did."""
ROBOTS_NOTE = "its page says X-Robots-Tag: "

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""When a feed that was removed was added, for all that is known: nothing is old for that."""


@dataclass(slots=True)
class IngestReport:
    """What one ingest came to. `delivery_ids` are to be notified."""

    stories: int = 0
    matches: int = 0
    suppressed: int = 0
    put_off: float = 0.0  # seconds until hosts have turns for all the pages that they had none for
    failed: dict[str, str] = field(default_factory=dict)  # entry id to the error in words
    quarantined: dict[str, str] = field(default_factory=dict)
    delivery_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Item:
    """One entry on its way: what came of each stage."""

    entry: Entry
    feed: Feed
    article: Article | None = None
    text_reason: str = ""
    robots_tag: str = ""
    needs_page: bool = True  # by its feed's policy
    compared: extract.Comparison | None = None
    story: Story | None = None
    news: bool = False  # it is not old: whoever is alerted to its story is mailed
    put_off: float = 0.0  # seconds until its host has a turn for its page
    forgotten: bool = False  # its story was taken down
    error: str = ""
    failed_stage: str = ""


def ingest(ports: Ports, entry_ids: Sequence[str]) -> IngestReport:
    """Ingest the pending entries among these that nobody else is at work on. Raises StoreUnavailable and StoreError."""
    until = ports.clock.now() + timedelta(seconds=ports.settings.lease)
    try:
        return _ingest(ports, entry_ids, until)
    except (StoreUnavailable, StoreError) as error:
        with suppress(StoreUnavailable, StoreError):  # then it counts as if this worker had died
            _excuse(ports, entry_ids, until, error)
        raise


def _excuse(ports: Ports, entry_ids: Sequence[str], until: datetime, error: StoreUnavailable | StoreError) -> None:
    """Say of the entries under our lease why nothing came of them, and give the attempt back where it says nothing."""
    now, alone = ports.clock.now(), len(entry_ids) == 1
    ports.stores.entries.update(entry_ids, lambda entry: _excused(entry, until, error, now, alone=alone))


def _excused(
    entry: Entry, until: datetime, error: StoreUnavailable | StoreError, now: datetime, *, alone: bool
) -> Entry | None:
    """The entry after the store failed at work on it. It comes back alone (sweep.py): it may be what the store refuses.

    A store that can't be worked with is tried again after the lease. What it refused in company is tried at once.
    """
    if entry.state is not EntryState.PENDING or entry.lease_until != until:
        return None
    noted = replace(entry, error=str(error), failed_stage=STORE)
    if isinstance(error, StoreUnavailable | StoreNotReady):
        return noted if now - entry.due_at > BLAMELESS else _given_back(noted)
    return noted if alone else replace(_given_back(noted), lease_until=None)


def _given_back(entry: Entry) -> Entry:
    return replace(entry, attempts=max(0, entry.attempts - 1))


def _ingest(ports: Ports, entry_ids: Sequence[str], until: datetime) -> IngestReport:
    report = IngestReport()
    items = _claim(ports, entry_ids, until, report)
    _fetch_pages(ports, items)
    _learn(ports, items)
    for item in items:
        _attempt(item, "enrich", partial(_compose, ports, item))
    for item in items:
        _attempt(item, "enrich", partial(_enrich, ports, item))
    stories = _store(ports, items)
    report.stories = len(stories)
    fired = match_stories(ports, stories, {item.story.id for item in items if item.story and item.news})
    report.matches = len(fired.matches)
    report.delivery_ids = [one.id for one in fired.deliveries if one.state is DeliveryState.PENDING]
    report.suppressed = len(fired.deliveries) - len(report.delivery_ids)
    _finish(ports, items, report)
    return report


def _claim(ports: Ports, entry_ids: Sequence[str], until: datetime, report: IngestReport) -> list[_Item]:
    """Take the entries under a lease. The attempt is counted before the work, so that work which kills counts too."""
    now, most = ports.clock.now(), ports.settings.attempts
    claimed = ports.stores.entries.update(entry_ids, lambda entry: _claimed(entry, now, until, most))
    feeds = ports.stores.feeds.get(list({entry.feed_id for entry in claimed}))
    items: list[_Item] = []
    for entry in claimed:
        if entry.state is EntryState.QUARANTINED:
            report.quarantined[entry.id] = entry.error
            log.warning("quarantine: %s", entry.error, extra={"feed": entry.feed_id, "entry": entry.id})
            continue
        gone = Feed(id=entry.feed_id, url="", added_at=_LONG_AGO, next_poll_at=now)
        items.append(_Item(entry, feeds.get(entry.feed_id, gone)))
    return items


def _claimed(entry: Entry, now: datetime, until: datetime, most: int) -> Entry | None:
    if entry.state is not EntryState.PENDING or (entry.lease_until or now) > now or entry.due_at > now:
        return None
    if entry.attempts > most:
        quarantined = replace(entry, state=EntryState.QUARANTINED, lease_until=None, queued_until=None)
        return replace(quarantined, error=entry.error or _broken_off(entry))
    taken = replace(entry, attempts=entry.attempts + 1, lease_until=until, queued_until=None)
    # What was said of an attempt that was given back is no reason for what comes of those that count.
    return taken if entry.attempts else replace(taken, error="", failed_stage="")


def _fetch_pages(ports: Ports, items: Sequence[_Item]) -> None:
    """Fetch and extract the pages that are wanted. A page that can't be had leaves the feed's text and says why."""
    wanted = [item for item in items if _wants_page(ports, item)]
    if not wanted:
        return
    with ports.observer.stage(Stage.FETCH):
        outcomes = fetch_pages(ports, [item.entry.url for item in wanted])
    for item, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, HostBusy) and _may_wait(ports, item, outcome):
            item.put_off = outcome.seconds
        elif isinstance(outcome, FetchUnavailable | FetchRefused):
            item.text_reason = _why(outcome.reason, outcome)
        else:
            _attempt(item, "extract", partial(_extract, ports, item, outcome))


def _may_wait(ports: Ports, item: _Item, busy: HostBusy) -> bool:
    """Whether its story waits for a turn of its host, which is no failure; else it goes on with the feed's text."""
    return busy.is_soon and ports.clock.now() - item.entry.first_seen_at < PATIENCE


def _wants_page(ports: Ports, item: _Item) -> bool:
    entry = item.entry
    if not entry.url:
        item.text_reason = "the entry has no link"
        return False
    if entry.attempts > ports.settings.attempts:
        item.text_reason = _why_without(entry)
        return False
    policy = item.feed.pages or Pages(ports.settings.pages)
    item.text_reason = extract.why_no_page(policy, item.feed.page_record, entry)
    item.needs_page = not item.text_reason
    return item.needs_page


def _why_without(entry: Entry) -> str:
    """Why the last attempt does without the page; what is known of those before it, and no more."""
    if entry.failed_stage == Stage.EXTRACT:
        return "its page killed the extractor"
    return f"{entry.attempts - 1} attempts with its page came to nothing"


def _extract(ports: Ports, item: _Item, page: FetchResponse) -> None:
    item.robots_tag = robots.tag(page)
    try:
        with ports.observer.stage(Stage.EXTRACT, entry=item.entry.id):
            article = ports.extractor.extract(page.body, page.url, page.headers.get("content-type", ""))
        if not dedupe.is_page_of(item.entry, article):
            item.needs_page, item.text_reason = False, "its page has other entries of its feed on it"
            return
        item.article = article
        item.compared = extract.compare(item.entry, article)
    except ExtractError as error:
        item.text_reason = _why(error.reason, page)


def _why(reason: str, answer: FetchResponse | FetchUnavailable | FetchRefused) -> str:
    """Why a page could not be had, with the bot wall that gave it, if one did: only pages without article are asked."""
    wall = walls.recognise(answer.status, answer.headers, answer.body)
    return f"{reason} (bot wall: {wall})" if wall else reason


def _learn(ports: Ports, items: Sequence[_Item]) -> None:
    """Keep with each feed what its pages were worth. An entry's first look counts, later ones say the same."""
    asked = [item for item in items if _was_asked(item)]
    by_feed = {item.feed.id: [one for one in asked if one.feed.id == item.feed.id] for item in asked}
    ports.stores.feeds.update(
        list(by_feed), lambda feed: replace(feed, page_record=reduce(_recorded, by_feed[feed.id], feed.page_record))
    )


def _was_asked(item: _Item) -> bool:
    """Whether its page was had, or could not be: no page that waits for its turn, or killed the extractor."""
    return bool(item.entry.url and item.needs_page and not item.entry.looks and (item.compared or item.text_reason))


def _recorded(record: PageRecord, item: _Item) -> PageRecord:
    return extract.learnt(record, item.compared) if item.compared else extract.barred(record, item.text_reason)


def _attempt(item: _Item, stage: str, work: Callable[[], None]) -> None:
    """Do `work` unless an earlier stage failed or was put off; an error is this entry's own and stops no other."""
    if item.error or item.put_off:
        return
    try:
        work()
    except ExtractorDied as error:
        item.error, item.failed_stage = str(error), "extract"
    except WirewatchError:
        raise  # the store or the broker: nobody's entry, the whole task is done again
    except Exception as error:
        log.exception("%s: entry failed", stage, extra=_ids(item))
        item.error, item.failed_stage = f"{type(error).__name__}: {error}", stage


def _compose(ports: Ports, item: _Item) -> None:
    entry, article = item.entry, item.article
    paragraphs = extract.feed_text(entry.content or entry.summary, entry.url or item.feed.url)
    story = index.compose(
        entry,
        item.feed,
        article,
        url=dedupe.story_url(entry, article),
        feed_paragraphs=paragraphs,
        text_reason=item.text_reason,
        now=ports.clock.now(),
    )
    item.story = replace(
        story,
        content_hash=dedupe.content_hash(story.title, story.body),
        old=freshness.why_old(entry, item.feed, article, ports.settings),
    )
    item.news = not item.story.old


def _enrich(ports: Ports, item: _Item) -> None:
    if item.story is not None:
        claim = item.article.language if item.article and item.article.language else item.entry.language
        with ports.observer.stage(Stage.ENRICH, entry=item.entry.id):
            item.story = enrich.enrich(item.story, claim=claim, enrichers=ports.enrichers)


def _store(ports: Ports, items: Sequence[_Item]) -> list[Story]:
    """Fold each story into the one it is a later version of, find whose copies they are, and write them."""
    made = [(item, item.story) for item in items if item.story is not None and not item.error]
    if not made:
        return []
    with ports.observer.stage(Stage.DEDUPE):
        ids = ports.stores.stories.resolve([_claim_of(item) for item, _ in made])
    seen: dict[str, list[Seen]] = {}
    for (item, story), story_id in zip(made, ids, strict=True):
        again = item.entry.story_id == story_id
        seen.setdefault(story_id, []).append(Seen(index.with_id(story, story_id), again=again))
    unwanted = marked(ports, ids)
    stored = keep(ports, {story_id: ones for story_id, ones in seen.items() if story_id not in unwanted})
    # Once more: somebody may have taken one down while it was being written.
    taken = marked(ports, list(stored))
    for story_id in taken:
        erase(ports, story_id)
    for (item, _), story_id in zip(made, ids, strict=True):
        item.story = stored.get(story_id)
        item.forgotten = story_id in unwanted | taken
    return [story for story in stored.values() if story.id not in taken]


def _claim_of(item: _Item) -> Claim:
    own = dedupe.story_id(item.entry, item.article)
    return Claim(dedupe.identity_keys(item.entry, item.article), item.entry.story_id or own)


def _finish(ports: Ports, items: Sequence[_Item], report: IngestReport) -> None:
    now = ports.clock.now()
    by_id = {item.entry.id: item for item in items}
    report.put_off = max((item.put_off for item in items), default=0.0)
    for item in items:
        if item.error:
            report.failed[item.entry.id] = item.error
            log.warning("%s: entry failed: %s", item.failed_stage, item.error, extra=_ids(item))
        elif item.story:
            log.info("index: entry is in the story", extra=_ids(item) | {"version": item.story.version})
    finished = ports.stores.entries.update(list(by_id), lambda entry: _finished(ports, by_id[entry.id], entry, now))
    for entry in finished:
        if entry.state is EntryState.QUARANTINED:
            report.quarantined[entry.id] = entry.error
            log.warning("quarantine: %s", entry.error, extra=_ids(by_id[entry.id]))


def _ids(item: _Item) -> dict[str, object]:
    """What its lines in the log are found by."""
    return {"feed": item.entry.feed_id, "entry": item.entry.id, "story": _story_id(item)}


def _finished(ports: Ports, item: _Item, entry: Entry, now: datetime) -> Entry | None:
    if entry.content_hash != item.entry.content_hash:
        return replace(entry, lease_until=None)  # the feed changed it meanwhile: it stays pending
    entry = replace(entry, lease_until=None, queued_until=None)
    if item.put_off:
        return replace(entry, attempts=entry.attempts - 1, due_at=now + timedelta(seconds=item.put_off))
    if item.forgotten:
        return blanked(entry)
    if item.error:
        return _failed(ports, item, entry, now)
    if item.entry.attempts > ports.settings.attempts:
        # The story stands, with the feed's text; its page waits for a person.
        error = entry.error or _broken_off(entry)
        return replace(entry, state=EntryState.QUARANTINED, error=error, story_id=_story_id(item))
    again = _look_again_at(ports, item, now)
    return replace(
        entry,
        state=EntryState.PENDING if again else EntryState.DONE,
        due_at=again or entry.due_at,
        looks=entry.looks + 1,
        attempts=0,
        error="",
        failed_stage="",
        story_id=_story_id(item),
        notes=_notes(item, entry),
    )


def _notes(item: _Item, entry: Entry) -> tuple[str, ...]:
    """The entry's notes, with what its page asks of search engines as the page says it now."""
    kept = tuple(note for note in entry.notes if not note.startswith(ROBOTS_NOTE))
    return (*kept, f"{ROBOTS_NOTE}{item.robots_tag}") if item.robots_tag else kept


def _failed(ports: Ports, item: _Item, entry: Entry, now: datetime) -> Entry:
    """Try again a little later. The try after the last one does without the page; when that fails too, quarantine."""
    failed = replace(entry, error=item.error, failed_stage=item.failed_stage)
    if entry.attempts > ports.settings.attempts:
        return replace(failed, state=EntryState.QUARANTINED)
    return replace(failed, due_at=now + timedelta(seconds=2**entry.attempts))


def _broken_off(entry: Entry) -> str:
    """What is known where nobody lived to tell."""
    return f"work on it broke off {entry.attempts} times: its worker died, or could not even tell the store why"


def _story_id(item: _Item) -> str:
    return item.story.id if item.story else ""


def _look_again_at(ports: Ports, item: _Item, now: datetime) -> datetime | None:
    """When the page is to be fetched once more: once, while the story is young, if it has a page."""
    story, after = item.story, ports.settings.look_again
    if story is None or after <= 0 or item.entry.looks > 0 or not item.entry.url:
        return None
    if not item.needs_page or now - story.published > YOUNG:
        return None
    return now + timedelta(seconds=after)
