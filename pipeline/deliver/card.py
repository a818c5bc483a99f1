"""What a mail says of one story, in the reader's language and zone: what the templates are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from pipeline.deliver.excerpt import Excerpt, Segment, excerpts, headline, only_in_title
from pipeline.deliver.item import Item
from pipeline.deliver.language import ENGLISH, Language, language
from pipeline.deliver.line import one_line, printable, web_address
from pipeline.deliver.links import Links, links
from pipeline.deliver.policy import read_zone
from pipeline.model import Evidence, Match, Recipient, Story
from pipeline.outlets import outlet
from pipeline.settings import Settings

MOST_ENTITIES = 8
MOST_OUTLETS = 20
MOST_REASONS = 6
MOST_AUTHORS = 5
LONGEST_NAME = 100
LONGEST_CLAUSE = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a mail is for, and what follows from that."""

    recipient: Recipient
    language: Language
    zone: tzinfo
    settings: Settings


@dataclass(frozen=True, slots=True)
class Headline:
    """A story on one line; `spread` says in how many outlets besides."""

    title: str
    url: str
    outlet: str
    spread: str


@dataclass(frozen=True, slots=True)
class Card:
    """A story in full. Every text is printable, and on one line but for the segments, whose spaces the reader joins."""

    headline: Excerpt
    url: str
    excerpts: tuple[Excerpt, ...]  # none where it is the headline that matched
    outlet: str
    published: str
    authors: str
    spread: str
    elsewhere: tuple[tuple[str, str], ...]  # outlets and addresses
    more_outlets: int
    update: str  # what the new version changed
    reasons: tuple[tuple[str, str], ...]  # clauses, and how they stand in the story
    entities: str
    from_feed: str  # why the feed's text had to do
    links: Links


def reader_of(recipient: Recipient, settings: Settings) -> Reader:
    """The reader at an address. Raises BadInput for a zone that there is not."""
    return Reader(recipient, language(recipient.language), read_zone(recipient.zone), settings)


def headline_of(item: Item, elsewhere: Sequence[Story], reader: Reader) -> Headline:
    """One line on a story."""
    url, title = web_address(item.story.url), one_line(item.story.title, LONGEST_CLAUSE)
    return Headline(title or url, url, _outlet(item.story), spread(len(elsewhere), reader.language))


def card(item: Item, elsewhere: Sequence[Story], reader: Reader) -> Card:
    """All that a mail says of a story."""
    story, evidence = item.story, item.match.evidence
    shown = (
        ()
        if only_in_title(evidence) or not story.body.strip()
        else excerpts(story, evidence, reader.settings.excerpt_letters)
    )
    return Card(
        headline=_clean(headline(story, evidence)) or (Segment(web_address(story.url)),),
        url=web_address(story.url),
        excerpts=tuple(filter(None, map(_clean, shown))),
        outlet=_outlet(story),
        published=reader.language.moment(story.published, reader.zone),
        authors=", ".join(one_line(name, LONGEST_NAME) for name in story.authors[:MOST_AUTHORS]),
        spread=spread(len(elsewhere), reader.language),
        elsewhere=tuple((_outlet(one), web_address(one.url)) for one in elsewhere[:MOST_OUTLETS]),
        more_outlets=max(0, len(elsewhere) - MOST_OUTLETS),
        update=update(story, item.match, reader.language),
        reasons=reasons(evidence),
        entities=", ".join(one_line(entity.name, LONGEST_NAME) for entity in story.entities[:MOST_ENTITIES]),
        from_feed=one_line(story.text_reason, LONGEST_CLAUSE),
        links=links(item.delivery, reader.settings),
    )


def spread(outlets: int, said_in: Language) -> str:
    """How many outlets besides carry a story: +17 outlets; empty for none."""
    return said_in.ngettext("+%(num)d outlet", "+%(num)d outlets", outlets) if outlets else ""


def update(story: Story, match: Match, said_in: Language = ENGLISH) -> str:
    """What a new version changed, for those who were alerted to an earlier one; empty for a first alert."""
    revision = next((one for one in story.revisions if one.version == match.story_version), None)
    if not match.update or revision is None:
        return ""
    before, added, removed = revision.changes.headline_before, revision.changes.added, revision.changes.removed
    said = [
        said_in.gettext("headline was “%(before)s”", before=one_line(before, LONGEST_CLAUSE)) if before else "",
        said_in.ngettext("%(num)d sentence added", "%(num)d sentences added", len(added)) if added else "",
        said_in.ngettext("%(num)d sentence removed", "%(num)d sentences removed", len(removed)) if removed else "",
    ]
    return "; ".join(filter(None, said))


def reasons(evidence: Sequence[Evidence]) -> tuple[tuple[str, str], ...]:
    """Each clause that held, and how it stands in the story: the variant, or the field where that is another."""
    found: dict[str, dict[str, None]] = {}
    for one in evidence:
        where = one.text if one.field in ("title", "body", "lead") else f"{one.text} ({one.field})"
        found.setdefault(one.clause, {})[one_line(where, LONGEST_NAME)] = None
    first = list(found.items())[:MOST_REASONS]
    return tuple((one_line(clause, LONGEST_CLAUSE), ", ".join(list(words)[:4])) for clause, words in first)


def in_text(excerpt: Excerpt) -> str:
    """An excerpt for a text mail or a terminal: what matched stands between asterisks."""
    return "".join(f"*{part.text}*" if part.marked else part.text for part in excerpt)


def _outlet(story: Story) -> str:
    return one_line(outlet(story), LONGEST_NAME)


def _clean(excerpt: Excerpt) -> Excerpt:
    shown = tuple(Segment(printable(part.text), part.marked) for part in excerpt)
    return shown if any(part.text.strip() for part in shown) else ()
