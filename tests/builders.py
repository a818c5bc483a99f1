"""Things for tests, with every field that a test does not care about filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from pipeline.ids import identify, story_id
from pipeline.model import (
    Alert,
    Delivery,
    Entry,
    Feed,
    Match,
    Recipient,
    Reply,
    Role,
    Story,
    Subscription,
    User,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def feed(name: str = "a", **fields: Any) -> Feed:
    url = f"https://{name}.example/feed"
    known = {"id": identify("feed", url), "url": url, "added_at": NOON, "next_poll_at": NOON}
    return Feed(**known | fields)


def subscription(name: str = "a", **fields: Any) -> Subscription:
    known = {
        "id": identify("subscription", feed(name).id),
        "feed_id": feed(name).id,
        "hub": "https://hub.example/",
        "topic": f"https://{name}.example/feed",
        "token": "token",
        "secret": "secret",
        "created_at": NOON,
        "due_at": NOON,
    }
    return Subscription(**known | fields)


def entry(name: str = "a", **fields: Any) -> Entry:
    known = {
        "id": identify("entry", name),
        "feed_id": feed().id,
        "identity": name,
        "url": f"https://a.example/{name}",
        "title": f"Title of {name}",
        "first_seen_at": NOON,
        "due_at": NOON,
    }
    return Entry(**known | fields)


def story(name: str = "a", **fields: Any) -> Story:
    url = fields.get("url", f"https://a.example/{name}")
    known = {
        "id": story_id(NOON, url),
        "url": url,
        "title": f"Title of {name}",
        "body": "",
        "published": NOON,
        "first_seen_at": NOON,
        "updated_at": NOON,
    }
    return Story(**known | fields)


def alert(query: str = "kursk", name: str | None = None, **fields: Any) -> Alert:
    name = query if name is None else name
    known = {
        "id": identify("alert", name),
        "name": name,
        "query": query,
        "meaning": query,
        "recipients": ("analyst@example.org",),
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Alert(**known | fields)


def recipient(address: str = "analyst@example.org", **fields: Any) -> Recipient:
    return Recipient(**{"id": identify("recipient", address), "address": address, "updated_at": NOON} | fields)


def user(role: Role = Role.OPERATOR, address: str = "ana@example.org", **fields: Any) -> User:
    return User(**{"id": identify("user", address), "address": address, "role": role} | fields)


def match(name: str = "a", **fields: Any) -> Match:
    known = {
        "id": identify("match", name),
        "alert_id": alert().id,
        "story_id": story().id,
        "story_version": 1,
        "matched_at": NOON,
        "evidence": (),
    }
    return Match(**known | fields)


def delivery(name: str = "a", **fields: Any) -> Delivery:
    known = {
        "id": identify("delivery", name),
        "match_id": match().id,
        "alert_id": alert().id,
        "story_id": story().id,
        "recipient": "analyst@example.org",
        "due_at": NOON,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Delivery(**known | fields)


def under_way(reply: Reply, until: datetime) -> Reply:
    """A reply as it is while the work goes on."""
    return replace(reply, status=0, body="", expires_at=until)
