"""export: stories for programs, as JSON and as CSV; in pieces, so that a million of them need no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from pipeline.flow import csvs
from pipeline.model import Entity, Story
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
