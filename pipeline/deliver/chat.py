"""Matches as a message in a chat: each service's own form of the same few lines.

Nothing of a story is ever markup: Slack and Teams get their texts as data (rich text, text runs), Matrix gets HTML that
is escaped. And `inert` takes from the texts what a client would make a mention or a link of by itself. So a message
links to its stories and to our console alone, and it mentions nobody.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from w3lib.url import safe_url_string

from pipeline.deliver.card import Card, Reader, card
from pipeline.deliver.digest import Cluster, Section, in_turn, sections, why_held
from pipeline.deliver.excerpt import Excerpt
from pipeline.deliver.item import Item
from pipeline.deliver.links import Links, links

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
    """A stretch of a line. `url` makes it a link: to a story, or to our console."""

    text: str
    url: str = ""
    strong: bool = False
    marked: bool = False


Line = tuple[Piece, ...]
Message = dict[str, object]


def slack(subject: str, lines: Sequence[Line]) -> Message:
    """A message for an incoming webhook of Slack's (Block Kit, rich text). `text` is for notifications alone."""
    rows = [{"type": "rich_text_section", "elements": [_slack_element(one) for one in _ended(line)]} for line in lines]
    said = inert(subject).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    blocks = [{"type": "rich_text", "elements": rows}]
    # No previews: they would be loaded from the article's site.
    return {"text": said, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _slack_element(piece: Piece) -> dict[str, object]:
    style = {"bold": True} if piece.strong or piece.marked else {}
    kind: dict[str, object] = {"type": "link", "url": piece.url} if piece.url else {"type": "text"}
    return kind | {"text": piece.text} | ({"style": style} if style else {})


def teams(subject: str, lines: Sequence[Line]) -> Message:
    """A message for a Teams workflow: an Adaptive Card 1.4 of text runs, which know no Markdown."""
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": inert(subject),
        "body": [{"type": "RichTextBlock", "inlines": [_teams_run(one) for one in line]} for line in lines],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
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


def matrix(_subject: str, lines: Sequence[Line]) -> Message:
    """A message event of Matrix (client-server API v1.10, `m.notice`): an empty `m.mentions` mentions nobody."""
    return {
        "msgtype": "m.notice",
        "body": "\n".join("".join(_plain(one) for one in line) for line in lines),
        "format": "org.matrix.custom.html",
        "formatted_body": "<br>".join("".join(_tagged(one) for one in line) for line in lines),
        "m.mentions": {},
    }


def _plain(piece: Piece) -> str:
    return f"{piece.text} {piece.url}" if piece.url else piece.text


def _tagged(piece: Piece) -> str:
    text = html.escape(piece.text)
    if piece.strong or piece.marked:
        text = f"<strong>{text}</strong>"
    return f'<a href="{html.escape(piece.url)}">{text}</a>' if piece.url else text


def lines(
    items: Sequence[Item], reader: Reader, subject: str, notes: Sequence[str] = (), bounds: Bounds = BOUNDS[0]
) -> list[Line]:
    """A message as lines, in the reader's language: of one story what a mail says, of many a list by their alerts."""
    said = [(Piece(inert(note)),) for note in notes]
    if len(items) == 1:
        return [*_story(items[0], reader, bounds), *said]
    top: list[Line] = [(Piece(inert(subject), strong=True),)]
    top += [(Piece(inert(why)),) for why in why_held(items, reader.language)]
    return [*top, *said, *_list(sections(items), reader, bounds)]


def _story(item: Item, reader: Reader, bounds: Bounds) -> Iterator[Line]:
    made = card(item, item.elsewhere, reader)
    yield (Piece(inert(item.alert.name), strong=True),)
    for excerpt in made.excerpts[: bounds.sentences]:
        yield tuple(_pieces(excerpt))
    yield (_headline(made),)
    yield (Piece(f"{_where(made, reader)} · {made.published}"),)
    if made.update:
        yield (
            Piece(inert(reader.language.gettext("Updated since you were alerted: %(update)s.", update=made.update))),
        )
    for clause, words in made.reasons:
        yield (Piece(inert(f"{clause} {reader.language.gettext('found as')} {words}")),)
    yield from _ways_out(made.links, reader, irrelevant=True)


def _list(made: Sequence[Section], reader: Reader, bounds: Bounds) -> Iterator[Line]:
    """Each alert with its stories, the most important first, for which there is room."""
    shown = {id(cluster) for _, cluster in islice(in_turn(made), bounds.stories)}
    for section in made:
        clusters = [one for one in section.clusters if id(one) in shown]
        if clusters:
            yield (Piece(inert(section.alert.name), strong=True),)
            for one in clusters:
                yield from _in_list(one, reader, bounds)
            yield from _ways_out(links(clusters[0].lead.delivery, reader.settings), reader)
    more = sum(len(section.clusters) for section in made) - len(shown)
    if more:
        yield (Piece(f"… {reader.language.ngettext('and %(num)d more', 'and %(num)d more', more)}"),)


def _in_list(cluster: Cluster, reader: Reader, bounds: Bounds) -> Iterator[Line]:
    made = card(cluster.lead, cluster.elsewhere, reader)
    yield (Piece("• "), _headline(made), Piece(f" {_where(made, reader)}"))
    for excerpt in made.excerpts[: min(1, bounds.sentences)]:
        yield tuple(_pieces(excerpt))


def _ways_out(found: Links, reader: Reader, *, irrelevant: bool = False) -> Iterator[Line]:
    """What whoever reads can do about it, where the console has a public address."""
    said = reader.language.gettext
    ways = [
        Piece(said("Not relevant"), url=found.irrelevant if irrelevant else ""),
        Piece(said("Mute for a day"), url=found.mute),
        Piece(said("Unsubscribe"), url=found.unsubscribe),
    ]
    if there := [one for one in ways if one.url]:
        yield tuple(piece for one in there for piece in (Piece(" · "), one))[1:]


def _headline(made: Card) -> Piece:
    title = inert(_seen("".join(part.text for part in made.headline)).strip()) or "(no headline)"
    return Piece(title, url=str(safe_url_string(made.url)), strong=True)


def _where(made: Card, reader: Reader) -> str:
    outlet = inert(_seen(made.outlet).strip()) or reader.language.gettext("unknown outlet")
    return f"{outlet} {made.spread}".strip()


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
