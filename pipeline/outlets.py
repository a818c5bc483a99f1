"""In which outlets a story stands: the cluster of its copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.address import site_host
from pipeline.model import Match, Story


def cluster_of(thing: Story | Match) -> str:
    """The id of the story that leads the cluster of a story, or of the story of a match."""
    return thing.copy_of or (thing.id if isinstance(thing, Story) else thing.story_id)


def outlet(story: Story) -> str:
    """The name of the outlet that a story is in: the site's as the page states it, else its host."""
    return story.site or site_host(story.url)


def other_outlets(story: Story, others: Iterable[Story]) -> list[Story]:
    """One story for each outlet among `others` that is not the outlet of `story`, in their order."""
    found = {outlet(story).casefold(): story}
    for one in others:
        found.setdefault(outlet(one).casefold(), one)
    return list(found.values())[1:]


def in_words(others: Sequence[Story]) -> str:
    """How many outlets besides: +17 outlets; empty for none."""
    return f"+{len(others)} outlet{'s' * (len(others) > 1)}" if others else ""
