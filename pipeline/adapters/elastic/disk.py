"""The disk under Elasticsearch: what the store takes up, gives back, and has left.

Beyond the flood-stage watermark the indices of a node take no more writes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import elasticsearch
from elasticsearch import ConnectionTimeout, Elasticsearch

from pipeline.adapters.elastic.client import translated
from pipeline.adapters.elastic.indices import Names, existing, serving
from pipeline.adapters.elastic.lock import alone
from pipeline.adapters.elastic.mappings import GROWING, MONTHLY, Kind
from pipeline.adapters.elastic.months import drop_empty
from pipeline.adapters.elastic.reindex import mend
from pipeline.errors import StoreError, StoreUnavailable
from pipeline.ports import Disk

_EXPUNGE: dict[str, Any] = {"only_expunge_deletes": True}
MERGE_SECONDS = 600
"""For so long a merge is waited for; it goes on without anybody waiting."""
UNITS = {unit: 1024**power for power, unit in enumerate(("b", "kb", "mb", "gb", "tb", "pb"))}
_WATERMARKS = "cluster.routing.allocation.disk"
_FLOOD = f"{_WATERMARKS}.watermark.flood_stage"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb|pb)")


def sizes(client: Elasticsearch, names: Names) -> dict[str, int]:
    """Bytes on disk, with replicas: of each index, or of all months of a kind."""
    with translated(client):
        answer = client.indices.stats(index=f"{names.prefix}-*", metric="store")
    found: Counter[str] = Counter()
    for name, one in sorted(answer["indices"].items()):
        read = names.read(name)
        kind = names.alias(read[0]) if read and read[0] in MONTHLY else name
        found[kind] += int(one["total"]["store"]["size_in_bytes"])
    return found


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
    """Drop months in which nothing is left, and give back what deleted documents take up; a line that says so."""
    line = _without_deleted(client, names, thorough)
    try:
        with alone(client, names, "prune") as renew:
            mend(client, names, MONTHLY)
            dropped = drop_empty(client, names, renew)
    except (StoreUnavailable, StoreError) as error:
        return f"{line}; no month was dropped: {error}"
    return f"{line}; dropped, as nothing was left in it: {', '.join(dropped)}" if dropped else line


def _without_deleted(client: Elasticsearch, names: Names, thorough: bool) -> str:
    """Write segments anew that hold more than 10% deleted documents, or (`thorough`) all.

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


def disk(client: Elasticsearch) -> Disk | None:
    """The disk of the data node that has the least above its floor; None where we may not look (a managed service)."""
    with translated(client):
        try:
            return _disk(client)
        except elasticsearch.AuthorizationException:
            return None


def floor_of(settings: dict[str, Any], total: int) -> int:
    """The bytes of a disk of `total` that must be free, by the settings of a cluster (flat).

    `flood_stage` is a share in use (95%, 0.95) or a size left free (500mb); `max_headroom` bounds what a share keeps
    free on large disks (since Elasticsearch 8.5).
    """
    if str(settings.get(f"{_WATERMARKS}.threshold_enabled", "true")) != "true":
        return 0
    stage = str(settings.get(_FLOOD, "95%"))
    if size := _bytes(stage):
        return size
    share = float(stage.rstrip("%")) / (100 if stage.endswith("%") else 1)
    most = _bytes(str(settings.get(f"{_FLOOD}.max_headroom", "")))
    kept = round(total * (1 - share))
    return min(kept, most) if most else kept


def _disk(client: Elasticsearch) -> Disk | None:
    wanted = f"*.{_WATERMARKS.replace('.', '*')}*"  # a dot would stand for a level, and the names are flat
    known = client.cluster.get_settings(flat_settings=True, include_defaults=True, filter_path=wanted)
    # No others: who only coordinates, or holds a vote, stores nothing of ours, and may have next to no disk.
    found = client.nodes.stats(node_id="data:true", metric="fs", filter_path="nodes.*.fs.total")
    settings = {**known.get("defaults", {}), **known.get("persistent", {}), **known.get("transient", {})}
    sizes = (node["fs"]["total"] for node in found.get("nodes", {}).values() if "total" in node.get("fs", {}))
    disks = [Disk(one["available_in_bytes"], floor_of(settings, one["total_in_bytes"])) for one in sizes]
    return min(disks, key=lambda one: one.free - one.floor, default=None)


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.lower())
    return round(float(found[1]) * UNITS[found[2]]) if found else 0
