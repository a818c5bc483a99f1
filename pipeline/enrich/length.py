"""How long a story is."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.model import Story
from pipeline.reading import word_count


class WordCounter:
    """By pipeline/reading.py."""

    def enrich(self, story: Story, claim: str) -> Story:  # noqa: ARG002 -- words are counted in any language
        """Return the story with its count of words."""
        return replace(story, word_count=word_count(story.body))
