"""What an explanation is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way, and whether it was taken as it should be."""

    name: str
    ok: bool
    said: str


def at(moment: datetime) -> str:
    """A moment as operators read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
