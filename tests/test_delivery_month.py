"""A simulated month of 50 alerts and 20 recipients in 6 zones, over the days on which clocks are set."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from pipeline.adapters import sqlite
from pipeline.deliver.plan import BURST
from pipeline.model import Delivery, DeliveryState
from tests import builders
from tests.delivering import Desk, check_settled, mails_of, open_desk

STEP = timedelta(minutes=30)
DAYS = 30
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "Europe/Kyiv")
POLICIES = ("immediate", "immediate", "hourly", "daily 08:00", "daily 02:30", "weekdays 07:30", "weekly mon 09:00")
TIMES = {"daily 08:00": time(8), "daily 02:30": time(2, 30), "weekdays 07:30": time(7, 30), "weekly mon 09:00": time(9)}
MONTHS = {
    "spring": datetime(2026, 3, 5, tzinfo=UTC),  # America sets its clocks on the 8th, Europe on the 29th
    "autumn": datetime(2026, 10, 12, tzinfo=UTC),  # Europe on the 25th, America on 1 November; Sydney the other way
}


@pytest.fixture(params=MONTHS)
def month(request, tmp_path) -> Desk:
    """The desk at the end of the month."""
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    desk = open_desk(stores, MONTHS[request.param])
    _people(desk)
    _live(desk, Random(8))
    yield desk
    stores.close()


def _people(desk: Desk) -> None:
    addresses = [f"{number}@desk.example" for number in range(20)]
    for number, address in enumerate(addresses):
        quiet = "22:00-07:00" if number % 2 else ""
        desk.know(builders.recipient(address, zone=ZONES[number % 6], quiet=quiet))
    for number in range(50):
        policy = POLICIES[number % len(POLICIES)]
        fields = {"throttle": (0, 1, 3)[number % 3] if policy == "immediate" else 0, "urgent": number % 10 == 0}
        to = (addresses[number % 20], addresses[(number + 7) % 20])
        desk.watch(builders.alert(name=f"alert {number}", recipients=to, policy=policy, **fields))


def _live(desk: Desk, chance: Random) -> None:
    """Some 1,000 matches, a burst on each of four days, and somebody who leaves, mutes, moves or comes back."""
    alerts = list(desk.alerts.values())
    for step in range(int(timedelta(days=DAYS) / STEP)):
        if chance.random() < 0.6:
            desk.match(chance.choice(alerts), chance.choice([1, 1, 1, 2]))
        if step % 350 == 349:
            desk.match(alerts[0], BURST + 5)
        if step % 200 == 199:
            _change(desk, chance)
        desk.pass_time(STEP, STEP)
    desk.settle(9, STEP)


def _change(desk: Desk, chance: Random) -> None:
    one = desk.recipients[chance.choice(sorted(desk.recipients))]
    alert = chance.choice(sorted(desk.alerts))
    kinds = ({"unsubscribed": (alert,)}, {"unsubscribed": ()}, {"muted": {alert: desk.clock.now() + timedelta(days=1)}})
    desk.know(replace(one, **chance.choice(kinds)))


@pytest.mark.timeout(600)
def test_a_month_is_accounted_for_and_its_mails_come_when_they_should(month):
    check_settled(month)
    rows = month.rows()
    states = {state: sum(one.state is state for one in rows) for state in DeliveryState}
    assert states[DeliveryState.SENT] + states[DeliveryState.SUPPRESSED] == len(rows) == len(month.expected)
    assert not any(one.repeated for one in rows)
    assert _bursts(rows) >= 4
    assert _digests(month, rows) > 500


def _bursts(rows: list[Delivery]) -> int:
    return sum(len(mail) >= BURST for mail_id, mail in mails_of(rows).items() if mail_id)


def _digests(desk: Desk, rows: list[Delivery]) -> int:
    """Each digest came at its hour by the recipient's clock, and once a day; how many deliveries were in one."""
    days: dict[tuple[str, str, date], set[str]] = defaultdict(set)
    count = 0
    for one in rows:
        policy, recipient = desk.alerts[one.alert_id].policy, desk.recipients[one.recipient]
        if one.state is DeliveryState.SUPPRESSED or policy not in TIMES or recipient.quiet:
            continue
        zone = ZoneInfo(recipient.zone)
        wall = one.updated_at.astimezone(zone)
        assert wall.replace(tzinfo=None, fold=0) == _on(wall.date(), TIMES[policy], zone), (one, wall)
        assert wall.fold == 0
        assert {"weekdays": wall.weekday() < 5, "weekly": wall.weekday() == 0}.get(policy.split()[0], True)
        days[one.recipient, policy, wall.date()].add(one.mail_id)
        count += 1
    assert {len(mails) for mails in days.values()} == {1}
    return count


def _on(day: date, at: time, zone: ZoneInfo) -> datetime:
    """What the clock shows at `at`, which is an hour later where that is left out."""
    there = datetime.combine(day, at, zone).astimezone(UTC).astimezone(zone)
    return there.replace(tzinfo=None, fold=0)
