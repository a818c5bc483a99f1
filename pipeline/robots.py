"""robots: whether a page may be fetched: RFC 9309 as Protego reads it, and X-Robots-Tag. flow/pages.py does the asking.

For pages only: a feed is published to be polled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from protego import Protego

from pipeline.address import origin
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.model import FetchRequest, FetchResponse

AGENT = "Wirewatch"
"""The product token that robots.txt and X-Robots-Tag call us by."""
MOST_BYTES = 500 * 1024
"""Of a robots.txt this much is read (RFC 9309, 2.5)."""
MOST_REDIRECTS = 5
"""After more the file counts as unavailable, so that all is allowed (RFC 9309, 2.3.1.2)."""
KEPT = timedelta(hours=24)
"""How long a robots.txt is believed (RFC 9309, 2.4)."""
UNREACHABLE_KEPT = timedelta(minutes=10)
"""How soon one that could not be had is asked for again."""

_RESTRICTIONS = frozenset({"noindex", "none", "noarchive", "nosnippet", "noai", "unavailable_after"})
_FOR_AN_AGENT = re.compile(r"\s*(?!max-|unavailable_after)([\w-]+)\s*:")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the robots.txt of a site says until `until`. Without `text` all is allowed; when `unreachable`, nothing."""

    until: datetime
    text: Protego | None = None
    unreachable: str = ""  # why it could not be had, in words

    def refusal(self, url: str) -> str:
        """Why the page at `url` may not be fetched, in words; empty when it may."""
        if self.unreachable:
            return f"robots.txt of {_host(url)} can't be had, so its pages are left alone for now: {self.unreachable}"
        if self.text is None or self.text.can_fetch(url, AGENT):
            return ""
        return f"robots.txt of {_host(url)} does not open this page to {AGENT}"


def request_for(url: str) -> FetchRequest:
    """The request for the robots.txt that rules the page at `url`: a byte more than is read says that it was cut."""
    return FetchRequest(
        url=f"{origin(url)}/robots.txt", max_bytes=MOST_BYTES + 1, cut=True, accept="text/plain, */*;q=0.5"
    )


def rules(outcome: FetchResponse | FetchUnavailable | FetchRefused, now: datetime) -> Rules:
    """What the answer to `request_for` means (RFC 9309, 2.3.1): 4xx allows all, 5xx and silence nothing for now.

    429 counts as silence: a server that asks for fewer requests does not ask for more.
    """
    if isinstance(outcome, FetchUnavailable):
        return Rules(now + UNREACHABLE_KEPT, unreachable=outcome.reason)
    if isinstance(outcome, FetchRefused) or len(outcome.redirects) > MOST_REDIRECTS:
        return Rules(now + KEPT)
    return Rules(now + KEPT, Protego.parse(_text(outcome.body)))


def _text(body: bytes) -> str:
    """The lines that are read: the last one may be cut, and is left out then."""
    if len(body) > MOST_BYTES:
        body = body[:MOST_BYTES].rpartition(b"\n")[0]
    return body.decode("utf-8-sig", "replace")


def tag(page: FetchResponse) -> str:
    """What X-Robots-Tag asks of us about this page, as it stands there; empty when it restricts nothing.

    It speaks to public search engines. A story is found by this installation's own people only, so it is noted.
    """
    asked: list[str] = []
    ours = True
    for part in page.headers.get("x-robots-tag", "").split(","):
        agent = _FOR_AN_AGENT.match(part)
        if agent:
            ours = agent.group(1).lower() == AGENT.lower()
        directive = part[agent.end() if agent else 0 :].strip()
        if ours and directive.partition(":")[0].strip().lower() in _RESTRICTIONS:
            asked.append(directive)
    return ", ".join(asked)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
