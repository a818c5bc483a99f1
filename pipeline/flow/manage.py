"""What people do to feeds and alerts: add, pause, resume, remove. Everything is checked before it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pipeline.errors import BadInput, NotFound
from pipeline.flow.language import understood
from pipeline.flow.lookback import look_back
from pipeline.model import Alert, AlertState, Feed, FeedState, identify
from pipeline.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeed:
    """A feed as a person or an OPML file gives it."""

    url: str
    title: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """An alert as a person or a TOML file gives it."""

    name: str
    query: str
    recipients: tuple[str, ...] = ()
    variants: bool = True


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
            id=feed_id(_checked_url(one.url)),
            url=one.url,
            title=one.title,
            tags=one.tags,
            added_at=now,
            next_poll_at=now,
        )
        for one in new
    ]
    return ports.stores.feeds.create(feeds)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f"{url!r} is no address of a feed: give one that begins with http:// or https://")
    return url


def set_feed_state(ports: Ports, url: str, state: FeedState) -> Feed:
    """Pause or resume the feed of `url` (or id). Raises NotFound. A resumed feed is due at once."""
    now = ports.clock.now()

    def change(feed: Feed) -> Feed:
        return replace(feed, state=state, next_poll_at=now, failures=0.0, error="", wall="")

    changed = ports.stores.feeds.update([feed_id(url)], change) or ports.stores.feeds.update([url], change)
    if not changed:
        raise NotFound("feed", url)
    return changed[0]


def checked_alert(ports: Ports, new: NewAlert) -> Alert:
    """Make the alert that `new` describes. Raises QueryError, or BadInput for a name or an address that can't be."""
    if not new.name.strip():
        raise BadInput("an alert needs a name: give a short one")
    meaning = understood(ports, new.query, variants=new.variants).text
    for address in new.recipients:
        _check_address(new.name, address)
    now = ports.clock.now()
    return Alert(
        id=alert_id(new.name),
        name=new.name.strip(),
        query=new.query,
        meaning=meaning,
        variants=new.variants,
        recipients=tuple(dict.fromkeys(new.recipients)),
        created_at=now,
        updated_at=now,
    )


def _check_address(name: str, address: str) -> None:
    local, at, domain = address.rpartition("@")
    printable = address.isprintable() and not any(char.isspace() or char in ",;<>()[]" for char in address)
    if not (local and at and domain and printable) or "@" in local:
        raise BadInput(f"alert {name!r}: {address!r} is no mail address: give one such as analyst@example.org")


def put_alert(ports: Ports, new: NewAlert, *, replace_existing: bool = False) -> Alert:
    """Save an alert. Raises BadInput when the name is taken and `replace_existing` is not set."""
    alert = checked_alert(ports, new)
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
    """The alert called `name`. Raises NotFound."""
    found = ports.stores.alerts.get([alert_id(name)])
    if not found:
        raise NotFound("alert", name)
    return next(iter(found.values()))
