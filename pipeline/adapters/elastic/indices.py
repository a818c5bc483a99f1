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
from itertools import chain, count
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from pipeline.adapters.elastic.client import item_reason, translated
from pipeline.adapters.elastic.mappings import GROWING, MONTHLY, UNDATED, VERSIONS, Kind, mappings_of
from pipeline.errors import StoreError, StoreNotReady, StoreUnavailable
from pipeline.ids import identify, month_at, month_of

AT_ONCE = 4
"""Indices that are made at the same time."""
SHARDS_SECONDS = 10
"""For so long the shards of a new index are waited for."""
LINGER = 5.0
"""Seconds for which an index that was replaced or emptied stays at the least: a request may be on its way to it."""


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
        return f"{self.prefix}-{kind}-months-v{self.versions[kind]}"

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
    def whole(self) -> bool:
        """Whether it holds all that it should: not one that is being filled, or about to be dropped."""
        return bool(self.aliases) or not self.marks.get("aside")


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
            lines = chain.from_iterable(pool.map(lambda kind: _prepare(client, names, kind, found, shards), wanted))
            prepared = list(lines)
    versions = sorted({node["version"] for node in nodes.values()})
    return [f"Elasticsearch {', '.join(versions)} answers", *templates, *prepared]


def check(client: Elasticsearch, names: Names) -> None:
    """Raise StoreError, with the cure, unless every kind is there as this version wants it."""
    found = existing(client, names)
    for kind in Kind:
        refuse_other_versions(found, names, kind)
        if not serving(found, names, kind):
            raise StoreError(f"{names.alias(kind)} is not there: run `wirewatch setup`")


def serving(found: Iterable[Index], names: Names, kind: Kind) -> list[Index]:
    """The indices behind the alias of this version: one, or one for each month, the latest last."""
    return sorted((one for one in found if names.alias(kind) in one.aliases), key=_by_month)


def outdated(found: Iterable[Index], names: Names, kind: Kind) -> list[Index]:
    """The indices of an earlier version that hold what there is of a kind, the latest month last."""
    earlier = (one for one in found if one.kind is kind and one.written and one.version < names.versions[kind])
    return sorted(earlier, key=_by_month)


def _by_month(one: Index) -> tuple[bool, str]:
    return (one.month != UNDATED, one.month)


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
    now = this_month() if kind in MONTHLY else ""
    there = {one.month for one in found if one.kind is kind and one.version == names.versions[kind] and one.whole}
    number = shards_of(kind, shards)
    try:
        lines = [
            _prepare_month(client, names, kind, month, found, begin=month == now, shards=number)
            for month in sorted(there | {now})
        ]
    except BadRequestError as error:
        reason = item_reason(error.info.get("error"))
        if "shards open" in reason:
            raise
        raise StoreError(_cure(names.alias(kind), reason)) from error
    return [line for line in lines if line] or [f"{names.alias(kind)}: ready"]


def _prepare_month(
    client: Elasticsearch,
    names: Names,
    kind: Kind,
    month: str,
    found: Sequence[Index],
    *,
    begin: bool,
    shards: int,
) -> str:
    """What was done, in a line; one month that there is no room for stops no setup, nor what belongs to others."""
    try:
        done = put_in_place(client, names, kind, month, found, begin=begin, shards=shards)
    except StoreNotReady as error:
        if not serving(found, names, kind):
            raise
        return f"{names.alias(kind, month)}: not there yet: {error}"
    return done or _brought_up_to_date(client, names, kind, month, found)


def put_in_place(
    client: Elasticsearch,
    names: Names,
    kind: Kind,
    month: str,
    found: Iterable[Index],
    *,
    begin: bool,
    shards: int | None = None,
) -> str:
    """Put what there is of a kind, or of a month, behind its aliases; where nothing is, make it if `begin` says so.

    A line that says what was done, or nothing. Raises StoreNotReady where Elasticsearch has no room for the
    index: behind an alias it would stop the searches of all months.
    """
    alias, ours = names.alias(kind, month), _of(found, names, kind, month)
    if any(alias in one.aliases and names.alias(kind) in one.aliases for one in ours):
        return ""
    whole = [one for one in ours if one.whole]
    if not (whole or begin):
        return ""
    if whole:  # without its aliases: such as a snapshot that was restored, or an index of before there were months
        index = max(whole, key=lambda one: (bool(one.aliases), one.copy)).name
    else:
        index = free_name(names, kind, month, ours)
        create_index(client, index, mappings_of(kind), shards)
    _await_shards(client, index)
    client.indices.update_aliases(actions=on_aliases(names, kind, month, index))
    return f"{alias}: put back on {index}" if whole else f"{alias}: made, as {index}"


def _brought_up_to_date(client: Elasticsearch, names: Names, kind: Kind, month: str, found: Iterable[Index]) -> str:
    """Give what serves a kind, or a month, the mapping of today; a line that says so, or nothing."""
    alias, mappings = names.alias(kind, month), mappings_of(kind)
    known = next(one for one in _of(found, names, kind, month) if alias in one.aliases)
    if known.marks == mappings["_meta"]["wirewatch"]:
        return ""
    client.indices.put_mapping(index=known.name, **mappings)
    return f"{alias}: mapping brought up to date"


def _of(found: Iterable[Index], names: Names, kind: Kind, month: str) -> list[Index]:
    wanted = (kind, month, names.versions[kind])
    return [one for one in found if (one.kind, one.month, one.version) == wanted]


def free_name(names: Names, kind: Kind, month: str, found: Iterable[Index]) -> str:
    """The name of a copy that is not there."""
    taken = {one.name for one in found}
    return next(name for copy in count(1) if (name := names.index(kind, month, copy)) not in taken)


def _await_shards(client: Elasticsearch, index: str) -> None:
    """Raise StoreNotReady unless all primary shards are there soon. (Its status is yellow before they are.)"""
    known = _shards(client, index)
    if known["active_primary_shards"] < known["number_of_shards"]:
        known = _shards(client, index, active=str(known["number_of_shards"]))
    if known["active_primary_shards"] < known["number_of_shards"]:
        raise StoreNotReady(
            f"{index} is made, and Elasticsearch has no room for it yet: see `GET _cluster/allocation/explain`; above "
            "the high watermark of its disk it begins no index"
        )


def _shards(client: Elasticsearch, index: str, active: str = "0") -> dict[str, int]:
    """What there is of an index, as soon as so many of its shards are there, or some seconds later."""
    asked = client.options(ignore_status=408)  # not within the time
    wait = f"{SHARDS_SECONDS}s"
    found = asked.cluster.health(index=index, level="indices", wait_for_active_shards=active, timeout=wait)
    if index not in found.get("indices", {}):
        raise StoreUnavailable(f"{index} was made, and somebody has deleted it: tried again")
    return dict(found["indices"][index])


def this_month() -> str:
    """The month of now, UTC, in which new stories are kept."""
    return month_at(datetime.now(UTC))


def shards_of(kind: Kind, shards: int) -> int:
    """How many shards a kind has where the setting says `shards`."""
    return shards if kind in GROWING else 1


def _install_templates(client: Elasticsearch, names: Names, kinds: Sequence[Kind], shards: int) -> list[str]:
    """Have Elasticsearch refuse to make an index of ours with a mapping that it guesses, and know those of months."""
    strict = {"mappings": {"dynamic": "strict"}}
    lines = _install_template(client, names.prefix, [f"{names.prefix}-*"], strict)
    for kind in MONTHLY.intersection(kinds):
        month = {"mappings": mappings_of(kind), "settings": _settings(shards_of(kind, shards))}
        index = f"{names.prefix}-{kind}-*v{names.versions[kind]}"
        patterns = [index, f"{index}-*"]
        lines += _install_template(client, names.template(kind), patterns, month, names.versions[kind])
    return lines


def _install_template(
    client: Elasticsearch, name: str, patterns: list[str], template: dict[str, Any], version: int = 0
) -> list[str]:
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
        # A longer name is the closer one: two stores may be `wirewatch` and `wirewatch-trial`. A later version wins.
        priority=500 + len(name) + version,
        template=template,
        meta=meta,
    )
    return [f"template {name}: installed"]


def create_index(client: Elasticsearch, index: str, mappings: dict[str, Any], shards: int | None = None) -> None:
    """Create an index, behind no alias, with these shards or those of its template; nothing where it is there."""
    try:
        wait = f"{SHARDS_SECONDS}s"  # for its shards; less than is waited for an answer
        client.indices.create(index=index, mappings=mappings, settings=_settings(shards), timeout=wait)
    except BadRequestError as error:
        if "resource_already_exists" not in str(error.info):
            raise


def drop_unread(client: Elasticsearch, name: str) -> bool:
    """Delete an index unless somebody reads from it; whether it is gone.

    Asked for once: where the answer is lost, another index may have the name by the time it is asked for again.
    """
    with translated(client):
        once = client.options(max_retries=0, retry_on_timeout=False)
        try:
            stats = client.indices.stats(index=name, metric="search")["indices"].get(name)  # none without a shard
            if stats and stats["total"]["search"]["open_contexts"]:
                return False
            once.indices.delete(index=name)
        except NotFoundError:
            pass
        except BadRequestError as error:
            if "snapshot" in str(error.info):  # which is just being taken of it
                return False
            raise
    return True


def set_mark(client: Elasticsearch, one: Index, *, aside: bool) -> None:
    """Mark an index as one that nobody is to be led to, or no longer."""
    marks = {name: value for name, value in one.marks.items() if name != "aside"}
    with translated(client):
        client.indices.put_mapping(index=one.name, meta={"wirewatch": marks | ({"aside": True} if aside else {})})


def unblock(client: Elasticsearch, name: str) -> None:
    """Let an index take writes again."""
    with translated(client):
        client.indices.put_settings(index=name, settings={"index.blocks.write": None})


def on_aliases(names: Names, kind: Kind, month: str, index: str) -> list[dict[str, Any]]:
    """The actions that put a kind, or a month of it, on `index`, in one step."""
    aliases: dict[str, Any] = {names.alias(kind): {}, names.alias(kind, month): {"is_write_index": True}}
    return [{"add": {"index": index, "alias": name} | how} for name, how in aliases.items()]


def off_aliases(index: Index) -> list[dict[str, Any]]:
    """The actions that take an index off all its aliases, in one step."""
    return [{"remove": {"index": index.name, "alias": alias}} for alias in index.aliases]


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
