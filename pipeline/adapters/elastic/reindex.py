"""A kind of thing, or a month of it, moves into a new index, as this version writes it, while others read and write on.

 1. The new index is made, marked as being filled.
 2. What was written since the pass before is copied, pass after pass, until little is left. Elasticsearch numbers the
    writes of each shard (`_seq_no`), so a mark for each tells what a pass has to take.
 3. The old index is blocked for writes: whoever comes waits, and comes again (records.py). The last pass takes what is
    left. What was deleted meanwhile has left no number: as all that is in the old index is in the new one by now, it is
    found by comparing counts of ever smaller ranges of ids.
 4. The alias moves, in one step. Those that waited write to the new index. A change that was read from the old one is
    read and made again, since its numbers say nothing of the new one.
 5. The old index is deleted when nobody reads from it any more.

Months of an earlier version move one by one, and those that are running search them as if nothing had moved: the old
index stays for that, as it was when it was blocked, until all have moved. Who wants to write to it, or to read by id
what will be written, is refused from the moment at which it moves.

When it breaks off, the old index is unblocked and serves; when it is killed, `mend` does that. Then it begins anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.client import WHOLE, item_reason, of_status, translated
from pipeline.adapters.elastic.indices import Index, Names, existing, outdated, serving
from pipeline.adapters.elastic.lock import alone
from pipeline.adapters.elastic.mappings import MONTHLY, UNDATED, Kind, mappings_of
from pipeline.adapters.elastic.records import KEEP_ALIVE, PAGE, Body, ElasticRecords
from pipeline.errors import StoreError, StoreUnavailable, WirewatchError
from pipeline.ports import Moved, Progress

log = logging.getLogger(__name__)

LITTLE = 500
"""Things that the last pass may well take, while writers wait."""
MOST_PASSES = 20
"""Where they write faster than is copied, they wait longer at the last pass."""
READERS = 300.0
"""Seconds that its readers have to come to an end; else the index stays for `mend`, later."""
FEW = 1_000
"""Ids that are compared one by one."""
_DIGITS = "-0123456789abcdef"  # in their order; what begins with a month has the first
_BEYOND = "g"
_BLOCKED_AT_MOST = 60.0
"""Seconds that writers wait: beyond, the move is given up, and they go on in the old index."""
_WHERE = {Kind.IDENTITIES: "story_id"}
"""The field by whose ranges the things of a kind are compared; that is their id, where they keep it."""


def reindex(
    client: Elasticsearch,
    names: Names,
    records: Mapping[Kind, ElasticRecords[Any]],
    *,
    shards: int,
    also: Collection[str] = (),
    progress: Progress,
) -> list[Moved]:
    """Move every kind whose mapping is of an earlier version or that has other shards than wanted, and those of `also`.

    One at a time, others may go on working. Raises StoreUnavailable where somebody else reindexes or prunes; the kinds
    that were moved by then stay moved, and to begin again goes on with the others.
    """
    indices.prepare(client, names, [Kind.LOCKS])
    with alone(client, names, "reindex") as renew:
        mend(client, names)
        found = existing(client, names)
        # What this version has for the first time. Raises StoreError where the store is of a later one.
        earlier = {one.kind for one in found if one.aliases and one.version < names.versions[one.kind]}
        indices.prepare(client, names, [kind for kind in Kind if kind not in earlier], shards)
        moved: list[Moved] = []
        for kind, of_kind in records.items():
            sources = [*outdated(found, names, kind), *serving(found, names, kind)]
            due = [one for one in sources if kind in also or _is_due(one, names, shards)]
            for source in _and_later_ones(client, names, due):
                move = _Move(client, names, of_kind, source, indices.shards_of(kind, shards), renew, progress)
                moved.append(move.run())
            if kind in earlier:
                _let_go(client, names, kind)
                indices.prepare(client, names, [kind], shards)
        _drop_when_unread(client, _replaced(existing(client, names)), renew)
        return moved


def _let_go(client: Elasticsearch, names: Names, kind: Kind) -> None:
    """Let nobody search what has moved, in this run or in one before."""
    done = [one for one in existing(client, names, kind) if one.aliases and not one.written]
    removed = [action for one in done for action in indices.off_aliases(one)]
    if removed:
        with translated(client):
            client.indices.update_aliases(actions=removed)


def _and_later_ones(client: Elasticsearch, names: Names, due: Sequence[Index]) -> Iterator[Index]:
    """What is to be moved of a kind, and then what the version before has begun while it was."""
    while due:
        yield from due
        due = outdated(existing(client, names, due[0].kind), names, due[0].kind)


def mend(client: Elasticsearch, names: Names, kinds: Collection[Kind] = tuple(Kind)) -> list[str]:
    """Put right what a killed reindex or prune has left, and drop what nobody reads; what was done, in lines.

    Only for whoever holds the upkeep. Copies go first: a move that had only stood still then has nothing to move to,
    before the index that it had blocked takes writes again.
    """
    found = [one for one in existing(client, names) if one.kind in kinds]
    lines = [f"{name}: dropped, left by a reindex" for name in _replaced(found) if indices.drop_unread(client, name)]
    for one in found:
        if one.aliases and one.marks.get("aside"):
            indices.set_mark(client, one, aside=False)
        if one.written and one.blocked:
            indices.unblock(client, one.name)
            lines.append(f"{one.name}: takes writes again, after a reindex or prune that was broken off")
    return lines


def needs_mending(found: Sequence[Index]) -> bool:
    """Whether there may be something for `mend` to do."""
    left = ((one.written and one.blocked) or (one.aliases and one.marks.get("aside")) for one in found)
    return bool(_replaced(found)) or any(left)


def _replaced(found: Sequence[Index]) -> list[str]:
    """Those to which nobody is led, since another one serves what they hold or were to hold, or they hold nothing.

    What was moved from is blocked. What is not, and has no alias, somebody has restored, and it is theirs.
    """
    served = {(one.kind, one.month) for one in found if one.aliases}
    moved = [one for one in found if not one.aliases and one.blocked and (one.kind, one.month) in served]
    return [one.name for one in found if not one.whole or one in moved]


def _is_due(source: Index, names: Names, shards: int) -> bool:
    return names.alias(source.kind) not in source.aliases or source.shards != indices.shards_of(source.kind, shards)


@dataclass(slots=True)
class _Move:
    """One kind on its way, or a month of it."""

    client: Elasticsearch
    names: Names
    records: ElasticRecords[Any]
    source: Index
    shards: int
    renew: Callable[[], None]
    progress: Progress
    target: str = ""
    copied: int = 0

    def run(self) -> Moved:
        """Move it; raises StoreUnavailable or StoreError, and then the old index serves as before."""
        self.target = self._free_name()
        log.info("%s: copied into %s", self.source.name, self.target)
        try:
            with translated(self.client):
                kind = self.source.kind
                mappings = mappings_of(kind, aside=True)
                indices.create_index(self.client, self.target, mappings, self.shards)
                passes, marks = self._catch_up()
                waited = self._switch(marks)
        except BaseException:
            with suppress(WirewatchError):  # else `mend` does it, when Elasticsearch is back
                self._give_up()
            raise
        return Moved(str(kind), self.source.name, self.target, self.copied, passes, waited)

    def _free_name(self) -> str:
        found = existing(self.client, self.names, self.source.kind)
        return indices.free_name(self.names, self.source.kind, self.source.month, found)

    def _catch_up(self) -> tuple[int, dict[int, int]]:
        """Copy, until little is left; how many passes it took, and up to which write of each shard all is copied."""
        marks = dict.fromkeys(range(self.source.shards), -1)
        passes, count = 0, LITTLE + 1
        while count > LITTLE and passes < MOST_PASSES:
            count, marks = self._pass(marks)
            passes += 1
        return passes, marks

    def _switch(self, marks: dict[int, int]) -> float:
        """The last pass and the move, while writers wait; for how many seconds they did."""
        self.renew()
        started = time.monotonic()
        self.client.indices.add_block(index=self.source.name, block="write")  # returns when none is under way
        self._pass(marks)
        self.client.indices.refresh(index=self.target)
        self._delete_surplus()
        if time.monotonic() - started > _BLOCKED_AT_MOST:
            raise StoreUnavailable(
                f"{self.source.name}: the last of it took too long to copy: try when less is written"
            )
        removed = indices.off_aliases(self.source)
        added = indices.on_aliases(self.names, self.source.kind, self.source.month, self.target)
        self.client.indices.update_aliases(actions=[*removed, *added, *self._searched_on()])
        waited = time.monotonic() - started
        # That it is whole: an alias says so too, until it is lost.
        self.client.indices.put_mapping(index=self.target, **mappings_of(self.source.kind))
        return waited

    def _searched_on(self) -> list[Body]:
        """What has others search the old index until all months have moved, and write to it no more."""
        kind, version = self.source.kind, self.source.version
        if kind not in MONTHLY or version == self.names.versions[kind]:
            return []
        return [{"add": {"index": self.source.name, "alias": Names(self.names.prefix, {kind: version}).alias(kind)}}]

    def _give_up(self) -> None:
        """Let the old index serve again, unless the alias has moved after all (its answer may have been lost)."""
        now = {one.name: one for one in existing(self.client, self.names)}
        if self.target in now and now[self.target].aliases:
            return
        try:
            if self.target in now:
                indices.drop_unread(self.client, self.target)
        finally:
            indices.unblock(self.client, self.source.name)

    # -- copying

    def _pass(self, marks: Mapping[int, int]) -> tuple[int, dict[int, int]]:
        """Copy what was written after `marks`; how much that was, and the marks for the next pass."""
        reached = self._reached()  # first: what is written between this and the refresh is copied twice, and not never
        self.client.indices.refresh(index=self.source.name)
        count = 0
        for shard, mark in marks.items():
            for page in self._pages(shard, mark):
                self._write(page)
                count += len(page)
        self.copied += count
        return count, reached

    def _reached(self) -> dict[int, int]:
        """Up to which write each shard has all of them, on every copy of the shard that is searched."""
        stats = self.client.indices.stats(index=self.source.name, level="shards")
        shards = stats["indices"][self.source.name]["shards"]
        primaries = {
            number: next(one for one in copies if one["routing"]["primary"]) for number, copies in shards.items()
        }
        return {int(number): primary["seq_no"]["global_checkpoint"] for number, primary in primaries.items()}

    def _pages(self, shard: int, after_write: int) -> Iterator[list[Body]]:
        where: Body = {"range": {"_seq_no": {"gt": after_write}}}
        point = self.client.open_point_in_time(
            index=self.source.name, keep_alive=KEEP_ALIVE, preference=f"_shards:{shard}"
        )["id"]
        after: Any = None
        try:
            while True:
                answer = self.client.search(
                    query=where,
                    sort=[{"_shard_doc": "asc"}],
                    size=PAGE,
                    search_after=after,
                    pit={"id": point, "keep_alive": KEEP_ALIVE},
                    track_total_hits=after is None,
                    **WHOLE,
                )
                if after is None:
                    total, done = int(answer["hits"]["total"]["value"]), 0
                if not (hits := answer["hits"]["hits"]):
                    return
                point, after = answer["pit_id"], hits[-1]["sort"]
                yield hits
                done += len(hits)
                self.renew()
                self.progress(str(self.source.kind), done, total)
        finally:
            self.client.close_point_in_time(id=point)

    def _write(self, page: Sequence[Body]) -> None:
        actions = [{"_op_type": "index", "_id": hit["_id"], **self._anew(hit)} for hit in page]
        for _, answer in streaming_bulk(
            self.client, actions, index=self.target, raise_on_error=False, max_retries=5, initial_backoff=0.2
        ):
            (item,) = answer.values()
            if item["status"] >= 300:
                raise of_status(self.client, item["status"], f"{item_reason(item.get('error'))} ({item['_id']})")

    def _anew(self, hit: Body) -> Body:
        """A document as this version writes it: what is made of a thing, such as its words, is made anew."""
        try:
            return self.records.document(self.records.thing(hit["_source"]))
        except StoreError as error:  # as it is, rather than lost
            log.warning("%s %s: %s", self.source.name, hit["_id"], error)
            return {"_source": hit["_source"]}

    # -- what was deleted meanwhile

    def _delete_surplus(self) -> None:
        """Delete what is in the new index alone; both are refreshed, and nobody writes."""
        month = self.source.month  # with which all its ids begin
        gone = list(self._surplus("" if month in ("", UNDATED) else f"{month}-", None, None))
        for start in range(0, len(gone), PAGE):
            actions = ({"_op_type": "delete", "_id": key} for key in gone[start : start + PAGE])
            list(streaming_bulk(self.client, actions, index=self.target, refresh=True))

    def _surplus(self, prefix: str | None, low: str | None, high: str | None) -> Iterator[str]:
        """Ids that are from `low` on and before `high`, in the new index alone.

        A range is cut by the digit that comes after `prefix`. What comes before and after all digits has none, and is
        gone through.
        """
        there, here = (self._count(index, low, high) for index in (self.source.name, self.target))
        if there == here:
            return
        if here <= FEW or prefix is None:
            yield from self._ids(self.target, low, high) - self._ids(self.source.name, low, high)
            return
        digits = [prefix + digit for digit in _DIGITS]
        edges = [low, *digits, prefix + _BEYOND, high]
        for inner, start, end in zip([None, *digits, None], edges[:-1], edges[1:], strict=True):
            yield from self._surplus(inner, start, end)

    def _count(self, index: str, low: str | None, high: str | None) -> int:
        return int(self.client.count(index=index, query=self._between(low, high))["count"])

    def _ids(self, index: str, low: str | None, high: str | None) -> set[str]:
        field = _WHERE.get(self.source.kind, "id")
        found: set[str] = set()
        after: Any = None
        while True:
            answer = self.client.search(
                index=index,
                query=self._between(low, high),
                sort=[{field: "asc"}, {"_doc": "asc"}],
                size=10 * PAGE,
                search_after=after,
                source=False,
                **WHOLE,
            )
            if not (hits := answer["hits"]["hits"]):
                return found
            found |= {hit["_id"] for hit in hits}
            after = hits[-1]["sort"]

    def _between(self, low: str | None, high: str | None) -> Body:
        bounds = {name: edge for name, edge in (("gte", low), ("lt", high)) if edge is not None}
        field = _WHERE.get(self.source.kind, "id")
        return {"range": {field: bounds}} if bounds else {"match_all": {}}


# ---------------------------------------------------------------------------------------------------------
# Indices that were replaced


def _drop_when_unread(client: Elasticsearch, replaced: Sequence[str], renew: Callable[[], None]) -> None:
    started = time.monotonic()
    waiting = list(replaced)
    while waiting and time.monotonic() - started < READERS:
        time.sleep(min(1.0, indices.LINGER))
        renew()
        if time.monotonic() - started >= indices.LINGER:
            waiting = [name for name in waiting if not indices.drop_unread(client, name)]
    for name in waiting:
        log.warning("%s was replaced and is still read from: the next `wirewatch setup` drops it", name)
