"""What things are called: ids made of what a thing is, so that doing a thing twice does it once.

Of what there is more of with every story, an id begins with a month, `2026-11-3f0c…`, so that a store may keep each
month by itself: a story's with that in which its first entry was first seen, and what hangs on a story with its
story's. Nobody has to find out the month of a story: the keys by which it is known are bound to its id
(dedupe/identity.py), and of two entries that bring it at a month's turn the first to bind them names it.
Ids of before have no month.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

PATTERN = r"(?:20\d\d-(?:0[1-9]|1[0-2])-)?[0-9a-f]{32}"
"""Of an id, as a regular expression."""
_DATED = re.compile(r"(20\d\d-(?:0[1-9]|1[0-2]))-")


def identify(*parts: str) -> str:
    """Deterministic id of 32 hex digits; `parts` are kept apart, so ("ab", "c") and ("a", "bc") differ."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    if text.isascii():
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    data = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.blake2b(b"".join([b"%d:%b" % (len(one), one) for one in data]), digest_size=16).hexdigest()


def month_of(key: str) -> str:
    """The month with which an id begins, as 2026-11; empty for one that has none."""
    found = _DATED.match(key)
    return found[1] if found else ""


def month_at(moment: datetime) -> str:
    """The month of a moment, UTC, as 2026-11."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def story_id(first_seen_at: datetime, key: str) -> str:
    """The id of a story whose strongest identity key is `key`, if nobody knows it yet."""
    return _in_month(month_at(first_seen_at), "story", key)


def match_id(alert_id: str, story_id: str) -> str:
    """The id of an alert's match on a story: once for all versions of it."""
    return _in_month(month_of(story_id), "match", alert_id, story_id)


def update_id(alert_id: str, story_id: str, version: int) -> str:
    """The id of an alert's match on what a version of a story brought anew."""
    return _in_month(month_of(story_id), "match", alert_id, story_id, str(version))


def firing_id(alert_id: str, leader_id: str) -> str:
    """The id of an alert's first match on the cluster that the story `leader_id` leads."""
    return _in_month(month_of(leader_id), "firing", alert_id, leader_id)


def delivery_id(match_id: str, channel: str, recipient: str) -> str:
    """The id of one recipient's message about a match."""
    return _in_month(month_of(match_id), "delivery", match_id, channel, recipient)


def feedback_id(match_id: str, recipient: str) -> str:
    """The id of what a recipient said of a match."""
    return identify("feedback", match_id, recipient)


def _in_month(month: str, *parts: str) -> str:
    return f"{month}-{identify(*parts)}" if month else identify(*parts)
