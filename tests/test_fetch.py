"""fetch: what a server is asked, and whether its answer is news."""

from __future__ import annotations

from pipeline import fetch
from pipeline.model import FetchResponse
from pipeline.settings import load
from tests import builders

SETTINGS = load({})


def answer(body: bytes = b"x", status: int = 200) -> FetchResponse:
    return FetchResponse(url="", status=status, headers={}, body=body)


def test_validators_are_sent_back_as_they_came():
    feed = builders.feed(etag='W/"a b"', last_modified="Sun, 01 Mar 2026 12:00:00 GMT")
    request = fetch.request_for(feed, SETTINGS)
    assert (request.etag, request.last_modified) == ('W/"a b"', "Sun, 01 Mar 2026 12:00:00 GMT")


def test_the_same_body_again_is_unchanged():
    feed = builders.feed(body_hash=fetch.body_hash(b"one"))
    assert fetch.unchanged(feed, answer(b"one"))
    assert not fetch.unchanged(feed, answer(b"two"))
    assert fetch.unchanged(feed, answer(status=304))
