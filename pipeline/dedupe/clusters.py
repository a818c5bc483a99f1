"""Copies of one text, in whatever outlets, are one cluster: led by the first of them that was seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipeline.dedupe.sketch import is_copy
from pipeline.ports import Sketched

COPIED_WITHIN = timedelta(days=7)
"""What says the same later than this is news again, and no copy."""
MOST_LEADERS = 20
"""Leaders that one story is compared with: those it has most bands in common with."""


def in_order(one: Sketched) -> tuple[datetime, str]:
    """Sort key: the first seen first, and the same everywhere for those seen at once."""
    return one.first_seen_at, one.story_id


def originals(one: Sketched, leaders: Iterable[Sketched]) -> list[Sketched]:
    """Those among `leaders` of whose text `one` is a copy, the first seen first."""
    near = (
        leader
        for leader in leaders
        if leader.story_id != one.story_id
        and abs(one.first_seen_at - leader.first_seen_at) <= COPIED_WITHIN
        and is_copy(one.sketch, leader.sketch)
    )
    return sorted(near, key=in_order)
