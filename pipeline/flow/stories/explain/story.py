"""How a story came to be: the polls and entries that brought it, its text, and what it is the same as."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from pipeline import dedupe, ids
from pipeline.address import address_key, without_keys
from pipeline.errors import QueryError
from pipeline.flow.cluster import elsewhere
from pipeline.flow.stories.explain.step import Step, at
from pipeline.ids import identify
from pipeline.model import Arrival, Entry, EntryState, Feed, Revision, Story
from pipeline.outlets import in_words
from pipeline.ports import Ports, StoryFilter
from pipeline.query.syntax import parse
from pipeline.reading import word_count

PAGE = 500


def of_story(ports: Ports, story: Story) -> list[Step]:
    """How it came, what its text is, and what it is the same as."""
    return [*_origin(ports, story), *_text(ports, story)]


def of_unseen(ports: Ports, url: str) -> list[Step]:
    """Why there is no story at `url`."""
    known = ports.stores.stories.known(dedupe.address_keys(url))
    takedown = ports.stores.takedowns.get([known]).get(known) if known else None
    if takedown is not None:
        said = f"taken down {at(takedown.at)}: it is erased, and kept out whenever it comes"
        return [Step("poll", ok=False, said=said)]
    steps = [step for entry in _entries_at(ports, url) for step in _entry(ports, entry)]
    return steps or [Step("poll", ok=False, said=f"no feed has brought {url}: see `wirewatch feeds check`")]


_OWN_PAGE = re.compile(rf"/stories/({ids.PATTERN})/?(?:[?#].*)?$")


def find_story(ports: Ports, url: str) -> Story | None:
    """The story at `url`, whatever tracking it carries; also at its page in our own console, as mails link it."""
    own = _OWN_PAGE.search(url)
    if own and (story := ports.stores.stories.get([own[1]]).get(own[1])):
        return story
    story_id = ports.stores.stories.known(dedupe.address_keys(url))
    return ports.stores.stories.get([story_id]).get(story_id) if story_id else _called(ports, url)


def _called(ports: Ports, url: str) -> Story | None:
    """The story whose page calls itself `url`, though nobody has been sent there."""
    try:
        asked = parse(f'url:"{url}"')
    except QueryError:
        return None
    candidates = ports.stores.stories.narrow(asked, StoryFilter())
    return next((story for story in candidates if address_key(story.url) == address_key(url)), None)


def _entries_at(ports: Ports, url: str) -> list[Entry]:
    """Entries that became no story: those in quarantine, and those that their feed knows by their address."""
    found = [one for one in ports.stores.entries.quarantined() if address_key(one.url) == address_key(url)]
    feeds = ports.stores.feeds.all()
    while page := list(islice(feeds, PAGE)):
        found += ports.stores.entries.get([identify("entry", feed.id, url) for feed in page]).values()
    return list({one.id: one for one in found if not one.story_id}.values())


def _entry(ports: Ports, entry: Entry) -> Iterator[Step]:
    feed = ports.stores.feeds.get([entry.feed_id]).get(entry.feed_id)
    yield Step("poll", ok=True, said=_polled(entry, feed))
    yield Step("parse", ok=True, said=_found(entry))
    if entry.error or entry.state is EntryState.QUARANTINED:
        tries = f"failed {entry.attempts} times" if entry.attempts else "waits for the store"
        rests = ", in quarantine: `wirewatch quarantine replay`" if entry.state is EntryState.QUARANTINED else ""
        yield Step(entry.failed_stage or "extract", ok=False, said=f"{tries}{rests}: {entry.error}")
    elif entry.state is EntryState.PENDING:
        yield Step("fetch", ok=False, said=f"waits to be ingested, due {at(entry.due_at)}")


def _origin(ports: Ports, story: Story) -> Iterator[Step]:
    entries = ports.stores.entries.get(story.entry_ids).values()
    feeds = ports.stores.feeds.get([*story.feed_ids, *(one.feed_id for one in entries)])
    for entry in entries:
        yield Step("poll", ok=True, said=_polled(entry, feeds.get(entry.feed_id)))
        yield Step("parse", ok=True, said=_found(entry))
    age = f"; old, so whoever is alerted to it gets no mail: {story.old}" if story.old else ""
    yield Step("parse", ok=not story.old, said=f"first seen {at(story.first_seen_at)}{age}")


def _polled(entry: Entry, feed: Feed | None) -> str:
    if feed is None:
        return f"seen {at(entry.first_seen_at)} by a feed that was removed ({entry.feed_id})"
    last = f"; last polled {at(feed.polled_at)}" if feed.polled_at else ""
    wrong = f", {feed.error}" if feed.error else ""
    # Who asks may be no operator: keys in the feed's address are not theirs.
    return without_keys(f"seen {at(entry.first_seen_at)} in {feed.title or feed.url}{last}{wrong}")


def _found(entry: Entry) -> str:
    looks = f"{entry.looks} look{'s' * (entry.looks != 1)} at it"
    came = "" if entry.arrival is Arrival.NEWS else f", {entry.arrival}"
    notes = f"; {'; '.join(entry.notes)}" if entry.notes else ""
    return f"entry {entry.identity}{came}, {looks}{notes}"


def _text(ports: Ports, story: Story) -> Iterator[Step]:
    size = f"{word_count(story.body)} words"
    if story.text_reason:
        yield Step("fetch", ok=False, said=f"no page: {story.text_reason}")
        yield Step("extract", ok=False, said=f"the feed's text stands in ({size}): {story.text_reason}")
    else:
        yield Step("fetch", ok=True, said=story.url)
        yield Step("extract", ok=True, said=f"{size} from the page")
    yield Step("dedupe", ok=True, said=_cluster(ports, story))
    for revision in story.revisions:
        yield Step("dedupe", ok=True, said=_revised(revision))
    yield Step("index", ok=True, said=f"version {story.version} of story {story.id}, {at(story.updated_at)}")


def _revised(revision: Revision) -> str:
    changes = revision.changes
    before = f"; the headline was {changes.headline_before!r}" if changes.headline_before else ""
    source = "" if revision.edited else ", as the text came from elsewhere than before"
    counts = f"+{len(changes.added)} −{len(changes.removed)} sentences"
    return f"version {revision.version}, {at(revision.at)}: {counts}{source}{before}"


def _cluster(ports: Ports, story: Story) -> str:
    spread = in_words(elsewhere(ports, story))
    if not story.copy_of:
        return f"the first seen with this text; {spread}" if spread else "nothing seen before says the same"
    leader = ports.stores.stories.get([story.copy_of]).get(story.copy_of)
    return f"a copy of {leader.url if leader else story.copy_of}, which was seen first; {spread}"
