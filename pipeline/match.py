"""match: the evaluator judges the candidates that an engine gave, and a match keeps the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from msgspec.structs import replace

from pipeline.errors import QueryError
from pipeline.ids import match_id, update_id
from pipeline.model import Evidence, Match, Story
from pipeline.ports import Candidate
from pipeline.query.document import Document, Field
from pipeline.query.evaluate import evaluate
from pipeline.query.syntax import Query, parse


@dataclass(frozen=True, slots=True)
class Verdict:
    """The matches, and for alerts that could not be judged why, by alert id."""

    matches: tuple[Match, ...]
    unhealthy: dict[str, str]


def judge(candidates: Sequence[Candidate], documents: Sequence[Document], now: datetime) -> Verdict:
    """Judge every candidate on its documents. An alert that can't be read or judged stops nobody else."""
    matches: list[Match] = []
    unhealthy: dict[str, str] = {}
    for candidate in candidates:
        try:
            query = candidate.query or parsed(candidate.meaning)
        except QueryError as error:
            unhealthy[candidate.alert_id] = str(error)
            continue
        for place in candidate.documents:
            try:
                found = match(candidate.alert_id, query, documents[place], now)
            except Exception as error:  # whatever is wrong with one alert on one story is kept from all others
                unhealthy[candidate.alert_id] = f"it could not be judged ({error!r}): simplify it, and report this"
                continue
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
        id=match_id(alert_id, story.id),
        alert_id=alert_id,
        story_id=story.id,
        story_version=story.version,
        matched_at=now,
        evidence=evidence,
        old=story.old,
        copy_of=story.copy_of,
    )


def update(found: Match, story: Story) -> Match | None:
    """What a new version of a story brings to an alert that had fired on it; None when nothing of substance.

    Of substance is another headline, or a sentence that was not there, if it is what matches. Never what the text says
    otherwise because it came from elsewhere than before, such as the page in place of the feed.
    """
    latest = story.revisions[-1] if story.revisions else None
    if latest is None or latest.version != story.version or not latest.edited:
        return None
    added = [(start, start + len(one)) for one in latest.changes.added if (start := story.body.find(one)) >= 0]
    fresh = tuple(
        one for one in found.evidence if _is_new(one, headline=bool(latest.changes.headline_before), added=added)
    )
    if not fresh:
        return None
    own = update_id(found.alert_id, story.id, story.version)
    return replace(found, id=own, evidence=fresh, update=True)


def _is_new(one: Evidence, *, headline: bool, added: Sequence[tuple[int, int]]) -> bool:
    if one.field == Field.TITLE:
        return headline
    return one.field in (Field.BODY, Field.LEAD) and any(start <= one.start < end for start, end in added)


@lru_cache(maxsize=10_000)
def parsed(text: str) -> Query:
    """The query of `text`, remembered: the same alerts are judged again and again."""
    return parse(text)
