"""The disk under Elasticsearch, and the flood-stage watermark: beyond it the indices of a node take no more writes."""

from __future__ import annotations

import re
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from pipeline.adapters.elastic.client import translated
from pipeline.ports import Disk

UNITS = {unit: 1024**power for power, unit in enumerate(("b", "kb", "mb", "gb", "tb", "pb"))}
_WATERMARKS = "cluster.routing.allocation.disk"
_FLOOD = f"{_WATERMARKS}.watermark.flood_stage"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb|pb)")


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
