"""Whatever happens in whatever order, each match ends in one place and nobody gets what they must not get.

Hypothesis chooses what happens; notify and the stores are the real ones, the clock and the server's faults are not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from pipeline.model import EVERY_ALERT
from pipeline.ports import Stores
from tests import builders
from tests.delivering import Desk, check, check_settled, open_desk

BEFORE_SUMMER_TIME = datetime(2026, 3, 28, 19, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "Europe/Kyiv")
ALERTS = (
    {"policy": "immediate"},
    {"policy": "immediate", "throttle": 2},
    {"policy": "immediate", "throttle": 1, "urgent": True},
    {"policy": "hourly", "throttle": 1},
    {"policy": "daily 08:00"},
)
RECIPIENTS = (
    {"zone": "Europe/Berlin", "quiet": "22:00-07:00"},
    {"zone": "America/New_York"},
    {"zone": "Asia/Kolkata", "policy": "hourly", "quiet": "13:00-15:00"},
)
LOSSES = ("ours", "lost", "taken, and lost", "dies before", "dies after")
FAULTS = (*([""] * 6), "4xx", "5xx", *LOSSES)
"""Mostly none: where nothing goes out nothing can be too much."""
alerts = st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4])  # those that are throttled twice as often
recipients = st.integers(0, len(RECIPIENTS) - 1)


class Delivering(RuleBasedStateMachine):
    """A desk to which all of it happens."""

    def __init__(self, make: Callable[[], Stores], name: str) -> None:
        super().__init__()
        self.desk: Desk = open_desk(make(), BEFORE_SUMMER_TIME)
        self.people = [f"{number}@{name}.example" for number in range(len(RECIPIENTS))]
        for address, fields in zip(self.people, RECIPIENTS, strict=True):
            self.desk.know(builders.recipient(address, **fields))
        self.alerts = [
            builders.alert(name=f"{name} {number}", recipients=tuple(self.people), **fields)
            for number, fields in enumerate(ALERTS)
        ]
        for alert in self.alerts:
            self.desk.watch(alert)

    @rule(number=alerts, count=st.sampled_from([1, 1, 2, 4]))
    def match_arrives(self, number: int, count: int) -> None:
        self.desk.match(self.alerts[number], count)

    @rule(number=alerts)
    def burst_arrives(self, number: int) -> None:
        self.desk.match(self.alerts[number], 32)

    @rule(number=alerts, fault=st.sampled_from(LOSSES))
    def mail_is_lost(self, number: int, fault: str) -> None:
        """What is sent again meets what came meanwhile, in one plan: each counts for the throttle of the other."""
        self.desk.match(self.alerts[number])
        before, self.desk.server.fault = self.desk.server.fault, fault
        self.desk.work()
        self.desk.server.fault = before
        self.desk.match(self.alerts[number])

    @rule()
    def notify_runs(self) -> None:
        self.desk.work()

    @rule(minutes=st.sampled_from([1, 3, 20, 59, 61, 180]))
    def time_passes(self, minutes: int) -> None:
        self.desk.pass_time(timedelta(minutes=minutes), timedelta(minutes=max(1, minutes // 4)))

    @rule(hours=st.integers(4, 30))
    def nobody_works(self, hours: int) -> None:
        self.desk.clock.turn(hours * 3600)

    @rule(fault=st.sampled_from(FAULTS), seconds=st.sampled_from([0, 0, 0, 50]))
    def server_changes(self, fault: str, seconds: float) -> None:
        self.desk.server.fault, self.desk.server.seconds = fault, seconds

    @rule(who=recipients, zone=st.sampled_from(ZONES))
    def recipient_moves(self, who: int, zone: str) -> None:
        self._change(who, zone=zone)

    @rule(who=recipients, number=alerts)
    def recipient_mutes(self, who: int, number: int) -> None:
        self._change(who, muted={self.alerts[number].id: self.desk.clock.now() + timedelta(days=1)})

    @rule(who=recipients, what=st.sampled_from([None, None, None, None, EVERY_ALERT, *range(len(ALERTS))]))
    def recipient_unsubscribes(self, who: int, what: int | str | None) -> None:
        kept = {None: (), EVERY_ALERT: (EVERY_ALERT,)}
        self._change(who, unsubscribed=kept[what] if what in kept else (self.alerts[int(str(what))].id,))

    @invariant()
    def all_is_accounted_for(self) -> None:
        check(self.desk)

    def teardown(self) -> None:
        self.desk.settle(3, timedelta(hours=2))
        check_settled(self.desk)

    def _change(self, who: int, **fields: object) -> None:
        known = self.desk.recipients[self.people[who]]
        self.desk.know(replace(known, **fields))


def test_whatever_happens_each_match_is_accounted_for_and_nobody_gets_what_they_must_not(stores, request):
    examples, steps = (30, 30) if "sqlite" in request.node.name else (3, 10)
    numbers = count()
    run_state_machine_as_test(
        lambda: Delivering(lambda: stores, f"example{next(numbers)}"),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
