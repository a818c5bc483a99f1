"""The links of a mail: to its story in the console, and to what its reader can change.

The latter are signed, so that they work without login and nobody makes another.

Each is `<public_url>/preferences/<token>/<action>`: a page that does nothing by itself (scanners follow links), with a
button that does. The token names the delivery and the end of its time, under HMAC-SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from itsdangerous import BadSignature, Signer

from pipeline.errors import BadInput
from pipeline.model import Delivery
from pipeline.settings import Settings

GOOD_FOR = timedelta(days=365)
"""How long after the match a link works. The same mail sent again has the same links."""

HTTPS = "https://"


class Action(StrEnum):
    """What a reader may do from a mail, and its undoing."""

    UNSUBSCRIBE = "unsubscribe"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE_ALL = "unsubscribe-all"
    SUBSCRIBE_ALL = "subscribe-all"
    MUTE = "mute"
    UNMUTE = "unmute"
    IRRELEVANT = "irrelevant"
    RELEVANT = "relevant"


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses for a mail; all empty where the console has no public address."""

    unsubscribe: str = ""
    unsubscribe_all: str = ""
    mute: str = ""
    irrelevant: str = ""
    story: str = ""  # its page in the console, for those who may sign in


def links(delivery: Delivery, settings: Settings) -> Links:
    """The links that the reader of a delivery gets."""
    if not (settings.public_url and settings.links_secret):
        return Links()
    place = f"{settings.public_url.rstrip('/')}/preferences/{token(delivery, settings)}"
    return Links(
        unsubscribe=f"{place}/{Action.UNSUBSCRIBE}",
        unsubscribe_all=f"{place}/{Action.UNSUBSCRIBE_ALL}",
        mute=f"{place}/{Action.MUTE}",
        irrelevant=f"{place}/{Action.IRRELEVANT}",
        story=f"{settings.public_url.rstrip('/')}/stories/{delivery.story_id}",
    )


def token(delivery: Delivery, settings: Settings) -> str:
    """What stands for a delivery in its links."""
    expires = int((delivery.created_at + GOOD_FOR).timestamp())
    return _signer(settings).sign(f"{delivery.id}-{expires}").decode()


def read_token(text: str, settings: Settings, now: datetime) -> str:
    """The id of the delivery that a token stands for. Raises BadInput for one that is forged, cut or too old."""
    try:
        delivery_id, _, expires = _signer(settings).unsign(text).decode().rpartition("-")
    except BadSignature:
        raise BadInput("this link is none of ours, or was cut: take it from the mail as a whole") from None
    if now >= datetime.fromtimestamp(int(expires), UTC):
        raise BadInput("this link is more than a year old: take one from a newer mail")
    return delivery_id


def _signer(settings: Settings) -> Signer:
    # A salt of their own: what else is ever signed with this key is no link.
    return Signer(settings.links_secret, salt="links", key_derivation="hmac", digest_method=hashlib.sha256)
