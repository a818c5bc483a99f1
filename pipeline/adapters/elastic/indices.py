"""Mappings, and names: `<prefix>-<kind>` is an alias of `<prefix>-<kind>-v<n>`, so that a new mapping can be filled
beside the old one and the alias moved in one step.

Every field is mapped on purpose (`dynamic: strict`): what is only kept is `index: false`, and what a thing nests for
itself is an object that is not looked into. Words come as the token streams of pipeline/text.py, one white space
between tokens, so the whitespace analyser is all that Elasticsearch does to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from pipeline.adapters.elastic.client import item_reason, translated
from pipeline.errors import StoreError
from pipeline.model import identify
from pipeline.query.document import WHOLE, Field

VERSION = 1
AT_ONCE = 4
"""Indices that are made at the same time."""
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
        **_named("url title site_url etag last_modified body_hash error moved_to notes wall", _KEPT),
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
        "backfill": _FLAG,
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
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a store's indices."""

    prefix: str

    def alias(self, kind: Kind) -> str:
        """What everything but `prepare` uses."""
        return f"{self.prefix}-{kind}"

    def index(self, kind: Kind, version: int = VERSION) -> str:
        """The index behind it."""
        return f"{self.prefix}-{kind}-v{version}"


def prepare(client: Elasticsearch, names: Names, kinds: Iterable[Kind] = Kind) -> list[str]:
    """Create what is missing and bring the mappings up to date; what was done, in lines. Idempotent."""
    with translated(client):
        nodes = client.nodes.info(filter_path="nodes.*.version")["nodes"]
        known = client.indices.get(index=f"{names.prefix}-*", allow_no_indices=True)
        aliases = {alias: index for index in known.values() for alias in index["aliases"]}
        with ThreadPoolExecutor(AT_ONCE) as pool:  # an index takes 50 ms to make, most of them waiting
            done = pool.map(lambda kind: _prepare(client, names, kind, aliases.get(names.alias(kind))), kinds)
            lines = list(done)
        if any("ready" not in line for line in lines):
            client.cluster.health(index=f"{names.prefix}-*", wait_for_status="yellow", timeout="30s")
    versions = sorted({node["version"] for node in nodes.values()})
    return [f"Elasticsearch {', '.join(versions)} answers", *lines]


def _prepare(client: Elasticsearch, names: Names, kind: Kind, known: dict[str, Any] | None) -> str:
    alias = names.alias(kind)
    mappings = mappings_of(kind)
    try:
        if known is None:
            _create(client, names.index(kind), alias, mappings)
            return f"{alias}: made, as {names.index(kind)}"
        if known["mappings"].get("_meta") != mappings["_meta"]:
            client.indices.put_mapping(index=alias, **mappings)
            return f"{alias}: mapping brought up to date"
    except BadRequestError as error:
        raise StoreError(_cure(alias, item_reason(error.info.get("error")))) from error
    return f"{alias}: ready"


def sizes(client: Elasticsearch, names: Names) -> dict[str, int]:
    """Bytes of each index on disk, with its replicas."""
    with translated(client):
        answer = client.indices.stats(index=f"{names.prefix}-*", metric="store")
    return {name: int(one["total"]["store"]["size_in_bytes"]) for name, one in sorted(answer["indices"].items())}


def mappings_of(kind: Kind) -> dict[str, Any]:
    """The mappings of a kind's index, marked with what they say, so that a change of them is seen."""
    content = json.dumps(PROPERTIES[kind], sort_keys=True)
    return {"dynamic": "strict", "_meta": {"wirewatch": identify(content)}, "properties": PROPERTIES[kind]}


def _create(client: Elasticsearch, index: str, alias: str, mappings: dict[str, Any]) -> None:
    try:
        client.indices.create(
            index=index,
            aliases={alias: {"is_write_index": True}},
            mappings=mappings,
            # One shard holds tens of millions of stories; a replica appears as soon as there is a node for it.
            settings={"number_of_shards": 1, "auto_expand_replicas": "0-1"},
        )
    except BadRequestError as error:
        if "resource_already_exists" not in str(error.info):
            raise
        # Another process was faster, or the alias was lost: putting it (again) is harmless.
        client.indices.put_alias(index=index, name=alias, is_write_index=True)


def _cure(alias: str, reason: str) -> str:
    if "percolator" in reason:
        return f"this Elasticsearch has no percolator ({reason}): run the default distribution, not a stripped one"
    return (
        f"{alias} can't be brought up to date ({reason}): it was made by another version, so use that one, "
        "or name another WIREWATCH_STORE_PREFIX"
    )
