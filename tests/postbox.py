"""A real SMTP server on loopback that keeps what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers import free_port


@dataclass(slots=True)
class Postbox:
    """What came, and what is answered to MAIL, to each RCPT (250 by default) and at the end of each message."""

    url: str
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # recipient to the answer that refuses it
    sender_answer: str = "250 ok"
    answer: str = "250 taken"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        if self.sender_answer.startswith("250"):
            envelope.mail_from = sender
        return self.sender_answer

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if to in self.refused:
            return self.refused[to]
        envelope.rcpt_tos.append(to)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            content = envelope.original_content or b""
            self.mails.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
            self.recipients += envelope.rcpt_tos
        return self.answer


@contextmanager
def open_postbox(host: str = "127.0.0.1", **options: Any) -> Iterator[Postbox]:
    """An SMTP server for as long as the context lasts; `options` are aiosmtpd's."""
    port = free_port()
    postbox = Postbox(f"smtp://{host}:{port}")
    controller = Controller(postbox, hostname=host, port=port, decode_data=False, **options)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()
