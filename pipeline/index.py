"""index: what the feed said and what the page said become the story that is stored and searched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from pipeline import ids
from pipeline.model import Article, Entry, Feed, Story, TextFrom
from pipeline.query.document import PARAGRAPH_BREAK

# A page dated further ahead than clocks differ is wrong about its date.
CLOCKS_DIFFER = timedelta(minutes=10)

LONGEST_NAME = 300
"""Characters of a name that a page gives its site or section: Elasticsearch takes no keyword of 32 KB."""


def compose(
    entry: Entry,
    feed: Feed,
    article: Article | None,
    *,
    url: str,
    feed_paragraphs: Sequence[str],
    text_reason: str,
    now: datetime,
) -> Story:
    """Make the story of an entry: the page's word before the feed's.

    `url` is the canonical address; `feed_paragraphs` stand in for the body when `article` is None, and then
    `text_reason` says why. `published` is the page's, else the feed's, else when the entry was first seen, and
    never in the future.
    """
    page = article or Article(url=url)
    body = page.paragraphs if article else feed_paragraphs
    return Story(
        id=ids.story_id(entry.first_seen_at, url),
        url=url,
        title=page.title or entry.title,
        body=PARAGRAPH_BREAK.join(body),
        authors=page.authors or entry.authors,
        published=published(page.published or entry.published, entry.first_seen_at, now),
        site=(page.site or feed.title)[:LONGEST_NAME],
        section=page.section[:LONGEST_NAME],
        tags=entry.tags,
        feed_ids=(feed.id,),
        entry_ids=(entry.id,),
        feed_titles=(feed.title,) if feed.title else (),
        image=page.image,
        text_from=TextFrom.PAGE if article else TextFrom.FEED,
        text_reason="" if article else text_reason,
        first_seen_at=entry.first_seen_at,
        updated_at=now,
    )


def published(stated: datetime | None, first_seen: datetime, now: datetime) -> datetime:
    """The moment of publication: as stated, but not after now; first seen where none is stated."""
    if stated is None:
        return first_seen
    return stated if stated <= now + CLOCKS_DIFFER else min(first_seen, now)


def with_id(story: Story, story_id: str) -> Story:
    """`story` under the id that its identity keys belong to."""
    return story if story.id == story_id else replace(story, id=story_id)
