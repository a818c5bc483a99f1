"""A story as the language sees it: fields of values, each value a row of tokens.

A phrase or a NEAR never leaves one value. Fields of whole names hold each value as one token, so that
`site:bbc.co.uk` is the host or a parent of it, and never a part of another name.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.text import MAX_TOKEN_UNITS, Tokens, words

if TYPE_CHECKING:
    from pipeline.model import Story

LEAD_PARAGRAPHS = 2
PARAGRAPH_BREAK = "\n\n"


class Field(StrEnum):
    """The fields of the language, under the names analysts type."""

    TITLE = "title"
    LEAD = "lead"
    BODY = "body"
    AUTHOR = "author"
    SITE = "site"
    LANG = "lang"
    ENTITY = "entity"
    TAG = "tag"
    FEED = "feed"
    URL = "url"
    SENTIMENT = "sentiment"

    # Enum's own is written in Python, and every look into a document asks for it.
    __hash__ = str.__hash__


# A word without a field looks here.
UNFIELDED = (Field.TITLE, Field.BODY)
# Fields compared as whole names; all others by their tokens.
WHOLE = frozenset({Field.SITE, Field.LANG, Field.TAG, Field.FEED, Field.SENTIMENT})


def whole(text: str) -> str:
    """A name as the one token that a whole-name field holds: `BBC.co.uk` is `bbc_co_uk`. Cut like any token."""
    return "_".join(words(text))[:MAX_TOKEN_UNITS]


class Whole:
    """A value that is one token. Looks like `Tokens`; the case of a whole name is never kept."""

    __slots__ = ("cased", "folded", "positions", "spans", "text", "vocabulary")

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded: tuple[str, ...] = (whole(text),)
        self.cased = self.folded
        self.spans = ((0, len(text)),)
        self.positions = {self.folded[0]: [0]}
        self.vocabulary = list(self.folded)

    def stretch(self, first: int, last: int) -> tuple[int, int]:  # noqa: ARG002
        """Offsets of the value."""
        return self.spans[0]


Value = Tokens | Whole


@lru_cache(maxsize=4096)
def _whole_value(name: str) -> Whole:
    """`Whole(name)`, shared: sites, feeds, languages and tags come again with every story."""
    return Whole(name)


class Document:
    """The tokens of one story, worked out when first asked for."""

    __slots__ = ("_unfielded", "_values", "story")

    def __init__(self, story: Story) -> None:
        self.story = story
        self._values: dict[Field, tuple[Value, ...]] = {}
        self._unfielded: tuple[tuple[Field, Value], ...] | None = None

    def values(self, field: Field) -> tuple[Value, ...]:
        """The values of `field`, none of them empty of tokens."""
        known = self._values.get(field)
        if known is None:
            make = _whole_value if field in WHOLE else Tokens
            made: list[Value] = [make(text) for text in _texts(self.story, field)]
            known = self._values[field] = tuple(value for value in made if any(value.folded))
        return known

    def looked_in(self, field: Field | None) -> tuple[tuple[Field, Value], ...]:
        """Where a phrase bound to `field` looks, or one without a field: each value, with its field."""
        if field is not None:
            return tuple((field, value) for value in self.values(field))
        if self._unfielded is None:
            self._unfielded = tuple((each, value) for each in UNFIELDED for value in self.values(each))
        return self._unfielded


def _texts(story: Story, field: Field) -> tuple[str, ...]:
    match field:
        case Field.TITLE:
            return (story.title,)
        case Field.BODY:
            return (story.body,)
        case Field.LEAD:
            return (PARAGRAPH_BREAK.join(story.body.split(PARAGRAPH_BREAK)[:LEAD_PARAGRAPHS]),)
        case Field.AUTHOR:
            return story.authors
        case Field.SITE:
            return (*_domains(story.url), story.site)
        case Field.LANG:
            return (story.language,)
        case Field.ENTITY:
            return tuple(entity.name for entity in story.entities)
        case Field.TAG:
            return story.tags
        case Field.FEED:
            return (*story.feed_ids, *story.feed_titles)
        case Field.URL:
            return (story.url,)
        case Field.SENTIMENT:
            return (story.sentiment,)


def _domains(url: str) -> tuple[str, ...]:
    """The host of `url` and each domain it lies in: www.bbc.co.uk, bbc.co.uk, co.uk."""
    try:
        labels = (urlsplit(url).hostname or "").split(".")
    except ValueError:
        return ()
    return tuple(".".join(labels[start:]) for start in range(max(1, len(labels) - 1)))
