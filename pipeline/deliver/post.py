"""The request that carries a message to where posts go: what a mail is to a mail server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit

import msgspec

from pipeline.deliver import chat, webhook
from pipeline.deliver.channel import Channel, Target, check_secret, read_target
from pipeline.deliver.plan import mail_id
from pipeline.deliver.render import Item
from pipeline.model import FetchRequest, Recipient
from pipeline.settings import Settings

ANSWER_BYTES = 4_096
"""Of an answer: nothing in it is needed but its first words, for the ledger."""
JSON = ("Content-Type", "application/json")

_CHATS: dict[Channel, tuple[Callable[..., chat.Message], int]] = {
    Channel.SLACK: (chat.slack, 40_000),
    Channel.TEAMS: (chat.teams, 27_000),  # of 28 KB (Microsoft, "Rate limiting for connectors")
    Channel.MATRIX: (chat.matrix, 60_000),  # of 65,536 bytes of an event (client-server API, "Size limits")
}
"""How each chat's messages are written, and bytes that they may have."""


def request_for(items: Sequence[Item], recipient: Recipient, settings: Settings, now: datetime) -> FetchRequest:
    """The request that tells a recipient of these deliveries. Raises BadInput for an address or a secret."""
    target = read_target(recipient.address, settings.allow_private)
    check_secret(recipient)
    message_id = mail_id([one.delivery for one in items])
    if target.channel is Channel.WEBHOOK:
        content = webhook.body(items, message_id)
        return _request(target.url, content, headers=webhook.signed(content, message_id, recipient.secret, now))
    content = _fitting(*_CHATS[target.channel], items, recipient)
    if target.channel is Channel.MATRIX:
        bearer = ("Authorization", f"Bearer {recipient.secret}")
        return _request(_matrix_url(target, message_id), content, method="PUT", headers=(bearer,))
    return _request(target.url, content)


def _request(
    url: str, content: bytes, *, method: str = "POST", headers: tuple[tuple[str, str], ...] = ()
) -> FetchRequest:
    return FetchRequest(url=url, body=content, method=method, headers=(JSON, *headers), max_bytes=ANSWER_BYTES)


def _fitting(write: Callable[..., chat.Message], most: int, items: Sequence[Item], recipient: Recipient) -> bytes:
    """The message in the first bounds in which it is small enough; in the last, whatever it has become."""
    content = b""
    for bounds in chat.BOUNDS:
        content = msgspec.json.encode(write(items, recipient, bounds))
        if len(content) <= most:
            break
    return content


def _matrix_url(target: Target, message_id: str) -> str:
    """Where an event is put. Put again under the same id it stands in the room once (client-server API, 11.3)."""
    parts = urlsplit(target.url)
    room = quote(unquote(parts.path.lstrip("/")), safe="")
    return f"{parts.scheme}://{parts.netloc}/_matrix/client/v3/rooms/{room}/send/m.room.message/{message_id}"
