"""explain: what became of a story, and why an alert did or did not fire on it, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline import dedupe
from pipeline.address import address_key
from pipeline.errors import QueryError
from pipeline.flow.cluster import elsewhere
from pipeline.flow.manage import find_alert
from pipeline.model import Alert, AlertState, Feed, Revision, Story, identify
from pipeline.outlets import in_words
from pipeline.ports import LedgerFilter, Ports, StoryFilter
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate
from pipeline.query.miss import miss
from pipeline.query.render import render
from pipeline.query.syntax import And, Node, Query, parse
from pipeline.reading import word_count


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way, and whether it was taken as it should be."""

    name: str
    ok: bool
    said: str


def explain(ports: Ports, url: str, alert_name: str | None) -> list[Step]:
    """The steps of the story at `url`; with an alert, on to its matches and mails. Raises NotFound for the alert."""
    alert = find_alert(ports, alert_name) if alert_name else None
    story = find_story(ports, url)
    if story is None:
        return [Step("poll", ok=False, said=_unseen(ports, url))]
    steps = [*_origin(ports, story), *_text(ports, story)]
    if alert is not None:
        steps += _alert(ports, alert, story)
    return steps


def _unseen(ports: Ports, url: str) -> str:
    known = ports.stores.stories.known(dedupe.address_keys(url))
    takedown = ports.stores.takedowns.get([known]).get(known) if known else None
    if takedown is not None:
        return f"taken down {takedown.at:%Y-%m-%d %H:%M:%S} UTC: it is erased, and kept out whenever it comes"
    return f"no feed has brought {url}: see `wirewatch feeds check`"


def find_story(ports: Ports, url: str) -> Story | None:
    """The story at `url`, whatever tracking it carries."""
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


def _origin(ports: Ports, story: Story) -> Iterator[Step]:
    feeds = ports.stores.feeds.get(story.feed_ids)
    for feed_id in story.feed_ids:
        feed = feeds.get(feed_id)
        yield Step("poll", ok=True, said=_polled(feed) if feed else f"by a feed that was removed ({feed_id})")
    age = f"; old, so whoever is alerted to it gets no mail: {story.old}" if story.old else ""
    yield Step("parse", ok=not story.old, said=f"first seen {story.first_seen_at:%Y-%m-%d %H:%M:%S} UTC{age}")


def _polled(feed: Feed) -> str:
    last = f", last success {feed.succeeded_at:%Y-%m-%d %H:%M:%S} UTC" if feed.succeeded_at else ""
    return f"by {feed.title or feed.url}{last}"


def _text(ports: Ports, story: Story) -> Iterator[Step]:
    size = f"{word_count(story.body)} words"
    if story.text_reason:
        yield Step("extract", ok=False, said=f"the feed's text stands in ({size}): {story.text_reason}")
    else:
        yield Step("extract", ok=True, said=f"{size} from the page")
    yield Step("dedupe", ok=True, said=_cluster(ports, story))
    for revision in story.revisions:
        yield Step("dedupe", ok=True, said=_revised(revision))
    yield Step(
        "index", ok=True, said=f"version {story.version} of story {story.id}, {story.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    )


def _revised(revision: Revision) -> str:
    changes = revision.changes
    before = f"; the headline was {changes.headline_before!r}" if changes.headline_before else ""
    source = "" if revision.edited else ", as the text came from elsewhere than before"
    counts = f"+{len(changes.added)} −{len(changes.removed)} sentences"
    return f"version {revision.version}, {revision.at:%Y-%m-%d %H:%M:%S} UTC: {counts}{source}{before}"


def _cluster(ports: Ports, story: Story) -> str:
    spread = in_words(elsewhere(ports, story))
    if not story.copy_of:
        return f"the first seen with this text; {spread}" if spread else "nothing seen before says the same"
    leader = ports.stores.stories.get([story.copy_of]).get(story.copy_of)
    return f"a copy of {leader.url if leader else story.copy_of}, which was seen first; {spread}"


def _alert(ports: Ports, alert: Alert, story: Story) -> Iterator[Step]:
    if alert.state is AlertState.PAUSED:
        yield Step("match", ok=False, said=f"alert {alert.name!r} is paused")
    try:
        query = parse(alert.meaning)
    except QueryError as error:
        yield Step("match", ok=False, said=str(error))
        return
    yield from _clauses(query, Document(story))
    match_id = identify("match", alert.id, story.id)
    match = ports.stores.matches.get([match_id]).get(match_id)
    if match is None:
        late = alert.updated_at > story.updated_at
        yield Step("match", ok=False, said="the alert was saved after the story was ingested" if late else "no match")
        return
    verb = "matched, as old," if match.old else "fired"
    said = f"{verb} {match.matched_at:%Y-%m-%d %H:%M:%S} UTC on version {match.story_version}"
    yield Step("match", ok=not match.old, said=said)
    for delivery in ports.stores.deliveries.ledger(LedgerFilter(alert_id=alert.id, story_id=story.id)):
        said = f"{delivery.recipient}: {delivery.state} {delivery.reason or delivery.answer}".rstrip()
        yield Step("deliver", ok=delivery.state == "sent", said=said)


def _clauses(query: Query, document: Document) -> Iterator[Step]:
    parts: tuple[Node, ...] = query.root.parts if isinstance(query.root, And) else (query.root,)
    for part in parts:
        evidence = evaluate(Query(query.text, part), document)
        found = ", ".join(dict.fromkeys(one.text for one in evidence or ()))
        held = evidence is not None
        why = found or "holds" if held else miss(part, document)
        yield Step("clause", ok=held, said=f"{render(part, variants=False)}: {why}")
