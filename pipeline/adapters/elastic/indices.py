"""Names, and the indices behind them: `<prefix>-<kind>` is an alias of `<prefix>-<kind>-v<version>`, so that a new one
can be filled beside the old one and the alias moved in one step (reindex.py).

What grows and is asked for by its story has an index for each month (ids.py), `<prefix>-<kind>-2026-11-v1`, with an
alias of its own, `<prefix>-<kind>-2026-11`, to which writes and reads by id go; searches go to `<prefix>-<kind>`,
which is all of them. months.py makes and drops them.

Each version of a mapping has aliases of its own, so that a process of another version finds nothing to write to, and
says so, from the very moment at which they move.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from elasticsearch import BadRequestError, ConnectionTimeout, Elasticsearch, NotFoundError

from pipeline.adapters.elastic.client import item_reason, translated
from pipeline.adapters.elastic.mappings import GROWING, MONTHLY, UNDATED, VERSIONS, Kind, mappings_of
from pipeline.errors import StoreError, StoreNotReady
from pipeline.ids import identify, month_of

_EXPUNGE: dict[str, Any] = {"only_expunge_deletes": True}
MERGE_SECONDS = 600
"""For so long a merge is waited for; it goes on without anybody waiting."""
AT_ONCE = 4
"""Indices that are made at the same time."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a store's indices, in these versions of the mappings."""

    prefix: str
    versions: Mapping[Kind, int] = field(default_factory=lambda: dict(VERSIONS))

    def alias(self, kind: Kind, month: str = "") -> str:
        """What is searched of a kind in this version; what is written and read by id, of one that has months."""
        name = f"{self.prefix}-{kind}-{month}" if month else f"{self.prefix}-{kind}"
        return name if self.versions[kind] == 1 else f"{name}@{self.versions[kind]}"

    def index(self, kind: Kind, month: str = "", copy: int = 1) -> str:
        """An index behind it: the first one, or a later copy."""
        dated = month if month != UNDATED else ""  # as it was named before there were months
        name = f"{self.prefix}-{kind}{'-' * bool(dated)}{dated}-v{self.versions[kind]}"
        return name if copy == 1 else f"{name}-{copy}"

    def template(self, kind: Kind) -> str:
        """By which its months are made."""
        return f"{self.prefix}-{kind}-v{self.versions[kind]}"

    def read(self, index: str) -> tuple[Kind, str, int, int] | None:
        """Kind, month, version and copy of an index; None for one that is not ours."""
        kinds = "|".join(Kind)
        found = re.fullmatch(rf"{re.escape(self.prefix)}-({kinds})(?:-(20\d\d-\d\d))?-v(\d+)(?:-(\d+))?", index)
        if not found:
            return None
        kind = Kind(found[1])
        return kind, found[2] or (UNDATED if kind in MONTHLY else ""), int(found[3]), int(found[4] or 1)


def month_in(kind: Kind, key: str) -> str:
    """The month of a kind in which the thing with the id `key` is kept; empty for a kind that has none."""
    return month_of(key) or UNDATED if kind in MONTHLY else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that exists."""

    name: str
    kind: Kind
    month: str  # empty for a kind that has none
    version: int
    copy: int
    aliases: tuple[str, ...]  # none: it is being filled, or was replaced, or lost it
    written: bool  # by one of them; else it is only searched, until all months of its kind have moved
    shards: int
    marks: dict[str, Any]  # what `_meta` says
    blocked: bool  # for writes, as while its alias moves

    @property
    def filling(self) -> bool:
        """Whether it does not hold everything yet."""
        return bool(self.marks.get("filling"))


def existing(client: Elasticsearch, names: Names, kind: Kind | None = None) -> list[Index]:
    """The indices of this store, or of one kind, as they are."""
    with translated(client):
        known = client.indices.get(index=f"{names.prefix}-{kind or ''}*", allow_no_indices=True)
    found = [_index(name, *read, known[name]) for name in known if (read := names.read(name))]
    return [one for one in found if kind in (None, one.kind)]


def _index(name: str, kind: Kind, month: str, version: int, copy: int, known: dict[str, Any]) -> Index:
    settings = known["settings"]["index"]
    marks = known["mappings"].get("_meta", {}).get("wirewatch")
    return Index(
        name=name,
        kind=kind,
        month=month,
        version=version,
        copy=copy,
        aliases=tuple(known["aliases"]),
        written=any(how.get("is_write_index") for how in known["aliases"].values()),
        shards=int(settings["number_of_shards"]),
        marks=marks if isinstance(marks, dict) else {},
        blocked=str(settings.get("blocks", {}).get("write")).lower() == "true",
    )


def prepare(client: Elasticsearch, names: Names, kinds: Iterable[Kind] = Kind, shards: int = 1) -> list[str]:
    """Install templates, create what is missing, bring the mappings up to date; what was done, in lines. Idempotent.

    Raises StoreError for a kind that another version has made: one of before is migrated by `reindex`.
    """
    wanted = list(kinds)
    with translated(client):
        nodes = client.nodes.info(filter_path="nodes.*.version")["nodes"]
        templates = _install_templates(client, names, wanted, shards)
        found = existing(client, names)
        with ThreadPoolExecutor(AT_ONCE) as pool:  # an index takes 50 ms to make, most of them waiting
            lines = list(
                chain.from_iterable(pool.map(lambda kind: _prepare(client, names, kind, found, shards), wanted))
            )
        if any("ready" not in line for line in lines):
            client.cluster.health(index=f"{names.prefix}-*", wait_for_status="yellow", timeout="30s")
    versions = sorted({node["version"] for node in nodes.values()})
    return [f"Elasticsearch {', '.join(versions)} answers", *templates, *lines]


def check(client: Elasticsearch, names: Names) -> None:
    """Raise StoreError, with the cure, unless every kind is there as this version wants it."""
    found = existing(client, names)
    for kind in Kind:
        refuse_other_versions(found, names, kind)
        if not serving(found, names, kind):
            raise StoreError(f"{names.alias(kind)} is not there: run `wirewatch setup`")


def serving(found: Iterable[Index], names: Names, kind: Kind) -> list[Index]:
    """The indices behind the alias of this version: one, or one for each month, the latest last."""
    return sorted((one for one in found if names.alias(kind) in one.aliases), key=lambda one: one.month)


def outdated(found: Iterable[Index], names: Names, kind: Kind) -> list[Index]:
    """The indices of an earlier version that hold what there is of a kind."""
    return [one for one in found if one.kind is kind and one.written and one.version < names.versions[kind]]


def refuse_other_versions(found: Iterable[Index], names: Names, kind: Kind) -> None:
    """Raise StoreNotReady where a kind, or a month of it, is there in another version."""
    wanted = names.versions[kind]
    others = [one for one in found if one.kind is kind and one.aliases and one.version != wanted]
    if not others:
        return
    was = f"{names.prefix}-{kind} has a mapping of version {others[0].version}, and this Wirewatch wants {wanted}"
    if any(one.version > wanted for one in others):
        raise StoreNotReady(f"{was}: it was made by a later one, so upgrade this one")
    raise StoreNotReady(f"{was}: run `wirewatch reindex`; those that are running may go on until it is done")


def _prepare(client: Elasticsearch, names: Names, kind: Kind, found: Sequence[Index], shards: int) -> list[str]:
    refuse_other_versions(found, names, kind)
    ours = [one for one in found if one.kind is kind and one.version == names.versions[kind] and not one.filling]
    now = this_month() if kind in MONTHLY else ""
    try:
        lines = [_prepare_month(client, names, kind, month, ours) for month in sorted({one.month for one in ours})]
        if all(one.month != now for one in ours):
            create(client, names, kind, now, shards=shards_of(kind, shards))
            lines.append(f"{names.alias(kind, now)}: made, as {names.index(kind, now)}")
    except BadRequestError as error:
        raise StoreError(_cure(names.alias(kind), item_reason(error.info.get("error")))) from error
    return [line for line in lines if line] or [f"{names.alias(kind)}: ready"]


def _prepare_month(client: Elasticsearch, names: Names, kind: Kind, month: str, ours: Sequence[Index]) -> str:
    """Bring what serves a month up to date; a line that says so, or nothing."""
    alias, mappings = names.alias(kind, month), mappings_of(kind)
    # None behind the alias: such as a snapshot that was restored without aliases. Of several, the last one is whole.
    known = max((one for one in ours if one.month == month), key=lambda one: (alias in one.aliases, one.copy))
    if not set(_aliases(names, kind, month)) <= set(known.aliases):
        put_aliases(client, names, kind, month, known.name)
        return f"{alias}: put back on {known.name}"
    if known.marks != mappings["_meta"]["wirewatch"]:
        client.indices.put_mapping(index=known.name, **mappings)
        return f"{alias}: mapping brought up to date"
    return ""


def this_month() -> str:
    """The month of now, UTC, in which new stories are kept."""
    return f"{datetime.now(UTC):%Y-%m}"


def shards_of(kind: Kind, shards: int) -> int:
    """How many shards a kind has where the setting says `shards`."""
    return shards if kind in GROWING else 1


def _install_templates(client: Elasticsearch, names: Names, kinds: Sequence[Kind], shards: int) -> list[str]:
    """Have Elasticsearch refuse to make an index of ours with a mapping that it guesses, and know those of months."""
    strict = {"mappings": {"dynamic": "strict"}}
    lines = _install_template(client, names.prefix, [f"{names.prefix}-*"], strict)
    for kind in MONTHLY.intersection(kinds):
        month = {"mappings": mappings_of(kind), "settings": _settings(shards_of(kind, shards))}
        patterns = [f"{names.prefix}-{kind}-*v{names.versions[kind]}"]
        lines += _install_template(client, names.template(kind), patterns, month)
    return lines


def _install_template(client: Elasticsearch, name: str, patterns: list[str], template: dict[str, Any]) -> list[str]:
    meta = {"wirewatch": identify(json.dumps(template, sort_keys=True))}
    try:
        known = client.indices.get_index_template(name=name)["index_templates"][0]["index_template"]
        if known.get("_meta") == meta and known["index_patterns"] == patterns:
            return []
    except NotFoundError:
        pass
    client.indices.put_index_template(
        name=name,
        index_patterns=patterns,
        allow_auto_create=False,
        # A longer name is the closer one: two stores may be `wirewatch` and `wirewatch-trial`.
        priority=500 + len(name),
        template=template,
        meta=meta,
    )
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
    kept = {one.name for kind in Kind for one in serving(found, names, kind)}
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


def create(client: Elasticsearch, names: Names, kind: Kind, month: str = "", *, shards: int | None = None) -> None:
    """Create the index of a kind, or of a month, behind its aliases: with these shards, or those of its template.

    Where another process was faster, its index stays.
    """
    index = names.index(kind, month)
    try:
        create_index(client, index, mappings_of(kind), shards, _aliases(names, kind, month))
    except BadRequestError as error:
        if "resource_already_exists" not in str(error.info):
            raise
        put_aliases(client, names, kind, month, index)  # they are there, unless that one was made without


def create_index(
    client: Elasticsearch,
    index: str,
    mappings: dict[str, Any],
    shards: int | None = None,
    aliases: Mapping[str, Any] | None = None,
) -> None:
    """Create an index, behind no alias unless some are named."""
    client.indices.create(index=index, aliases=aliases or {}, mappings=mappings, settings=_settings(shards))


def put_aliases(client: Elasticsearch, names: Names, kind: Kind, month: str, index: str) -> None:
    """Put a kind, or a month of it, on `index`, in one step; nothing changes where it is there."""
    client.indices.update_aliases(actions=on_aliases(names, kind, month, index))


def on_aliases(names: Names, kind: Kind, month: str, index: str) -> list[dict[str, Any]]:
    """The actions that put a kind, or a month of it, on `index`."""
    return [{"add": {"index": index, "alias": name} | how} for name, how in _aliases(names, kind, month).items()]


def _aliases(names: Names, kind: Kind, month: str) -> dict[str, dict[str, Any]]:
    """By which an index is searched, and by which it is written and read by id."""
    return {names.alias(kind): {}, names.alias(kind, month): {"is_write_index": True}}


def _settings(shards: int | None) -> dict[str, Any]:
    # A replica appears as soon as there is a node for it.
    replicas: dict[str, Any] = {"auto_expand_replicas": "0-1"}
    return replicas if shards is None else replicas | {"number_of_shards": shards}


def _cure(alias: str, reason: str) -> str:
    if "percolator" in reason:
        return f"this Elasticsearch has no percolator ({reason}): run the default distribution, not a stripped one"
    return (
        f"{alias} can't be brought up to date ({reason}): it was made by another version, so use that one, "
        "or name another WIREWATCH_STORE_PREFIX"
    )
