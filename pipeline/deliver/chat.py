"""Matches as a message in a chat: each service's own form of the same few lines.

Nothing of a story is ever markup: Slack and Teams get their texts as data (rich text, text runs), Matrix gets HTML that
is escaped. And `inert` takes from the texts what a client would make a mention or a link of by itself. So the links of
a message are ours alone, and it mentions nobody.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from w3lib.url import safe_url_string

from pipeline.address import is_web
from pipeline.deliver.excerpt import Excerpt, excerpts
from pipeline.deliver.policy import read_zone
from pipeline.deliver.render import Item, moment, reasons, subject, update
from pipeline.model import Recipient
from pipeline.outlets import in_words, outlet

LONGEST = 300
"""Characters of a text."""
JOINER = "\u2060"  # WORD JOINER: nothing to see, and no break
# What begins a mention, a room, an address or the end of a host's name; at the end of a text, what may begin one there.
_BEGINS = re.compile(r"@|[#!](?=\w|$)|:(?=/|$)|\.(?=[^\W\d]|$)")
# Controls, marks that turn the direction or can't be seen, halves of surrogate pairs.
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a message may hold: so many stories, with so many sentences each."""

    stories: int
    sentences: int


BOUNDS = (Bounds(15, 3), Bounds(8, 1), Bounds(3, 1), Bounds(1, 0))
"""From the first in which a message is no larger than its service takes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a line. `url` makes it a link, and is a story's."""

    text: str
    url: str = ""
    strong: bool = False
    marked: bool = False


Line = tuple[Piece, ...]
Message = dict[str, object]


def slack(items: Sequence[Item], recipient: Recipient, bounds: Bounds = BOUNDS[0]) -> Message:
    """A message for an incoming webhook of Slack's (Block Kit, rich text). `text` is for notifications alone."""
    sections = [
        {"type": "rich_text_section", "elements": [_slack_element(one) for one in _ended(line)]}
        for line in lines(items, recipient, bounds)
    ]
    said = headline(items).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    blocks = [{"type": "rich_text", "elements": sections}]
    # No previews: they would be loaded from the article's site.
    return {"text": said, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _slack_element(piece: Piece) -> dict[str, object]:
    style = {"bold": True} if piece.strong or piece.marked else {}
    kind: dict[str, object] = {"type": "link", "url": piece.url} if piece.url else {"type": "text"}
    return kind | {"text": piece.text} | ({"style": style} if style else {})


def teams(items: Sequence[Item], recipient: Recipient, bounds: Bounds = BOUNDS[0]) -> Message:
    """A message for a Teams workflow: an Adaptive Card 1.4 of text runs, which know no Markdown."""
    blocks = [
        {"type": "RichTextBlock", "inlines": [_teams_run(one) for one in line]}
        for line in lines(items, recipient, bounds)
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": headline(items),
        "body": blocks,
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _teams_run(piece: Piece) -> dict[str, object]:
    run: dict[str, object] = {"type": "TextRun", "text": piece.text}
    if piece.strong:
        run["weight"] = "Bolder"
    if piece.marked:
        run["highlight"] = True
    if piece.url:
        run["selectAction"] = {"type": "Action.OpenUrl", "url": piece.url}
    return run


def matrix(items: Sequence[Item], recipient: Recipient, bounds: Bounds = BOUNDS[0]) -> Message:
    """A message event of Matrix (client-server API v1.10, `m.notice`): an empty `m.mentions` mentions nobody."""
    found = lines(items, recipient, bounds)
    return {
        "msgtype": "m.notice",
        "body": "\n".join("".join(_plain(one) for one in line) for line in found),
        "format": "org.matrix.custom.html",
        "formatted_body": "<br>".join("".join(_tagged(one) for one in line) for line in found),
        "m.mentions": {},
    }


def _plain(piece: Piece) -> str:
    return f"{piece.text} {piece.url}" if piece.url else piece.text


def _tagged(piece: Piece) -> str:
    text = html.escape(piece.text)
    if piece.strong or piece.marked:
        text = f"<strong>{text}</strong>"
    return f'<a href="{html.escape(piece.url)}">{text}</a>' if piece.url else text


def headline(items: Sequence[Item]) -> str:
    """What a message is about, in one line."""
    return inert(subject(items))


def lines(items: Sequence[Item], recipient: Recipient, bounds: Bounds) -> list[Line]:
    """A message as lines: of one story what a mail says, of many a list under their alerts."""
    if len(items) == 1:
        return [*_story(items[0], recipient, bounds), *_why(items[0])]
    by_alert: dict[str, list[Item]] = {}
    for one in items[: bounds.stories]:
        by_alert.setdefault(one.alert.id, []).append(one)
    found: list[Line] = [(Piece(headline(items), strong=True),)]
    for group in by_alert.values():
        found.append((Piece(inert(group[0].alert.name), strong=True),))
        for one in group:
            found += _in_list(one, bounds)
    more = len(items) - bounds.stories
    return [*found, (Piece(f"… and {more} more, which the ledger lists"),)] if more > 0 else found


def _story(item: Item, recipient: Recipient, bounds: Bounds) -> Iterable[Line]:
    yield (Piece("Alert "), Piece(inert(item.alert.name), strong=True))
    for excerpt in excerpts(item.story, item.match.evidence)[: bounds.sentences]:
        yield tuple(_pieces(excerpt))
    yield (_link(item),)
    yield (Piece(f"{_where(item)} · {moment(item.story.published, read_zone(recipient.zone))}"),)
    if changed := update(item.story, item.match):
        yield (Piece(inert(f"Updated since you were alerted: {changed}.")),)


def _why(item: Item) -> Iterable[Line]:
    for clause, words in reasons(item.match.evidence):
        yield (Piece(inert(f"{clause} found as {words}")),)


def _in_list(item: Item, bounds: Bounds) -> Iterable[Line]:
    yield (Piece("• "), _link(item), Piece(f" {_where(item)}"))
    for excerpt in excerpts(item.story, item.match.evidence)[: min(1, bounds.sentences)]:
        yield tuple(_pieces(excerpt))


def _link(item: Item) -> Piece:
    url = item.story.url
    title = inert(_seen(item.story.title).strip()) or "(no headline)"
    return Piece(title, url=str(safe_url_string(url)) if is_web(url) else "", strong=True)


def _where(item: Item) -> str:
    spread = in_words(item.elsewhere)
    return inert(_seen(outlet(item.story)).strip()) + (f" {spread}" if spread else "")


def _pieces(excerpt: Excerpt) -> Iterable[Piece]:
    for part in excerpt:
        yield Piece(inert(part.text), marked=part.marked)


def _ended(line: Line) -> Line:
    """A line of Slack's: it ends itself, and has no empty texts, which are refused."""
    return (*(one for one in line if one.text), Piece("\n"))


def inert(text: str) -> str:
    """`text` in which no client finds anybody to mention or anything to link: where that begins stands a word joiner.

    In one line, without what can't be seen, cut to LONGEST characters.
    """
    line = _seen(text)
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 2]} …"
    return _BEGINS.sub(rf"\g<0>{JOINER}", line)


def _seen(text: str) -> str:
    return _UNSEEN.sub(" ", text)
