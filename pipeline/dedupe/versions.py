"""A story seen again: what was known stays, what says more replaces it; equal text makes no new version.

What changed between two versions is told in sentences, by their words: never white space, case or punctuation, nor what
passes with the day (dates, times, counters) or comes around the text (labels, ads).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from pipeline.dedupe.sentences import sentences, substance
from pipeline.ids import identify
from pipeline.model import Changes, Revision, Story, TextFrom
from pipeline.text import words

MOST_REVISIONS = 20
"""Of more, those before are forgotten."""


def content_hash(title: str, body: str) -> str:
    """What changes when a reader would read something else: not for white space, case or punctuation."""
    return identify(" ".join(words(title)), " ".join(words(body)))


def merge(old: Story, new: Story) -> Story:
    """The story after it was seen again: what was known stays, what says more replaces it.

    A page's text is never replaced by a feed's. The version goes up only when title or body read differently.
    """
    newer = old if old.text_from is TextFrom.PAGE and new.text_from is TextFrom.FEED else new
    changed = newer.content_hash != old.content_hash
    revisions = (*old.revisions, _revision(old, newer))[-MOST_REVISIONS:] if changed else old.revisions
    return replace(
        newer,
        id=old.id,
        authors=newer.authors or old.authors,
        tags=_union(old.tags, new.tags),
        feed_ids=_union(old.feed_ids, new.feed_ids),
        entry_ids=_union(old.entry_ids, new.entry_ids),
        feed_titles=_union(old.feed_titles, new.feed_titles),
        image=newer.image or old.image,
        section=newer.section or old.section,
        published=min(old.published, new.published),
        first_seen_at=min(old.first_seen_at, new.first_seen_at),
        copy_of=old.copy_of,
        version=old.version + changed,
        revisions=revisions,
        updated_at=new.updated_at,
    )


def _revision(old: Story, new: Story) -> Revision:
    edited = new.text_from is old.text_from
    return Revision(version=old.version + 1, at=new.updated_at, changes=changes(old, new), edited=edited)


def changes(old: Story, new: Story) -> Changes:
    """What a reader of `old` would find otherwise in `new`.

    A sentence is added when its words do not stand in a row anywhere in the old body, and removed when they do not in
    the new one; so one that was only moved, joined or split is neither, and one that was reworded is both.
    """
    before, after = _said(old.body), _said(new.body)
    return Changes(
        headline_before="" if substance(old.title) == substance(new.title) else old.title,
        added=tuple(_missing(after, before)),
        removed=tuple(_missing(before, after)),
    )


def _said(body: str) -> dict[tuple[str, ...], str]:
    """What a text says, sentence by sentence in its order, and the sentence that first says it."""
    said: dict[tuple[str, ...], str] = {}
    for sentence in sentences(body):
        said.setdefault(substance(sentence), sentence)
    said.pop((), None)
    return said


def _missing(here: dict[tuple[str, ...], str], there: dict[tuple[str, ...], str]) -> Iterator[str]:
    """The sentences of `here` whose words do not stand in a row in `there`."""
    text = _run([word for words_said in there for word in words_said])
    return (sentence for words_said, sentence in here.items() if _run(words_said) not in text)


def _run(said: Sequence[str]) -> str:
    """Words so set that one run of them holds another only as whole words."""
    return f" {' '.join(said)} "


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))
