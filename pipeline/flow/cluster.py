"""A story and its copies in other outlets: one cluster, led by the first that was seen."""

from __future__ import annotations

from pipeline.model import Story
from pipeline.outlets import cluster_of, other_outlets
from pipeline.ports import Ports

MOST_COPIES = 500
"""Copies that are looked at."""


def elsewhere(ports: Ports, story: Story) -> list[Story]:
    """The copies of `story` in other outlets, one an outlet, the first seen first."""
    leader_id = cluster_of(story)
    leader = ports.stores.stories.get([leader_id] if leader_id != story.id else [])
    copies = ports.stores.stories.copies(leader_id, MOST_COPIES)
    return other_outlets(story, (one for one in (*leader.values(), *copies) if one.id != story.id))
