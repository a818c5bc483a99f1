"""What stands where an article should: paywall stubs, consent walls, JavaScript shells. Pure: a page gives a name.

Whole pages carry the same words in boxes and menus. So a page is only asked when little text came out of it
(MOST_LETTERS), and only phrases that speak of this very page count; what stands in menus and scripts doesn't.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from lxml.html import HtmlElement

PAYWALL, CONSENT, SHELL = "a paywall stub", "a consent wall", "a JavaScript shell"

MOST_LETTERS = 1_500
"""A text longer than this is the article, whatever stands around it: stubs give two or three paragraphs."""
SHELL_LETTERS = 400
"""A page that is drawn by scripts has at the most so much to say without them, and that is about scripts."""
SLOGAN_LETTERS = 150
"""A page that says outside of its text that it needs scripts has at the most so much text: its name and a slogan."""

_PAID = re.compile(
    r"(?:subscribe|subscription|sign in|log in|register|join|pay)[^.!?]{0,60}"
    r"to (?:continue|keep|finish|read (?:the|this) (?:full|rest|whole|article|story)|unlock)"
    r"|to (?:continue|keep|finish) reading(?: this (?:article|story))?,? (?:please )?"
    r"(?:subscribe|sign|log|register|join)"
    r"|(?:article|story|content|page) is (?:only |exclusively )?(?:available |reserved )?(?:only |exclusively )?"
    r"(?:for|to) (?:our |paying |registered )?(?:subscribers|members)"
    r"|you(?:’|')?(?: ha)?ve (?:reached|used|read) (?:your|all|the)[^.!?]{0,40}(?:free|monthly|limit)"
    r"|(?:weiterlesen|weiterzulesen) mit|(?:nur für|exklusiv für)[^.!?]{0,20}abonnent"
    r"|réservé (?:à|aux) (?:nos )?abonnés|il vous reste [\d.,]+ ?% de cet article"
    r"|(?:contenido|artículo) (?:exclusivo )?(?:solo )?para suscriptores"
    r"|(?:contenuto|articolo) (?:riservato|solo) (?:agli|per gli) abbonati|この記事は(?:有料)?会員(?:限定|向け)"
    r"|материал доступен (?:только )?(?:для )?подписчик",
    re.IGNORECASE,
)
_ASKS_CONSENT = re.compile(
    r"\bwe (?:and|use|value|need|care)\b[^.!?]{0,60}(?:partners|cookies|privacy|consent|vendors)"
    r"|\bour (?:\d+ |trusted )?(?:partners|vendors)\b|\byour (?:consent|privacy|choices|preferences|personal data)\b"
    r"|store and/or access information on a device|legitimate interest|accept all|reject all"
    r"|manage (?:cookies|settings)"
    r"|wir (?:und|verwenden|nutzen)[^.!?]{0,60}(?:partner|cookies)|ihre (?:einwilligung|zustimmung|privatsphäre)"
    r"|nos partenaires|votre (?:consentement|vie privée)|tout accepter|nuestros socios|su (?:consentimiento|privacidad)"
    r"|i nostri partner|il (?:tuo|suo) consenso",
    re.IGNORECASE,
)
_CONSENT_ADDRESS = re.compile(r"^(?:consent|guce|privacy|cmp)\.|/(?:consent|privacy-?wall|cookie-?wall)(?:[/?.]|$)")
_NEEDS_SCRIPTS = re.compile(
    r"(?:enable|activate|turn on|requires?|needs?|without|disabled)[^.!?]{0,40}java ?script"
    r"|java ?script[^.!?]{0,40}(?:enable|disabled|required|activ|aktivier|désactivé|deshabilitado|habilit|disabilitato)"
    r"|activez[^.!?]{0,20}java ?script|включите[^.!?]{0,20}java ?script",
    re.IGNORECASE,
)
_ROOTS = frozenset({"root", "app", "__next", "__nuxt", "___gatsby", "main-app", "app-root"})
"""Ids of the elements into which the usual frameworks draw a page."""
_ASIDE = frozenset({"script", "style", "template", "header", "nav", "footer", "aside", "svg"})


def barrier(tree: HtmlElement, url: str, paragraphs: Sequence[str], things: Iterable[dict[str, Any]]) -> str:
    """What stands where the article should, empty when nothing does.

    `paragraphs` is what came out of the page found at `url`; `things` are the articles its JSON-LD describes, of which
    schema.org's `isAccessibleForFree` counts.
    """
    letters = sum(map(len, paragraphs))
    if letters > MOST_LETTERS:
        return ""
    free = {_truth(thing["isAccessibleForFree"]) for thing in things if "isAccessibleForFree" in thing}
    if _is_consent(url, paragraphs):
        return CONSENT
    if False in free or (True not in free and _PAID.search(_words(tree))):
        return PAYWALL
    return SHELL if letters <= SHELL_LETTERS and _is_shell(tree, paragraphs) else ""


def _truth(value: Any) -> bool:
    """A boolean as pages write it: true, "False", "http://schema.org/False"."""
    return not str(value).strip().lower().endswith("false")


def _is_consent(url: str, paragraphs: Sequence[str]) -> bool:
    """Whether the address is that of a consent manager, or most of the text asks its reader for consent."""
    parts = urlsplit(url)
    if _CONSENT_ADDRESS.search(parts.netloc) or _CONSENT_ADDRESS.search(parts.path):
        return True
    asking = sum(len(one) for one in paragraphs if len(_ASKS_CONSENT.findall(one)) >= 2)
    return asking * 2 > sum(map(len, paragraphs))


def _is_shell(tree: HtmlElement, paragraphs: Sequence[str]) -> bool:
    """Whether the page says that it needs scripts, or has nothing but an empty element for them to draw into."""
    letters = sum(map(len, paragraphs))
    if _NEEDS_SCRIPTS.search(_words(tree) if letters <= SLOGAN_LETTERS else " ".join(paragraphs)):
        return True
    empty = any(
        element.get("id") in _ROOTS and not element.text_content().strip() for element in tree.iter("div", "app-root")
    )
    return empty and not letters


def _words(tree: HtmlElement) -> str:
    """The text of the page without what stands in its menus, boxes and scripts."""
    return " ".join(_texts(tree))


def _texts(tree: HtmlElement) -> Iterable[str]:
    """Depth first, on a stack of our own: pages nest deeper than Python calls."""
    waiting: list[HtmlElement | str] = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
            continue
        if isinstance(one.tag, str) and one.tag not in _ASIDE:
            waiting.extend(reversed([part for child in one for part in (child, child.tail or "")]))
            yield one.text or ""
