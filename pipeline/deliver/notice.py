"""A notice to the operators as a mail: plain text, of a few lines."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from pipeline.deliver.render import POLICY, SUBJECT_LENGTH, one_line
from pipeline.model import Notice, identify
from pipeline.settings import Settings


def notice_mail(notice: Notice, operator: str, settings: Settings) -> EmailMessage:
    """The mail of a notice to one operator. The same one always has the same Message-ID."""
    message = EmailMessage(policy=POLICY)
    message["Subject"] = one_line(f"[Wirewatch] {notice.subject}", SUBJECT_LENGTH)
    message["From"] = Address("Wirewatch", addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=operator)
    message["Date"] = format_datetime(notice.at)
    message["Message-ID"] = f"<{identify('notice', notice.id, operator)}@{settings.mail_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    # What feeds and servers said may hold a lone surrogate, which no mail can.
    message.set_content(notice.text.encode("utf-8", "replace").decode(), cte="quoted-printable")
    return message
