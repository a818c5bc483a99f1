"""The request that carries a message to where posts go: what a mail is to a mail server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit

import msgspec

from pipeline.deliver import chat, webhook
from pipeline.deliver.card import Reader, reader_of
from pipeline.deliver.channel import Channel, Target, check_secret, read_target
from pipeline.deliver.item import Item
from pipeline.deliver.plan import mail_id
from pipeline.deliver.render import bounded, subject
from pipeline.model import FetchRequest, Recipient
from pipeline.settings import Settings

ANSWER_BYTES = 4_096
"""Of an answer: nothing in it is needed but its first words, for the ledger."""
JSON = ("Content-Type", "application/json")

Write = Callable[[str, Sequence[chat.Line]], chat.Message]
"""How a chat's messages are written, of a subject and lines."""

_CHATS: dict[Channel, tuple[Write, int]] = {
    Channel.SLACK: (chat.slack, 40_000),
    Channel.TEAMS: (chat.teams, 27_000),  # of 28 KB (Microsoft, "Rate limiting for connectors")
    Channel.MATRIX: (chat.matrix, 60_000),  # of 65,536 bytes of an event (client-server API, "Size limits")
}
"""With bytes that a message of each may have."""


def request_for(
    items: Sequence[Item], recipient: Recipient, settings: Settings, now: datetime, notes: Sequence[str] = ()
) -> FetchRequest:
    """The request that tells a recipient of these deliveries, and of `notes` beside them.

    Raises BadInput for an address, a secret or a zone.
    """
    target = read_target(recipient.address, settings.allow_private)
    check_secret(recipient)
    message_id = mail_id([one.delivery for one in items])
    reader = reader_of(recipient, settings)
    said = bounded(notes, reader.language)
    if target.channel is Channel.WEBHOOK:
        content = webhook.body(items, reader, message_id, said)
        return _request(target.url, content, headers=webhook.signed(content, message_id, recipient.secret, now))
    content = _fitting(*_CHATS[target.channel], items, reader, said)
    if target.channel is Channel.MATRIX:
        bearer = ("Authorization", f"Bearer {recipient.secret}")
        return _request(_matrix_url(target, message_id), content, method="PUT", headers=(bearer,))
    return _request(target.url, content)


def _request(
    url: str, content: bytes, *, method: str = "POST", headers: tuple[tuple[str, str], ...] = ()
) -> FetchRequest:
    return FetchRequest(url=url, body=content, method=method, headers=(JSON, *headers), max_bytes=ANSWER_BYTES)


def _fitting(write: Write, most: int, items: Sequence[Item], reader: Reader, notes: Sequence[str]) -> bytes:
    """The message in the first bounds in which it is small enough; in the last, whatever it has become."""
    about, content = subject(items, reader.language), b""
    for bounds in chat.BOUNDS:
        content = msgspec.json.encode(write(about, chat.lines(items, reader, about, notes, bounds)))
        if len(content) <= most:
            break
    return content


def _matrix_url(target: Target, message_id: str) -> str:
    """Where an event is put. Put again under the same id it stands in the room once (client-server API, 11.3)."""
    parts = urlsplit(target.url)
    room = quote(unquote(parts.path.lstrip("/")), safe="")
    return f"{parts.scheme}://{parts.netloc}/_matrix/client/v3/rooms/{room}/send/m.room.message/{message_id}"
