"""enrich: what can be told of a story from its own text: language, people, places, organisations.

An enricher is one small class behind one Protocol; docs/add-a-stage.md shows how to add one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from pipeline.enrich.entities import EntityTagger
from pipeline.enrich.language import LanguageGuesser
from pipeline.model import Story


class Enricher(Protocol):
    """Adds what it knows to a story. `claim` is the language that page or feed says it is in, or empty."""

    def enrich(self, story: Story, claim: str) -> Story:
        """Return the story with more in it."""
        ...


DEFAULT: tuple[Enricher, ...] = (LanguageGuesser(), EntityTagger())
"""In this order: the tagger wants to know the language."""


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
