"""lint and miss: what is questionable about a query, and why a clause did not hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.lint import warnings
from pipeline.query.miss import miss
from pipeline.query.syntax import parse
from tests import builders, strategies

QUESTIONABLE = [
    ('"kursk or belgorod"', "inside quotes 'or' is a word"),
    ("the", "stands in nearly every story"),
    ("kursk OR the", "stands in nearly every story"),
    ("kursk AND NOT kursk", "can never be true"),
    ("troops kursk NOT (kursk OR x)", "can never be true"),
    ("mis*", "three letters begin very many words"),
]


@pytest.mark.parametrize(("query", "reason"), QUESTIONABLE)
def test_a_questionable_query_is_warned_of_with_a_cure(query, reason):
    found = warnings(parse(query).root)
    assert any(reason in str(one) and one.cure for one in found), found


@pytest.mark.parametrize("query", ["kursk", '"the front"', "kursk NOT sport", "missil*", '"this or that" AND NOT x'])
def test_a_usual_query_is_not_warned_of_for_nothing(query):
    assert [one for one in warnings(parse(query).root) if "inside quotes" not in one.reason] == []


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
    assert all(one.reason and one.cure for one in warnings(query.root))
