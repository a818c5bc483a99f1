"""Stores on Elasticsearch for one test after another: to make one takes seconds, to empty it a tenth of one."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from uuid import uuid4

from elasticsearch import Elasticsearch

from pipeline.adapters.elastic import indices, mappings
from pipeline.adapters.elastic.client import connect
from pipeline.settings import Settings, load
from tests import builders

AT_A_TIME = 10_000
"""Hits that Elasticsearch gives at once."""


class Spares:
    """The prepared, empty stores of one server. What a test gives back is emptied while the next one runs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = ThreadPoolExecutor(2)
        self._ready: dict[tuple[mappings.Kind, ...], deque[Future[Settings]]] = defaultdict(deque)
        self._new: dict[str, Any] = {}  # the indices as they were made, by the prefix of their store

    def new(self) -> Settings:
        """The settings of a prepared store that the caller drops: for what a test does to the indices themselves."""
        for ready in self._ready.values():
            wait(ready)  # what is being made is not to be made in another way meanwhile
        return self._make(tuple(mappings.Kind))

    def drop(self, chosen: Settings) -> None:
        """Delete a store."""
        del self._new[chosen.store_prefix]
        with connect(chosen) as client:
            wipe(client, chosen.store_prefix)

    def take(self, kinds: Iterable[mappings.Kind]) -> Settings:
        """The settings of a store with the indices of `kinds`, to be given back."""
        wanted = tuple(kinds)
        ready = self._ready[wanted]
        while len(ready) < 2:
            ready.append(self._pool.submit(self._make, wanted))
        return ready.popleft().result()

    def give_back(self, chosen: Settings, kinds: Iterable[mappings.Kind]) -> None:
        wanted = tuple(kinds)
        self._ready[wanted].append(self._pool.submit(self._cleaned, chosen, wanted))

    def close(self) -> None:
        """Delete them all."""
        for ready in self._ready.values():
            for store in ready:
                self.drop(store.result())
        self._pool.shutdown()

    def _make(self, kinds: tuple[mappings.Kind, ...]) -> Settings:
        chosen = load({}, store=self._url, store_prefix=f"test-{uuid4().hex[:8]}")
        with connect(chosen) as client:
            names = indices.Names(chosen.store_prefix)
            indices.prepare(client, names, kinds)
            for kind in mappings.MONTHLY.intersection(kinds):  # of what builders make, so that no test has to
                for month in (f"{builders.NOON:%Y-%m}", mappings.UNDATED):
                    indices.put_in_place(client, names, kind, month, [], begin=True)
            self._new[chosen.store_prefix] = _as_it_is(client, chosen)
        return chosen

    def _cleaned(self, chosen: Settings, kinds: tuple[mappings.Kind, ...]) -> Settings:
        """The store, emptied; another where the test has changed more than what is in it."""
        with connect(chosen) as client:
            made = self._new[chosen.store_prefix]
            now = _as_it_is(client, chosen)
            if begun := [name for name in now if name not in made]:
                client.indices.delete(index=begun)
            if {name: now.get(name) for name in made} == made:
                _empty(client, f"{chosen.store_prefix}-*")
                return chosen
        self.drop(chosen)
        return self._make(kinds)


def wipe(client: Elasticsearch, prefix: str) -> None:
    """Delete a store, or what there is of one."""
    # One by one: deleting by a pattern is refused, as it should be.
    names = [one.name for one in indices.existing(client, indices.Names(prefix))]
    if names:
        client.indices.delete(index=names)
    client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}*")


def _as_it_is(client: Elasticsearch, chosen: Settings) -> Any:
    return client.indices.get(index=f"{chosen.store_prefix}-*", allow_no_indices=True).body


def _empty(client: Elasticsearch, everything: str) -> None:
    client.indices.refresh(index=everything)
    while hits := client.search(index=everything, size=AT_A_TIME, source=False, sort="_doc")["hits"]["hits"]:
        client.bulk(operations=[{"delete": {"_index": hit["_index"], "_id": hit["_id"]}} for hit in hits], refresh=True)
