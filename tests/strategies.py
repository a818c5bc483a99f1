"""Queries and stories as Hypothesis makes them: from few words, so that they meet, and from all that is awkward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields as fields_of
from msgspec.structs import replace

from pipeline.dedupe import sketch
from pipeline.errors import QueryError
from pipeline.ids import identify
from pipeline.kept import KINDS
from pipeline.model import Alert, Entity, EntityKind, Identity, Sketch, Story
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
    middle = draw(st.sampled_from(["*", "?", "**", "?*", "*a" + "?" * 14]))
    return stem[:cut] + middle + draw(st.sampled_from(["", stem[cut + 1 :]]))


@st.composite
def phrases(draw: st.DrawFn) -> str:
    alternatives = st.lists(names, min_size=2, max_size=3).map(lambda found: f"({'|'.join(found)})")
    parts = draw(st.lists(st.one_of(word, word, alternatives, wildcards()), min_size=1, max_size=3))
    return draw(quotes).format(" ".join(parts))


signs = st.sampled_from("=+")
exact = st.builds("{}{}".format, signs, st.one_of(word, names.map('"{}"'.format)))
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
    two = st.tuples(inner, st.sampled_from([" AND ", " ", " OR ", " or ", " ＯＲ ", " AND NOT ", " -", " !"]), inner)
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


# -- every kind of thing

moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- as asked for
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.one_of(st.text(max_size=20), texts()),
    int: st.integers(0, 2**31 - 1),
    float: st.floats(0, 1e9),
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    datetime: moments,
    type(None): st.none(),
    Any: st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.lists(st.text(max_size=5), max_size=2)),
}
long_texts = st.integers(0, 2**20).map(lambda seed: " ".join(f"word{seed * place}" for place in range(60)))
_NAMED: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    (Alert, "meaning"): queries().map(lambda query: query.text),
    (Alert, "health"): st.just(""),
    (Sketch, "sketch"): long_texts.map(lambda text: sketch("", text)),
}


def _valued(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    parts = get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, Struct):
        return st.deferred(lambda: made(kind))
    if get_origin(kind) in (Union, UnionType):
        return st.one_of(*map(_valued, parts))
    if get_origin(kind) is dict:
        return st.dictionaries(*map(_valued, parts), max_size=2)
    assert get_origin(kind) is tuple, kind
    if parts[-1] is Ellipsis:
        return st.lists(_valued(parts[0]), max_size=2).map(tuple)
    return st.tuples(*map(_valued, parts))


def made(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Things of a kind with something in every field, of its type, sensible or not; their ids are such as we make."""
    valued = {one.name: _NAMED.get((kind, one.name), _valued(one.type)) for one in fields_of(kind)}
    if "id" in valued:
        valued["id"] = valued["id"].map(identify)
    things = st.builds(kind, **valued)
    return things.map(lambda one: replace(one, id=identify("identity", one.key))) if kind is Identity else things


def everything(least: int, most: int) -> st.SearchStrategy[dict[str, list[Any]]]:
    """So many things of every kind that is kept, by its name."""
    things = {
        kind.name: st.lists(made(kind.type), min_size=least, max_size=most, unique_by=lambda one: one.id)
        for kind in KINDS
    }
    return st.fixed_dictionaries(things)
