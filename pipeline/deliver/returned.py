"""A mail that came back: what a delivery status notification (RFC 3464) says of an address, as an SMTP answer.

So the one rule of `bounce` reads both: a server that refuses at once, and one that takes a mail and returns it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import cast

from pipeline import ids
from pipeline.deliver.line import one_line

ANSWER_LENGTH = 200
_STATUS = re.compile(r"5\.\d{1,3}\.\d{1,3}")
_DELIVERY = re.compile(rb"^X-Wirewatch-Delivery:[ \t]*(%b)\s*$" % ids.PATTERN.encode(), re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Returned:
    """A mail that failed for good: the first delivery in it, and why, as 550 5.1.1 returned: no such user."""

    delivery_id: str
    answer: str


def read_returned(content: bytes) -> Returned | None:
    """What a mail says of one of ours that failed for good; None when it is about delays, or no delivery status.

    Only `message/delivery-status` counts, of one recipient, as each of our mails has. Ours is known by its header, so
    that whoever makes one up has to know a mail's alert, story and address to have the address given up.
    """
    ours = _DELIVERY.search(content)
    try:
        answers = [answer for part in message_from_bytes(content).walk() for answer in _answers(part)]
    except RecursionError:
        return None  # parts within parts by the hundred: no server's notification
    return Returned(ours.group(1).decode(), answers[0]) if ours and len(answers) == 1 else None


def _answers(part: Message) -> Iterator[str]:
    """What a part says, if it is a report, for each recipient (RFC 3464, 2.3)."""
    is_report = part.get_content_type() == "message/delivery-status"
    groups = part.get_payload() if is_report and part.is_multipart() else []
    for fields in cast(list[Message], groups):
        status = _STATUS.match(str(fields.get("Status", "")).strip())
        if status and str(fields.get("Action", "")).strip().lower() == "failed":
            said = str(fields.get("Diagnostic-Code", "")).partition(";")[2]
            yield one_line(f"550 {status.group()} returned: {said}", ANSWER_LENGTH)
