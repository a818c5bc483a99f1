"""fetch: what an answer means for a feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pipeline import fetch
from pipeline.errors import FetchRefused, FetchUnavailable, ParseError
from pipeline.model import Feed, FeedState, FetchResponse, ParsedFeed
from pipeline.settings import load
from tests import builders
from tests.builders import NOON, later

SETTINGS = load({})


def answer(body: bytes = b"x", status: int = 200, url: str = "", redirects=(), **headers: str) -> FetchResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FetchResponse(url=url, status=status, headers=named, body=body, redirects=redirects)


def polled(feed: Feed, outcome, parsed: ParsedFeed | None = None, new: int = 0) -> Feed:
    return fetch.after_poll(feed, outcome, parsed=parsed, new_entries=new, now=NOON, settings=SETTINGS)


def wait(feed: Feed) -> float:
    return (feed.next_poll_at - NOON).total_seconds()


def test_validators_are_sent_back_as_they_came():
    feed = polled(builders.feed(), answer(etag='W/"a b"', last_modified="Sun, 01 Mar 2026 12:00:00 GMT"), ParsedFeed())
    request = fetch.request_for(feed, SETTINGS)
    assert (request.etag, request.last_modified) == ('W/"a b"', "Sun, 01 Mar 2026 12:00:00 GMT")
    kept = polled(feed, answer(status=304, body=b""))
    assert kept.etag == 'W/"a b"'


def test_the_same_body_again_is_unchanged_whatever_its_validators():
    feed = polled(builders.feed(), answer(b"one"), ParsedFeed())
    assert fetch.unchanged(feed, answer(b"one", etag="new"))
    assert not fetch.unchanged(feed, answer(b"two"))
    assert fetch.unchanged(feed, answer(status=304))


def test_news_shorten_the_interval_and_quiet_lengthens_it_within_floor_and_ceiling():
    feed = builders.feed(interval=1000.0)
    assert polled(feed, answer(), ParsedFeed(), new=3).interval < 1000 < polled(feed, answer()).interval
    busy = quiet = feed
    for _ in range(50):
        busy, quiet = polled(busy, answer(), ParsedFeed(), new=1), polled(quiet, answer())
    assert (wait(busy), wait(quiet)) == (SETTINGS.poll_floor, SETTINGS.poll_ceiling)


def test_what_the_publisher_asks_for_is_kept_up_to_the_ceiling():
    feed = builders.feed(interval=300.0)
    assert wait(polled(feed, answer(cache_control="public, max-age=1800"))) == 1800
    assert wait(polled(feed, answer(), ParsedFeed(least_interval=3600.0))) == 3600
    assert wait(polled(feed, answer(cache_control="max-age=99999999"))) == SETTINGS.poll_ceiling


def test_a_permanent_redirect_is_believed_when_seen_twice():
    to = "https://new.example/feed"
    moved = answer(url=to, redirects=((301, to),))
    once = polled(builders.feed(), moved)
    assert (once.url, once.moved_to) == (builders.feed().url, to)
    assert polled(once, moved).url == to
    assert polled(once, answer()).moved_to == ""
    temporary = answer(url=to, redirects=((301, to), (302, to)))
    assert polled(polled(builders.feed(), temporary), temporary).url == builders.feed().url


def test_gone_ends_a_feed_and_so_do_failures_without_end():
    gone = polled(builders.feed(), FetchRefused("u", "answers 410 Gone", status=410))
    assert gone.state is FeedState.GONE
    feed, polls = builders.feed(), 0
    while feed.state is FeedState.ACTIVE:
        feed, polls = polled(feed, FetchRefused("u", "answers 404", status=404)), polls + 1
    assert (feed.state, polls) == (FeedState.DEAD, 30)
    assert "feeds resume" in feed.error


def test_failures_are_backed_off_and_forgotten_after_a_success():
    feed, waits = builders.feed(interval=300.0), []
    for _ in range(4):
        feed = polled(feed, FetchUnavailable("u", "answers 500", status=500))
        waits.append(wait(feed))
    assert waits == sorted(waits)
    assert feed.error == "answers 500"
    healed = polled(feed, answer())
    assert (healed.failures, healed.error) == (0.0, "")


def test_retry_after_is_kept():
    feed = polled(builders.feed(), FetchUnavailable("u", "answers 429", status=429, retry_after=7200.0))
    assert wait(feed) == 7200


def test_a_page_in_place_of_a_feed_is_a_failure_with_its_reason():
    feed = polled(builders.feed(), ParseError("u", "a web page came"))
    assert (feed.error, feed.failures) == ("a web page came", 1.0)


def test_a_poll_gives_its_lease_back():
    feed = replace(builders.feed(), lease_until=later(100), queued_until=later(100))
    for outcome in (answer(), FetchUnavailable("u", "no")):
        after = polled(feed, outcome)
        assert (after.lease_until, after.queued_until) == (None, None)
        assert after.next_poll_at > NOON + timedelta(seconds=1)
