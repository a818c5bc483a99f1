"""Which stories lead clusters: their sketches, and the bands by which those of a copy are found.

A search sees a write only after a refresh, and two workers may hold twins at the same moment; so each first writes
that it may lead, then refreshes and looks, and only then decides. Of two that do this at once, at least one sees the
other. Who leads is written once, under if_seq_no, by whoever is first:

- a story that finds one it copies waits until that one has a leader (it follows soon, and never waits for a later one),
  and takes the same;
- one that finds none seen before it names itself the leader of those seen after it that are undecided, then its own.

So nobody leads while his twin does, and whoever was too late reads what was decided. Where patience ends over a worker
that was only slow, two may have named each other: whoever finds such a circle has the first of it lead.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from elasticsearch import Elasticsearch

from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.mappings import Kind
from pipeline.adapters.elastic.records import Body, ElasticRecords, Shelf
from pipeline.dedupe.clusters import COPIED_WITHIN, MOST_LEADERS, in_order, originals
from pipeline.dedupe.sketch import BANDS_SHARED, bands
from pipeline.ports import Sketched

PATIENCE = 2.0
"""Seconds to wait for the decision on an earlier story; its worker may have died over it, and then ours leads."""
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSketch:
    """A story that leads, may lead or follows. `id` is the story's."""

    id: str
    sketch: str  # in base64
    first_seen_at: datetime
    leader: str = ""  # the story that leads it; empty while that is not decided

    @property
    def sketched(self) -> Sketched:
        """What it is compared by."""
        return Sketched(self.id, base64.b64decode(self.sketch), self.first_seen_at)


def sketch_records(client: Elasticsearch, names: Names) -> ElasticRecords[StoredSketch]:
    """The sketches as they are kept."""
    return ElasticRecords(client, Shelf(names, Kind.SKETCHES, StoredSketch, {"bands": _bands}))


def stored_sketch(one: Sketched) -> StoredSketch:
    """`one` as it is kept while it is undecided who leads it."""
    return StoredSketch(id=one.story_id, sketch=base64.b64encode(one.sketch).decode(), first_seen_at=one.first_seen_at)


def _bands(one: StoredSketch) -> list[str]:
    """Under which it is found: none where it follows another."""
    return _terms(one.sketched) if one.leader in ("", one.id) else []


def _terms(one: Sketched) -> list[str]:
    return [str(band) for band in bands(one.sketch)]


class ElasticClusters:
    """ports.ClusterStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        self.sketches = sketch_records(client, names)

    def lead(self, sketched: Sequence[Sketched]) -> list[str]:
        """For each story the one that leads its cluster."""
        if not sketched:
            return []
        self._announce({one.story_id: stored_sketch(one) for one in sketched})
        near = self._near(sketched)
        copied = [one for one in sketched if originals(one, near[one.story_id])]
        own = {one.story_id: one.story_id for one in sketched if one not in copied}
        leaders = {story_id: self._end(leader, story_id) for story_id, leader in self._named(own).items()}
        for one in sorted(copied, key=in_order):
            leaders[one.story_id] = self._end(self._decided(one, near[one.story_id]), one.story_id)
        return [leaders[one.story_id] for one in sketched]

    def older(self, before: datetime) -> Iterator[str]:
        """The stories first seen before then of which a sketch is kept."""
        late: Body = {"range": {"first_seen_at": {"lt": before.isoformat(timespec="milliseconds")}}}
        return (one.id for one in self.sketches.search(late, [{"first_seen_at": "asc"}]))

    def delete(self, story_ids: Sequence[str]) -> int:
        """Remove the sketches of these stories; how many there were."""
        return self.sketches.delete(story_ids)

    def _announce(self, given: Mapping[str, StoredSketch]) -> None:
        """Write that these may lead, so that others see them from now on; of those that lead, the sketch of today."""
        created = self.sketches.create(list(given.values()))
        known = [key for key, new in zip(given, created, strict=True) if not new]
        self.sketches.update(
            known, lambda one: replace(one, sketch=given[one.id].sketch) if one.leader == one.id else None
        )
        self.sketches.refresh()

    def _near(self, sketched: Sequence[Sketched]) -> dict[str, list[Sketched]]:
        """For each story those it shares a band with and that lead or may, as many as are compared."""
        answers = self.sketches.searches([_search(one) for one in sketched])
        return {
            one.story_id: [other.sketched for other in answer] for one, answer in zip(sketched, answers, strict=True)
        }

    def _decided(self, one: Sketched, near: Sequence[Sketched]) -> str:
        """The leader of `one`, which copies some of those `near`; it is written by now."""
        undecided: list[str] = []
        for other in originals(one, near):
            leader = self._awaited(other.story_id) if in_order(other) < in_order(one) else self._leader(other.story_id)
            if not leader:
                undecided.append(other.story_id)
            elif leader != one.story_id:
                return self._named({one.story_id: leader})[one.story_id]
        for story_id in undecided:
            leader = self._named({story_id: one.story_id})[story_id]
            if leader != one.story_id:
                return self._named({one.story_id: leader})[one.story_id]
        return self._named({one.story_id: one.story_id})[one.story_id]

    def _named(self, leaders: Mapping[str, str]) -> dict[str, str]:
        """Write who leads each story, where that was not written before; who leads them."""
        ids = list(leaders)
        self.sketches.update(ids, lambda one: None if one.leader else replace(one, leader=leaders[one.id]))
        found = self.sketches.get(ids)
        return {story_id: found[story_id].leader if story_id in found else leaders[story_id] for story_id in ids}

    def _leader(self, story_id: str) -> str:
        """Who leads `story_id`; empty when that is not decided."""
        found = self.sketches.get([story_id]).get(story_id)
        return found.leader if found else ""

    def _awaited(self, story_id: str) -> str:
        """The same, after some patience; empty when its worker seems to be gone."""
        until = time.monotonic() + PATIENCE
        while not (leader := self._leader(story_id)) and time.monotonic() < until:
            time.sleep(LOOK_EVERY)
        return leader

    def _end(self, story_id: str, own: str) -> str:
        """The leader of leaders: one that was named may itself follow another by now."""
        way = [own]
        while story_id not in way:
            way.append(story_id)
            story_id = self._awaited(story_id) or story_id
        circle = way[way.index(story_id) :]
        return story_id if len(circle) == 1 else self._out_of(circle)

    def _out_of(self, circle: Sequence[str]) -> str:
        """The first of stories that follow each other, which leads them from now on; the same for all who ask."""
        first = min((one.sketched for one in self.sketches.get(circle).values()), key=in_order).story_id
        self.sketches.update([first], lambda one: replace(one, leader=one.id))
        return first


def _search(one: Sketched) -> Body:
    """For those that share a band with `one`, those that share most of them first."""
    shared: list[Body] = [{"constant_score": {"filter": {"term": {"bands": band}}}} for band in _terms(one)]
    since = {"range": {"first_seen_at": {"gte": (one.first_seen_at - COPIED_WITHIN).isoformat()}}}
    return {
        "query": {"bool": {"should": shared, "minimum_should_match": BANDS_SHARED, "filter": [since]}},
        "size": MOST_LEADERS,
        "track_total_hits": False,
    }
