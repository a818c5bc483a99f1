"""outline: a query as a person reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from pipeline.query.outline import Outline, outline
from pipeline.query.syntax import leaves, parse
from pipeline.query.variants import shipped, vary
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
def test_a_sign_where_the_outline_says_switches_other_spellings_off(typed):
    clause = _varied(told(typed))
    assert clause is not None
    assert "defense" in clause.also[0]
    exact = f"{typed[: clause.exact_at]}={typed[clause.exact_at :]}"
    assert _varied(told(exact)) is None


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
