"""walls: bot walls told by their answers. Pure: status, headers and the beginning of the body give the wall's name.

A wall answers instead of the publisher, and no retry cures that: a person has to ask the publisher to let the poller
in. The marks are what each product sends with its block and challenge pages; a header that a product puts on every
answer it lets through says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

STATUSES = frozenset({200, 202, 401, 403, 405, 406, 429, 503})
"""With which walls answer. 200 counts where a feed was expected and a page came."""
BEGINNING = 4_096
"""Bytes of a body that are looked at."""
CURE = (
    "ask the publisher to let the poller's User-Agent in (it names `WIREWATCH_CONTACT`), "
    "or take another address of the feed"
)
"""What a person can do about one."""

# Headers that only a block or a challenge carries, with what their value holds.
_HEADERS = (
    ("Cloudflare", "cf-mitigated", "challenge"),
    ("AWS WAF", "x-amzn-waf-action", ""),
    ("DataDome", "x-datadome", "protected"),
    ("DataDome", "x-dd-b", ""),
)
# Words of a body, in lower case: all of a row must stand there.
_BODIES = (
    ("Cloudflare", (b"<title>just a moment",)),
    ("Cloudflare", (b"attention required!", b"cloudflare")),
    ("Cloudflare", (b"cf-error-details", b"you have been blocked")),
    ("DataDome", (b"captcha-delivery.com",)),
    ("Akamai", (b"access denied", b"errors.edgesuite.net")),
    ("Akamai", (b"access denied", b"you don't have permission to access", b"reference&#32;&#35;")),
    ("Akamai", (b"access denied", b"you don't have permission to access", b"reference #")),
    ("Imperva", (b"_incapsula_resource",)),
    ("Imperva", (b"incapsula incident id",)),
    ("PerimeterX", (b"px-captcha",)),
    ("PerimeterX", (b"_pxappid",)),
    ("AWS WAF", (b"awswafintegration",)),
    ("Sucuri", (b"sucuri website firewall", b"access denied")),
)


def recognise(status: int | None, headers: Mapping[str, str], body: bytes) -> str:
    """The name of the wall that gave this answer, empty when none is recognised. Header names are in lower case."""
    if status not in STATUSES:
        return ""
    for wall, name, value in _HEADERS:
        if name in headers and value in headers[name].lower() and status != 200:
            return wall
    beginning = body[:BEGINNING].lower()
    return next((wall for wall, marks in _BODIES if all(mark in beginning for mark in marks)), "")
