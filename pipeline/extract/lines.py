"""Lines of text as pages and feeds have them: what is white space, and what is furniture."""

from __future__ import annotations

import re

FURNITURE = re.compile(
    r"^(?:the post .{0,300}(?:appeared )?first (?:appeared )?on .{0,200}"
    r"|(?:read|continue reading|see) (?:more|the full (?:story|article)).{0,80}"
    r"|share (?:this|the story).{0,40}|advertisement|\[?(?:…|\.\.\.)\]?)\.?$",
    re.IGNORECASE,
)
"""Lines that are no part of a story, wherever it stands."""


def clean(text: str) -> str:
    """Text that every store can hold, white space squeezed: no NULs, no lone surrogates."""
    return " ".join(text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").split())
