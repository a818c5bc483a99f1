"""Months: begun by whoever has something to write to one, dropped when they are over and nothing is left in them.

So nothing has to be done at a month's turn, and an archive of any age can be restored. A month that is not there holds
nothing, unless another version of Wirewatch has it: then reading it says so, rather than that there is nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from itertools import product

from elasticsearch import Elasticsearch

from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.client import WHOLE, translated
from pipeline.adapters.elastic.indices import Index, Names, existing, serving, this_month
from pipeline.adapters.elastic.mappings import MONTHLY, UNDATED

log = logging.getLogger(__name__)


def settle(client: Elasticsearch, names: Names, months: Collection[str], *, begin: bool) -> list[str]:
    """Put these months of every kind behind their aliases, and make those that are not there, if `begin` says so.

    What was done, in lines. Of every kind, since what is written of one is soon asked for of the others. Raises
    StoreNotReady where another version has one, and where Elasticsearch has no room for one.
    """
    found = existing(client, names)
    for kind in sorted(MONTHLY):
        indices.refuse_other_versions(found, names, kind)
    with translated(client):
        done = [
            indices.put_in_place(client, names, kind, month, found, begin=begin)
            for month, kind in product(sorted(months), sorted(MONTHLY))
        ]
    lines = [line for line in done if line]
    for line in lines:
        log.info(line)
    return lines


def drop_empty(client: Elasticsearch, names: Names, renew: Callable[[], None]) -> list[str]:
    """Drop the months that are over and in which nothing is left; their names.

    Only for whoever holds the upkeep (lock.py) and has called `mend`. A month is blocked for writes while it is
    counted, then led to by no alias: who comes to write to it begins it anew under another name (records.py), and
    searches that are on their way have time to end. What dies in between, `mend` puts right.
    """
    found = existing(client, names)
    over = [one for kind in sorted(MONTHLY) for one in serving(found, names, kind)[:-1] if _is_over(one)]
    single = [one for one in over if sum((one.kind, one.month) == (other.kind, other.month) for other in found) == 1]
    with translated(client):
        retired = [one for one in single if _is_empty(client, one) and _is_retired(client, one, renew)]
    if not retired:
        return []
    time.sleep(indices.LINGER)
    return [one.name for one in retired if _is_dropped(client, one, renew)]


def _is_over(month: Index) -> bool:
    return month.month == UNDATED or month.month < this_month()


def _is_retired(client: Elasticsearch, month: Index, renew: Callable[[], None]) -> bool:
    """Take a month off its aliases, unless it was written to until it was blocked; whether it was done."""
    retired = False
    client.indices.add_block(index=month.name, block="write")  # returns when no write is under way
    try:
        if _is_empty(client, month):
            indices.set_mark(client, month, aside=True)
            renew()  # what follows must not be done by who has lost the upkeep
            client.indices.update_aliases(actions=indices.off_aliases(month))
            retired = True
    finally:
        if not retired:
            indices.set_mark(client, month, aside=False)
            indices.unblock(client, month.name)
    return retired


def _is_dropped(client: Elasticsearch, month: Index, renew: Callable[[], None]) -> bool:
    renew()
    return indices.drop_unread(client, month.name)


def _is_empty(client: Elasticsearch, month: Index) -> bool:
    client.indices.refresh(index=month.name)
    found = client.search(index=month.name, size=0, track_total_hits=True, **WHOLE)  # a count leaves out what is away
    return int(found["hits"]["total"]["value"]) == 0
