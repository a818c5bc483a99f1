"""lint and miss: what is questionable about a query, and why a clause did not hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.imply import implies
from pipeline.query.lint import warnings
from pipeline.query.miss import miss
from pipeline.query.syntax import parse
from pipeline.query.variants import shipped, vary
from tests import builders, strategies

QUESTIONABLE = [
    ('"kursk or belgorod"', "inside quotes 'or' is a word"),
    ("the", "stands in nearly every story"),
    ("kursk OR the", "stands in nearly every story"),
    ("kursk AND NOT kursk", "can never be true"),
    ("troops kursk NOT (kursk OR x)", "can never be true"),
    ("mis*", "three letters begin very many words"),
    ("title:kursk NOT kursk", "can never be true"),
    ('"mutual defence" -mutual', "can never be true"),
    ("missiles -missil*", "can never be true"),
    ("missil* -mis*", "can never be true"),
    ("lead:kursk -body:kursk", "can never be true"),
    ("kursk NEAR/3 front NOT front", "can never be true"),
    ("ATLEAST/3 kursk NOT kursk", "can never be true"),
    ("=KCNA NOT kcna", "can never be true"),
    ("(kursk OR belgorod) NOT kursk NOT belgorod", "can never be true"),
    ("(kursk OR belgorod) AND NOT (kursk OR belgorod)", "can never be true"),
    ("x (kursk belgorod NOT belgorod)", "can never be true"),
    ('"kursk or belgorod" NEAR/5 x', "inside quotes 'or' is a word"),
    ('"kursk or (a|b)"', "inside quotes 'or' is a word"),
    ("kursk not in russia", "forbids nearly every story"),
    ("kursk -(sport OR the)", "forbids nearly every story"),
    ("lang:english kursk", "no code of a language"),
    ("kursk sentiment:bad", "no tone"),
    ("site:https://bbc.co.uk", "an address and no site"),
    ("U.S. troops", "finds the word 'us' too"),
    ("WHO", "finds the word 'who' too"),
]


@pytest.mark.parametrize(("query", "reason"), QUESTIONABLE)
def test_a_questionable_query_is_warned_of_with_a_cure(query, reason):
    found = warnings(parse(query))
    assert any(reason in str(one) and one.cure for one in found), found


@pytest.mark.parametrize("query", ["kyiv NOT kiev", "defence NOT defense", "Kursk -Курск", "x (kyiv NOT kiev)"])
def test_what_forbids_another_spelling_of_what_it_wants_is_warned_of(query):
    typed = parse(query)
    assert warnings(typed) == []
    found = warnings(typed, vary(typed.root, shipped()))
    assert "another spelling of what it wants" in str(found[0])
    spelled = parse(re.sub(r"(?<!\w)(?!x|NOT)(?=\w)", "+", query))
    assert warnings(spelled, vary(spelled.root, shipped())) == []


USUAL = [
    "kursk NOT title:kursk",
    "title:kursk NOT body:kursk",
    "kursk NOT =KURSK",
    '"a b" NOT "b a"',
    "missil* NOT missiles",
]


@pytest.mark.parametrize("query", USUAL)
def test_what_forbids_a_part_of_what_it_wants_is_not_called_impossible(query):
    assert not any("never" in one.reason for one in warnings(parse(query)))


@settings(max_examples=300)
@given(strategies.stories(), strategies.queries(), strategies.queries())
def test_what_implies_another_is_never_matched_without_it(story, one, other):
    document = Document(story)
    if implies(one.root, other.root) and matches(one, document):
        assert matches(other, document)


@pytest.mark.parametrize("query", ["kursk", '"the front"', "kursk NOT sport", "missil*", '"this or that" AND NOT x'])
def test_a_usual_query_is_not_warned_of_for_nothing(query):
    assert [one for one in warnings(parse(query)) if "inside quotes" not in one.reason] == []


MISSED = [
    ("belgorod", "not in the story"),
    ("mutual NEAR/2 pact", "all present, 3 words apart"),
    ("pact ONEAR/9 mutual", "all present, in the other order"),
    ("mutual NEAR/2 belgorod", "belgorod not in the story"),
    ("headline NEAR/9 pact", "all present, not in one field"),
    ('"mutual pact"', "its words are all present, 3 words apart"),
    ('"mutual belgorod"', "belgorod not in the story"),
    ("title:mutual", "in the body, not in the title"),
    ("=kcna", "only in another case, as KCNA"),
    ("NOT mutual", "stands in the story as mutual"),
    ("ATLEAST/3 mutual", "1 places, 3 are wanted"),
    ("belgorod OR sudzha", "belgorod: not in the story; sudzha: not in the story"),
    ("mutual", ""),
]


@pytest.mark.parametrize(("query", "why"), MISSED)
def test_the_nearest_miss_is_told(query, why):
    story = builders.story(title="A headline", body="KCNA said the mutual defence and aid pact stands.")
    query = f"said {query}" if query.startswith("NOT") else query
    root = parse(query).root
    assert miss(root, Document(story)).removeprefix("NOT mutual: ") == why


@settings(max_examples=300)
@given(strategies.stories(), strategies.queries())
def test_a_reason_is_given_exactly_where_a_query_does_not_hold(story, query):
    document = Document(story)
    assert bool(miss(query.root, document)) != matches(query, document)


@given(strategies.queries())
def test_any_query_can_be_looked_over(query):
    assert all(one.reason and one.cure for one in warnings(query))
