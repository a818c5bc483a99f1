"""Lines of text as pages and feeds have them: what is white space, and what is furniture."""

from __future__ import annotations

import re
from html import unescape

_SOCIAL = "facebook|twitter|x|whatsapp|linkedin|telegram|reddit|pinterest|bluesky|threads|e-?mail|print|copy link|link"
_PICTURE = "photo|photograph|picture|image|illustration|graphic|foto|bild|crédit photo"
_ALSO = (
    r"related|related (?:articles?|stories|content|coverage|reading|news)|read (?:also|next|more)|also read|see also"
    r"|more on this(?: story)?|lire aussi|à lire aussi|lesen sie (?:auch|dazu)|lee también|lea también"
    r"|leia (?:também|mais)|leggi anche|lees ook|läs (?:också|även)|czytaj (?:też|także)|читайте также|читайте також"
)
_FURNITURE = re.compile(
    r"^(?:the post .{0,300}(?:appeared )?first (?:appeared )?on .{0,200}"
    r"|(?:read|continue reading|see) (?:more|the full (?:story|article)).{0,80}"
    r"|(?:share (?:this|the story)|(?:like|enjoyed?) this (?:story|article|post)).{0,60}"
    r"|advertise?ment|anzeige|publicité|publicidad|реклама|(?:story|article) continues (?:below|after).{0,60}"
    rf"|(?:{_ALSO})\s*[:|–].{{0,200}}|related (?:articles?|stories)|also on [\w.]+\.\w+ .{{0,200}}"
    r"|関連記事.{0,100}|有料会員.{0,80}"
    rf"|(?:share on |on )?(?:{_SOCIAL})(?:[\s,|•·]+(?:{_SOCIAL}))*"
    rf"|\(?(?:{_PICTURE})s?(?: credits?| courtesy(?: of)?| by)?\s*[:©/].{{0,150}}"
    rf"|\(?(?:{_PICTURE})s? (?:by|courtesy of) [^.!?]{{0,100}}\)?"
    r"|(?:getty images|shutterstock|© ?[^.]{0,60})"
    r"|(?:sign up|subscribe|register) (?:now |here |today )?(?:for|to) (?:our|the)\b.{0,60}"
    r"(?:newsletter|alerts|briefing).{0,80}"
    r"|(?:this (?:web)?site|we) uses? cookies (?:to|and|on|for|so)\b.{0,300}"
    r"|by (?:continuing|using)[^.]{0,60} cookies.{0,200}"
    r"|follow (?:us|[\w .]{2,60}) on (?:facebook|twitter|x|instagram|telegram|google news|bluesky|whatsapp)\b.{0,120}"
    r"|\[?(?:…|\.\.\.)\]?)\.?$",
    re.IGNORECASE,
)
"""Lines that are no part of a story, wherever it stands. Each is bounded, so that no sentence goes with it."""
_AGENCY = re.compile(r"(?:/|via) ?(?:getty images|ap photo|shutterstock)\)?\.?$", re.IGNORECASE)
MOST_CREDIT = 110

_INLINE = re.compile(
    r"</?(?:a|b|br|cite|em|font|i|mark|p|q|small|span|strong|sub|sup|u)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_BIO = r"\s+(?:is|was|has been|covers|writes|reports|worked|ist|schreibt|est|es|è|é)\b"


def is_furniture(line: str) -> bool:
    """Whether a line is no part of a story: it is what pages and feeds put around them, or credits a picture."""
    if _FURNITURE.match(line):
        return True
    return len(line) <= MOST_CREDIT and bool(_AGENCY.search(line)) and not re.search(r"[.!?] ", line)


def clean(text: str) -> str:
    """Text that every store can hold, white space squeezed."""
    return " ".join(storable(text).split())


def storable(text: str) -> str:
    """Text without NULs and lone surrogates, which no store takes."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def unmarked(title: str) -> str:
    """A title without the markup and the character references that its publisher wrote as text."""
    return clean(unescape(_INLINE.sub("", title)))


def squeezed(text: str) -> str:
    """The letters and digits of `text` in one case: what stays the same however it is set."""
    return "".join(char for char in text.casefold() if char.isalnum())


def is_bio(line: str, authors: tuple[str, ...]) -> bool:
    """Whether a line at the end of a story is about one of its authors."""
    return any(re.match(re.escape(name) + _BIO, line, re.IGNORECASE) for name in authors)
