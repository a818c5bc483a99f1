"""outline: a query as a person reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.meaning import Lexicon, understand
from pipeline.query.outline import Outline, outline
from pipeline.query.syntax import leaves, parse
from pipeline.query.variants import shipped, vary, without
from tests import builders
from tests.strategies import queries


def told(typed: str) -> Outline:
    query = parse(typed)
    return outline(replace(query, root=vary(query.root, shipped())))


def lines(node: Outline, depth: int = 0) -> list[str]:
    return ["  " * depth + node.says, *(line for part in node.parts for line in lines(part, depth + 1))]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("kursk", ["kursk"]),
        ("a b -(c OR d)", ["all of these", "  a", "  b", "  none of these", "    c", "    d"]),
        (
            "a NEAR/5 (b OR c)",
            ["with at most 5 words between, in any order", "  a", "  any of these", "    b", "    c"],
        ),
        ("a ONEAR/1 b", ["with at most 1 word between, in this order", "  a", "  b"]),
        ("ATLEAST/3 kursk", ["in at least 3 places", "  kursk"]),
        ('title:"mutual aid"', ['"mutual aid" in the headline']),
        ("=KCNA", ["=KCNA"]),
    ],
)
def test_a_query_is_told_as_a_tree_in_words(typed, says):
    assert lines(told(typed)) == says


@pytest.mark.parametrize("typed", ["troops defence", 'x title:"mutual defence"', "x OR (y defence)"])
def test_other_spellings_are_switched_off_where_the_outline_says(typed):
    clause = _varied(told(typed))
    assert clause is not None
    assert "defense" in clause.also[0]
    less = without(parse(typed), shipped(), clause.typed_at or 0, clause.also[0])
    assert _varied(told(less)) is None
    for text in ("troops y defence", "Mutual Defence x"):
        document = Document(builders.story(title=text))
        assert matches(understand(less, Lexicon({}, shipped())), document) == matches(parse(typed), document)
    assert not matches(understand(less, Lexicon({}, shipped())), Document(builders.story(title="troops defense")))


def test_of_many_spellings_one_alone_is_switched_off_and_what_was_typed_is_still_found_in_any_case():
    typed, words = "title:kyiv NEAR/3 title:front", Lexicon({}, shipped())
    assert matches(understand(typed, words), Document(builders.story(title="Kiev front")))
    less = without(parse(typed), shipped(), typed.index("kyiv"), "kiev")
    for title, found in (("Kyiv front", True), ("Київ front", True), ("Kiev front", False)):
        assert matches(understand(less, words), Document(builders.story(title=title))) is found, less
    assert without(parse(less), shipped(), 0, "kiev") == less


@given(queries())
def test_every_clause_of_any_query_is_told(query):
    assert len(list(_leaves(outline(query)))) >= len(list(leaves(query.root)))


def _varied(node: Outline) -> Outline | None:
    return node if node.also else next((one for part in node.parts if (one := _varied(part))), None)


def _leaves(node: Outline):
    if not node.parts:
        yield node
    for part in node.parts:
        yield from _leaves(part)
