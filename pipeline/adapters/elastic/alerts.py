"""Alerts, and the percolator that narrows which of them a story may match.

An alert is stored with its query in Elasticsearch's form; a story is held against all of them at once, and every hit
is fetched. Where one alert's form fails, the others are found by halving, and the one that failed is judged by the
evaluator alone until it is saved again: it is slower, and nothing is missed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from uuid import uuid4

from elasticsearch import Elasticsearch
from msgspec.structs import replace

from pipeline.adapters.elastic.client import translated
from pipeline.adapters.elastic.indices import Kind, Names, mappings_of
from pipeline.adapters.elastic.records import Body, ElasticRecords, Shelf
from pipeline.errors import QueryError, StoreError
from pipeline.model import Alert, AlertState
from pipeline.ports import Candidate
from pipeline.query.document import Document
from pipeline.query.elastic import EVERYTHING, form, words_of
from pipeline.query.syntax import parse

log = logging.getLogger(__name__)

_ORDER: list[Body] = [{"id": "asc"}]


class ElasticAlerts(ElasticRecords[Alert]):
    """ports.AlertStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names.alias(Kind.ALERTS), Alert, {"form": _stored_form}, refresh=True))

    def create(self, things: Sequence[Alert]) -> list[bool]:
        """Write those that are not there yet, each with its form; for each, whether it was written."""
        return super().create([_with_health(alert) for alert in things])

    def put(self, things: Sequence[Alert]) -> None:
        """Write, replacing what stands under the same id, each with its form."""
        super().put([_with_health(alert) for alert in things])

    def narrow(self, documents: Sequence[Document]) -> list[Candidate]:
        """Active alerts that may match, each with the documents it may match."""
        if not documents:
            return []
        question: Body = {
            "percolate": {"field": "form", "documents": [{"words": words_of(document)} for document in documents]}
        }
        active: Body = {"term": {"state": AlertState.ACTIVE.value}}
        try:
            return list(self._candidates([question, active]))
        except StoreError as error:
            log.warning("a percolation failed, looking for the alert that does it: %s", error)
            return self._apart(question, active, documents)

    def _candidates(self, clauses: list[Body]) -> Iterator[Candidate]:
        for hit in self.hits({"bool": {"filter": clauses}}, _ORDER):
            slots = hit.get("fields", {}).get("_percolator_document_slot", [0])
            alert = self.thing(hit["_source"])
            yield Candidate(alert.id, alert.meaning, tuple(slots))

    def _apart(self, question: Body, active: Body, documents: Sequence[Document]) -> list[Candidate]:
        """Ask of ever smaller parts, until those stand alone that fail."""
        everywhere = tuple(range(len(documents)))
        found: list[Candidate] = []
        parts = [list(self.search(active, _ORDER))]
        while parts:
            part = parts.pop()
            ids = [alert.id for alert in part]
            try:
                found += self._candidates([question, active, {"ids": {"values": ids}}])
            except StoreError as error:
                if len(part) > 1:
                    half = len(part) // 2
                    parts += [part[:half], part[half:]]
                    continue
                why = f"Elasticsearch can't run it, so the evaluator judges every story: {error}"
                self.update(ids, lambda alert, why=why: replace(alert, health=why) if alert.health != why else None)  # type: ignore[misc]
                found.append(Candidate(part[0].id, part[0].meaning, everywhere))
        return found


def probe(client: Elasticsearch, names: Names) -> str:
    """Run one percolation for real, in an index of its own that is deleted again; a line that says so.

    Raises StoreError when a story is not found by the alert it matches.
    """
    index = f"{names.prefix}-probe-{uuid4().hex[:8]}"
    with translated(client):
        client.indices.create(index=index, mappings=mappings_of(Kind.ALERTS), settings={"number_of_shards": 1})
        try:
            query: Body = {"match_phrase": {"words.title": "all is well"}}
            client.index(index=index, id="probe", document={"id": "probe", "form": query}, refresh=True)
            question = {"percolate": {"field": "form", "document": {"words": {"title": ["and all is well here"]}}}}
            hits = client.search(index=index, query=question)["hits"]["hits"]
        finally:
            client.indices.delete(index=index)
    if [hit["_id"] for hit in hits] != ["probe"]:
        raise StoreError(f"a percolation found {hits} where it should find the probe: see the log of Elasticsearch")
    return "a percolation was run and found its alert"


def _with_health(alert: Alert) -> Alert:
    """`alert` with what is wrong with its query; nothing when it can be read."""
    try:
        parse(alert.meaning)
    except QueryError as error:
        return replace(alert, health=str(error))
    return alert


def _stored_form(alert: Alert) -> Body:
    """The form that the percolator runs. A query that can't be read any more is a candidate for everything.

    The evaluator then says why it can't be judged, and match marks the alert.
    """
    try:
        return form(parse(alert.meaning)).query
    except QueryError:
        return EVERYTHING
