"""What a mail is made of: a delivery with all that can be said of it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.model import Alert, Delivery, Match, Story
from pipeline.outlets import cluster_of


@dataclass(frozen=True, slots=True)
class Item:
    """What a mail says of one delivery; `elsewhere` are the story's copies in other outlets, one an outlet."""

    delivery: Delivery
    alert: Alert
    story: Story
    match: Match
    elsewhere: tuple[Story, ...] = ()

    @property
    def cluster(self) -> str:
        """The id of the story that led the cluster when the alert fired."""
        return cluster_of(self.match)
