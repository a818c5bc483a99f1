"""What proves who somebody is: sessions of browsers, one-time links, tokens of the API, keys of alerts' feeds.

A credential is 256 random bits. The store keeps their SHA-256 alone, so that who reads the store can't use them; no
slow hash is needed, since nobody guesses them. A session and a link hold for one `User.version`: a new password or role
ends them. A token outlives both, and may do at most what its user may at the time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pipeline.errors import BadInput, NotFound
from pipeline.flow.accounts.audit import record
from pipeline.model import Credential, CredentialKind, Scope, User
from pipeline.ports import Ports

SESSION_FOR = timedelta(days=7)
LINK_FOR = timedelta(days=3)
TOKEN_FOR = timedelta(days=365)
FEED_FOR = timedelta(days=3650)
"""In effect until it is withdrawn: a reader of feeds tells nobody that one has ended."""
TOKEN_PREFIX = "ww_"  # noqa: S105 -- so that a scanner of leaked secrets knows one
_BYTES = 32
_OUTLIVE = (CredentialKind.TOKEN, CredentialKind.FEED)
"""What outlives a new password or role of its user, and ends with the user alone."""


def credential_id(secret: str) -> str:
    """The id under which the credential with this secret is kept."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def open_session(ports: Ports, user: User) -> str:
    """A session of a user who has just proved who they are; its secret."""
    return _make(ports, user, CredentialKind.SESSION, SESSION_FOR)


def make_link(ports: Ports, user: User | None) -> str:
    """The secret of a one-time link with which `user` chooses a password; None: the first administrator to be."""
    return _make(ports, user, CredentialKind.LINK, LINK_FOR)


def make_token(ports: Ports, user: User, name: str, scopes: Sequence[Scope], who: str = "") -> str:
    """A token of the API for `user`, who makes it unless somebody else (`who`) does.

    Raises BadInput for a name or scopes that can't be.
    """
    if not name.strip() or not name.isprintable():
        raise BadInput("a token needs a name that says what uses it, such as newsroom wall")
    if not scopes:
        raise BadInput(f"a token needs a scope at the least: {', '.join(Scope)}")
    record(ports, who or user.address, "make token", f"{name.strip()} of {user.address}", None, None)
    return _make(ports, user, CredentialKind.TOKEN, TOKEN_FOR, name.strip(), tuple(dict.fromkeys(scopes)))


def make_feed_key(ports: Ports, user: User, alert_id: str) -> str:
    """A key with which `user` reads the feed of an alert, whatever reader of feeds they use."""
    return _make(ports, user, CredentialKind.FEED, FEED_FOR, alert_id)


def feed_keys(ports: Ports, user: User, alert_id: str) -> list[str]:
    """The ids of the keys that a user has of an alert's feed."""
    kept = (one for one in ports.stores.credentials.all() if one.kind is CredentialKind.FEED)
    return [one.id for one in kept if (one.user_id, one.name) == (user.id, alert_id)]


def end_feed_keys(ports: Ports, user: User, alert_id: str) -> int:
    """End the keys that a user has of an alert's feed; how many there were."""
    return ports.stores.credentials.delete(feed_keys(ports, user, alert_id))


def end_feeds_of(ports: Ports, alert_ids: Collection[str]) -> int:
    """End all keys of the feeds of these alerts; how many there were."""
    credentials = ports.stores.credentials
    kept = (one for one in credentials.all() if one.kind is CredentialKind.FEED)
    return credentials.delete([one.id for one in kept if one.name in alert_ids])


def find_credential(ports: Ports, secret: str, kind: CredentialKind) -> Credential | None:
    """The credential of that kind with this secret, if it has not ended."""
    found = ports.stores.credentials.get([credential_id(secret)]).get(credential_id(secret))
    if found is None or found.kind is not kind or found.expires_at <= ports.clock.now():
        return None
    return found


def holder(ports: Ports, credential: Credential) -> User | None:
    """The user whom a credential proves; None where they are gone, or have changed since in what it holds for."""
    user = ports.stores.users.get([credential.user_id]).get(credential.user_id)
    if user is None or user.disabled:
        return None
    if credential.kind not in _OUTLIVE and credential.version != user.version:
        return None
    return user


def tokens_of(ports: Ports, user: User) -> list[Credential]:
    """The tokens of a user that have not ended, by name."""
    now = ports.clock.now()
    mine = (one for one in ports.stores.credentials.all() if one.user_id == user.id and one.expires_at > now)
    return sorted((one for one in mine if one.kind is CredentialKind.TOKEN), key=lambda one: (one.name, one.id))


def revoke_token(ports: Ports, user: User, token_id: str) -> Credential:
    """End a token of this user. Raises NotFound for one that is not theirs."""
    token = next((one for one in tokens_of(ports, user) if one.id == token_id), None)
    if token is None:
        raise NotFound("token", token_id)
    ports.stores.credentials.delete([token.id])
    record(ports, user.address, "revoke token", f"{token.name} of {user.address}", None, None)
    return token


def use_up(ports: Ports, credential: Credential) -> bool:
    """End a credential; whether this call did it, and no other before or at the same time."""
    return ports.stores.credentials.delete([credential.id]) == 1


def end_session(ports: Ports, secret: str) -> None:
    """Sign out the browser that holds this session's secret."""
    session = find_credential(ports, secret, CredentialKind.SESSION)
    if session is not None:
        use_up(ports, session)


def end_all_of(ports: Ports, user_id: str) -> None:
    """End every credential of a user who is gone: the address may come back as another person."""
    ports.stores.credentials.delete([one.id for one in ports.stores.credentials.all() if one.user_id == user_id])


def expired(ports: Ports) -> tuple[list[str], list[str]]:
    """The ids of the credentials and of the kept replies whose time is over."""
    now, stores = ports.clock.now(), ports.stores
    credentials = [one.id for one in stores.credentials.all() if one.expires_at <= now]
    return credentials, [one.id for one in stores.replies.all() if one.expires_at <= now]


def _make(
    ports: Ports,
    user: User | None,
    kind: CredentialKind,
    lasting: timedelta,
    name: str = "",
    scopes: tuple[Scope, ...] = (),
) -> str:
    secret = secrets.token_urlsafe(_BYTES)
    if kind is CredentialKind.TOKEN:
        secret = TOKEN_PREFIX + secret
    now: datetime = ports.clock.now()
    ports.stores.credentials.create(
        [
            Credential(
                id=credential_id(secret),
                kind=kind,
                user_id=user.id if user else "",
                version=user.version if user else 0,
                name=name,
                scopes=scopes,
                created_at=now,
                expires_at=now + lasting,
            )
        ]
    )
    return secret
