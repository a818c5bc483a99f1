"""Clause by clause: why an alert did or did not fire on a story."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.errors import QueryError
from pipeline.flow.stories.explain.step import Step, at
from pipeline.ids import match_id
from pipeline.model import Alert, AlertState, Evidence, Match, Story
from pipeline.ports import Ports
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate
from pipeline.query.miss import miss
from pipeline.query.render import render
from pipeline.query.syntax import And, Node, Query, parse


def of_alert(ports: Ports, alert: Alert, story: Story) -> Iterator[Step]:
    """The clauses, and the match."""
    if alert.state is AlertState.PAUSED:
        yield Step("match", ok=False, said=f"alert {alert.name!r} is paused")
    try:
        query = parse(alert.meaning)
    except QueryError as error:
        yield Step("match", ok=False, said=str(error))
        return
    key = match_id(alert.id, story.id)
    match = ports.stores.matches.get([key]).get(key)
    if match is None:
        yield from _clauses(query, Document(story))
        yield Step("match", ok=False, said=_why_none(alert, story))
        return
    if alert.updated_at > match.matched_at:  # what the alert asks for now says nothing of why it fired
        yield from _evidence(match)
        yield Step("clause", ok=True, said=f"so its query was then: the alert was changed {at(alert.updated_at)}")
    else:
        yield from _clauses(query, Document(story))
    verb = "matched, as old," if match.old else "fired"
    yield Step("match", ok=not match.old, said=f"{verb} {at(match.matched_at)} on version {match.story_version}")


def _why_none(alert: Alert, story: Story) -> str:
    if alert.created_at > story.updated_at:
        return f"the alert was made {at(alert.created_at)}, after the story was ingested"
    if alert.updated_at > story.updated_at:
        changed = at(alert.updated_at)
        return f"no match; the alert was changed {changed}, after the story was ingested, and what is said is of it now"
    return "no match"


def _evidence(match: Match) -> Iterator[Step]:
    for clause in dict.fromkeys(one.clause for one in match.evidence):
        found = [one for one in match.evidence if one.clause == clause]
        yield Step("clause", ok=True, said=f"{clause}: {_texts(found)}")


def _clauses(query: Query, document: Document) -> Iterator[Step]:
    parts: tuple[Node, ...] = query.root.parts if isinstance(query.root, And) else (query.root,)
    for part in parts:
        evidence = evaluate(Query(query.text, part), document)
        why = miss(part, document) if evidence is None else _texts(evidence) or "holds"
        yield Step("clause", ok=evidence is not None, said=f"{render(part, variants=False)}: {why}")


def _texts(evidence: Iterable[Evidence]) -> str:
    """What stands there, each once."""
    return ", ".join(dict.fromkeys(one.text for one in evidence))
