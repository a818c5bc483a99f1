"""enrich: what can be told of a story from its own text: language, people, places, organisations, tone.

An enricher is one small class behind one Protocol; docs/add-a-stage.md shows how to add one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.enrich.entities import EntityTagger
from pipeline.enrich.language import LanguageGuesser
from pipeline.enrich.length import WordCounter
from pipeline.enrich.sentiment import SentimentReader
from pipeline.model import Story
from pipeline.ports import Enricher


def all_with(tagger: Enricher) -> tuple[Enricher, ...]:
    """All enrichers, with `tagger` for the entities. The language comes first: the others want to know it."""
    return (LanguageGuesser(), tagger, SentimentReader(), WordCounter())


DEFAULT = all_with(EntityTagger())


def enrich(story: Story, *, claim: str = "", enrichers: Sequence[Enricher] = DEFAULT) -> Story:
    """`story` with all that the enrichers find."""
    for enricher in enrichers:
        story = enricher.enrich(story, claim)
    return story


def load() -> None:
    """Load models and tables now, in a process whose children are to share them."""
    some_time = datetime.now(UTC)
    text = "In the morning the ministers of both countries met for the third time, and nothing was said of it."
    enrich(
        Story(id="", url="", title="", body=text, published=some_time, first_seen_at=some_time, updated_at=some_time)
    )
