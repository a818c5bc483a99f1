"""Mappings, and names: `<prefix>-<kind>` is an alias of `<prefix>-<kind>-v<version>`, so that a new index can be filled
beside the old one and the alias moved in one step (reindex.py).

A kind's mapping has a version, which goes up when what is stored must be written anew: `wirewatch reindex` does that.
A field more is none: `prepare` adds it. Each version has an alias of its own, so that a process of another version
finds nothing to write to, and says so, from the very moment at which the alias moves.

Every field is mapped on purpose (`dynamic: strict`): what is only kept is `index: false`, and what a thing nests for
itself is an object that is not looked into. Words come as the token streams of pipeline/text.py, one white space
between tokens, so the whitespace analyser is all that Elasticsearch does to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from elasticsearch import BadRequestError, ConnectionTimeout, Elasticsearch, NotFoundError

from pipeline.adapters.elastic.client import item_reason, translated
from pipeline.errors import StoreError
from pipeline.model import identify
from pipeline.query.document import WHOLE, Field

_EXPUNGE: dict[str, Any] = {"only_expunge_deletes": True}
MERGE_SECONDS = 600
"""For so long a merge is waited for; it goes on without anybody waiting."""
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


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a store's indices."""

    prefix: str

    def alias(self, kind: Kind) -> str:
        """What all reads and writes of this version go to."""
        version = VERSIONS[kind]
        return f"{self.prefix}-{kind}" if version == 1 else f"{self.prefix}-{kind}@{version}"

    def index(self, kind: Kind, copy: int = 1) -> str:
        """An index behind it: the first one, or a later copy."""
        name = f"{self.prefix}-{kind}-v{VERSIONS[kind]}"
        return name if copy == 1 else f"{name}-{copy}"

    def read(self, index: str) -> tuple[Kind, int, int] | None:
        """Kind, version and copy of an index; None for one that is not ours."""
        kinds = "|".join(Kind)
        found = re.fullmatch(rf"{re.escape(self.prefix)}-({kinds})-v(\d+)(?:-(\d+))?", index)
        return (Kind(found[1]), int(found[2]), int(found[3] or 1)) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that exists."""

    name: str
    kind: Kind
    version: int
    copy: int
    aliases: tuple[str, ...]  # none: it is being filled, or was replaced, or lost it
    shards: int
    marks: dict[str, Any]  # what `_meta` says
    blocked: bool  # for writes, as while its alias moves

    @property
    def filling(self) -> bool:
        """Whether it does not hold everything yet."""
        return bool(self.marks.get("filling"))


def existing(client: Elasticsearch, names: Names) -> list[Index]:
    """The indices of this store, as they are."""
    with translated(client):
        known = client.indices.get(index=f"{names.prefix}-*", allow_no_indices=True)
    return [_index(name, *read, known[name]) for name in known if (read := names.read(name))]


def _index(name: str, kind: Kind, version: int, copy: int, known: dict[str, Any]) -> Index:
    settings = known["settings"]["index"]
    marks = known["mappings"].get("_meta", {}).get("wirewatch")
    return Index(
        name=name,
        kind=kind,
        version=version,
        copy=copy,
        aliases=tuple(known["aliases"]),
        shards=int(settings["number_of_shards"]),
        marks=marks if isinstance(marks, dict) else {},
        blocked=str(settings.get("blocks", {}).get("write")).lower() == "true",
    )


def prepare(client: Elasticsearch, names: Names, kinds: Iterable[Kind] = Kind, shards: int = 1) -> list[str]:
    """Install the template, create what is missing, bring the mappings up to date; what was done, in lines. Idempotent.

    Raises StoreError for a kind that another version has made: one of before is migrated by `reindex`.
    """
    with translated(client):
        nodes = client.nodes.info(filter_path="nodes.*.version")["nodes"]
        template = _install_template(client, names)
        found = existing(client, names)
        with ThreadPoolExecutor(AT_ONCE) as pool:  # an index takes 50 ms to make, most of them waiting
            lines = list(pool.map(lambda kind: _prepare(client, names, kind, found, shards), kinds))
        if any("ready" not in line for line in lines):
            client.cluster.health(index=f"{names.prefix}-*", wait_for_status="yellow", timeout="30s")
    versions = sorted({node["version"] for node in nodes.values()})
    return [f"Elasticsearch {', '.join(versions)} answers", *template, *lines]


def check(client: Elasticsearch, names: Names) -> None:
    """Raise StoreError, with the cure, unless every kind is there as this version wants it."""
    found = existing(client, names)
    for kind in Kind:
        if serving(found, names, kind) is None:
            raise _unserved(found, names, kind) or StoreError(
                f"{names.alias(kind)} is not there: run `wirewatch setup`"
            )


def serving(found: Iterable[Index], names: Names, kind: Kind) -> Index | None:
    """The index behind the alias of this version."""
    return next((one for one in found if names.alias(kind) in one.aliases), None)


def outdated(found: Iterable[Index], kind: Kind) -> Index | None:
    """The index of an earlier version that holds what there is of a kind."""
    earlier = (one for one in found if one.kind is kind and one.aliases and one.version < VERSIONS[kind])
    return max(earlier, key=lambda one: one.version, default=None)


def _unserved(found: Sequence[Index], names: Names, kind: Kind) -> StoreError | None:
    """Why a kind has no index of this version though there is one of another; None where there is none."""
    wanted = VERSIONS[kind]
    other = next((one for one in found if one.kind is kind and one.aliases), None)
    if other is None:
        return None
    was = f"{names.prefix}-{kind} has a mapping of version {other.version}, and this Wirewatch wants {wanted}"
    if other.version > wanted:
        return StoreError(f"{was}: it was made by a later one, so upgrade this one")
    return StoreError(f"{was}: run `wirewatch reindex`; those that are running may go on until it is done")


def _prepare(client: Elasticsearch, names: Names, kind: Kind, found: Sequence[Index], shards: int) -> str:
    alias = names.alias(kind)
    known = serving(found, names, kind)
    mappings = mappings_of(kind)
    try:
        if known is None:
            return _made(client, names, kind, found, shards)
        if known.marks != mappings["_meta"]["wirewatch"]:
            client.indices.put_mapping(index=alias, **mappings)
            return f"{alias}: mapping brought up to date"
    except BadRequestError as error:
        raise StoreError(_cure(alias, item_reason(error.info.get("error")))) from error
    return f"{alias}: ready"


def _made(client: Elasticsearch, names: Names, kind: Kind, found: Sequence[Index], shards: int) -> str:
    if other := _unserved(found, names, kind):
        raise other
    alias = names.alias(kind)
    whole = [one for one in found if one.kind is kind and one.version == VERSIONS[kind] and not one.filling]
    if whole:  # such as a snapshot that was restored without aliases
        last = max(whole, key=lambda one: one.copy)
        client.indices.put_alias(index=last.name, name=alias, is_write_index=True)
        return f"{alias}: put back on {last.name}"
    create(client, names.index(kind), alias, mappings_of(kind), shards_of(kind, shards))
    return f"{alias}: made, as {names.index(kind)}"


def shards_of(kind: Kind, shards: int) -> int:
    """How many shards a kind has where the setting says `shards`."""
    return shards if kind in GROWING else 1


def _install_template(client: Elasticsearch, names: Names) -> list[str]:
    """Have Elasticsearch refuse to make an index of ours with a mapping that it guesses."""
    name, patterns = names.prefix, [f"{names.prefix}-*"]
    body: dict[str, Any] = {
        # A longer prefix is the closer one: two stores may be `wirewatch` and `wirewatch-trial`.
        "priority": 500 + len(names.prefix),
        "template": {"mappings": {"dynamic": "strict"}},
    }
    try:
        known = client.indices.get_index_template(name=name)["index_templates"][0]["index_template"]
        if known.get("allow_auto_create") is False and known["index_patterns"] == patterns:
            return []
    except NotFoundError:
        pass
    client.indices.put_index_template(name=name, index_patterns=patterns, allow_auto_create=False, **body)
    return [f"template {name}: installed"]


def sizes(client: Elasticsearch, names: Names) -> dict[str, int]:
    """Bytes of each index on disk, with its replicas."""
    with translated(client):
        answer = client.indices.stats(index=f"{names.prefix}-*", metric="store")
    return {name: int(one["total"]["store"]["size_in_bytes"]) for name, one in sorted(answer["indices"].items())}


def size(client: Elasticsearch, names: Names) -> int:
    """Bytes that what is kept takes up on disk: of each index the part of its documents that is not deleted.

    Of those that are read and written alone. By this stories are pruned, and neither a store whose prefix begins as
    ours nor what a broken reindex left is a reason to.
    """
    found = existing(client, names)
    kept = {one.name for kind in Kind if (one := serving(found, names, kind))}
    with translated(client):
        answer = client.indices.stats(index=f"{names.prefix}-*", metric="store,docs")
    return sum(_live(one["total"]) for index, one in answer["indices"].items() if index in kept)


def _live(index: dict[str, Any]) -> int:
    kept, deleted = int(index["docs"]["count"]), int(index["docs"]["deleted"])
    return int(index["store"]["size_in_bytes"]) * kept // max(1, kept + deleted)


def reclaim(client: Elasticsearch, names: Names, thorough: bool) -> str:
    """Write segments anew that hold more than 10% deleted documents, or (`thorough`) all; a line that says so.

    What was deleted within the last half minute stays until the next time: a copy of the shard may ask for it. And
    Elasticsearch looks at sizes every ten seconds, so that the line may know nothing of it yet.
    """
    aliases = [names.alias(kind) for kind in GROWING]
    before = sum(sizes(client, names).values())
    with translated(client):
        patient = client.options(request_timeout=MERGE_SECONDS, max_retries=0, retry_on_timeout=False)
        try:
            patient.indices.forcemerge(index=aliases, **({"max_num_segments": 1} if thorough else _EXPUNGE))
        except ConnectionTimeout:
            return f"{names.prefix}-*: Elasticsearch goes on giving space back"
    after = sum(sizes(client, names).values())
    return f"{names.prefix}-*: {(before - after) / 1e6:.0f} of {before / 1e6:.0f} MB given back"


def mappings_of(kind: Kind, *, filling: bool = False) -> dict[str, Any]:
    """The mappings of a kind's index, marked with their version and what they say, so that a change of them is seen."""
    content = json.dumps(PROPERTIES[kind], sort_keys=True)
    marks = {"version": VERSIONS[kind], "fields": identify(content), **({"filling": True} if filling else {})}
    return {"dynamic": "strict", "_meta": {"wirewatch": marks}, "properties": PROPERTIES[kind]}


def create(client: Elasticsearch, index: str, alias: str, mappings: dict[str, Any], shards: int) -> None:
    """Create an index behind `alias`, or behind none where that is empty."""
    try:
        client.indices.create(
            index=index,
            aliases={alias: {"is_write_index": True}} if alias else {},
            mappings=mappings,
            # A replica appears as soon as there is a node for it.
            settings={"number_of_shards": shards, "auto_expand_replicas": "0-1"},
        )
    except BadRequestError as error:
        if "resource_already_exists" not in str(error.info) or not alias:
            raise
        # Another process was faster: putting the alias again is harmless.
        client.indices.put_alias(index=index, name=alias, is_write_index=True)


def _cure(alias: str, reason: str) -> str:
    if "percolator" in reason:
        return f"this Elasticsearch has no percolator ({reason}): run the default distribution, not a stripped one"
    return (
        f"{alias} can't be brought up to date ({reason}): it was made by another version, so use that one, "
        "or name another WIREWATCH_STORE_PREFIX"
    )
