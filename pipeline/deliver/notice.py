"""Mails of Wirewatch's own: notices to the operators, links to users. Plain text, of a few lines."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from pipeline.deliver.render import POLICY, SUBJECT_LENGTH, one_line
from pipeline.ids import identify
from pipeline.model import Notice
from pipeline.settings import Settings


def notice_mail(notice: Notice, operator: str, settings: Settings) -> EmailMessage:
    """The mail of a notice to one operator. The same one always has the same Message-ID."""
    message = _frame(notice.subject, operator, notice.at, settings)
    message["Message-ID"] = f"<{identify('notice', notice.id, operator)}@{settings.mail_from.rpartition('@')[2]}>"
    # What feeds and servers said may hold a lone surrogate, which no mail can.
    message.set_content(notice.text.encode("utf-8", "replace").decode(), cte="quoted-printable")
    return message


def invitation_mail(address: str, link: str, days: int, at: datetime, settings: Settings) -> EmailMessage:
    """The mail with a one-time link of the console, good for so many days."""
    text = (
        f"With this link you choose your password for Wirewatch. It works once, within {days} days:\n\n{link}\n\n"
        "If you expect no such mail, leave it alone: without you the link does nothing.\n"
    )
    message = _frame("Your link to Wirewatch", address, at, settings)
    message["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2])
    message.set_content(text, cte="quoted-printable")
    return message


def _frame(subject: str, address: str, at: datetime, settings: Settings) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    message["Subject"] = one_line(f"[Wirewatch] {subject}", SUBJECT_LENGTH)
    message["From"] = Address("Wirewatch", addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=address)
    message["Date"] = format_datetime(at)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    return message
