"""The last polls of a feed, as its record keeps them: in one text, a line each. All feeds are read whenever they are
listed, and twenty things in each would take as long again as all else in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

KEPT = 20
MOST_SAID = 200
"""Letters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll came to: when, to the second; how many entries were new; what went wrong, in words, or nothing."""

    at: datetime
    new: int = 0
    error: str = ""


def with_poll(text: str, polled: Polled) -> str:
    """The text with one more at its end, and no more than KEPT of them."""
    said = " ".join(polled.error.split())[:MOST_SAID]
    line = f"{int(polled.at.timestamp())} {polled.new} {said}"
    return "\n".join([*_lines(text)[-KEPT + 1 :], line])


def polls(text: str) -> list[Polled]:
    """What the text says, the latest first."""
    return [_read(line) for line in reversed(_lines(text))]


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _read(line: str) -> Polled:
    second, new, error = line.split(" ", 2)
    return Polled(datetime.fromtimestamp(int(second), UTC), int(new), error)
