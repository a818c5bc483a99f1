"""syndicate: an alert's matches as an Atom feed at a secret address, which is one user's.

The address holds as long as its user may see the alert: who leaves, or leaves the team, takes no feed along, and
each of the others has an address of their own. The store keeps the key's SHA-256 alone (credentials.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from pipeline.deliver import atom
from pipeline.deliver.atom import Places
from pipeline.flow.accounts.audit import record
from pipeline.flow.accounts.credentials import end_feed_keys, feed_keys, find_credential, holder, make_feed_key
from pipeline.flow.accounts.users import console_address
from pipeline.model import Alert, CredentialKind, Match, Story, User
from pipeline.ports import Ports

WITHIN = timedelta(days=30)
ENTRIES = 50
"""In a feed, of the last 30 days: readers come more often than that."""


@dataclass(frozen=True, slots=True)
class Document:
    """A feed as it stands, and what a reader says to be told that it stands so still (RFC 9110, 8.8)."""

    body: bytes
    etag: str
    changed_at: datetime


def renew_address(ports: Ports, user: User, alert: Alert) -> str:
    """A new address of the alert's feed for this user, in place of the one they had."""
    end_feed_keys(ports, user, alert.id)
    record(ports, user.address, "make feed address", alert.name, None, None)
    return _address(ports, alert, make_feed_key(ports, user, alert.id))


def withdraw_address(ports: Ports, user: User, alert: Alert) -> None:
    """Let the address that this user has of the alert's feed lead nowhere."""
    if end_feed_keys(ports, user, alert.id):
        record(ports, user.address, "withdraw feed address", alert.name, None, None)


def has_address(ports: Ports, user: User, alert: Alert) -> bool:
    """Whether this user has one."""
    return bool(feed_keys(ports, user, alert.id))


def reader(ports: Ports, alert_id: str, key: str) -> tuple[User, Alert] | None:
    """Whose address it is, and of which alert; None where it is nobody's. Whether they see it is for the caller."""
    found = find_credential(ports, key, CredentialKind.FEED)
    user = holder(ports, found) if found and found.name == alert_id else None
    alert = ports.stores.alerts.get([alert_id]).get(alert_id) if user else None
    return (user, alert) if user and alert else None


def document(ports: Ports, alert: Alert, key: str) -> Document:
    """The feed of `alert` as it stands, under the address with this key."""
    found = list(latest(ports, alert))
    base = console_address(ports.settings)
    places = Places(feed=_address(ports, alert, key), alert=f"{base}/alerts/{alert.id}", stories=f"{base}/stories")
    body = atom.write(alert, found, places, longest=ports.settings.excerpt_letters)
    moments = [alert.updated_at, *(max(match.matched_at, story.updated_at) for match, story in found)]
    return Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', max(moments))


def _address(ports: Ports, alert: Alert, key: str) -> str:
    return f"{console_address(ports.settings)}/feeds/alerts/{alert.id}.atom?{urlencode({'key': key})}"


def latest(ports: Ports, alert: Alert) -> Iterator[tuple[Match, Story]]:
    """The latest matches with their stories: not what was old when it came, and of copies the first, as in mails."""
    found = ports.stores.matches.latest([alert.id], ports.clock.now() - WITHIN, ENTRIES)
    stories = ports.stores.stories.get(list({one.story_id for one in found}))
    first: dict[str, str] = {}
    for match in sorted(found, key=lambda one: one.matched_at):
        first.setdefault(match.copy_of or match.story_id, match.story_id)
    for match in found:
        leads = alert.copies or first[match.copy_of or match.story_id] == match.story_id
        if match.story_id in stories and leads and not match.old:
            yield match, stories[match.story_id]
