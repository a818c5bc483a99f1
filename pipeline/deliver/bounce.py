"""What it says of an address that a message to it was refused for good: 5xx of a mail server, 4xx of who takes posts.

Of a mail it is told by the enhanced status code (RFC 3463, and RFC 7505 for 5.1.10), else by the reply code (RFC 5321,
4.2.3). A full mailbox, our own sender, a policy, the size or the content of a mail say nothing of it: they would be the
same, or pass, for an address that is well. Of a post it is told by the status (RFC 9110, 15.5).
"""

from __future__ import annotations

import re
from enum import StrEnum

REFUSED_AT_MOST = 3
"""Refusals in a row after which an address is given up, unless it was said to be none: then at once."""

_ANSWER = re.compile(r"(5\d\d)(?:[ -]5\.(\d{1,3})\.(\d{1,3})(?!\d))?")
_NO_ADDRESS = {("1", detail) for detail in ("1", "2", "3", "4", "6", "10")}
_REFUSED = {("0", "0"), ("1", "0"), ("2", "0"), ("2", "1"), ("2", "4")}
_REFUSED_PLAINLY = ("550", "551", "553")
# No mail server refuses for good with 4xx.
_POST = re.compile(r"(4\d\d)(?!\d)")
_GONE = "410"
_POST_REFUSED = ("401", "403", "404")


class Bounce(StrEnum):
    """What a refusal says of the address."""

    NO_ADDRESS = "there is no such address"
    REFUSED = "the address is refused"
    OTHER = "nothing"


def read_bounce(answer: str) -> Bounce:
    """What the answer of a mail server, or of who takes posts, says of the address that a message was for."""
    if post := _POST.match(answer):
        return _read_status(post.group())
    found = _ANSWER.match(answer)
    if found is None:
        return Bounce.OTHER
    code, subject, detail = found.groups()
    if subject is None:
        return Bounce.REFUSED if code in _REFUSED_PLAINLY else Bounce.OTHER
    if (subject, detail) in _NO_ADDRESS:
        return Bounce.NO_ADDRESS
    return Bounce.REFUSED if (subject, detail) in _REFUSED else Bounce.OTHER


def _read_status(status: str) -> Bounce:
    if status == _GONE:
        return Bounce.NO_ADDRESS
    return Bounce.REFUSED if status in _POST_REFUSED else Bounce.OTHER


def gives_up(answer: str, refusals: int) -> bool:
    """Whether an address is given up after so many refusals in a row, `answer` being the last."""
    return read_bounce(answer) is Bounce.NO_ADDRESS or refusals >= REFUSED_AT_MOST
