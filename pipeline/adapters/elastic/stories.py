"""Stories, their search, and the identities by which a story is known again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from elasticsearch import Elasticsearch

from pipeline.adapters.elastic.client import WHOLE, translated
from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.mappings import Kind
from pipeline.adapters.elastic.records import ElasticRecords, Shelf
from pipeline.dedupe import settle
from pipeline.ids import identify
from pipeline.model import Story
from pipeline.ports import Claim, StoryFilter
from pipeline.query.document import Document
from pipeline.query.elastic import Body, form, words_of
from pipeline.query.syntax import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIdentity:
    """An identity key and the story it belongs to."""

    key: str
    story_id: str

    @property
    def id(self) -> str:
        """Under which it is kept."""
        return _identity_id(self.key)


def identity_records(client: Elasticsearch, names: Names) -> ElasticRecords[StoredIdentity]:
    """The identities as they are kept."""
    return ElasticRecords(client, Shelf(names, Kind.IDENTITIES, StoredIdentity))


def _identity_id(key: str) -> str:
    return identify("identity", key)


class ElasticStories(ElasticRecords[Story]):
    """ports.StoryStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        shelf = Shelf(names, Kind.STORIES, Story, {"words": lambda story: words_of(Document(story))})
        super().__init__(client, shelf)
        self.identities = identity_records(client, names)

    def resolve(self, claims: Sequence[Claim]) -> list[str]:
        """For each claim the story of its first key that is known, else its own; bind the keys that were not known.

        A key is bound by creating it, so of two callers at once one wins it, and the other settles again with what
        the winner bound.
        """
        bound = self._bound([key for claim in claims for key in claim.keys])
        owners, fresh = settle(claims, bound)
        created = self.identities.create([StoredIdentity(key=key, story_id=owner) for key, owner in fresh.items()])
        lost = [key for key, new in zip(fresh, created, strict=True) if not new]
        if not lost:
            return owners
        owners, settled = settle(claims, bound | self._bound(lost))
        moved = [_identity_id(key) for key, owner in settled.items() if owner != fresh[key]]
        self.identities.update(moved, lambda one: replace(one, story_id=settled[one.key]))
        return owners

    def known(self, keys: Sequence[str]) -> str:
        """Return the story of the first of these identity keys that is known; empty when none is."""
        bound = self._bound(keys)
        return next((bound[key] for key in keys if key in bound), "")

    def unbind(self, story_ids: Sequence[str]) -> int:
        """Let go of the identity keys of these stories; how many there were."""
        found = self.identities.search({"terms": {"story_id": list(story_ids)}}, [{"story_id": "asc"}])
        return self.identities.delete([one.id for one in found])

    def older(self, before: datetime) -> Iterator[Story]:
        """Stories with `updated_at` < before, longest ago first."""
        late: Body = {"range": {"updated_at": {"lt": before.isoformat(timespec="milliseconds")}}}
        return self.search(late, [{"updated_at": "asc"}])

    def copies(self, story_id: str, limit: int) -> list[Story]:
        """Copies of the story `story_id`: the first seen first."""
        query: Body = {"term": {"copy_of": story_id}}
        return list(self.search(query, [{"first_seen_at": "asc"}, {"id": "asc"}], limit))

    def narrow(self, query: Query, where: StoryFilter) -> Iterator[Story]:
        """Candidates, latest published first."""
        return self.search(_asked(query, where), [{"published": "desc"}, {"id": "asc"}])

    def narrowed_days(self, query: Query, where: StoryFilter) -> Mapping[str, int]:
        """How many candidates there are, by day."""
        self.refresh()
        days = {"date_histogram": {"field": "published", "calendar_interval": "day", "min_doc_count": 1}}
        with translated(self.client):
            answer = self.client.search(
                index=self.shelf.alias, query=_asked(query, where), size=0, aggs={"days": days}, **WHOLE
            )
        return {one["key_as_string"][:10]: one["doc_count"] for one in answer["aggregations"]["days"]["buckets"]}

    def _bound(self, keys: Sequence[str]) -> dict[str, str]:
        found = self.identities.get([_identity_id(key) for key in keys])
        return {one.key: one.story_id for one in found.values()}


def _asked(query: Query, where: StoryFilter) -> Body:
    return {"bool": {"filter": [form(query).query, *_within(where)]}}


def _within(where: StoryFilter) -> list[Body]:
    bounds: Body = {}
    if where.since:
        bounds["gte"] = where.since.isoformat()
    if where.until:
        bounds["lt"] = where.until.isoformat()
    clauses: list[Body] = [{"range": {"published": bounds}}] if bounds else []
    if where.ingested_since:
        clauses.append({"range": {"updated_at": {"gte": where.ingested_since.isoformat(timespec="milliseconds")}}})
    return clauses
