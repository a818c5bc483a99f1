"""Clause by clause: why an alert did or did not fire on a story."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import QueryError
from pipeline.flow.stories.explain.step import Step, at
from pipeline.model import Alert, AlertState, Story, identify
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
    yield from _clauses(query, Document(story))
    match_id = identify("match", alert.id, story.id)
    match = ports.stores.matches.get([match_id]).get(match_id)
    if match is None:
        late = alert.updated_at > story.updated_at
        yield Step("match", ok=False, said="the alert was saved after the story was ingested" if late else "no match")
        return
    verb = "matched, as old," if match.old else "fired"
    yield Step("match", ok=not match.old, said=f"{verb} {at(match.matched_at)} on version {match.story_version}")


def _clauses(query: Query, document: Document) -> Iterator[Step]:
    parts: tuple[Node, ...] = query.root.parts if isinstance(query.root, And) else (query.root,)
    for part in parts:
        evidence = evaluate(Query(query.text, part), document)
        found = ", ".join(dict.fromkeys(one.text for one in evidence or ()))
        held = evidence is not None
        why = found or "holds" if held else miss(part, document)
        yield Step("clause", ok=held, said=f"{render(part, variants=False)}: {why}")
