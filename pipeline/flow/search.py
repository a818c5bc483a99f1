"""search: the stories that a query matches. The engine narrows, the evaluator judges."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.model import Story
from pipeline.ports import Ports, StoryFilter
from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.syntax import Query


def search(ports: Ports, query: Query, where: StoryFilter) -> Iterator[Story]:
    """Stories that match, latest published first."""
    for story in ports.stores.stories.narrow(query, where):
        if matches(query, Document(story)):
            yield story
