"""A real SMTP server on loopback that keeps what it takes."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import free_port


@dataclass(slots=True)
class Postbox:
    """What came, and what is answered to MAIL, to each RCPT (250 by default) and at the end of each message."""

    url: str
    mails: list[EmailMessage] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # of each mail, by time.time()
    recipients: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # recipient to the answer that refuses it
    sender_answer: str = "250 ok"
    answer: str = "250 taken"
    answers: list[str] = field(default_factory=list)  # in its place, one after another, as long as there are
    seconds: float = 0.0  # before that answer
    hangs_up: bool = False  # when it has refused a recipient
    drops: bool = False  # the connection, when the message was taken and before it is answered
    sessions: set[int] = field(default_factory=set)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: bool = False  # the last mail came so

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        if self.sender_answer.startswith("250"):
            envelope.mail_from = sender
        return self.sender_answer

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if to in self.refused:
            if self.hangs_up and server.transport:
                asyncio.get_running_loop().call_later(0.05, server.transport.abort)
            return self.refused[to]
        envelope.rcpt_tos.append(to)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.sessions.add(id(session))
        self.encrypted = session.ssl is not None
        answer = self.answers.pop(0) if self.answers else self.answer
        if answer.startswith("250"):
            content = envelope.original_content or b""
            self.mails.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
            self.times.append(time.time())
            self.recipients += envelope.rcpt_tos
        if self.drops and server.transport:
            server.transport.abort()
        await asyncio.sleep(self.seconds)
        return answer

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"secret", handled=False)


@contextmanager
def open_postbox(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[Postbox]:
    """An SMTP server for as long as the context lasts; with `tls` it asks for STARTTLS and a login.

    `options` are aiosmtpd's.
    """
    port = free_port()
    postbox = Postbox(f"smtp://{host}:{port}")
    asks: dict[str, Any] = (
        {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": postbox.authenticate}
        if tls
        else {}
    )
    controller = Controller(postbox, hostname=host, port=port, decode_data=False, **asks, **options)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()
