"""export: stories for programs, as JSON and as CSV; in pieces, so that a million of them need no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pipeline.deliver.channel import shown
from pipeline.flow.stories import csvs
from pipeline.model import Delivery, DeliveryState, Entity, Story
from pipeline.outlets import outlet
from pipeline.reading import minutes

COLUMNS = ("published", "outlet", "title", "url", "language", "authors", "words", "sentiment", "copy_of", "id")


def facts(story: Story) -> dict[str, object]:
    """A story for JSON; the keys are in docs/cli.md."""
    return {
        "id": story.id,
        "url": story.url,
        "title": story.title,
        "published": story.published,
        "site": story.site,
        "language": story.language,
        "authors": list(story.authors),
        "body": story.body,
        "entities": [_entity(one) for one in story.entities],
        "sentiment": story.sentiment,
        "words": story.word_count,
        "minutes": minutes(story.word_count),
        "text_from": story.text_from,
        "text_reason": story.text_reason,
        "version": story.version,
        "copy_of": story.copy_of,
    }


def delivery(one: Delivery, alert: str, story: Story | None) -> dict[str, Any]:
    """A row of the ledger for JSON, of the alert called `alert`; the keys are in docs/cli.md. Of a chat's address what
    is no secret.
    """
    return {
        "id": one.id,
        "match_id": one.match_id,
        "alert": alert,
        "story": story.url if story else one.story_id,
        "title": story.title if story else "",
        "recipient": shown(one.recipient),
        "channel": one.channel,
        "state": one.state,
        "held_until": one.due_at if one.state is DeliveryState.HELD else None,
        "reason": one.reason,
        "answer": one.answer,
        "mail_id": one.mail_id,
        "message_id": one.message_id,
        "repeated": one.repeated,
        "attempts": one.attempts,
        "created": one.created_at,
        "updated": one.updated_at,
        "history": [{"at": event.at, "state": event.state, "note": event.note} for event in one.history],
    }


def as_json(stories: Iterable[Story]) -> Iterator[bytes]:
    """A JSON array of `facts`, a story a line."""
    between = b"[\n"
    for story in stories:
        yield between + msgspec.json.encode(facts(story))
        between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"


def as_csv(stories: Iterable[Story]) -> Iterator[str]:
    """CSV (RFC 4180) with a header."""
    return csvs.lines(COLUMNS, map(_row, stories))


def _row(story: Story) -> tuple[str, ...]:
    return (
        story.published.isoformat(timespec="seconds"),
        outlet(story),
        story.title,
        story.url,
        story.language,
        "; ".join(story.authors),
        str(story.word_count),
        story.sentiment,
        story.copy_of,
        story.id,
    )


def _entity(entity: Entity) -> dict[str, object]:
    return {
        "name": entity.name,
        "kind": entity.kind,
        "code": entity.code,
        "mentions": entity.mentions,
        "spans": [{"field": field, "start": start, "end": end} for field, start, end in entity.spans],
    }
