"""explain: what became of a story, and why an alert did or did not fire on it, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline import dedupe
from pipeline.errors import QueryError
from pipeline.flow.manage import find_alert
from pipeline.model import Alert, AlertState, Entry, Feed, Story, identify
from pipeline.ports import LedgerFilter, Ports
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
        return [Step("poll", ok=False, said=f"no feed has brought {url}: see `wirewatch feeds check`")]
    steps = [*_origin(ports, story), *_text(story)]
    if alert is not None:
        steps += _alert(ports, alert, story)
    return steps


def find_story(ports: Ports, url: str) -> Story | None:
    """The story at `url`, whatever tracking it carries."""
    probe = Entry(
        id="", feed_id="", identity="", url=url, title="", first_seen_at=ports.clock.now(), due_at=ports.clock.now()
    )
    story_id = ports.stores.stories.known(dedupe.identity_keys(probe, None))
    return ports.stores.stories.get([story_id]).get(story_id) if story_id else None


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


def _text(story: Story) -> Iterator[Step]:
    size = f"{word_count(story.body)} words"
    if story.text_reason:
        yield Step("extract", ok=False, said=f"the feed's text stands in ({size}): {story.text_reason}")
    else:
        yield Step("extract", ok=True, said=f"{size} from the page")
    yield Step(
        "index", ok=True, said=f"version {story.version} of story {story.id}, {story.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    )


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
