"""health: how a feed is, in words, and what to do about it."""

from __future__ import annotations

import shlex
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.adapters.codec import from_plain, plain
from pipeline.health import FeedHealth, health_of, needs_person, silent_after, state_of, urgency
from pipeline.model import Feed, FeedState, Glance, Habits
from tests import builders
from tests.builders import NOON, later
from tests.test_schedule import answer, every, first_read, polled

DAY = 86_400.0


def after(feed: Feed, days: float):
    return health_of(feed, later(days * DAY))


def test_each_state_of_a_feed_has_its_word():
    polled_once = builders.feed(polled_at=NOON)
    cases = {
        FeedHealth.NEW: builders.feed(),
        FeedHealth.FAILING: replace(polled_once, error="answers 500"),
        FeedHealth.WALLED: replace(polled_once, error="answers 403", wall="Cloudflare"),
        FeedHealth.DEAD: replace(polled_once, error="declared dead", state=FeedState.DEAD),
        FeedHealth.GONE: replace(polled_once, error="answers 410", state=FeedState.GONE),
        FeedHealth.PAUSED: replace(polled_once, state=FeedState.PAUSED),
        FeedHealth.WELL: first_read(every(3600, 20)),
        FeedHealth.QUIET: first_read(every(20 * DAY, 20)),
    }
    for state, feed in cases.items():
        assert health_of(feed, NOON).state is state


@given(
    state=st.sampled_from(FeedState),
    error=st.sampled_from(("", "answers 403")),
    wall=st.booleans(),
    polled_at=st.none() | st.just(NOON),
    habits=st.builds(
        Habits,
        latest=st.none() | st.just(later(-100 * DAY)),
        usual=st.sampled_from((0.0, 0.01, 5.0)),
        longest_gap=st.sampled_from((0.0, 3600.0)),
    ),
)
def test_a_glance_at_a_feed_shows_how_it_is_and_whether_it_needs_a_person(state, error, wall, polled_at, habits):
    known = {"state": state, "error": error, "wall": "a wall" * (wall and bool(error))}
    feed = builders.feed(**known, polled_at=polled_at, habits=habits)
    glance, found = from_plain(plain(feed), Glance), health_of(feed, NOON)
    assert state_of(glance, NOON) is found.state
    assert urgency(glance, found.state) == urgency(feed, found.state)
    assert needs_person(glance, found.state) is bool(found.wrong)


def test_what_is_wrong_comes_with_what_to_do():
    for wrong in (
        replace(builders.feed(), error="answers 403", wall="Cloudflare"),
        replace(builders.feed(), error="answers 410", state=FeedState.GONE),
        replace(builders.feed(), error="declared dead", state=FeedState.DEAD),
        replace(builders.feed(), error="answers 500"),
    ):
        found = health_of(wrong, NOON)
        assert found.wrong == wrong.error
        assert found.cure
    assert health_of(first_read(every(3600, 20)), NOON).wrong == ""


@pytest.mark.parametrize("state", [FeedState.DEAD, FeedState.GONE])
def test_a_line_made_to_be_pasted_runs_nothing_that_a_publisher_wrote(state):
    url = "https://a.example/$(reboot);x`id`'"
    cure = health_of(builders.feed(url=url, error="no", state=state), NOON).cure
    assert shlex.split(cure.partition("`")[2].rpartition("`")[0])[:4] == ["wirewatch", "feeds", "check", url]


def test_a_busy_feed_without_news_for_days_is_silent_though_it_answers():
    feed = first_read(every(3600, 30))
    for _ in range(30):
        feed = polled(feed, answer(b"", 304), now=feed.next_poll_at)
    assert after(feed, 1).state is FeedHealth.WELL
    silent = after(feed, 5)
    assert silent.state is FeedHealth.SILENT
    assert "no new story for 5 days" in silent.wrong
    assert "24 stories a day" in silent.wrong or "25 stories a day" in silent.wrong


def test_a_feed_that_publishes_once_a_month_is_not_silent_after_a_week_nor_after_two_months():
    feed = first_read(every(30 * DAY, 10))
    assert after(feed, 7).state is FeedHealth.QUIET
    assert after(feed, 60).state is FeedHealth.QUIET


def test_a_feed_that_rests_at_weekends_is_not_silent_on_monday():
    weekdays = [date for date in every(DAY / 8, 200) if date.weekday() < 5]  # NOON is a Sunday
    assert health_of(first_read(weekdays), later(DAY)).state is not FeedHealth.SILENT


def test_silence_stays_silence_however_long_it_lasts():
    feed = first_read(every(3600, 30))
    while (feed.polled_at or NOON) < later(60 * DAY):
        feed = polled(feed, answer(b"", 304), now=feed.next_poll_at)
    assert health_of(feed, later(60 * DAY)).state is FeedHealth.SILENT


def test_what_needs_a_person_comes_first():
    feeds = [
        first_read(every(3600, 20)),
        replace(builders.feed("b"), error="answers 500"),
        replace(builders.feed("c"), error="answers 403", wall="Akamai"),
    ]
    ordered = sorted(feeds, key=lambda feed: urgency(feed, state_of(feed, NOON)))
    assert [health_of(feed, NOON).state for feed in ordered] == [
        FeedHealth.WALLED,
        FeedHealth.FAILING,
        FeedHealth.WELL,
    ]


def test_the_pace_is_told_in_words():
    dates = [NOON - timedelta(days=day, minutes=20 * third) for day in range(14) for third in range(6)]
    assert health_of(first_read(dates), NOON).pace.endswith("6 stories a day, mostly 10–13 UTC")
    assert (
        "every 60 min as its publisher asks" in health_of(first_read(every(60, 50), least_interval=3600.0), NOON).pace
    )


@given(st.floats(0, 1000), st.floats(0, 10**8), st.integers(0, 10**8))
def test_a_feed_is_never_silent_before_three_times_its_longest_gap(usual, gap, passed):
    known = Habits(usual=usual, longest_gap=gap, latest=NOON, as_of=NOON)
    feed = builders.feed(polled_at=NOON, habits=known)
    found = health_of(feed, later(passed))
    if found.state is FeedHealth.SILENT:
        assert passed > 3 * gap
        assert passed > silent_after(feed) >= 2 * DAY
