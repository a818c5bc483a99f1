"""Alerts, and the percolator that narrows which of them a story may match.

An alert is stored with its query in Elasticsearch's form; a story is held against all of them at once, and every hit
is fetched. Where that fails, what does it is found by halving, the stories first: an alert whose form fails is judged
by the evaluator alone until it is saved again, and a story that can't be percolated by all: slower, and nothing is
missed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar
from uuid import uuid4

from elasticsearch import Elasticsearch
from msgspec.structs import replace

from pipeline.adapters.elastic.client import translated
from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.mappings import Kind, mappings_of
from pipeline.adapters.elastic.records import Body, ElasticRecords, Shelf
from pipeline.errors import QueryError, StoreError
from pipeline.model import Alert, AlertState
from pipeline.ports import Candidate
from pipeline.query.document import Document
from pipeline.query.elastic import EVERYTHING, form, words_of
from pipeline.query.syntax import parse

log = logging.getLogger(__name__)

Thing = TypeVar("Thing")

_ORDER: list[Body] = [{"id": "asc"}]


class ElasticAlerts(ElasticRecords[Alert]):
    """ports.AlertStore."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        super().__init__(client, Shelf(names, Kind.ALERTS, Alert, {"form": _stored_form}, refresh=True))

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
        try:
            return list(self._asked(documents, range(len(documents))))
        except StoreError as error:
            log.warning("a percolation failed, looking for the story or the alert that does it: %s", error)
            return self._apart(documents)

    def _asked(self, documents: Sequence[Document], places: Sequence[int], *clauses: Body) -> Iterator[Candidate]:
        """Alerts for which `clauses` hold too and the documents at `places`, as the percolator finds them."""
        words = [{"words": words_of(documents[place])} for place in places]
        question: Body = {"percolate": {"field": "form", "documents": words}}
        for hit in self.hits({"bool": {"filter": [question, _ACTIVE, *clauses]}}, _ORDER):
            slots = hit.get("fields", {}).get("_percolator_document_slot", [0])
            alert = self.thing(hit["_source"])
            yield Candidate(alert.id, alert.meaning, tuple(places[slot] for slot in slots))

    def _apart(self, documents: Sequence[Document]) -> list[Candidate]:
        """Ask of ever fewer stories, and of one that fails alone of ever fewer alerts."""
        failing: dict[str, Alert] = {}
        found = _by_halves(
            range(len(documents)),
            lambda places: list(self._asked(documents, places, _without(failing))),
            lambda place, _: self._of_one(documents, place, failing),
        )
        everywhere = tuple(range(len(documents)))
        return found + [Candidate(alert.id, alert.meaning, everywhere) for alert in failing.values()]

    def _of_one(self, documents: Sequence[Document], place: int, failing: dict[str, Alert]) -> list[Candidate]:
        """The candidates of a story that fails; alerts that do it, which are marked, go into `failing`."""
        others = list(self.search({"bool": {"filter": [_ACTIVE, _without(failing)]}}, _ORDER))
        try:
            list(self._asked(documents, [place], _only(["nobody"])))
        except StoreError as error:  # no alert does it
            log.warning("story %s can't be percolated, every alert is judged: %s", documents[place].story.id, error)
            return [Candidate(alert.id, alert.meaning, (place,)) for alert in others]

        def fails(alert: Alert, error: StoreError) -> list[Candidate]:
            failing[alert.id] = alert
            self._mark(alert.id, error)
            return []

        return _by_halves(
            others, lambda some: list(self._asked(documents, [place], _only([one.id for one in some]))), fails
        )

    def _mark(self, alert_id: str, error: StoreError) -> None:
        """Say what is wrong with the alert; written anew, it is a candidate for everything (`_stored_form`)."""
        why = f"Elasticsearch can't run it, so the evaluator judges every story: {error}"
        self.update([alert_id], lambda alert: replace(alert, health=why))


def _by_halves(
    things: Sequence[Thing],
    ask: Callable[[Sequence[Thing]], list[Candidate]],
    alone: Callable[[Thing, StoreError], list[Candidate]],
) -> list[Candidate]:
    """What `ask` finds for all of `things`: halves are asked of where it fails, `alone` of one for which it does."""
    found: list[Candidate] = []
    parts = [things] if things else []
    while parts:
        part = parts.pop()
        try:
            found += ask(part)
        except StoreError as error:
            half = len(part) // 2
            if half:
                parts += [part[:half], part[half:]]
            else:
                found += alone(part[0], error)
    return found


_ACTIVE: Body = {"term": {"state": AlertState.ACTIVE.value}}


def _only(ids: Sequence[str]) -> Body:
    return {"ids": {"values": list(ids)}}


def _without(alerts: Mapping[str, Alert]) -> Body:
    return {"bool": {"must_not": [_only(list(alerts))]}}


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
    """The form that the percolator runs. An alert with which something is wrong is a candidate for everything.

    So is one that can't be read any more: the evaluator then says why it can't be judged, and match marks the alert.
    """
    if alert.health:
        return EVERYTHING
    try:
        return form(parse(alert.meaning)).query
    except QueryError:
        return EVERYTHING
