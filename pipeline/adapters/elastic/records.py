"""Things by id: real-time reads, creates that never overwrite, changes that nobody else's change gets lost under."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from pipeline.adapters.codec import from_plain, plain
from pipeline.adapters.elastic.client import WHOLE, is_moving, item_reason, of_status, translated
from pipeline.adapters.elastic.indices import Names, month_in
from pipeline.adapters.elastic.mappings import MONTHLY, Kind
from pipeline.adapters.elastic.months import settle
from pipeline.errors import StoreError, StoreUnavailable
from pipeline.ports import Still

PAGE = 500
KEEP_ALIVE = "2m"
A_BACKUP = "24h"
"""How long a point in time is kept that waits for its turn: the most that Elasticsearch allows."""
CONFLICT = 409
BLOCKED = 403
"""The status of a write to an index that is just being replaced (reindex.py), and of one that is not allowed."""
WRITES = 8
"""How often a write is tried again, over 15 s: longer than an alias takes to move."""
MOVING = 0.5
"""Seconds between two looks whether it has."""
MOST_ROUNDS = 20
"""How often a change is tried again because somebody else wrote in between, or the alias moved."""


class HasId(Protocol):
    """Whatever is kept."""

    @property
    def id(self) -> str: ...  # noqa: D102


Thing = TypeVar("Thing", bound=HasId)
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Thing]):
    """Where things of a kind are kept, and what is indexed of each besides its own fields."""

    names: Names
    kind: Kind
    thing: type[Thing]
    extras: Mapping[str, Callable[[Thing], Any]] = field(default_factory=dict)
    refresh: bool = False  # a write is seen by the next search, at the cost of a refresh

    @property
    def alias(self) -> str:
        """What is searched."""
        return self.names.alias(self.kind)

    def home(self, key: str) -> str:
        """Where the thing with the id `key` is written and read."""
        return self.names.alias(self.kind, month_in(self.kind, key))

    @property
    def unread(self) -> list[str]:
        """What the things do not hold themselves."""
        return list(self.extras)


@dataclass(frozen=True, slots=True)
class Version:
    """The write that is to be replaced, and no other (if_seq_no), in that index: another one has other numbers."""

    index: str
    seq_no: int
    primary_term: int


class ElasticRecords(Generic[Thing]):
    """ports.Records on an index."""

    def __init__(self, client: Elasticsearch, shelf: Shelf[Thing]) -> None:
        self.client, self.shelf = client, shelf

    def create(self, things: Sequence[Thing]) -> list[bool]:
        """Write those that are not there yet (op_type=create); for each, whether it was written."""
        first = {thing.id: thing for thing in reversed(things)}
        statuses = self._write("create", list(first.values()))
        made = []
        for thing in things:
            made.append(statuses[thing.id] != CONFLICT)
            statuses[thing.id] = CONFLICT  # of twins in one call, the first is the one that was written
        return made

    def put(self, things: Sequence[Thing]) -> None:
        """Write, replacing what stands under the same id."""
        self._write("index", things)

    def get(self, ids: Sequence[str]) -> dict[str, Thing]:
        """Return those that exist, by id: real-time, never late."""
        return {key: thing for key, (thing, _) in self._read(ids).items()}

    def update(self, ids: Sequence[str], change: Callable[[Thing], Thing | None]) -> list[Thing]:
        """Replace each by `change(thing)` under if_seq_no; read and changed again when somebody else was faster.

        A write whose answer was lost is not sent again blindly, for it would meet itself: what is read then and is what
        was sent is ours, and nobody else's.
        """
        changed: dict[str, Thing] = {}
        lost: dict[str, Thing] = {}
        waiting: Sequence[str] = list(dict.fromkeys(ids))
        for attempt in range(MOST_ROUNDS):
            waiting = self._change(waiting, change, changed, lost)
            if not waiting:
                return [changed[key] for key in dict.fromkeys(ids) if key in changed]
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 -- apart from the others, not secret
        raise StoreUnavailable(f"{self.shelf.alias}: {waiting[0]} is written to by others all the time")

    def delete(self, ids: Sequence[str]) -> int:
        """Remove them; how many there were."""
        statuses = self._bulk(lambda _: {"_op_type": "delete"}, list(dict.fromkeys(ids)), begin=False)
        return sum(status != 404 for status in statuses.values())

    def all(self) -> Iterator[Thing]:
        """Every thing, in the order of ids, in pages."""
        return self.search({"match_all": {}}, [{"id": "asc"}])

    def count(self) -> int:
        """How many there are."""
        self.refresh()
        with translated(self.client):
            return int(self.client.count(index=self.shelf.alias)["count"])

    @contextmanager
    def still(self) -> Iterator[Still[Thing]]:
        """Every thing as it stands now, over one point in time."""
        self.refresh()
        with translated(self.client):
            point = self.client.open_point_in_time(index=self.shelf.alias, keep_alive=A_BACKUP)["id"]
        try:
            yield Still(self._count_at(point), map(self.thing, self._sources_at(point)))
        finally:
            with translated(self.client):
                self.client.close_point_in_time(id=point)

    def _count_at(self, point: str) -> int:
        with translated(self.client):
            answer = self.client.search(pit={"id": point}, size=0, track_total_hits=True, **WHOLE)
        return int(answer["hits"]["total"]["value"])

    def _sources_at(self, point: str) -> Iterator[Body]:
        after: Any = None
        while True:
            with translated(self.client):
                found = self.client.search(
                    pit={"id": point, "keep_alive": A_BACKUP},
                    size=PAGE,
                    sort=["_shard_doc"],
                    search_after=after,
                    track_total_hits=False,
                    source_excludes=self.shelf.unread,
                    **WHOLE,
                )["hits"]["hits"]
            yield from (hit["_source"] for hit in found)
            if len(found) < PAGE:
                return
            after = found[-1]["sort"]

    def refresh(self) -> None:
        """Let searches see every write before now."""
        with translated(self.client):
            self.client.indices.refresh(index=self.shelf.alias)

    def search(self, query: Body, sort: Sequence[Body], limit: int | None = None) -> Iterator[Thing]:
        """Things for which `query` holds, all of them (or `limit`), as they stand at the start of the search."""
        for number, hit in enumerate(self.hits(query, sort, limit)):
            if number == limit:
                return
            yield self.thing(hit["_source"])

    def searches(self, bodies: Sequence[Body]) -> list[list[Thing]]:
        """What each of several searches finds, in one request. What was written since the last refresh is missing."""
        parts = [part for body in bodies for part in (WHOLE, {**body, "_source": {"excludes": self.shelf.unread}})]
        with translated(self.client):
            answers = self.client.msearch(index=self.shelf.alias, searches=parts)["responses"]
        for answer in answers:
            if "error" in answer:
                raise of_status(self.client, answer["status"], item_reason(answer["error"]))
        return [[self.thing(hit["_source"]) for hit in answer["hits"]["hits"]] for answer in answers]

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
                **WHOLE,
                **where,
            )

    def _change(
        self,
        ids: Sequence[str],
        change: Callable[[Thing], Thing | None],
        changed: dict[str, Thing],
        lost: dict[str, Thing],
    ) -> Sequence[str]:
        """One round of `update`: what was changed goes into `changed`, and the ids to try again come back.

        So do those of a write that no answer came to, which goes into `lost`.
        """
        new: dict[str, Thing] = {}
        versions: dict[str, Version] = {}
        for key, (thing, version) in self._read(ids).items():
            if lost.get(key) == thing:
                changed[key] = thing
                continue
            after = change(thing)
            if after is not None:
                new[key], versions[key] = after, version
        try:
            again = self._replace(self._replacement(key, thing, versions[key]) for key, thing in new.items())
        except StoreUnavailable:
            if lost:
                raise
            lost |= new
            return list(new)
        changed |= {key: thing for key, thing in new.items() if key not in again}
        return list(again)

    def _replacement(self, key: str, thing: Thing, version: Version) -> Body:
        expected = {"_index": version.index, "if_seq_no": version.seq_no, "if_primary_term": version.primary_term}
        return {"_op_type": "index", "_id": key, **expected, **self.document(thing)}

    def _read(self, ids: Sequence[str]) -> dict[str, tuple[Thing, Version]]:
        found: dict[str, tuple[Thing, Version]] = {}
        unique = list(dict.fromkeys(ids))
        for start in range(0, len(unique), PAGE):
            homeless = self._look_up(unique[start : start + PAGE], found)
            if homeless and self._settle(homeless, begin=False):
                self._look_up(homeless, found)
        return found

    def _look_up(self, ids: Sequence[str], found: dict[str, tuple[Thing, Version]]) -> list[str]:
        """Put those that there are into `found`; the ids of those whose month is not there."""
        homeless = []
        docs = [{"_index": self.shelf.home(key), "_id": key} for key in ids]
        with translated(self.client):
            answer = self.client.mget(docs=docs, source_excludes=self.shelf.unread)
        for doc in answer["docs"]:
            if self._is_homeless(doc.get("error")):
                homeless.append(doc["_id"])
            elif "error" in doc:
                raise of_status(self.client, 503, item_reason(doc["error"]))
            elif doc["found"]:
                version = Version(doc["_index"], doc["_seq_no"], doc["_primary_term"])
                found[doc["_id"]] = (self.thing(doc["_source"]), version)
        return homeless

    def _is_homeless(self, error: Any) -> bool:
        """Whether `error` says that a month is not there."""
        return self.shelf.kind in MONTHLY and "index_not_found" in item_reason(error)

    def _settle(self, homeless: Collection[str], *, begin: bool) -> bool:
        """Find a place for what has none (months.settle); whether that has changed anything."""
        months = {month_in(self.shelf.kind, key) for key in homeless}
        return bool(settle(self.client, self.shelf.names, months, begin=begin))

    def _write(self, operation: str, things: Sequence[Thing]) -> dict[str, int]:
        """Write them all, into months that are made where they are not there; the status of each by id."""
        by_id = {thing.id: thing for thing in things}
        return self._bulk(lambda key: {"_op_type": operation, **self.document(by_id[key])}, list(by_id), begin=True)

    def _bulk(self, action: Callable[[str], Body], ids: Sequence[str], *, begin: bool) -> dict[str, int]:
        """Do `action` of each, through its alias; the status of each by id: 2xx, 404 or 409. Anything else is raised.

        Where a month is not there, it is made if `begin` says so, and again should it be dropped at that moment.
        """
        statuses: dict[str, int] = {}
        waiting = ids
        for _ in range(MOST_ROUNDS):
            named = ({"_index": self.shelf.home(key), "_id": key, **action(key)} for key in waiting)
            waiting = self._send(named, statuses)
            if not waiting or not (self._settle(waiting, begin=begin) or begin):
                return statuses
        raise StoreUnavailable(f"{self.shelf.home(waiting[0])} is made and dropped all the time")

    def _send(self, actions: Iterable[Body], statuses: dict[str, int]) -> list[str]:
        """Put the status of each into `statuses`; the ids of those (404) whose month is not there."""
        homeless = []
        # require_alias: never make an index by mistake, with a guessed mapping
        for item in self._answers(actions, require_alias=True, retry_on_status=(429, BLOCKED)):
            status = int(item["status"])
            if status == 404 and self._is_homeless(item.get("error")):
                homeless.append(item["_id"])
            elif (status >= 300 and status not in (404, CONFLICT)) or (status == 404 and "error" in item):
                raise self._error(item)
            statuses[item["_id"]] = status
        return homeless

    def _replace(self, actions: Iterable[Body]) -> set[str]:
        """Write each into the index that it names; the ids of those that are to be read and changed again.

        These are the ones that somebody else has written meanwhile, and those whose index was replaced.
        """
        again: set[str] = set()
        moving = False
        for item in self._answers(actions, self.client.options(max_retries=0), retry_on_status=(429,)):
            status = int(item["status"])
            if status == CONFLICT:
                again.add(item["_id"])
            elif _is_replaced(item):
                again.add(item["_id"])
                moving = True
            elif status >= 300:
                raise self._error(item)
        if moving:
            time.sleep(MOVING)
        return again

    def _answers(self, actions: Iterable[Body], client: Elasticsearch | None = None, **options: Any) -> Iterator[Body]:
        with translated(self.client):
            for _, answer in streaming_bulk(
                client or self.client,
                actions,
                refresh=self.shelf.refresh,
                raise_on_error=False,
                max_retries=WRITES,
                initial_backoff=0.2,
                max_backoff=3,
                **options,
            ):
                yield from answer.values()

    def _error(self, item: Body) -> StoreUnavailable | StoreError:
        return of_status(self.client, int(item["status"]), f"{item_reason(item.get('error'))} ({item['_id']})")

    def document(self, thing: Thing) -> Body:
        """What is indexed of a thing, as a bulk action has it."""
        document = plain(thing)
        for name, extra in self.shelf.extras.items():
            value = extra(thing)
            if value is not None:
                document[name] = value
        return {"_source": document}

    def thing(self, source: Body) -> Thing:
        """The thing of which `source` is stored. Raises StoreError where it can't be read."""
        return from_plain(source, self.shelf.thing)


def _is_replaced(item: Body) -> bool:
    """Whether a write failed since its index is being replaced (reindex.py), or was."""
    reason = item_reason(item.get("error"))
    return is_moving(reason) or (int(item["status"]) == 404 and "index_not_found" in reason)
