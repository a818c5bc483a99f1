"""websub: what to ask a hub, and what its answers mean (WebSub, W3C Recommendation of 23 January 2018). No I/O.

A subscription is wanted until the hub has verified it, is asked for again before its lease ends, and ends when its
feed is no longer polled. The numbers in brackets are sections of the Recommendation.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.ids import identify
from pipeline.links import absolute, by_relation
from pipeline.model import (
    Feed,
    FetchRequest,
    FetchResponse,
    ParsedFeed,
    Subscription,
    SubscriptionState,
)
from pipeline.settings import Settings

LEASE = 10 * 86_400.0
"""Seconds that a hub is asked for; what it grants counts, and this where it grants without saying how long [5.1]."""
LONGEST_LEASE = 366 * 86_400.0
RENEW_AT = 0.8
"""The part of a lease after which it is renewed: the rest is for asking again."""
FIRST_WAIT, LONGEST_WAIT = 600.0, 86_400.0
"""Seconds between askings that came to nothing, doubled each time; also between renewals, at the least the first."""
DENIED_WAIT = 7 * 86_400.0
"""Seconds until a hub that denied is asked again."""
MOST_FAREWELLS = 5
"""How often a hub is asked to stop; then it meets 410."""
POLLS_STRETCHED = 4.0
"""How many times longer a feed is left alone while a hub delivers its news."""
HUB_ANSWER_BYTES = 100_000
SIGNATURES = ("sha1", "sha256", "sha384", "sha512")


# ---------------------------------------------------------------------------------------------------------
# Which hub, and under which name it knows the feed


@dataclass(frozen=True, slots=True)
class Offer:
    """A hub that a feed names, and the topic under which the hub knows the feed."""

    hub: str
    topic: str


def offer(parsed: ParsedFeed, response: FetchResponse) -> Offer | None:
    """The hub of a feed: Link headers come before what the document says [4]. Without rel=self, where it was found."""
    linked = by_relation(response.headers.get("link", ""), response.url)
    hub = linked.get("hub") or absolute(response.url, parsed.hub)
    topic = linked.get("self") or absolute(response.url, parsed.topic) or response.url
    return Offer(hub, topic) if hub else None


# ---------------------------------------------------------------------------------------------------------
# What we ask


def subscription_id(feed_id: str) -> str:
    """The id of a feed's subscription."""
    return identify("subscription", feed_id)


def wanted(feed_id: str, found: Offer, *, token: str, secret: str, now: datetime) -> Subscription:
    """A new subscription, due at once."""
    return Subscription(
        id=subscription_id(feed_id),
        feed_id=feed_id,
        hub=found.hub,
        topic=found.topic,
        token=token,
        secret=secret,
        created_at=now,
        due_at=now,
    )


def after_offer(
    subscription: Subscription, found: Offer | None, *, token: str, secret: str, now: datetime
) -> Subscription | None:
    """The subscription after its feed's document was read; None when nothing changes.

    A feed that moved to another hub or topic is a new subscription, under a new token: the hub left behind finds
    the old callback unknown.
    """
    if found is None:
        return ending(subscription, now)
    if found == Offer(subscription.hub, subscription.topic):
        return wanted_again(subscription, now)
    return wanted(subscription.feed_id, found, token=token, secret=secret, now=now)


def callback(subscription: Subscription, settings: Settings) -> str:
    """The address that the hub calls: unguessable, and one for each subscription [5.1]."""
    return f"{settings.websub_callback}{subscription.id}/{subscription.token}"


def asked(subscription: Subscription, now: datetime) -> Subscription | None:
    """The subscription as it stands while the hub is being asked: due again should nothing come of it.

    None when it is not due: somebody else has asked.
    """
    if subscription.state is SubscriptionState.ENDED or subscription.due_at > now:
        return None
    attempts = subscription.attempts + 1
    last = subscription.state is SubscriptionState.ENDING and attempts >= MOST_FAREWELLS
    return replace(
        subscription,
        state=SubscriptionState.ENDED if last else subscription.state,
        attempts=attempts,
        due_at=now + timedelta(seconds=min(FIRST_WAIT * 2 ** min(attempts - 1, 10), LONGEST_WAIT)),
        queued_until=None,
    )


def request_for(subscription: Subscription, settings: Settings) -> FetchRequest:
    """What to send to the hub: to subscribe (also to renew), or to unsubscribe when it is ending [5.1]."""
    form = {
        "hub.mode": "unsubscribe" if _ending(subscription) else "subscribe",
        "hub.topic": subscription.topic,
        "hub.callback": callback(subscription, settings),
    }
    if not _ending(subscription):
        form |= {"hub.secret": subscription.secret, "hub.lease_seconds": f"{LEASE:.0f}"}
    return FetchRequest(url=subscription.hub, form=tuple(form.items()), max_bytes=HUB_ANSWER_BYTES)


def refused(
    subscription: Subscription, error: FetchUnavailable | FetchRefused, *, attempts: int, now: datetime
) -> Subscription | None:
    """The subscription after the hub did not take the request of the asking number `attempts`."""
    if subscription.attempts != attempts:
        return None  # verified, or asked again, meanwhile
    after = error.retry_after if isinstance(error, FetchUnavailable) and error.retry_after else 0.0
    due = max(subscription.due_at, now + timedelta(seconds=after))
    return replace(subscription, due_at=due, error=f"the hub {error.reason}")


def ending(subscription: Subscription, now: datetime) -> Subscription | None:
    """The subscription once its feed is not to be polled any more: the hub is told, if it was ever asked."""
    if _ending(subscription):
        return None
    known = subscription.attempts or subscription.expires_at
    state = SubscriptionState.ENDING if known else SubscriptionState.ENDED
    return replace(subscription, state=state, attempts=0, due_at=now, error="")


def wanted_again(subscription: Subscription, now: datetime) -> Subscription | None:
    """The subscription once its feed is polled again, after it was ending."""
    if not _ending(subscription):
        return None
    return replace(
        subscription, state=SubscriptionState.WANTED, attempts=0, due_at=now, expires_at=None, pushed_at=None, error=""
    )


def _ending(subscription: Subscription) -> bool:
    return subscription.state in (SubscriptionState.ENDING, SubscriptionState.ENDED)


# ---------------------------------------------------------------------------------------------------------
# What the hub says


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a hub asks us to confirm, or tells us [5.2, 5.3]."""

    mode: str
    topic: str
    challenge: str = ""
    lease: float = LEASE  # seconds
    reason: str = ""


def intent(query: Mapping[str, str]) -> Intent:
    """Read the query string of a hub's GET; a lease that is no number counts as the one we asked for."""
    lease = query.get("hub.lease_seconds", "")
    return Intent(
        mode=query.get("hub.mode", ""),
        topic=query.get("hub.topic", ""),
        challenge=query.get("hub.challenge", ""),
        lease=min(float(lease), LONGEST_LEASE) if lease.isascii() and lease.isdigit() else LEASE,
        reason=query.get("hub.reason", ""),
    )


def confirmed(subscription: Subscription, told: Intent, now: datetime) -> Subscription | None:
    """The subscription after what the hub told; None when it is not what we wish, which is to be answered with 404."""
    if told.topic != subscription.topic:
        return None
    if told.mode == "denied":
        return _denied(subscription, told.reason, now)
    if told.mode == "subscribe" and told.challenge and not _ending(subscription):
        return _verified(subscription, told.lease, now)
    if told.mode == "unsubscribe" and told.challenge and _ending(subscription):
        return replace(subscription, state=SubscriptionState.ENDED, error="")
    return None


def _verified(subscription: Subscription, lease: float, now: datetime) -> Subscription:
    return replace(
        subscription,
        state=SubscriptionState.VERIFIED,
        attempts=0,
        error="",
        expires_at=now + timedelta(seconds=lease),
        due_at=now + timedelta(seconds=max(lease * RENEW_AT, FIRST_WAIT)),
    )


def _denied(subscription: Subscription, reason: str, now: datetime) -> Subscription:
    if _ending(subscription):
        return replace(subscription, state=SubscriptionState.ENDED)
    return replace(
        subscription,
        state=SubscriptionState.DENIED,
        attempts=0,
        expires_at=None,
        due_at=now + timedelta(seconds=DENIED_WAIT),
        error=f"the hub denied it ({' '.join(reason.split())[:200] or 'without a reason'})",
    )


def open_for_content(subscription: Subscription, now: datetime) -> bool:
    """Whether the hub has verified it, and its lease has not ended."""
    return subscription.state is SubscriptionState.VERIFIED and (subscription.expires_at or now) > now


def signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether `signature` (an X-Hub-Signature header, "method=hex") is that of `body` [7.1]; in constant time."""
    method, _, given = signature.strip().partition("=")
    if method.lower() not in SIGNATURES:
        return False
    wanted_digest = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(wanted_digest.encode(), given.strip().lower().encode("utf-8", "replace"))


# ---------------------------------------------------------------------------------------------------------
# What it means for the feed


def pushes(feed: Feed, now: datetime) -> bool:
    """Whether a hub delivers the news of `feed`: its subscription is verified and has delivered under this lease."""
    return feed.pushed_until is not None and feed.pushed_until > now


def after_push(feed: Feed, subscription: Subscription, new_entries: int, now: datetime) -> Feed:
    """The feed after content was pushed.

    Validators and the hash of the body are left as the last poll set them: what a hub pushes may be a part of the
    feed (a diff), and the next poll must see for itself whether there is more.
    """
    return replace(feed, pushed_until=subscription.expires_at, new_entry_at=now if new_entries else feed.new_entry_at)


def after_answer(feed: Feed, subscription: Subscription) -> Feed | None:
    """The feed after its hub verified, denied or ended `subscription`; None when nothing changes."""
    if feed.pushed_until is None:
        return None
    held = subscription.state is SubscriptionState.VERIFIED
    return replace(feed, pushed_until=subscription.expires_at if held else None)
