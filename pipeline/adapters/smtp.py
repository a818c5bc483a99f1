"""Mails by SMTP (RFC 5321), over one connection that is kept and reopened when the server has closed it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from pipeline.errors import DeliveryRefused, DeliveryUnavailable
from pipeline.settings import Settings

PERMANENT = 500


class SmtpMailer:
    """ports.Mailer for smtp:// (STARTTLS where offered) and smtps://. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._address = urlsplit(settings.mail)
        self._password = settings.mail_password or unquote(self._address.password or "")
        self._timeout = settings.mail_timeout
        self._lock = threading.Lock()
        self._server: smtplib.SMTP | None = None
        self._pid = 0

    def send(self, message: EmailMessage) -> str:
        """Hand the mail over; the answer is the server's to the end of DATA.

        Raises DeliveryUnavailable or DeliveryRefused.
        """
        recipient = message["To"].addresses[0].addr_spec
        with self._turn(recipient), self._translated(recipient):
            return self._hand_over(message, message["From"].addresses[0].addr_spec, recipient)

    @contextlib.contextmanager
    def _turn(self, recipient: str) -> Iterator[None]:
        """The connection to oneself. Who waits for long behind others does so on a lease, which must not run out."""
        if not self._lock.acquire(timeout=self._timeout):
            why = f"{self._address.hostname}: slow to take the mails before this one"
            raise DeliveryUnavailable(recipient, why)
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Say goodbye to the server."""
        with self._lock:
            self._drop()

    def _hand_over(self, message: EmailMessage, sender: str, recipient: str) -> str:
        options = [] if recipient.isascii() and sender.isascii() else ["SMTPUTF8"]
        server = self._begun(sender, options, recipient)
        try:
            self._expect(server.rcpt(recipient), recipient)
        except (DeliveryRefused, DeliveryUnavailable):
            try:
                server.rset()  # else the next mail would be nested in this one
            except (smtplib.SMTPException, OSError):
                self._drop()  # it has hung up: what it said of the recipient stands
            raise
        return self._expect(self._data(server, message.as_bytes(), recipient), recipient)

    def _data(self, server: smtplib.SMTP, content: bytes, recipient: str) -> tuple[int, bytes]:
        """The server's answer to the message. Without one it may have been taken (RFC 5321, 4.5.3.2.6 and 6.1)."""
        try:
            answer = server.data(content)
        except smtplib.SMTPResponseException:
            raise
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            why = f"{self._address.hostname}: {error or type(error).__name__}"
            raise DeliveryUnavailable(recipient, why, uncertain=True) from error
        if answer[0] < 200:  # no answer of SMTP's: smtplib says -1
            self._drop()
            raise DeliveryUnavailable(recipient, f"{self._address.hostname}: answers nonsense", uncertain=True)
        return answer

    def _begun(self, sender: str, options: list[str], recipient: str) -> smtplib.SMTP:
        """The open connection with a mail begun on it; a new one after a fork, or when the server has gone."""
        if self._server is not None and self._pid == os.getpid():
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if self._server.mail(sender, options)[0] == 250:
                    return self._server
            self._drop()
        try:
            self._server, self._pid = self._open(), os.getpid()
            self._expect(self._server.mail(sender, options), recipient)
        except DeliveryRefused as error:
            raise DeliveryUnavailable(recipient, f"sender refused: {error.answer}") from error
        except smtplib.SMTPResponseException as error:
            # A login that is refused, say: this is about us, and no recipient is to be given up for it.
            why = error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode("utf-8", "replace")
            raise DeliveryUnavailable(recipient, f"{self._address.hostname}: {error.smtp_code} {why}") from error
        return self._server

    def _open(self) -> smtplib.SMTP:
        host, context = self._address.hostname or "", ssl.create_default_context()
        server: smtplib.SMTP
        if self._address.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, self._address.port or 465, timeout=self._timeout, context=context)
            server.ehlo_or_helo_if_needed()
        else:
            server = smtplib.SMTP(host, self._address.port or 25, timeout=self._timeout)
            server.ehlo_or_helo_if_needed()
            if server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
        if self._address.username:
            self._log_in(server, host)
        return server

    def _log_in(self, server: smtplib.SMTP, host: str) -> None:
        encrypted = isinstance(server.sock, ssl.SSLSocket)
        if not encrypted and not _is_loopback(host):
            server.close()
            raise DeliveryUnavailable(host, "offers no encryption, so no password is sent: use smtps://")
        server.login(unquote(self._address.username or ""), self._password)

    def _expect(self, answer: tuple[int, bytes | str], recipient: str) -> str:
        code, words = answer
        line = f"{code} {words if isinstance(words, str) else words.decode('utf-8', 'replace')}"
        if 200 <= code < 400:
            return line
        if code >= PERMANENT:
            raise DeliveryRefused(recipient, line)
        raise DeliveryUnavailable(recipient, line)

    @contextlib.contextmanager
    def _translated(self, recipient: str) -> Iterator[None]:
        """The one place where smtplib's errors become ours."""
        try:
            yield
        except smtplib.SMTPResponseException as error:
            self._drop()
            self._expect((error.smtp_code, error.smtp_error or b""), recipient)
            raise DeliveryUnavailable(recipient, str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise DeliveryUnavailable(
                recipient, f"{self._address.hostname}: {error or type(error).__name__}"
            ) from error

    def _drop(self) -> None:
        if self._server is not None and self._pid == os.getpid():
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._server.quit()
        self._server = None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except (OSError, ValueError):
        return False
