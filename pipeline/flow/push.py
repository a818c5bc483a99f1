"""push: hubs call. They have our intent verified, and push content, which goes the way of a polled body."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from hmac import compare_digest

from msgspec.structs import replace

from pipeline import websub
from pipeline.flow.poll import PollReport, take_in
from pipeline.flow.subscribe import end, settle
from pipeline.model import FeedState, FetchResponse, Subscription, SubscriptionState
from pipeline.ports import Ports

log = logging.getLogger(__name__)


class Reception(Enum):
    """What becomes of a hub's content."""

    TAKEN = "taken"
    IGNORED = "ignored"  # under no good signature, or no feed: the hub is not told [7.1]
    UNKNOWN = "unknown"  # no such subscription, or not verified yet
    OVER = "over"  # ended, denied, or its lease has run out: the hub should forget it


@dataclass(frozen=True, slots=True)
class PushReport:
    """What one push came to. `entry_ids` are to be ingested."""

    reception: Reception
    entry_ids: tuple[str, ...] = ()
    new: int = 0
    changed: int = 0


def confirm(ports: Ports, subscription_id: str, token: str, query: Mapping[str, str]) -> str | None:
    """The challenge to echo to a hub that asks whether we mean it; None when we do not: 404 says so [5.3].

    `query` is that of the hub's GET. A denial is noted, and echoed with nothing.
    """
    if _found(ports, subscription_id, token) is None:
        return None
    told = websub.intent(query)
    change = partial(websub.confirmed, told=told, now=ports.clock.now())
    changed = ports.stores.subscriptions.update([subscription_id], change)
    if not changed:
        log.warning("subscription %s: the hub's %s of %s is not what we wish", subscription_id, told.mode, told.topic)
        return None
    settle(ports, changed)
    log.info("subscription of %s: %s", told.topic, changed[0].error or changed[0].state)
    return told.challenge


def expected(ports: Ports, subscription_id: str, token: str) -> Reception:
    """Whether content would be taken for this subscription, before any of it is read."""
    found = _found(ports, subscription_id, token)
    return _standing(ports, found) if found else Reception.UNKNOWN


def receive(ports: Ports, subscription_id: str, token: str, content: FetchResponse, signature: str) -> PushReport:
    """Take in what a hub pushed: new and changed entries are written, pending, before the hub is answered.

    The same content again, whole or in part, pushed or polled, changes nothing: entries have deterministic ids.
    """
    found = _found(ports, subscription_id, token)
    reception = _standing(ports, found) if found else Reception.UNKNOWN
    if found is None or reception is not Reception.TAKEN:
        return PushReport(reception)
    if not websub.signed(found.secret, content.body, signature):
        log.warning("push for %s: ignored, since it is not signed with our secret", found.topic)
        return PushReport(Reception.IGNORED)
    return _taken_in(ports, found, content)


def _taken_in(ports: Ports, subscription: Subscription, content: FetchResponse) -> PushReport:
    (feed,) = ports.stores.feeds.get([subscription.feed_id]).values()
    report = PollReport()
    # Links are resolved as in a poll, so that an entry has the same content either way.
    ((outcome, _, new),) = take_in(ports, [feed], [replace(content, url=feed.url)], report)
    if not isinstance(outcome, FetchResponse):
        log.warning("push for %s: ignored, since %s", feed.url, outcome.reason)
        return PushReport(Reception.IGNORED)
    now = ports.clock.now()
    ports.stores.subscriptions.update([subscription.id], lambda one: replace(one, pushed_at=now))
    ports.stores.feeds.update(
        [feed.id], partial(websub.after_push, subscription=subscription, new_entries=new, now=now)
    )
    log.info("push for %s: %d new entries, %d changed", feed.url, report.new, report.changed)
    return PushReport(Reception.TAKEN, tuple(report.entry_ids), report.new, report.changed)


def _found(ports: Ports, subscription_id: str, token: str) -> Subscription | None:
    found = ports.stores.subscriptions.get([subscription_id]).get(subscription_id)
    if found is None or not compare_digest(found.token.encode(), token.encode("utf-8", "replace")):
        return None
    return found


def _standing(ports: Ports, subscription: Subscription) -> Reception:
    now = ports.clock.now()
    if not websub.open_for_content(subscription, now):
        return Reception.UNKNOWN if subscription.state is SubscriptionState.WANTED else Reception.OVER
    feed = ports.stores.feeds.get([subscription.feed_id]).get(subscription.feed_id)
    if feed is not None and feed.state is FeedState.ACTIVE:
        return Reception.TAKEN
    end(ports, [subscription.feed_id])  # it died, is gone, or was removed since its hub was asked
    return Reception.OVER
