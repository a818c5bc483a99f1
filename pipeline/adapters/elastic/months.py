"""Months: made by whoever has something to write to one, dropped when nothing is left in them.

So nothing has to be done at a month's turn, and an archive of any age can be restored. A month that is not there holds
nothing, unless another version of Wirewatch has it: then reading it says so, rather than that there is nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from itertools import product

from elasticsearch import Elasticsearch, NotFoundError

from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.client import translated
from pipeline.adapters.elastic.indices import Index, Names, existing, serving
from pipeline.adapters.elastic.mappings import MONTHLY

log = logging.getLogger(__name__)


def make(client: Elasticsearch, names: Names, months: Collection[str]) -> None:
    """Make these months of every kind where they are not there. Raises StoreNotReady where another version has one.

    Of every kind: what is written of one is soon asked for of the others.
    """
    found = existing(client, names)
    for kind in MONTHLY:
        indices.refuse_other_versions(found, names, kind)
    there = {(one.kind, one.month) for one in found if one.written}
    with translated(client):
        for kind, month in sorted({*product(MONTHLY, months)} - there):
            indices.create(client, names, kind, month)
            log.info("%s: made", names.index(kind, month))


def drop_empty(client: Elasticsearch, names: Names) -> list[str]:
    """Drop the months in which nothing is left of a kind, but its latest; their names.

    Only for whoever holds the upkeep (lock.py). A month is blocked for writes while it is counted: who comes to write
    into it waits, and makes it again if it is gone (records.py). What dies in between, `mend` puts right.
    """
    found = existing(client, names)
    past = [one for kind in MONTHLY for one in serving(found, names, kind)[:-1]]
    with translated(client):
        return [one.name for one in past if _is_empty(client, one) and _dropped(client, one)]


def _dropped(client: Elasticsearch, month: Index) -> bool:
    client.indices.add_block(index=month.name, block="write")  # returns when no write is under way
    gone = _is_empty(client, month) and drop_unread(client, month.name)
    if not gone:
        unblock(client, month.name)
    return gone


def _is_empty(client: Elasticsearch, month: Index) -> bool:
    client.indices.refresh(index=month.name)
    return int(client.count(index=month.name)["count"]) == 0


def drop_unread(client: Elasticsearch, name: str) -> bool:
    """Delete an index unless somebody reads from it; whether it is gone."""
    with translated(client):
        try:
            stats = client.indices.stats(index=name, metric="search")
            if stats["indices"][name]["total"]["search"]["open_contexts"]:
                return False
            client.indices.delete(index=name)
        except NotFoundError:
            pass
    return True


def unblock(client: Elasticsearch, name: str) -> None:
    """Let an index take writes again."""
    with translated(client):
        client.indices.put_settings(index=name, settings={"index.blocks.write": None})
