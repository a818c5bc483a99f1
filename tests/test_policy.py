"""policy: digests and quiet hours in every zone, over days on which clocks are set; and what says nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.deliver.bounce import Bounce, gives_up, read_bounce
from pipeline.deliver.policy import (
    Digest,
    Quiet,
    next_digest,
    quiet_until,
    read_policy,
    read_quiet,
    read_zone,
)
from pipeline.errors import BadInput

ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
DAYS_SINCE = st.floats(0, 17_000)  # to 2036
MOMENTS = DAYS_SINCE.map(lambda days: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=days))
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
DAYS = st.frozensets(st.integers(0, 6), min_size=1)
QUIETS = st.builds(Quiet, TIMES, TIMES).filter(lambda quiet: quiet.start != quiet.end)
WORDS = st.sampled_from(
    "immediate hourly daily weekdays weekly mon Monday monk 08:00 8:00 25:00 24:00 08:60 - 22:00-07:00".split()
)
TEXTS = st.text(max_size=30) | st.lists(WORDS, max_size=4).map(" ".join)

KYIV = ZoneInfo("Europe/Kyiv")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# -- what can be said


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("immediate", None),
        (" Hourly ", Digest()),
        ("daily 08:00", Digest(time(8))),
        ("daily 8:05", Digest(time(8, 5))),
        ("weekdays 07:30", Digest(time(7, 30), frozenset(range(5)))),
        ("weekly mon 08:00", Digest(time(8), frozenset({0}))),
        ("weekly Sunday 23:59", Digest(time(23, 59), frozenset({6}))),
    ],
)
def test_a_policy_is_read_as_it_is_written(text, meant):
    assert read_policy(text) == meant


@pytest.mark.parametrize(
    "text", ["", "daily", "daily 25:00", "daily 08:60", "weekly monk 08:00", "weekly 08:00", "now"]
)
def test_what_is_no_policy_is_refused_with_what_to_give(text):
    with pytest.raises(BadInput, match="give"):
        read_policy(text)


def refusal(read: Callable[[str], object], text: str) -> str:
    """Why `text` is refused; empty where it is not."""
    try:
        read(text)
    except BadInput as error:
        return str(error)
    return ""


@given(TEXTS)
def test_any_text_is_a_policy_or_refused(text):
    assert "\n" not in refusal(read_policy, text)


@given(TEXTS)
def test_any_text_is_quiet_hours_or_refused(text):
    assert "\n" not in refusal(read_quiet, text)


@given(st.text(max_size=300))
@example("Europe")
@example("../../etc/passwd")
@example("Europe/Kyiv\0")
@example("")
def test_any_text_is_a_zone_or_refused(text):
    assert "\n" not in refusal(read_zone, text)


# -- digests


@given(st.builds(Digest, TIMES, DAYS), ZONES, MOMENTS)
def test_a_digest_comes_after_now_within_eight_days_on_one_of_its_days(digest, zone, now):
    at = next_digest(digest, zone, now)
    assert timedelta() < at - now <= timedelta(days=8)
    assert at.tzinfo is UTC


@given(st.builds(Digest, TIMES), ZONES, MOMENTS)
def test_a_daily_digest_comes_once_on_every_day_that_there_is(digest, zone, now):
    days = []
    for _ in range(40):
        now = next_digest(digest, zone, now)
        days.append(now.astimezone(zone).date())
    wanted = [days[0] + timedelta(days=ahead) for ahead in range((days[-1] - days[0]).days + 1)]
    assert days == [day for day in wanted if _exists(day, zone)]


def _exists(day, zone) -> bool:
    """Whether a day was not left out by its zone, as 30 December 2011 in Samoa."""
    noon = datetime.combine(day, time(12), zone)
    return noon.astimezone(UTC).astimezone(zone).date() == day


@given(st.builds(Digest), ZONES, MOMENTS)
def test_an_hourly_digest_comes_at_every_full_hour(digest, zone, now):
    first = next_digest(digest, zone, now)
    assert timedelta() < first - now <= timedelta(hours=1)
    assert next_digest(digest, zone, first) - first == timedelta(hours=1)


def test_a_digest_keeps_its_hour_when_clocks_are_set():
    digest = read_policy("daily 08:00")
    assert next_digest(digest, KYIV, utc("2026-03-28T12:00")) == utc("2026-03-29T05:00")
    assert next_digest(digest, KYIV, utc("2026-03-27T12:00")) == utc("2026-03-28T06:00")
    assert next_digest(digest, KYIV, utc("2026-10-24T12:00")) == utc("2026-10-25T06:00")


def test_at_an_hour_that_is_left_out_it_comes_an_hour_later_and_at_one_that_comes_twice_the_first_time():
    digest = read_policy("daily 03:30")
    assert next_digest(digest, KYIV, utc("2026-03-28T12:00")) == utc("2026-03-29T01:30")
    assert next_digest(digest, KYIV, utc("2026-10-24T12:00")) == utc("2026-10-25T00:30")
    assert next_digest(digest, KYIV, utc("2026-10-25T00:30")) == utc("2026-10-26T01:30")


def test_weekdays_and_weekly_are_days_of_the_readers_zone():
    auckland = ZoneInfo("Pacific/Auckland")
    at = next_digest(read_policy("weekdays 07:30"), auckland, utc("2026-05-29T00:00"))  # a Friday noon there
    assert at.astimezone(auckland).strftime("%a %H:%M") == "Mon 07:30"
    at = next_digest(read_policy("weekly sun 07:30"), auckland, utc("2026-05-29T00:00"))
    assert at.astimezone(auckland).strftime("%a %d %H:%M") == "Sun 31 07:30"


# -- quiet hours


@given(QUIETS, ZONES, MOMENTS)
def test_what_is_released_from_quiet_hours_is_outside_of_them(quiet, zone, now):
    until = quiet_until(quiet, zone, now)
    if until is None:
        return
    assert now < until <= now + timedelta(days=3)
    assert quiet_until(quiet, zone, until) is None


@given(QUIETS, ZONES, MOMENTS)
def test_quiet_hours_are_what_the_readers_clock_says(quiet, zone, now):
    local = now.astimezone(zone)
    if any(local.utcoffset() != (local + timedelta(hours=24 * away)).utcoffset() for away in (-2, -1, 1, 2)):
        return  # about a day on which clocks are set: the others say what holds then
    clock = local.time()
    inside = quiet.start <= clock < quiet.end if quiet.start < quiet.end else not quiet.end <= clock < quiet.start
    assert (quiet_until(quiet, zone, now) is not None) == inside


def test_quiet_hours_end_by_the_clock_on_a_day_when_it_is_set():
    quiet = read_quiet("22:00-07:00")
    assert quiet_until(quiet, KYIV, utc("2026-03-28T21:00")) == utc("2026-03-29T04:00")
    assert quiet_until(quiet, KYIV, utc("2026-10-24T21:00")) == utc("2026-10-25T05:00")


def test_quiet_hours_that_leave_only_time_which_is_left_out_end_a_day_later():
    quiet = Quiet(time(4), time(3, 30))  # in Kyiv there was no time from 3 to 4 on 29 March 2026
    assert quiet_until(quiet, KYIV, utc("2026-03-28T12:00")) == utc("2026-03-30T00:30")


# -- bounces


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("550 5.1.1 no such user", Bounce.NO_ADDRESS),
        ("550-5.1.1 no such user", Bounce.NO_ADDRESS),
        ("556 5.1.10 null MX", Bounce.NO_ADDRESS),
        ("550 no such user", Bounce.REFUSED),
        ("550 5.2.1 mailbox disabled", Bounce.REFUSED),
        ("550 5.1.0 address rejected", Bounce.REFUSED),
        ("552 5.2.2 mailbox full", Bounce.OTHER),
        ("553 5.1.8 sender's domain not found", Bounce.OTHER),
        ("550 5.7.1 blocked by policy", Bounce.OTHER),
        ("552 5.3.4 message too big", Bounce.OTHER),
        ("554 spam", Bounce.OTHER),
        ("451 4.1.1 later", Bounce.OTHER),
        ("410 Gone", Bounce.NO_ADDRESS),
        ("401 Unauthorized invalid token", Bounce.REFUSED),
        ("403 Forbidden", Bounce.REFUSED),
        ("404 Not Found no_team", Bounce.REFUSED),
        ("400 Bad Request invalid_blocks", Bounce.OTHER),
        ("413 Content Too Large", Bounce.OTHER),
        ("302 Found", Bounce.OTHER),
        ("its address 10.0.0.1 is private", Bounce.OTHER),
        ("", Bounce.OTHER),
    ],
)
def test_an_answer_says_something_of_the_address_or_not(answer, said):
    assert read_bounce(answer) is said


def test_an_address_is_given_up_at_once_where_there_is_none_and_else_after_three_refusals():
    assert gives_up("550 5.1.1 no such user", 1)
    assert [gives_up("550 no", refusals) for refusals in (1, 2, 3)] == [False, False, True]


@given(st.text())
def test_any_answer_says_something_or_nothing(answer):
    assert read_bounce(answer) in Bounce
