"""match: the evaluator judges the candidates that an engine gave, and a match keeps the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from pipeline.errors import QueryError
from pipeline.model import Match, identify
from pipeline.ports import Candidate
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate
from pipeline.query.syntax import Query, parse


@dataclass(frozen=True, slots=True)
class Verdict:
    """The matches, and for alerts that could not be judged why, by alert id."""

    matches: tuple[Match, ...]
    unhealthy: dict[str, str]


def judge(candidates: Sequence[Candidate], documents: Sequence[Document], now: datetime) -> Verdict:
    """Judge every candidate on its documents. An alert that can't be read stops nobody else."""
    matches: list[Match] = []
    unhealthy: dict[str, str] = {}
    for candidate in candidates:
        try:
            query = candidate.query or parsed(candidate.meaning)
        except QueryError as error:
            unhealthy[candidate.alert_id] = str(error)
            continue
        for place in candidate.documents:
            found = match(candidate.alert_id, query, documents[place], now)
            if found:
                matches.append(found)
    return Verdict(tuple(matches), unhealthy)


def match(alert_id: str, query: Query, document: Document, now: datetime) -> Match | None:
    """One alert on one document."""
    evidence = evaluate(query, document)
    if evidence is None:
        return None
    story = document.story
    return Match(
        id=identify("match", alert_id, story.id),
        alert_id=alert_id,
        story_id=story.id,
        story_version=story.version,
        matched_at=now,
        evidence=evidence,
        old=story.old,
        copy_of=story.copy_of,
    )


@lru_cache(maxsize=10_000)
def parsed(text: str) -> Query:
    """The query of `text`, remembered: the same alerts are judged again and again."""
    return parse(text)
