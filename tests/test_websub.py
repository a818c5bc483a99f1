"""websub: what a hub is asked, and what its answers mean. Pure; the whole path is in test_push.py."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import websub
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.model import FetchResponse, ParsedFeed, SubscriptionState
from pipeline.settings import load
from pipeline.websub import Intent, Offer
from tests import builders
from tests.builders import NOON, later

SETTINGS = load({}, websub_callback="https://wirewatch.example.org/websub/")
FEED = "https://a.example/feed"
TOPIC = builders.subscription().topic


def answer(link: str = "") -> FetchResponse:
    return FetchResponse(url=FEED, status=200, headers={"link": link} if link else {}, body=b"")


# -- discovery


def test_link_headers_come_before_what_the_document_says():
    said = ParsedFeed(hub="https://doc.example/hub", topic="https://doc.example/self")
    header = '<https://hub.example/>; rel="hub", </feed.xml>; rel=self'
    assert websub.offer(said, answer(header)) == Offer("https://hub.example/", "https://a.example/feed.xml")
    assert websub.offer(said, answer()) == Offer("https://doc.example/hub", "https://doc.example/self")


def test_a_feed_that_does_not_say_what_it_is_called_is_called_by_its_address():
    assert websub.offer(ParsedFeed(hub="https://hub.example/"), answer()) == Offer("https://hub.example/", FEED)


@pytest.mark.parametrize("hub", ["", "javascript:alert(1)", "ftp://hub.example/", "http://[::1"])
def test_a_feed_without_a_usable_hub_offers_none(hub):
    assert websub.offer(ParsedFeed(hub=hub), answer()) is None


# -- asking


def test_a_hub_is_asked_for_a_lease_under_a_secret_and_a_callback_of_its_own():
    request = websub.request_for(builders.subscription(), SETTINGS)
    form = dict(request.form)
    assert request.url == "https://hub.example/"
    assert form["hub.callback"] == f"https://wirewatch.example.org/websub/{builders.subscription().id}/token"
    assert (form["hub.mode"], form["hub.topic"], form["hub.secret"]) == ("subscribe", TOPIC, "secret")
    assert float(form["hub.lease_seconds"]) == websub.LEASE


def test_a_hub_that_does_not_come_back_is_asked_again_ever_more_rarely():
    one, waits = builders.subscription(), []
    for _ in range(10):
        now = one.due_at
        one = websub.asked(one, now)
        assert websub.asked(one, now) is None
        waits.append((one.due_at - now).total_seconds())
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (websub.FIRST_WAIT, websub.LONGEST_WAIT)


def test_a_hub_that_refuses_is_left_alone_as_long_as_it_asks_for():
    one = websub.asked(builders.subscription(), NOON)
    busy = FetchUnavailable("u", "answers 503", status=503, retry_after=7200.0)
    refused = websub.refused(one, busy, attempts=1, now=NOON)
    assert (refused.due_at, refused.error) == (later(7200), "the hub answers 503")


def test_a_refusal_that_comes_after_the_verification_changes_nothing():
    one = websub.asked(builders.subscription(), NOON)
    verified = websub.confirmed(one, Intent(mode="subscribe", topic=TOPIC, challenge="c"), NOON)
    assert websub.refused(verified, FetchRefused("u", "answers 400"), attempts=1, now=NOON) is None


def test_a_hub_that_was_never_asked_need_not_be_told_to_stop():
    assert websub.ending(builders.subscription(), NOON).state is SubscriptionState.ENDED
    assert websub.ending(builders.subscription(attempts=1), NOON).state is SubscriptionState.ENDING


def test_a_hub_that_does_not_answer_a_farewell_is_not_asked_for_ever():
    one = websub.ending(builders.subscription(attempts=1), NOON)
    modes = []
    while (next_one := websub.asked(one, one.due_at)) is not None:
        one = next_one
        modes.append(dict(websub.request_for(one, SETTINGS).form)["hub.mode"])
    assert modes == ["unsubscribe"] * websub.MOST_FAREWELLS
    assert one.state is SubscriptionState.ENDED


# -- what the hub says


def verify(lease: float = 1000.0, **fields) -> Intent:
    return dataclasses.replace(Intent(mode="subscribe", topic=TOPIC, challenge="c", lease=lease), **fields)


def test_a_verified_subscription_is_open_for_its_lease_and_due_before_it_ends():
    one = websub.confirmed(builders.subscription(attempts=3, error="x"), verify(10_000.0), NOON)
    assert (one.state, one.attempts, one.error) == (SubscriptionState.VERIFIED, 0, "")
    assert websub.open_for_content(one, later(9_999))
    assert not websub.open_for_content(one, later(10_000))
    assert one.due_at == later(8_000)


@pytest.mark.parametrize(
    "told",
    [
        verify(topic="https://b.example/feed"),
        verify(challenge=""),
        verify(mode="unsubscribe"),
        verify(mode="publish"),
        verify(mode=""),
    ],
)
def test_what_we_do_not_wish_is_not_confirmed(told):
    assert websub.confirmed(builders.subscription(), told, NOON) is None


def test_an_ending_subscription_confirms_its_end_and_nothing_else():
    ending = builders.subscription(state=SubscriptionState.ENDING)
    assert websub.confirmed(ending, verify(), NOON) is None
    assert websub.confirmed(ending, verify(mode="unsubscribe"), NOON).state is SubscriptionState.ENDED


def test_a_denial_is_kept_with_its_reason_and_the_hub_asked_again_much_later():
    one = websub.confirmed(builders.subscription(), verify(mode="denied", reason="too\nmany"), NOON)
    assert (one.state, one.error) == (SubscriptionState.DENIED, "the hub denied it (too many)")
    assert one.due_at == later(websub.DENIED_WAIT)


@given(st.dictionaries(st.sampled_from(["hub.mode", "hub.topic", "hub.lease_seconds", "hub.challenge"]), st.text()))
def test_any_query_of_a_hub_is_read_and_gives_a_lease_that_can_be_counted(query):
    told = dataclasses.replace(websub.intent(query), mode="subscribe", topic=TOPIC, challenge="c")
    one = websub.confirmed(builders.subscription(), told, NOON)
    assert NOON <= one.expires_at <= later(websub.LONGEST_LEASE)


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_a_signature_of_each_method_is_known(method):
    digest = hmac.new(b"secret", b"body", getattr(hashlib, method)).hexdigest()
    assert websub.signed("secret", b"body", f"{method}={digest}")
    assert websub.signed("secret", b"body", f"{method.upper()}={digest.upper()}")
    assert not websub.signed("secret", b"body!", f"{method}={digest}")
    assert not websub.signed("other", b"body", f"{method}={digest}")
    assert not websub.signed("secret", b"body", f"{method}={digest[:-1]}")


@given(st.text(max_size=80))
def test_anything_else_is_no_signature(text):
    assert not websub.signed("secret", b"body", text)


@pytest.mark.parametrize("method", ["md5", "new", "", "__doc__"])
def test_a_method_that_is_none_of_ours_is_no_signature(method):
    assert not websub.signed("secret", b"body", f"{method}={'0' * 64}")


# -- the feed


def test_a_push_leaves_the_validators_of_the_last_poll():
    feed = builders.feed(etag="e", last_modified="l", body_hash="h", interval=5.0)
    after = websub.after_push(feed, builders.subscription(expires_at=later(9)), 2, later(1))
    assert after == replace(feed, pushed_until=later(9), new_entry_at=later(1))
