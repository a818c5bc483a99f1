"""A story seen again: what was known stays, what says more replaces it; equal text makes no new version."""

from __future__ import annotations

from dataclasses import replace

from pipeline.model import Story, TextFrom, identify
from pipeline.text import words


def content_hash(title: str, body: str) -> str:
    """What changes when a reader would read something else: not for white space, case or punctuation."""
    return identify(" ".join(words(title)), " ".join(words(body)))


def merge(old: Story, new: Story) -> Story:
    """The story after it was seen again: what was known stays, what says more replaces it.

    A page's text is never replaced by a feed's. The version goes up only when title or body read differently.
    """
    newer = old if old.text_from is TextFrom.PAGE and new.text_from is TextFrom.FEED else new
    changed = newer.content_hash != old.content_hash
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
        updated_at=new.updated_at,
    )


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))
