"""Which way a recipient is reached, by the address: mail, or one that takes posts over HTTPS.

    analyst@example.org                          a mail
    slack+https://hooks.slack.com/services/…     an incoming webhook of Slack's
    teams+https://….logic.azure.com/workflows/…  a Teams workflow that takes Adaptive Cards
    matrix+https://matrix.example.org/!room:example.org     a room, by the secret that is an account's access token
    webhook+https://example.org/hook             whoever checks our signature, made with the secret

Behind the `+` stands the very address that the service gave. It is plain http only at addresses of our own network.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from pipeline.address import is_web
from pipeline.errors import BadInput
from pipeline.model import Recipient
from pipeline.settings import Network

SIGNING = "whsec_"
"""How a secret that signs begins (Standard Webhooks 1.0.0, "Signature scheme")."""
SECRET_BYTES = 32
LONGEST = 2_000
"""Characters of an address: it is a key in the ledger."""
LEAST_BYTES, MOST_BYTES = 24, 64


class Channel(StrEnum):
    """A way to recipients."""

    MAIL = "mail"
    SLACK = "slack"
    TEAMS = "teams"
    MATRIX = "matrix"
    WEBHOOK = "webhook"


HAVE_SECRET = frozenset({Channel.MATRIX, Channel.WEBHOOK})
"""Channels whose recipients have a secret; the addresses of the others are secrets themselves."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where posts on a channel go; `url` without the channel."""

    channel: Channel
    url: str


def channel_of(address: str) -> Channel:
    """The channel of an address. What names none is taken for mail, which says what is wrong with it when sent."""
    kind, plus, url = address.partition("+")
    is_post = plus and "://" in url and kind in set(Channel) - {Channel.MAIL}
    return Channel(kind) if is_post else Channel.MAIL


def read_target(address: str, open_networks: tuple[Network, ...] = ()) -> Target:
    """Where the posts to an address go. Raises BadInput for one that can't be, or goes over plain http elsewhere."""
    channel = channel_of(address)
    url = address.partition("+")[2]
    if channel is Channel.MAIL:
        kinds = ", ".join(f"{one}+https://…" for one in Channel if one is not Channel.MAIL)
        raise BadInput(f"{shown(address)!r} is no address: give a mail address, or one of {kinds}")
    if len(address) > LONGEST:
        raise BadInput(f"{shown(address)!r} is no address: it has more than {LONGEST:,} characters")
    if not is_web(url) or "@" in urlsplit(url).netloc or urlsplit(url).fragment or " " in url:
        raise BadInput(f"{shown(address)!r} is no address: give {channel}+ and the https address, with nothing else")
    if urlsplit(url).scheme == "http" and not _is_ours(urlsplit(url).hostname or "", open_networks):
        raise BadInput(f"{shown(address)!r} is not encrypted: give {channel}+https://…")
    if channel is Channel.MATRIX and not urlsplit(url).path.startswith("/!"):
        raise BadInput(
            f"{shown(address)!r} names no room: give matrix+https://SERVER/!ROOM_ID (in the room's settings)"
        )
    return Target(channel, url)


def check_secret(recipient: Recipient) -> None:
    """Raise BadInput for a recipient who is to have a secret, and has none."""
    if channel_of(recipient.address) in HAVE_SECRET and not recipient.secret:
        raise BadInput(f"no secret is kept for {shown(recipient.address)}: `wirewatch channels add` it first")


def one_spelling(address: str) -> str:
    """An address in the one spelling that it is kept and compared in: of mail in lower case, a channel's as it is.

    RFC 5321 lets a server tell Ana@ from ana@; none that people use does, and they write both.
    """
    return address if "://" in address else address.lower()


def shown(address: str) -> str:
    """An address as it may stand in logs and lists: of a post's the host, since the rest is often a secret."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address.partition("+")[2] or address)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    end = address[-4:] if len(address) > 40 else ""
    return f"{address.partition('://')[0]}://{host}/…{end}"


def new_secret() -> str:
    """A secret for one who checks our signatures."""
    return SIGNING + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def read_secret(secret: str) -> bytes:
    """The key in a secret that signs. Raises BadInput."""
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SIGNING) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise BadInput(f"no secret of a webhook: give {SIGNING} and {LEAST_BYTES} to {MOST_BYTES} bytes in base64")
    return key


def _is_ours(host: str, networks: tuple[Network, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(ip in one for one in networks if one.version == ip.version)
