"""prune: what is older than is kept is removed, a story with all that hangs on it.

A story goes with its matches, their deliveries, and the keys by which it is known; its entries follow, or are emptied
(retention.py). It stays whole while any of that waits: a delivery that is not sent, a match whose deliveries are not
written, an entry that is pending or in quarantine. The story goes last, so a prune that broke off goes on where it was.
What has an end of its own goes with it: sketches that find no copies any more, credentials, kept replies, old audits.

Age counts from when a story was ingested the last time: one that is still edited is not old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from math import ceil
from typing import TypeVar

from pipeline.dedupe.clusters import COPIED_WITHIN
from pipeline.flow.accounts.credentials import expired
from pipeline.ids import feedback_id, firing_id
from pipeline.model import UNSENT, Arrival, Delivery, Entry, EntryState, Match, Story
from pipeline.outlets import cluster_of
from pipeline.ports import Ports, Progress, Records
from pipeline.retention import emptied, may_be_listed
from pipeline.settings import Settings

PAGE = 500
LATE = timedelta(days=1)
"""For so long a story may be on its way to the cluster that it belongs to."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is kept; None: whatever there is."""

    age: timedelta | None = None  # of stories
    size: int | None = None  # bytes of the whole store
    audits: timedelta | None = None

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        """As the settings say."""
        return cls(
            age=timedelta(days=settings.keep) if settings.keep else None,
            size=settings.keep_size or None,
            audits=timedelta(days=settings.keep_audits) if settings.keep_audits else None,
        )


@dataclass(slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be. `waiting`: stories that are old and stay, since something of them waits."""

    stories: int = 0
    matches: int = 0
    deliveries: int = 0
    entries: int = 0
    emptied: int = 0  # entries that their feeds still list
    sketches: int = 0
    audits: int = 0
    expired: int = 0  # credentials and replies
    waiting: int = 0
    unfinished: bool = False  # the time was over


@dataclass(slots=True, kw_only=True)
class _Work:
    """One prune under way."""

    ports: Ports
    dry_run: bool
    until: datetime | None  # when it is to end
    renew: Callable[[], None]
    progress: Progress
    done: Pruned = field(default_factory=Pruned)

    def goes_on(self) -> bool:
        """Whether there is time for one page more."""
        self.renew()
        if self.until is not None and self.ports.clock.now() >= self.until:
            self.done.unfinished = True
        return not self.done.unfinished


def _unwatched(stage: str, done: int, total: int) -> None:
    """Nobody looks on."""


def prune(
    ports: Ports,
    bounds: Bounds,
    *,
    dry_run: bool = False,
    seconds: float | None = None,
    progress: Progress = _unwatched,
) -> Pruned:
    """Remove what is beyond `bounds`, for `seconds` at the most; `dry_run` only counts.

    Raises StoreUnavailable while somebody else prunes or reindexes.
    """
    now = ports.clock.now()
    until = now + timedelta(seconds=seconds) if seconds is not None else None
    with ports.stores.alone("prune") as renew:
        work = _Work(ports=ports, dry_run=dry_run, until=until, renew=renew, progress=progress)
        _prune_ended(work, bounds)
        by_age = _prune_by_age(work, now - bounds.age) if bounds.age else None
        by_size = _prune_by_size(work, bounds.size) if bounds.size else None
        cutoff = max(filter(None, (by_age, by_size)), default=None)
        if cutoff is not None:
            _prune_matches(work, cutoff)
            _prune_entries(work, cutoff)
    return work.done


# ---------------------------------------------------------------------------------------------------------
# Stories


def _prune_by_age(work: _Work, before: datetime) -> datetime:
    _prune_stories(work, work.ports.stores.stories.older(before), 0)
    return before


def _prune_by_size(work: _Work, most: int) -> datetime | None:
    """Prune as large a part of the stories, oldest first, as the store is too large; up to when they were ingested."""
    stores = work.ports.stores
    size = stores.size()
    count = ceil(stores.stories.count() * (1 - most / size)) if size > most else 0
    oldest = islice(stores.stories.older(work.ports.clock.now()), count)
    return _prune_stories(work, oldest, count)


def _prune_stories(work: _Work, stories: Iterable[Story], total: int) -> datetime | None:
    """Prune those of which nothing waits; when the last of them was ingested."""
    last, seen = None, 0
    for page in _pages(stories):
        if not work.goes_on():
            break
        _prune_page(work, page)
        last, seen = page[-1].updated_at, seen + len(page)
        work.progress("stories", seen, max(total, seen))
    return last


def _prune_page(work: _Work, stories: Sequence[Story]) -> None:
    stores = work.ports.stores
    ids = [one.id for one in stories]
    matches, rows = stores.matches.of_stories(ids), stores.deliveries.of_stories(ids)
    waiting = _waiting(work, stories, matches, rows)
    waiting |= _renewed(work, [one for one in stories if one.id not in waiting])
    gone = [key for key in ids if key not in waiting]
    work.done.waiting += len(waiting)
    _remove_matches(
        work,
        [one for one in matches if one.story_id not in waiting],
        [one for one in rows if one.story_id not in waiting],
    )
    if not work.dry_run:
        stores.stories.unbind(gone)
    work.done.stories += _removed(work, stores.stories, gone)


def _renewed(work: _Work, stories: Sequence[Story]) -> set[str]:
    """Those that came again since they were found to be old."""
    now = work.ports.stores.stories.get([one.id for one in stories])
    return {one.id for one in stories if one.id in now and now[one.id].updated_at > one.updated_at}


def _waiting(work: _Work, stories: Sequence[Story], matches: Sequence[Match], rows: Sequence[Delivery]) -> set[str]:
    """The stories of which something waits."""
    entries = work.ports.stores.entries.get([key for story in stories for key in story.entry_ids])
    unfinished = {key for key, entry in entries.items() if entry.state is not EntryState.DONE}
    return (
        {one.story_id for one in matches if not one.delivered}
        | {one.story_id for one in rows if one.state in UNSENT}
        | {story.id for story in stories if unfinished.intersection(story.entry_ids)}
    )


def _prune_matches(work: _Work, before: datetime) -> None:
    """Prune the matches whose stories were forgotten: nothing else leads to them."""
    stores = work.ports.stores
    for page in _pages(stores.matches.older(before)):
        if not work.goes_on():
            return
        known = stores.stories.get(list({one.story_id for one in page}))
        left = [one for one in page if one.delivered and one.story_id not in known]
        rows = stores.deliveries.of_matches([one.id for one in left])
        unsent = {one.match_id for one in rows if one.state in UNSENT}
        _remove_matches(
            work, [one for one in left if one.id not in unsent], [one for one in rows if one.match_id not in unsent]
        )


def _remove_matches(work: _Work, matches: Sequence[Match], rows: Sequence[Delivery]) -> None:
    """Remove matches with their rows in the ledger, and what hangs on them; matches first (reconcile.py)."""
    stores, gone = work.ports.stores, [one.id for one in matches]
    if not work.dry_run:
        stores.feedback.delete(
            [feedback_id(one.id, recipient) for one in matches for recipient in one.recipients or ()]
        )
        firings = stores.firings.get([firing_id(one.alert_id, cluster_of(one)) for one in matches])
        stores.firings.delete([key for key, firing in firings.items() if firing.match_id in set(gone)])
    work.done.matches += _removed(work, stores.matches, gone)
    work.done.deliveries += _removed(work, stores.deliveries, [one.id for one in rows])


# ---------------------------------------------------------------------------------------------------------
# Entries, and what has an end of its own


def _prune_entries(work: _Work, before: datetime) -> None:
    """Remove the entries whose stories are not there, or empty them while their feeds may still list them."""
    stores = work.ports.stores
    for page in _pages(stores.entries.older(before)):
        if not work.goes_on():
            return
        known = stores.stories.get(list({one.story_id for one in page if one.story_id}))
        feeds = stores.feeds.get(list({one.feed_id for one in page}))
        left = [one for one in page if one.story_id not in known]
        listed = {one.id for one in left if may_be_listed(one, feeds.get(one.feed_id))}
        work.done.entries += _removed(work, stores.entries, [one.id for one in left if one.id not in listed])
        full = [one.id for one in left if one.id in listed and one.arrival is not Arrival.PRUNED]
        work.done.emptied += len(full) if work.dry_run else len(stores.entries.update(full, _emptied))


def _emptied(entry: Entry) -> Entry | None:
    return emptied(entry) if entry.state is EntryState.DONE else None  # else its feed has just changed it


def _prune_ended(work: _Work, bounds: Bounds) -> None:
    stores, now = work.ports.stores, work.ports.clock.now()
    credentials, replies = expired(work.ports)
    work.done.expired += _removed(work, stores.credentials, credentials) + _removed(work, stores.replies, replies)
    for page in _pages(stores.clusters.older(now - COPIED_WITHIN - LATE)):
        work.done.sketches += len(page) if work.dry_run else stores.clusters.delete(page)
    if bounds.audits:
        before = now - bounds.audits
        for ids in _pages(one.id for one in stores.audits.all() if one.at < before):
            work.done.audits += _removed(work, stores.audits, ids)


def _removed(work: _Work, records: Records[Thing], ids: Sequence[str]) -> int:
    return len(ids) if work.dry_run else records.delete(ids)


def _pages(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    waiting = iter(things)
    while page := list(islice(waiting, PAGE)):
        yield page
