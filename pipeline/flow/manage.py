"""What people do to feeds and alerts: add, pause, resume, replace, remove. Everything is checked before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from pipeline.address import address_key, is_web
from pipeline.errors import BadInput, NotFound
from pipeline.flow.language import understood
from pipeline.flow.lookback import look_back
from pipeline.flow.people import checked_policy, checked_recipients, checked_team
from pipeline.flow.subscribe import end, follow
from pipeline.model import Alert, AlertState, Feed, FeedState, Pages, identify
from pipeline.ports import Ports

MOST_THROTTLE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeed:
    """A feed as a person or an OPML file gives it."""

    url: str
    title: str = ""
    tags: tuple[str, ...] = ()
    site_url: str = ""
    state: FeedState = FeedState.ACTIVE
    pages: Pages | None = None  # its own policy; None: that of the settings
    outline: tuple[tuple[str, str], ...] = ()
    where: str = ""  # file and line it comes from, for what has to be said of it


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """An alert as a person or a TOML file gives it."""

    name: str
    query: str
    recipients: tuple[str, ...] = ()
    variants: bool = True
    copies: bool = False
    updates: bool = False
    policy: str = "immediate"
    throttle: int = 0
    urgent: bool = False
    team: str = ""
    state: AlertState = AlertState.ACTIVE  # of one that is new; what is replaced keeps its own


def feed_id(url: str) -> str:
    """The id of the feed that was added under `url`."""
    return identify("feed", url)


def alert_id(name: str) -> str:
    """The id of the alert called `name`."""
    return identify("alert", name.strip())


def add_feeds(ports: Ports, new: Sequence[NewFeed]) -> list[bool]:
    """Add them, due at once; for each whether it is new. Raises BadInput for an address that can't be polled."""
    now = ports.clock.now()
    feeds = [
        Feed(
            id=feed_id(checked_url(one.url)),
            url=one.url,
            title=one.title,
            tags=one.tags,
            site_url=one.site_url,
            state=one.state,
            pages=one.pages,
            outline=one.outline,
            added_at=now,
            next_poll_at=now,
        )
        for one in new
    ]
    return ports.stores.feeds.create(feeds)


def checked_url(url: str) -> str:
    """`url` as it is. Raises BadInput when it can't be polled."""
    if not is_web(url):
        raise BadInput(f"{url!r} is no address of a feed: give one that begins with http:// or https://")
    return url


class KnownFeeds:
    """The feeds of a store by what their addresses have in common, as they were when this was made."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._ids: dict[str, Feed] = {}
        self._keys: dict[str, Feed] = {}
        for feed in feeds:
            self._ids[feed.id] = feed
            self._keys.setdefault(address_key(feed.url), feed)

    def at(self, url: str) -> Feed | None:
        """The feed at `url`, under an address that means the same, or that was added there and has moved since."""
        return self._keys.get(address_key(url)) or self._ids.get(feed_id(url))


def known_feeds(ports: Ports) -> KnownFeeds:
    """The feeds of the store; reads them all."""
    return KnownFeeds(ports.stores.feeds.all())


def refuse_known(known: KnownFeeds, url: str) -> None:
    """Raise BadInput when there is a feed at `url` already, naming it."""
    there = known.at(url)
    if there is not None:
        name = "" if there.url == url else f" {there.url},"
        raise BadInput(f"{url} is there already, as{name} feed {there.id}")


def find_feed(ports: Ports, name: str) -> Feed:
    """The feed with this address or id. Raises NotFound."""
    found = ports.stores.feeds.get([feed_id(name), name])
    feed = found.get(feed_id(name)) or found.get(name) or known_feeds(ports).at(name)
    if feed is None:
        raise NotFound("feed", name)
    return feed


def _changed_feed(ports: Ports, name: str, change: Callable[[Feed], Feed]) -> Feed:
    changed = ports.stores.feeds.update([find_feed(ports, name).id], change)
    if not changed:  # somebody removed it in between
        raise NotFound("feed", name)
    return changed[0]


def set_feed_state(ports: Ports, name: str, state: FeedState) -> Feed:
    """Pause or resume the feed of that address or id, and its subscription. Raises NotFound. Resumed, it is due now."""
    now = ports.clock.now()
    changed = _changed_feed(
        ports, name, lambda feed: replace(feed, state=state, next_poll_at=now, failures=0.0, error="", wall="")
    )
    follow(ports, [changed])
    return changed


def set_feed_pages(ports: Ports, name: str, pages: Pages | None) -> Feed:
    """Give the feed of that address or id a policy of its own, or none; what was learnt stays. Raises NotFound."""
    return _changed_feed(ports, name, lambda feed: replace(feed, pages=pages))


def remove_feed(ports: Ports, name: str) -> Feed:
    """Remove the feed of that address or id; its stories and what they matched stay. Raises NotFound."""
    feed = find_feed(ports, name)
    ports.stores.feeds.delete([feed.id])
    end(ports, [feed.id])
    return feed


def replace_feed(ports: Ports, name: str, url: str) -> Feed:
    """Poll the feed of that address or id at `url` from now on. Its id stays, and with it the identity of its entries.

    Raises NotFound, or BadInput when `url` can't be polled or is another feed's.
    """
    feed, other = find_feed(ports, name), known_feeds(ports).at(checked_url(url))
    if other is not None and other.id != feed.id:
        raise BadInput(f"{url} is there already, as {other.url}: remove one of the two")
    now = ports.clock.now()
    return _changed_feed(ports, feed.id, lambda one: _moved(one, url, now))


def _moved(feed: Feed, url: str, now: datetime) -> Feed:
    """At its new address nothing is known of validators or failures; a feed that was given up is polled again."""
    given_up = feed.state in (FeedState.DEAD, FeedState.GONE)
    return replace(
        feed,
        url=url,
        state=FeedState.ACTIVE if given_up else feed.state,
        etag="",
        last_modified="",
        body_hash="",
        moved_to="",
        failures=0.0,
        error="",
        wall="",
        next_poll_at=now,
    )


def checked_alert(ports: Ports, new: NewAlert, *, groups: Sequence[str] = ()) -> Alert:
    """Make the alert that `new` describes; `groups` are some that are about to be made.

    Raises QueryError, or BadInput for a name, a recipient, a policy, a throttle or a team that can't be.
    """
    _check_name(new)
    meaning = understood(ports, new.query, variants=new.variants).text
    try:
        recipients, policy = checked_recipients(ports, new.recipients, also=groups), checked_policy(new.policy)
        team = checked_team(new.team) if new.team else ""
        _check_throttle(new)
    except BadInput as error:
        raise BadInput(f"alert {new.name!r}: {error}") from None
    now = ports.clock.now()
    return Alert(
        id=alert_id(new.name),
        name=new.name.strip(),
        query=new.query,
        meaning=meaning,
        variants=new.variants,
        copies=new.copies,
        updates=new.updates,
        recipients=recipients,
        policy=policy,
        throttle=new.throttle,
        urgent=new.urgent,
        team=team,
        state=new.state,
        created_at=now,
        updated_at=now,
    )


def _check_name(new: NewAlert) -> None:
    if not new.name.strip():
        raise BadInput("an alert needs a name: give a short one")


def _check_throttle(new: NewAlert) -> None:
    if not 0 <= new.throttle <= MOST_THROTTLE:
        raise BadInput(f"a throttle of {new.throttle}: give mails an hour, up to {MOST_THROTTLE}, or 0 for no bound")


def faults(ports: Ports, new: NewAlert) -> dict[str, BadInput]:
    """All for which `checked_alert` would refuse an alert, by field: for a form, which tells it in its place."""
    checks: dict[str, Callable[[], object]] = {
        "name": lambda: _check_name(new),
        "query": lambda: understood(ports, new.query, variants=new.variants),
        "recipients": lambda: checked_recipients(ports, new.recipients),
        "policy": lambda: checked_policy(new.policy),
        "throttle": lambda: _check_throttle(new),
        "team": lambda: checked_team(new.team) if new.team else "",
    }
    found: dict[str, BadInput] = {}
    for field, check in checks.items():
        try:
            check()
        except BadInput as error:
            found[field] = error
    return found


def put_alert(ports: Ports, new: NewAlert, *, replace_existing: bool = False) -> Alert:
    """Save an alert. Raises BadInput when the name is taken and `replace_existing` is not set."""
    alert = checked_alert(ports, new)
    _check_freed(ports, alert)
    if ports.stores.alerts.create([alert])[0]:
        look_back(ports, [alert])
        return alert
    if not replace_existing:
        raise BadInput(f"there is an alert {alert.name!r} already: choose another name, or remove it first")
    changed = ports.stores.alerts.update(
        [alert.id], lambda known: replace(alert, created_at=known.created_at, state=known.state)
    )
    if not changed:  # somebody removed it in between
        return put_alert(ports, new)
    look_back(ports, changed)
    return changed[0]


def _check_freed(ports: Ports, alert: Alert) -> None:
    """Matches stand under the alert's id, which is made of its name: with it another team would come by them."""
    removed = ports.stores.removed_alerts.get([alert.id]).get(alert.id)
    if removed and removed.alert.team != alert.team and not ports.stores.alerts.get([alert.id]):
        raise BadInput(f"an alert {alert.name!r} was removed that had another team: choose another name")


def set_alert_state(ports: Ports, name: str, state: AlertState) -> Alert:
    """Pause or resume an alert. Raises NotFound."""
    now = ports.clock.now()
    changed = ports.stores.alerts.update([alert_id(name)], lambda alert: replace(alert, state=state, updated_at=now))
    if not changed:
        raise NotFound("alert", name)
    look_back(ports, changed)
    return changed[0]


def remove_alert(ports: Ports, name: str) -> Alert:
    """Remove an alert; what it matched stays in the ledger. Raises NotFound."""
    alert = find_alert(ports, name)
    ports.stores.alerts.delete([alert.id])
    return alert


def find_alert(ports: Ports, name: str) -> Alert:
    """The alert of this name or id. Raises NotFound."""
    found = ports.stores.alerts.get([alert_id(name), name])
    if not found:
        raise NotFound("alert", name)
    return found.get(name) or found[alert_id(name)]


def all_alerts(ports: Ports) -> Iterable[Alert]:
    """Every alert."""
    return ports.stores.alerts.all()
