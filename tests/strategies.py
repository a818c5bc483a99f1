"""Queries and stories as Hypothesis makes them: from few words, so that they meet, and from all that is awkward."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from pipeline.errors import QueryError
from pipeline.model import Entity, EntityKind, Story
from pipeline.query.syntax import Query, parse
from tests import builders
from tests.builders import NOON

WORDS = (
    "Kursk kursk Kursk’s mutual defence defense pact KCNA kcna U.S. US 10,000 10000 long-range range O’Neill "
    "naïve naive Café straße İstanbul ﬁre Київ Киев йод ёлка елка 北京 平壤市 バス バ كورسك كُرسك בית missile missiles "
    "missing organise organize New Year the co-operate № 5 х́"
).split()
word = st.sampled_from(WORDS)
glue = st.sampled_from([" ", " ", " ", " ", ", ", ". ", " — ", "-", "\n\n", "\u00a0", " “", "” ", "’s "])


@st.composite
def texts(draw: st.DrawFn, most: int = 12) -> str:
    """Running text with whatever stands between words."""
    count = draw(st.integers(0, most))
    return "".join(draw(word) + draw(glue) for _ in range(count)).strip()


names = st.lists(word, min_size=1, max_size=3).map(" ".join)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A story with something in every field that can be asked for."""
    number = draw(st.integers(0, 10**9))
    return builders.story(
        url=f"https://{draw(st.sampled_from(['www.bbc.co.uk', 'a.example']))}/{draw(word)}/{number}",
        title=draw(texts(6)),
        body="\n\n".join(draw(st.lists(texts(), max_size=4))),
        authors=tuple(draw(st.lists(names, max_size=2))),
        site=draw(names),
        language=draw(st.sampled_from(["en", "de", "unknown"])),
        tags=tuple(draw(st.lists(names, max_size=2))),
        entities=tuple(Entity(name=one, kind=EntityKind.PERSON) for one in draw(st.lists(names, max_size=2))),
        feed_titles=tuple(draw(st.lists(names, max_size=1))),
        sentiment=draw(st.sampled_from(["", "negative"])),
        published=NOON + timedelta(seconds=number % 1000),
    )


quotes = st.sampled_from(['"{}"', '"{}"', "“{}”", "«{}»", "„{}“", "″{}″"])
fields = st.sampled_from("title lead body author site lang entity tag feed url sentiment".split())


@st.composite
def wildcards(draw: st.DrawFn) -> str:
    stem = draw(st.sampled_from([one for one in WORDS if one.isalpha() and one.isascii() and len(one) > 3]))
    cut = draw(st.integers(3, len(stem) - 1))
    middle = draw(st.sampled_from(["*", "?", "**", "?*"]))
    return stem[:cut] + middle + draw(st.sampled_from(["", stem[cut + 1 :]]))


@st.composite
def phrases(draw: st.DrawFn) -> str:
    alternatives = st.lists(names, min_size=2, max_size=3).map(lambda found: f"({'|'.join(found)})")
    parts = draw(st.lists(st.one_of(word, word, alternatives, wildcards()), min_size=1, max_size=3))
    return draw(quotes).format(" ".join(parts))


exact = st.one_of(word.map(lambda one: f"={one}"), names.map(lambda one: f'="{one}"'))
leaves = st.one_of(word, word, phrases(), phrases(), wildcards(), exact)
operands = st.one_of(leaves, st.lists(leaves, min_size=2, max_size=2).map(lambda two: f"({two[0]} OR {two[1]})"))


@st.composite
def nears(draw: st.DrawFn) -> str:
    operator = f" {draw(st.sampled_from(['NEAR', 'ONEAR', 'near']))}/{draw(st.integers(0, 6))} "
    return operator.join(draw(st.lists(operands, min_size=2, max_size=3)))


atoms = st.one_of(
    leaves,
    leaves,
    nears().map(lambda found: f"({found})"),
    st.tuples(fields, leaves).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    st.tuples(st.integers(1, 3), leaves).map(lambda pair: f"ATLEAST/{pair[0]} {pair[1]}"),
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, st.sampled_from([" AND ", " ", " OR ", " or ", " AND NOT ", " -"]), inner)
    return st.one_of(two.map(lambda parts: f"({''.join(parts)})"), inner.map(lambda one: f"NOT {one}"))


query_texts = st.recursive(atoms, _grown, max_leaves=5)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """A query that is accepted; what is refused is drawn again, a few times."""
    for _ in range(4):
        try:
            return parse(draw(query_texts))
        except QueryError:
            continue
    return parse(draw(word.filter(lambda one: one.isalnum())))
