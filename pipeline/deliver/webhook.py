"""Matches for a program: JSON, signed as Standard Webhooks 1.0.0 says (docs/channels.md has the fields).

What a recipient of the channel `webhook` gets can be checked with any library for Standard Webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import msgspec

from pipeline.deliver.card import Reader, update
from pipeline.deliver.channel import read_secret
from pipeline.deliver.excerpt import excerpts
from pipeline.deliver.item import Item
from pipeline.deliver.render import subject
from pipeline.outlets import outlet

VERSION = 1
"""Of the body: fields may come without a new one, none goes or changes."""
MOST_EVIDENCE = 50
"""Stretches that matched, of each story."""


def body(items: Sequence[Item], reader: Reader, message_id: str, notes: Sequence[str] = ()) -> bytes:
    """The body that tells of these deliveries."""
    told = {
        "type": "wirewatch.matches",
        "version": VERSION,
        "id": message_id,
        "timestamp": max(one.delivery.created_at for one in items),
        "data": {
            "summary": subject(items, reader.language),
            "notes": notes,
            "matches": [_match(one, reader) for one in items],
        },
    }
    try:
        return msgspec.json.encode(told)
    except UnicodeEncodeError:
        return msgspec.json.encode(_sound(msgspec.to_builtins(told)))


def signed(content: bytes, message_id: str, secret: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """The headers that sign `content`: HMAC-SHA256 of id, time of sending and body. Raises BadInput for a secret."""
    stamp = str(int(now.timestamp()))
    said = b".".join((message_id.encode(), stamp.encode(), content))
    signature = base64.b64encode(hmac.new(read_secret(secret), said, hashlib.sha256).digest()).decode()
    return (("webhook-id", message_id), ("webhook-timestamp", stamp), ("webhook-signature", f"v1,{signature}"))


def _match(item: Item, reader: Reader) -> dict[str, object]:
    match = item.match
    said = excerpts(item.story, match.evidence, reader.settings.excerpt_letters)
    return {
        "id": match.id,
        "delivery": item.delivery.id,
        "matched_at": match.matched_at,
        "update": update(item.story, match, reader.language),
        "alert": {"id": item.alert.id, "name": item.alert.name, "query": item.alert.query, "urgent": item.alert.urgent},
        "story": _story(item),
        "evidence": match.evidence[:MOST_EVIDENCE],
        "excerpts": [[{"text": part.text, "marked": part.marked} for part in one] for one in said],
    }


def _story(item: Item) -> dict[str, object]:
    story = item.story
    return {
        "id": story.id,
        "version": story.version,
        "url": story.url,
        "title": story.title,
        "outlet": outlet(story),
        "language": story.language,
        "authors": story.authors,
        "published": story.published,
        "entities": [{"name": one.name, "kind": one.kind, "code": one.code} for one in story.entities],
        "elsewhere": [{"outlet": outlet(one), "url": one.url} for one in item.elsewhere],
    }


def _sound(thing: object) -> object:
    """`thing` without halves of surrogate pairs, which no JSON can hold."""
    match thing:
        case str():
            return thing.encode("utf-8", "replace").decode()
        case list() | tuple():
            return [_sound(one) for one in thing]
        case dict():
            return {key: _sound(value) for key, value in thing.items()}
    return thing
