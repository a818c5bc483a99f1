"""Fakes for what a test must be able to turn: the clock, and faults. Everything else in tests is real."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.builders import NOON


class Clock:
    """ports.Clock that stands still until it is turned."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.turn(seconds)

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class BusyClock(Clock):
    """One by which every look at it takes `step` seconds, so that whoever has patience loses it."""

    def __init__(self, at: datetime, step: float) -> None:
        super().__init__(at)
        self.step = step

    def now(self) -> datetime:
        self.turn(self.step)
        return self.at
