"""subscribe: hubs that feeds name are asked to push, asked again before their leases end, and asked to stop."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pipeline import websub
from pipeline.errors import FetchRefused, FetchUnavailable, ParseError
from pipeline.model import Feed, FeedState, FetchResponse, ParsedFeed, Subscription
from pipeline.ports import Ports

log = logging.getLogger(__name__)

SECRET_BYTES = 32
"""Of a token and of a secret, written as twice as many hex digits: a secret has less than 200 bytes [5.1]."""

Polled = tuple[Feed, FetchResponse | FetchUnavailable | FetchRefused | ParseError, ParsedFeed | None, int]


@dataclass(slots=True)
class SubscribeReport:
    """What one round of asking came to."""

    asked: int = 0
    refused: dict[str, str] = field(default_factory=dict)  # topic to the error in words


def discover(ports: Ports, polled: Sequence[Polled]) -> None:
    """Want a subscription for each feed whose document, just read, names a hub; end that of one which no longer does.

    Nothing is done, or asked of the store, while `websub_callback` is empty.
    """
    if not ports.settings.websub_callback:
        return
    offers = {
        feed.id: websub.offer(parsed, outcome)
        for feed, outcome, parsed, _ in polled
        if parsed is not None and isinstance(outcome, FetchResponse)
    }
    now = ports.clock.now()
    known = ports.stores.subscriptions.get([websub.subscription_id(feed_id) for feed_id in offers])
    ports.stores.subscriptions.create(
        [
            websub.wanted(feed_id, found, **_keys(), now=now)
            for feed_id, found in offers.items()
            if found and websub.subscription_id(feed_id) not in known
        ]
    )
    changed = ports.stores.subscriptions.update(
        list(known), lambda one: websub.after_offer(one, offers[one.feed_id], **_keys(), now=now)
    )
    settle(ports, changed)


def follow(ports: Ports, feeds: Sequence[Feed]) -> None:
    """Have the subscriptions of these feeds follow their state: ended where they are polled no more, else wanted."""
    now = ports.clock.now()
    active = [feed for feed in feeds if feed.state is FeedState.ACTIVE]
    ports.stores.subscriptions.update(_ids(active), partial(websub.wanted_again, now=now))
    _end(ports, _ids([feed for feed in feeds if feed.state is not FeedState.ACTIVE]), now)


def end(ports: Ports, feed_ids: Sequence[str]) -> None:
    """End the subscriptions of feeds that are removed: their hubs are asked to stop."""
    _end(ports, [websub.subscription_id(feed_id) for feed_id in feed_ids], ports.clock.now())


def subscribe(ports: Ports, subscription_ids: Sequence[str]) -> SubscribeReport:
    """Ask the hubs of those among these that are due. A hub tells later, at our callback, whether it agrees."""
    now = ports.clock.now()
    _end_the_unpolled(ports, subscription_ids, now)
    asked = ports.stores.subscriptions.update(subscription_ids, partial(websub.asked, now=now))
    report = SubscribeReport(asked=len(asked))
    outcomes = ports.fetcher.fetch([websub.request_for(one, ports.settings) for one in asked])
    for one, outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, FetchResponse):
            continue
        log.warning("hub %s for %s: %s", one.hub, one.topic, outcome.reason)
        report.refused[one.topic] = outcome.reason
        change = partial(websub.refused, error=outcome, attempts=one.attempts, now=now)
        ports.stores.subscriptions.update([one.id], change)
    return report


def settle(ports: Ports, subscriptions: Sequence[Subscription]) -> None:
    """Let the feeds of subscriptions that changed know whether a hub still delivers."""
    by_feed = {one.feed_id: one for one in subscriptions}
    ports.stores.feeds.update(list(by_feed), lambda feed: websub.after_answer(feed, by_feed[feed.id]))


def _end_the_unpolled(ports: Ports, subscription_ids: Sequence[str], now: datetime) -> None:
    """End those whose feeds died, are gone, or were removed without a word."""
    due = ports.stores.subscriptions.get(subscription_ids).values()
    feeds = ports.stores.feeds.get([one.feed_id for one in due])
    _end(ports, [one.id for one in due if not _is_polled(feeds.get(one.feed_id))], now)


def _end(ports: Ports, subscription_ids: Sequence[str], now: datetime) -> None:
    settle(ports, ports.stores.subscriptions.update(subscription_ids, partial(websub.ending, now=now)))


def _is_polled(feed: Feed | None) -> bool:
    return feed is not None and feed.state is FeedState.ACTIVE


def _ids(feeds: Sequence[Feed]) -> list[str]:
    return [websub.subscription_id(feed.id) for feed in feeds]


def _keys() -> dict[str, str]:
    return {"token": secrets.token_hex(SECRET_BYTES), "secret": secrets.token_hex(SECRET_BYTES)}
