"""schedule: what an answer means for a feed, and when it is polled next."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import fetch, habits, schedule, websub
from pipeline.adapters.codec import decode, encode
from pipeline.errors import FetchRefused, FetchUnavailable, HostBusy, ParseError
from pipeline.model import POLLED, Feed, FeedState, FetchResponse, ParsedEntry, ParsedFeed
from pipeline.polls import KEPT, MOST_SAID, Polled, polls
from pipeline.settings import load
from tests import builders
from tests.builders import NOON, later

SETTINGS = load({})
HOUR, DAY = 3600.0, 86_400.0
LONGEST = max(SETTINGS.poll_ceiling * 1.1, schedule.DEAD_EVERY * 1.1, 8 * HOUR)


def answer(body: bytes = b"x", status: int = 200, url: str = "", redirects=(), **headers: str) -> FetchResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FetchResponse(url=url, status=status, headers=named, body=body, redirects=redirects)


SAME = answer(b"", 304)


def document(dates: Sequence[datetime | None], **fields) -> ParsedFeed:
    entries = [ParsedEntry(identity=str(number), url="", title="", published=date) for number, date in enumerate(dates)]
    return ParsedFeed(entries=tuple(entries), **fields)


def every(seconds: float, count: int, until: datetime = NOON) -> list[datetime]:
    return [until - timedelta(seconds=seconds * number) for number in range(count)]


def polled(feed: Feed, outcome, parsed: ParsedFeed | None = None, new: int = 0, now=NOON, **more) -> Feed:
    settings = more.pop("settings", SETTINGS)
    return schedule.after_poll(feed, outcome, parsed=parsed, new_entries=new, now=now, settings=settings, **more)


def first_read(dates: Sequence[datetime | None], **fields) -> Feed:
    return polled(builders.feed(), answer(), document(dates, **fields), new=len(dates))


def wait(feed: Feed) -> float:
    return (feed.next_poll_at - (feed.polled_at or NOON)).total_seconds()


# ---------------------------------------------------------------------------------------------------------
# The interval


def test_the_first_document_tells_a_busy_feed_from_a_quiet_one():
    busy, daily, weekly = (first_read(every(seconds, 20)) for seconds in (600, DAY, 7 * DAY))
    assert SETTINGS.poll_floor <= busy.interval < daily.interval / 3 < weekly.interval
    assert weekly.interval <= SETTINGS.poll_ceiling


def test_intervals_go_by_the_square_root_of_the_rate():
    open_ended = load({}, poll_floor="0", poll_ceiling="1000000")
    slow, fast = (
        polled(builders.feed(), answer(), document(every(seconds, 50)), new=50, settings=open_ended)
        for seconds in (4.3 * HOUR, 4.3 * HOUR / 4)
    )
    assert slow.interval / fast.interval == pytest.approx(2, rel=0.25)


def test_more_patience_makes_fewer_polls():
    patient = load({}, poll_patience=str(4 * SETTINGS.poll_patience))
    parsed = document(every(HOUR, 30))
    usual, longer = (
        polled(builders.feed(), answer(), parsed, new=30, settings=settings) for settings in (SETTINGS, patient)
    )
    assert longer.interval / usual.interval == pytest.approx(2, rel=0.1)


def test_a_feed_that_grows_busy_is_polled_sooner_and_one_that_falls_quiet_later():
    feed = first_read(every(DAY, 20))
    quiet = busy = feed
    for _ in range(200):
        quiet = polled(quiet, SAME, now=quiet.next_poll_at)
        now = busy.next_poll_at
        busy = polled(busy, answer(), document([now, *every(DAY, 19)]), new=1, now=now)
    assert busy.interval < feed.interval < quiet.interval


def test_a_feed_is_polled_more_at_the_hours_at_which_it_publishes():
    dates = [NOON - timedelta(days=day, minutes=20 * third) for day in range(14) for third in range(6)]
    feed = polled(builders.feed(), answer(), document(dates, language="en"), new=len(dates), now=NOON)
    midday = habits.worth_a_poll(feed.habits, NOON - timedelta(hours=1), 90, DAY)
    night = habits.worth_a_poll(feed.habits, NOON + timedelta(hours=10), 90, DAY)
    assert midday * 3 < night
    assert habits.in_words(feed.habits).endswith("mostly 10–13 UTC")


def test_undated_and_falsely_dated_documents_are_learnt_from_as_they_come():
    undated, all_the_same = first_read([None] * 20), first_read([NOON] * 20)
    assert undated.interval == all_the_same.interval
    feed = undated
    for _ in range(100):
        feed = polled(feed, answer(), document([None] * 20), new=3, now=feed.next_poll_at)
    assert feed.interval < undated.interval


def test_a_document_that_was_all_new_halves_the_interval_at_once_and_is_noted():
    feed = replace(first_read(every(4 * DAY, 10)), next_poll_at=later(4 * HOUR))
    flood = polled(feed, answer(), document(every(60, 10, later(4 * HOUR))), new=10, now=later(4 * HOUR))
    assert flood.interval <= 2 * HOUR
    assert schedule.LOST in flood.notes
    calm = polled(flood, answer(), document(every(60, 10, later(4 * HOUR))), now=flood.next_poll_at)
    assert schedule.LOST not in calm.notes


def test_a_feed_that_only_names_its_entries_anew_has_lost_nothing():
    feed = first_read(every(DAY, 10))
    renamed = polled(feed, answer(), document(every(DAY, 10)), new=10, now=later(HOUR))
    assert schedule.LOST not in renamed.notes
    assert renamed.habits.usual == pytest.approx(feed.habits.usual, rel=0.2)
    assert sum(renamed.habits.weekdays) < sum(feed.habits.weekdays) + 4


def test_a_small_document_is_polled_before_it_rolls_over():
    hourly = every(HOUR, 100)
    patient = load({}, poll_patience="1000000", poll_ceiling="1000000")
    small, large = (
        polled(builders.feed(), answer(), document(hourly[:count]), new=count, settings=patient) for count in (8, 100)
    )
    assert small.interval < 7 * HOUR < large.interval


def test_feeds_added_together_do_not_stay_together():
    waits = {wait(polled(builders.feed(str(number)), answer(), document([]))) for number in range(50)}
    assert len(waits) > 40


def test_a_feed_stored_before_habits_were_known_still_loads():
    old = encode(builders.feed()).replace(b'"habits"', b'"unknown"')
    feed = decode(old, Feed)
    assert feed.habits.as_of is None
    assert SETTINGS.poll_floor <= polled(feed, SAME).interval <= SETTINGS.poll_ceiling


# ---------------------------------------------------------------------------------------------------------
# What the publisher asks for


def asked(wanted: float, feed: Feed) -> bool:
    return wanted <= wait(feed) <= wanted * (1 + schedule.SPREAD)


def test_what_the_publisher_asks_for_is_kept_up_to_the_ceiling():
    busy = document(every(60, 50))
    assert asked(1800, polled(builders.feed(), answer(cache_control="public, max-age=1800"), busy, new=50))
    assert asked(3600, polled(builders.feed(), answer(), replace(busy, least_interval=3600.0), new=50))
    assert asked(SETTINGS.poll_ceiling, polled(builders.feed(), answer(cache_control="max-age=99999999"), busy))


def test_an_answer_out_of_a_cache_is_fresh_only_for_the_rest_of_its_time():
    feed = polled(builders.feed(), answer(cache_control="max-age=3600", age="1800"), document(every(60, 50)), new=50)
    assert asked(1800, feed)


def test_a_304_repeats_nothing_and_takes_nothing_back():
    feed = first_read(every(60, 50), least_interval=3600.0, skip_hours=(3,))
    again = polled(feed, SAME, now=later(3600))
    assert asked(3600, again)
    assert again.skip_hours == (3,)
    aged = polled(polled(builders.feed(), answer(cache_control="max-age=7200"), document([])), SAME, now=later(7200))
    assert asked(7200, aged)


def test_hours_and_days_to_skip_are_skipped_up_to_the_ceiling():
    busy = every(60, 50)
    assert first_read(busy, skip_hours=(12, 13)).next_poll_at == later(2 * HOUR)
    assert wait(first_read(busy, skip_days=(6,))) == SETTINGS.poll_ceiling  # NOON is a Sunday
    assert wait(first_read(busy, skip_hours=tuple(range(24)))) == SETTINGS.poll_ceiling


def test_retry_after_is_kept_for_the_feed():
    limited = FetchUnavailable("https://a.example/feed", "answers 429", status=429, retry_after=7200.0)
    assert wait(polled(builders.feed(), limited)) >= 7200


def test_a_feed_whose_host_gave_no_turn_is_put_off_and_has_not_failed():
    feed = builders.feed(failures=2.0, error="answers 500", lease_until=later(60))
    after = polled(feed, HostBusy("https://a.example/feed", "its host is left alone", 7200.0))
    assert 7200 <= wait(after) <= 7200 * (1 + schedule.SPREAD)
    assert after == replace(feed, lease_until=None, queued_until=None, next_poll_at=after.next_poll_at)


# ---------------------------------------------------------------------------------------------------------
# Moving, failing, dying


def test_validators_are_kept_as_they_came():
    feed = polled(builders.feed(), answer(etag='W/"a b"', last_modified="Sun, 01 Mar 2026 12:00:00 GMT"), ParsedFeed())
    assert (feed.etag, feed.last_modified) == ('W/"a b"', "Sun, 01 Mar 2026 12:00:00 GMT")
    assert polled(feed, SAME).etag == 'W/"a b"'
    assert polled(feed, answer()).etag == ""


def test_validators_are_given_up_when_the_answer_may_be_to_them():
    feed = replace(builders.feed(), etag='"é"', last_modified="yesterday")
    blamed = polled(feed, FetchRefused("u", "answers 400 Bad Request", status=400))
    assert (blamed.etag, blamed.last_modified) == ("", "")
    for other in (FetchRefused("u", "answers 404 Not Found", status=404), FetchUnavailable("u", "no", status=503)):
        assert polled(feed, other).etag == '"é"'


def test_a_permanent_redirect_is_believed_when_seen_twice_in_a_row():
    to = "https://new.example/feed"
    moved = answer(url=to, redirects=((301, to),))
    once = polled(builders.feed(), moved)
    assert (once.url, once.moved_to) == (builders.feed().url, to)
    assert polled(once, moved).url == to
    assert polled(once, answer()).moved_to == ""
    interrupted = polled(polled(once, FetchUnavailable("u", "no")), moved)
    assert interrupted.url == builders.feed().url
    temporary = answer(url=to, redirects=((301, to), (302, to)))
    assert polled(polled(builders.feed(), temporary), temporary).url == builders.feed().url


@pytest.mark.parametrize(
    "to", ["https://new.example/\x1b[2Jfeed", "https://new.example/\u202efeed", "gopher://new.example/"]
)
def test_a_feed_does_not_move_to_what_nobody_could_have_added(to):
    moved = answer(url=to, redirects=((301, to),))
    assert polled(polled(builders.feed(), moved), moved).url == builders.feed().url


def test_a_feed_that_moved_to_the_address_of_another_feed_rests_and_says_so():
    to = "https://new.example/feed"
    moved = answer(url=to, redirects=((308, to),))
    once = polled(builders.feed(), moved)
    assert schedule.moves_to(builders.feed(), moved) == ""
    assert schedule.moves_to(once, moved) == to
    resting = polled(once, moved, taken=True)
    assert (resting.state, resting.url) == (FeedState.PAUSED, once.url)
    assert to in resting.error


def test_gone_ends_a_feed_and_failures_without_end_declare_it_dead():
    gone = polled(builders.feed(), FetchRefused("u", "answers 410 Gone", status=410))
    assert gone.state is FeedState.GONE
    feed, polls = builders.feed(), 0
    while feed.state is FeedState.ACTIVE:
        feed, polls = polled(feed, FetchRefused("u", "answers 404", status=404)), polls + 1
    assert (feed.state, polls) == (FeedState.DEAD, 30)
    assert "declared dead" in feed.error
    assert "answers 404" in feed.error


def test_a_dead_feed_is_tried_once_a_day_and_lives_when_it_answers():
    dead = replace(builders.feed(), state=FeedState.DEAD, failures=30.0)
    still = polled(dead, FetchRefused("u", "answers 404", status=404))
    assert 0.9 * DAY <= wait(still) <= 1.1 * DAY
    assert polled(still, answer(), document([])).state is FeedState.ACTIVE


def test_a_poll_that_was_under_way_does_not_undo_a_pause():
    paused = replace(builders.feed(), state=FeedState.PAUSED, failures=29.5)
    assert polled(paused, answer()).state is FeedState.PAUSED
    assert polled(paused, FetchRefused("u", "no", status=404)).state is FeedState.PAUSED


@pytest.mark.parametrize(
    ("error", "weight"),
    [
        (FetchRefused("u", "answers 404", status=404), 1.0),
        (ParseError("u", "a web page came"), 1.0),
        (FetchUnavailable("u", "answers 500", status=500), 0.5),
        (FetchUnavailable("u", "no such name", nameless=True), 0.25),
    ],
)
def test_failures_count_by_how_much_they_say(error, weight):
    feed = polled(builders.feed(), error)
    assert (feed.failures, feed.error) == (weight, error.reason)


def test_failures_are_backed_off_and_forgotten_after_a_success():
    feed, waits = builders.feed(interval=300.0), []
    for _ in range(4):
        feed = polled(feed, FetchUnavailable("u", "answers 500", status=500))
        waits.append(wait(feed))
    assert waits == sorted(waits)
    healed = polled(feed, answer())
    assert (healed.failures, healed.error) == (0.0, "")


def test_a_bot_wall_is_named_whether_it_comes_as_a_refusal_or_as_a_page():
    page = b"<html><title>Just a moment...</title>"
    refused = polled(builders.feed(), FetchRefused("u", "answers 403 Forbidden", status=403, body=page))
    assert refused.wall == "Cloudflare"
    assert "Cloudflare's bot wall" in refused.error
    misread = schedule.misread(answer(page), ParseError("u", "a web page came, not a feed"))
    assert polled(builders.feed(), misread).wall == "Cloudflare"
    assert isinstance(schedule.misread(answer(b"<html>"), ParseError("u", "a web page")), ParseError)
    assert polled(refused, answer()).wall == ""


def test_a_poll_gives_its_lease_back():
    feed = replace(builders.feed(), lease_until=later(100), queued_until=later(100))
    for outcome in (answer(), FetchUnavailable("u", "no")):
        after = polled(feed, outcome)
        assert (after.lease_until, after.queued_until) == (None, None)
        assert after.next_poll_at > NOON + timedelta(seconds=1)


# ---------------------------------------------------------------------------------------------------------
# Whatever comes

dates = st.one_of(st.none(), st.integers(-(10**8), 10**6).map(later))
documents = st.builds(
    document,
    st.lists(dates, max_size=30),
    least_interval=st.floats(0, 10**9),
    skip_hours=st.lists(st.integers(0, 23), max_size=24).map(tuple),
    skip_days=st.lists(st.integers(0, 6), max_size=7).map(tuple),
)
controls = st.one_of(st.text(max_size=30), st.integers(0, 10**9).map(lambda age: f"max-age={age}"))
successes = st.tuples(st.builds(answer, cache_control=controls, age=st.text(max_size=5)), documents, st.floats(0, 1))
same = st.just((SAME, None, 0.0))
errors = st.one_of(
    st.builds(FetchUnavailable, st.just("https://a.example/"), st.text(), status=st.sampled_from([None, 429, 503]),
              retry_after=st.one_of(st.none(), st.floats(0, 8 * HOUR)), nameless=st.booleans()),
    st.builds(FetchRefused, st.just("u"), st.text(), status=st.sampled_from([None, 403, 404])),
    st.builds(ParseError, st.just("u"), st.text()),
)  # fmt: skip
failures = errors.map(lambda error: (error, None, 0.0))
histories = st.lists(st.tuples(st.one_of(successes, same, failures), st.floats(1, 10**7)), min_size=1, max_size=12)


@given(histories)
def test_whatever_a_feed_answers_it_is_polled_again_in_time_and_not_before_it_asks(history):
    feed, now = builders.feed(), NOON
    for (outcome, parsed, share), passed in history:
        new = round(share * len(parsed.entries)) if parsed else 0
        feed = polled(feed, outcome, parsed, new=new, now=now)
        waited = (feed.next_poll_at - now).total_seconds()
        assert feed.state in POLLED
        assert SETTINGS.poll_floor * 0.9 <= waited <= LONGEST
        assert waited > (getattr(outcome, "retry_after", None) or 0.0) - 1e-6
        if isinstance(outcome, FetchResponse):
            wanted = max(feed.max_age, feed.least_interval)
            assert min(wanted, SETTINGS.poll_ceiling) <= waited <= SETTINGS.poll_ceiling * (1 + schedule.SPREAD)
            assert SETTINGS.poll_floor <= feed.interval <= SETTINGS.poll_ceiling
        assert decode(encode(feed), Feed) == feed
        now += timedelta(seconds=passed)
    assert fetch.request_for(feed, SETTINGS).url == feed.url


# ---------------------------------------------------------------------------------------------------------
# The safety net of a hub


HUBS = load({}, websub_callback="https://wirewatch.example.org/websub/", poll_ceiling="1000000")


def test_a_feed_whose_news_is_pushed_is_polled_more_rarely_up_to_the_ceiling():
    feed = first_read(every(HOUR, 20))
    pushed = replace(feed, pushed_until=later(DAY))
    usual, rare = (polled(one, SAME, settings=HUBS) for one in (feed, pushed))
    assert rare.interval == pytest.approx(usual.interval * websub.POLLS_STRETCHED)
    low = dataclasses.replace(HUBS, poll_ceiling=2 * usual.interval)
    assert polled(pushed, SAME, settings=low).interval == low.poll_ceiling


def test_polling_goes_on_as_before_where_nothing_is_pushed_any_more_or_websub_is_off():
    feed = first_read(every(HOUR, 20))
    usual = polled(feed, SAME, settings=HUBS).interval
    assert polled(replace(feed, pushed_until=NOON), SAME, settings=HUBS).interval == usual
    off = dataclasses.replace(HUBS, websub_callback="")
    assert polled(replace(feed, pushed_until=later(DAY)), SAME, settings=off).interval == usual


def test_a_poll_that_finds_what_was_not_pushed_takes_the_trust_back():
    feed = replace(first_read(every(HOUR, 20)), pushed_until=later(DAY))
    assert polled(feed, SAME, settings=HUBS).pushed_until == later(DAY)
    found = polled(feed, answer(), document([later(1), *every(HOUR, 19)]), new=1, now=later(2), settings=HUBS)
    assert found.pushed_until is None


def test_the_last_polls_of_a_feed_are_kept_and_no_more():
    feed = builders.feed()
    for number in range(KEPT + 5):
        feed = polled(feed, answer(), document([NOON]), new=number, now=later(number))
    feed = polled(feed, FetchUnavailable(feed.url, "answers 500 " * 100), now=later(99))
    failed, before, *others = polls(feed.polls)
    assert (before, len(others)) == (Polled(later(KEPT + 4), KEPT + 4), KEPT - 2)
    assert (failed.at, failed.new, failed.error) == (later(99), 0, ("answers 500 " * 100)[:MOST_SAID])


def test_a_feed_whose_host_had_no_turn_was_not_polled():
    assert polled(builders.feed(), HostBusy("https://a.example/feed", "busy", 20)).polls == ""
