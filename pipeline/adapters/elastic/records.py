"""Things by id: real-time reads, creates that never overwrite, changes that nobody else's change gets lost under."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from pipeline.adapters.codec import from_plain, plain
from pipeline.adapters.elastic.client import RETRIES, item_reason, of_status, translated
from pipeline.errors import StoreUnavailable

PAGE = 500
KEEP_ALIVE = "2m"
CONFLICT = 409
MOST_ROUNDS = 20
"""How often a change is tried again because somebody else wrote in between."""


class HasId(Protocol):
    """Whatever is kept."""

    @property
    def id(self) -> str: ...  # noqa: D102


Thing = TypeVar("Thing", bound=HasId)
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Thing]):
    """Where things of a kind are kept, and what is indexed of each besides its own fields."""

    alias: str
    kind: type[Thing]
    extras: Mapping[str, Callable[[Thing], Any]]
    refresh: bool = False  # a write is seen by the next search, at the cost of a refresh

    @property
    def unread(self) -> list[str]:
        """What the things do not hold themselves."""
        return list(self.extras)


@dataclass(frozen=True, slots=True)
class Version:
    """The write that is to be replaced, and no other (if_seq_no)."""

    seq_no: int
    primary_term: int


class ElasticRecords(Generic[Thing]):
    """ports.Records on an index."""

    def __init__(self, client: Elasticsearch, shelf: Shelf[Thing]) -> None:
        self.client, self.shelf = client, shelf

    def create(self, things: Sequence[Thing]) -> list[bool]:
        """Write those that are not there yet (op_type=create); for each, whether it was written."""
        first = {thing.id: thing for thing in reversed(things)}
        statuses = self._bulk(
            {"_op_type": "create", "_id": key, **self._document(thing)} for key, thing in first.items()
        )
        made = []
        for thing in things:
            made.append(statuses[thing.id] != CONFLICT)
            statuses[thing.id] = CONFLICT  # of twins in one call, the first is the one that was written
        return made

    def put(self, things: Sequence[Thing]) -> None:
        """Write, replacing what stands under the same id."""
        self._bulk({"_op_type": "index", "_id": thing.id, **self._document(thing)} for thing in things)

    def get(self, ids: Sequence[str]) -> dict[str, Thing]:
        """Return those that exist, by id: real-time, never late."""
        return {key: thing for key, (thing, _) in self._read(ids).items()}

    def update(self, ids: Sequence[str], change: Callable[[Thing], Thing | None]) -> list[Thing]:
        """Replace each by `change(thing)` under if_seq_no; read and changed again when somebody else was faster."""
        changed: dict[str, Thing] = {}
        waiting: Sequence[str] = list(dict.fromkeys(ids))
        for attempt in range(MOST_ROUNDS):
            waiting = self._change(waiting, change, changed)
            if not waiting:
                return [changed[key] for key in dict.fromkeys(ids) if key in changed]
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 -- apart from the others, not secret
        raise StoreUnavailable(f"{self.shelf.alias}: {waiting[0]} is written to by others all the time")

    def delete(self, ids: Sequence[str]) -> int:
        """Remove them; how many there were."""
        statuses = self._bulk({"_op_type": "delete", "_id": key} for key in dict.fromkeys(ids))
        return sum(status != 404 for status in statuses.values())

    def all(self) -> Iterator[Thing]:
        """Every thing, in the order of ids, in pages."""
        return self.search({"match_all": {}}, [{"id": "asc"}])

    def count(self) -> int:
        """How many there are."""
        self.refresh()
        with translated(self.client):
            return int(self.client.count(index=self.shelf.alias)["count"])

    def refresh(self) -> None:
        """Let searches see every write before now."""
        with translated(self.client):
            self.client.indices.refresh(index=self.shelf.alias)

    def search(self, query: Body, sort: Sequence[Body], limit: int | None = None) -> Iterator[Thing]:
        """Things for which `query` holds, all of them (or `limit`), as they stand at the start of the search."""
        for number, hit in enumerate(self.hits(query, sort, limit)):
            if number == limit:
                return
            yield self._thing(hit["_source"])

    def searches(self, bodies: Sequence[Body]) -> list[list[Thing]]:
        """What each of several searches finds, in one request. What was written since the last refresh is missing."""
        parts = [part for body in bodies for part in ({}, {**body, "_source": {"excludes": self.shelf.unread}})]
        with translated(self.client):
            answers = self.client.msearch(index=self.shelf.alias, searches=parts)["responses"]
        for answer in answers:
            if "error" in answer:
                raise of_status(self.client, answer["status"], item_reason(answer["error"]))
        return [[self._thing(hit["_source"]) for hit in answer["hits"]["hits"]] for answer in answers]

    def hits(self, query: Body, sort: Sequence[Body], limit: int | None = None) -> Iterator[Body]:
        """The raw hits, page by page over one point in time. What was written just now is included.

        Most searches find less than a page, and need no point in time: opening and closing one are two requests more.
        """
        self.refresh()
        size = min(PAGE, limit or PAGE)
        found = self._page(query, sort, size, index=self.shelf.alias)["hits"]["hits"]
        if len(found) < size or size == limit:
            yield from found
        else:
            yield from self._pages(query, sort, size)

    def _pages(self, query: Body, sort: Sequence[Body], size: int) -> Iterator[Body]:
        with translated(self.client):
            point = self.client.open_point_in_time(index=self.shelf.alias, keep_alive=KEEP_ALIVE)["id"]
        after: Any = None
        try:
            while True:
                pit = {"id": point, "keep_alive": KEEP_ALIVE}
                answer = self._page(query, [*sort, {"_shard_doc": "asc"}], size, pit=pit, search_after=after)
                found = answer["hits"]["hits"]
                yield from found
                if len(found) < size:
                    return
                point, after = answer["pit_id"], found[-1]["sort"]
        finally:
            with translated(self.client):
                self.client.close_point_in_time(id=point)

    def _page(self, query: Body, sort: Sequence[Body], size: int, **where: Any) -> Any:
        with translated(self.client):
            return self.client.search(
                query={"bool": {"filter": [query]}},
                sort=sort,
                size=size,
                track_total_hits=False,
                source_excludes=self.shelf.unread,
                **where,
            )

    def _change(
        self, ids: Sequence[str], change: Callable[[Thing], Thing | None], changed: dict[str, Thing]
    ) -> Sequence[str]:
        """One round of `update`: what was changed goes into `changed`, and the ids to try again come back."""
        new: dict[str, Thing] = {}
        versions: dict[str, Version] = {}
        for key, (thing, version) in self._read(ids).items():
            after = change(thing)
            if after is not None:
                new[key], versions[key] = after, version
        statuses = self._bulk(
            {
                "_op_type": "index",
                "_id": key,
                "if_seq_no": versions[key].seq_no,
                "if_primary_term": versions[key].primary_term,
                **self._document(thing),
            }
            for key, thing in new.items()
        )
        changed |= {key: thing for key, thing in new.items() if statuses[key] != CONFLICT}
        return [key for key in new if statuses[key] == CONFLICT]

    def _read(self, ids: Sequence[str]) -> dict[str, tuple[Thing, Version]]:
        found: dict[str, tuple[Thing, Version]] = {}
        unique = list(dict.fromkeys(ids))
        for start in range(0, len(unique), PAGE):
            with translated(self.client):
                answer = self.client.mget(
                    index=self.shelf.alias, ids=unique[start : start + PAGE], source_excludes=self.shelf.unread
                )
            for doc in answer["docs"]:
                if "error" in doc:
                    raise of_status(self.client, 400, item_reason(doc["error"]))
                if doc["found"]:
                    version = Version(doc["_seq_no"], doc["_primary_term"])
                    found[doc["_id"]] = (self._thing(doc["_source"]), version)
        return found

    def _bulk(self, actions: Iterable[Body]) -> dict[str, int]:
        """Do them all; the status of each by id: 2xx, 404 or 409. Anything else is raised."""
        statuses: dict[str, int] = {}
        with translated(self.client):
            for _, answer in streaming_bulk(
                self.client,
                actions,
                index=self.shelf.alias,
                require_alias=True,  # never make an index by mistake, with a guessed mapping
                refresh=self.shelf.refresh,
                raise_on_error=False,
                max_retries=RETRIES,
                initial_backoff=0.2,
                max_backoff=3,
            ):
                (item,) = answer.values()
                status = int(item["status"])
                if (status >= 300 and status not in (404, CONFLICT)) or (status == 404 and "error" in item):
                    raise of_status(self.client, status, f"{item_reason(item.get('error'))} ({item['_id']})")
                statuses[item["_id"]] = status
        return statuses

    def _document(self, thing: Thing) -> Body:
        document = plain(thing)
        for name, extra in self.shelf.extras.items():
            value = extra(thing)
            if value is not None:
                document[name] = value
        return {"_source": document}

    def _thing(self, source: Body) -> Thing:
        return from_plain(source, self.shelf.kind)
