"""What is kept, and how Elasticsearch indexes each kind of it.

A kind's mapping has a version, which goes up when what is stored must be written anew: `wirewatch reindex` does that.
A field more is none: `prepare` adds it.

Every field is mapped on purpose (`dynamic: strict`): what is only kept is `index: false`, and what a thing nests for
itself is an object that is not looked into. Words come as the token streams of pipeline/text.py, one white space
between tokens, so the whitespace analyser is all that Elasticsearch does to them.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from pipeline.ids import identify
from pipeline.query.document import WHOLE, Field

# Further apart than any NEAR reaches: none crosses from one value of a field to the next.
VALUE_GAP = 1_000

Properties = dict[str, dict[str, Any]]


class Kind(StrEnum):
    """What has an index of its own."""

    FEEDS = "feeds"
    SUBSCRIPTIONS = "subscriptions"
    ENTRIES = "entries"
    STORIES = "stories"
    SKETCHES = "sketches"
    IDENTITIES = "identities"
    ALERTS = "alerts"
    REMOVED_ALERTS = "removed_alerts"
    LISTS = "lists"
    MATCHES = "matches"
    FIRINGS = "firings"
    TAKEDOWNS = "takedowns"
    DELIVERIES = "deliveries"
    OUTBOXES = "outboxes"
    RECIPIENTS = "recipients"
    GROUPS = "groups"
    FEEDBACK = "feedback"
    WATCHDOGS = "watchdogs"
    BEATS = "beats"
    USERS = "users"
    CREDENTIALS = "credentials"
    AUDITS = "audits"
    REPLIES = "replies"
    LOCKS = "locks"


GROWING = frozenset(
    {Kind.ENTRIES, Kind.STORIES, Kind.SKETCHES, Kind.IDENTITIES, Kind.MATCHES, Kind.FIRINGS, Kind.DELIVERIES}
)
"""What there is more of with every story: these have as many shards as the setting says."""
MONTHLY = frozenset({Kind.STORIES, Kind.MATCHES, Kind.FIRINGS, Kind.DELIVERIES})
"""What is kept by the month that its id begins with. Not entries and identities, which are asked for by what a feed or
page says, and that names no month; nor sketches, which end after a week."""
UNDATED = "undated"
"""Stands for the month of ids that have none."""
VERSIONS: dict[Kind, int] = dict.fromkeys(Kind, 1)
"""Of each kind's mapping. That of LOCKS stays: whoever changes the others holds one."""

_KEYWORD = {"type": "keyword"}
_MOMENT = {"type": "date"}
_EXACT_MOMENT = {"type": "date_nanos"}
_NUMBER = {"type": "double"}
_COUNT = {"type": "integer"}
_FLAG = {"type": "boolean"}
_KEPT = {"type": "keyword", "index": False, "doc_values": False}
_KEPT_OBJECT = {"type": "object", "enabled": False}


def _named(names: str, kind: dict[str, Any]) -> Properties:
    return dict.fromkeys(names.split(), kind)


def _words() -> dict[str, Any]:
    stream = {
        "type": "text",
        "analyzer": "whitespace",
        "search_analyzer": "whitespace",
        "norms": False,
        "position_increment_gap": VALUE_GAP,
    }
    return {
        "dynamic": "strict",
        "properties": {field.value: _KEYWORD if field in WHOLE else stream for field in Field},
    }


PROPERTIES: dict[Kind, Properties] = {
    Kind.FEEDS: {
        **_named("id state tags pages", _KEYWORD),
        **_named("url title site_url etag last_modified body_hash error moved_to notes wall polls listed", _KEPT),
        **_named(
            "added_at next_poll_at lease_until queued_until polled_at succeeded_at new_entry_at pushed_until "
            "latest_published",
            _MOMENT,
        ),
        **_named("interval failures max_age least_interval", _NUMBER),
        **_named("skip_hours skip_days", _COUNT),
        "habits": _KEPT_OBJECT,
        "page_record": _KEPT_OBJECT,
        "outline": _KEPT_OBJECT,
        "ready_at": _EXACT_MOMENT,
    },
    Kind.SUBSCRIPTIONS: {
        **_named("id feed_id state", _KEYWORD),
        **_named("hub topic token secret error", _KEPT),
        **_named("created_at due_at queued_until expires_at pushed_at", _MOMENT),
        "attempts": _COUNT,
        "ready_at": _EXACT_MOMENT,
    },
    Kind.ENTRIES: {
        **_named("id feed_id state story_id failed_stage arrival", _KEYWORD),
        **_named("identity url title summary content authors tags language content_hash notes error", _KEPT),
        **_named("published updated first_seen_at due_at lease_until queued_until", _MOMENT),
        "enclosures": _KEPT_OBJECT,
        "discarded": _KEPT_OBJECT,
        **_named("looks attempts", _COUNT),
        **_named("backfill shares_address", _FLAG),
        "ready_at": _EXACT_MOMENT,
    },
    Kind.STORIES: {
        **_named("id site section language feed_ids sentiment text_from copy_of", _KEYWORD),
        **_named("url title body authors tags entry_ids feed_titles image text_reason content_hash old", _KEPT),
        **_named("published first_seen_at updated_at", _MOMENT),
        **_named("version word_count", _COUNT),
        "revisions": _KEPT_OBJECT,
        "entities": {"properties": {**_named("name kind code", _KEYWORD), "mentions": _COUNT, "spans": _KEPT_OBJECT}},
        "words": _words(),
    },
    Kind.SKETCHES: {
        **_named("id bands", _KEYWORD),
        **_named("sketch leader", _KEPT),
        "first_seen_at": _MOMENT,
    },
    Kind.IDENTITIES: {"key": _KEPT, "story_id": _KEYWORD},
    Kind.ALERTS: {
        **_named("id name state team", _KEYWORD),
        **_named("query meaning recipients policy health", _KEPT),
        **_named("variants copies updates urgent", _FLAG),
        "throttle": _COUNT,
        **_named("created_at updated_at", _MOMENT),
        "form": {"type": "percolator"},
        "words": _words(),
    },
    Kind.REMOVED_ALERTS: {"id": _KEYWORD, "alert": _KEPT_OBJECT, "by": _KEPT, "at": _MOMENT},
    Kind.LISTS: {**_named("id name", _KEYWORD), "members": _KEPT, "updated_at": _MOMENT},
    Kind.MATCHES: {
        **_named("id alert_id story_id", _KEYWORD),
        "story_version": _COUNT,
        "matched_at": _EXACT_MOMENT,
        **_named("delivered update", _FLAG),
        **_named("old copy_of recipients", _KEPT),
        "evidence": _KEPT_OBJECT,
    },
    Kind.FIRINGS: {**_named("id match_id story_id", _KEYWORD), "at": _MOMENT},
    Kind.TAKEDOWNS: {"id": _KEYWORD, "url": _KEPT, "at": _MOMENT},
    Kind.DELIVERIES: {
        **_named("id match_id alert_id story_id recipient channel state", _KEYWORD),
        **_named("reason answer message_id mail_id", _KEPT),
        **_named("due_at lease_until queued_until updated_at", _MOMENT),
        **_named("created_at ready_at", _EXACT_MOMENT),
        "attempts": _COUNT,
        "repeated": _FLAG,
        "history": _KEPT_OBJECT,
    },
    Kind.OUTBOXES: {"id": _KEYWORD, "lease_until": _MOMENT, "asked": _FLAG, "sent": _KEPT_OBJECT},
    Kind.RECIPIENTS: {
        **_named("id address", _KEYWORD),
        **_named("name zone language policy quiet secret unsubscribed bounced", _KEPT),
        "muted": _KEPT_OBJECT,
        "bounces": _COUNT,
        "updated_at": _MOMENT,
    },
    Kind.GROUPS: {**_named("id name", _KEYWORD), "members": _KEPT, "updated_at": _MOMENT},
    Kind.FEEDBACK: {**_named("id match_id alert_id story_id recipient", _KEYWORD), "at": _MOMENT},
    Kind.WATCHDOGS: {
        **_named("id name", _KEYWORD),
        **_named("due_at look_at lease_until queued_until trouble_since", _MOMENT),
        "notices": _KEPT_OBJECT,
    },
    Kind.BEATS: {
        "id": _KEYWORD,
        **_named("holder slowed", _KEPT),
        "token": {"type": "long"},
        **_named("lease_until swept_at", _MOMENT),
    },
    Kind.USERS: {
        **_named("id address", _KEYWORD),
        **_named("name role teams password", _KEPT),
        "version": _COUNT,
        "disabled": _FLAG,
    },
    Kind.CREDENTIALS: {
        **_named("id kind user_id", _KEYWORD),
        **_named("name scopes", _KEPT),
        "version": _COUNT,
        **_named("created_at expires_at", _MOMENT),
    },
    Kind.AUDITS: {
        "id": _KEYWORD,
        "at": _MOMENT,
        **_named("who did", _KEYWORD),
        "about": _KEPT,
        **_named("before after", _KEPT_OBJECT),
    },
    Kind.REPLIES: {"id": _KEYWORD, **_named("request body", _KEPT), "status": _COUNT, "expires_at": _MOMENT},
    Kind.LOCKS: {**_named("id holder", _KEYWORD), "until": _MOMENT},
}


def mappings_of(kind: Kind, *, aside: bool = False) -> dict[str, Any]:
    """The mappings of a kind's index, marked with their version and what they say, so that a change of them is seen.

    `aside` marks an index that nobody is to be led to: one that is being filled, or about to be dropped.
    """
    content = json.dumps(PROPERTIES[kind], sort_keys=True)
    marks = {"version": VERSIONS[kind], "fields": identify(content), **({"aside": True} if aside else {})}
    return {"dynamic": "strict", "_meta": {"wirewatch": marks}, "properties": PROPERTIES[kind]}
