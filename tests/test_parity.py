"""The same alert means the same everywhere: live, in search, on every backend, as the evaluator says."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import match
from pipeline.model import Story
from pipeline.ports import Stores, StoryFilter
from pipeline.query import elastic
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate, matches
from pipeline.query.meaning import Lexicon, understand
from pipeline.query.presearch import Presearcher
from pipeline.query.render import render
from pipeline.query.syntax import Query, parse
from pipeline.query.variants import shipped
from tests import builders, strategies
from tests.builders import NOON
from tests.conftest import BACKENDS, NINE, opened

pytestmark = pytest.mark.timeout(900)  # many examples; a busy machine takes its time

SPELT = Lexicon({}, shipped())
SCALE = 30 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 1
CASES = 500 * SCALE
"""Queries that each path of each backend is tried with at the least, each on a crowd of stories: 2,500 in all."""
crowd = st.lists(strategies.stories(), min_size=1, max_size=6, unique_by=lambda story: story.id)
questions = st.lists(
    st.one_of(strategies.queries(), st.deferred(lambda: spelt)),
    min_size=1,
    max_size=6,
    unique_by=lambda query: query.text,
)


spelt = strategies.queries().map(lambda query: understand(query.text, SPELT))
"""Queries with the spellings added that the shipped table has."""


def judged(query: Query, stories: list[Story]) -> set[str]:
    return {story.id for story in stories if matches(query, Document(story))}


@pytest.fixture(params=[*BACKENDS, NINE])
def searched(request: pytest.FixtureRequest) -> Iterator[tuple[str, Stores]]:
    with opened(request.param, request, ["stories"]) as stores:
        yield request.param, stores


def test_search_finds_what_the_evaluator_says_and_an_exact_form_nothing_else(searched):
    backend, stores = searched

    tried = 0

    @settings(max_examples=300 * SCALE)
    @given(crowd, questions)
    def check(stories: list[Story], queries: list[Query]) -> None:
        nonlocal tried
        tried += len(queries)
        stores.stories.put(stories)
        try:
            for query in queries:
                narrowed = {story.id for story in stores.stories.narrow(query, StoryFilter())}
                assert narrowed >= judged(query, stories), query.text
                if backend != "sqlite" and elastic.form(query).exact:
                    assert narrowed == judged(query, stories), query.text
        finally:
            stores.stories.delete([story.id for story in stories])

    check()
    assert tried >= CASES


def test_live_matching_fires_what_the_evaluator_says(stores):
    tried = 0

    @settings(max_examples=300 * SCALE)
    @given(crowd, questions)
    def check(arrived: list[Story], queries: list[Query]) -> None:
        nonlocal tried
        tried += len(queries)
        alerts = [builders.alert(query.text) for query in queries]
        stores.alerts.put(alerts)
        try:
            documents = [Document(story) for story in arrived]
            verdict = match.judge(stores.alerts.narrow(documents), documents, NOON)
            fired = {(one.alert_id, one.story_id) for one in verdict.matches}
            wanted = {
                (alert.id, story_id)
                for alert, query in zip(alerts, queries, strict=True)
                for story_id in judged(query, arrived)
            }
            assert fired == wanted
            assert not verdict.unhealthy
        finally:
            stores.alerts.delete([alert.id for alert in alerts])

    check()
    assert tried >= CASES


@settings(max_examples=300 * SCALE)
@given(strategies.stories(), st.lists(strategies.queries(), min_size=1, max_size=8))
def test_the_presearcher_leaves_out_no_alert_that_matches(story, queries):
    presearcher: Presearcher[int] = Presearcher()
    for number, query in enumerate(queries):
        presearcher.add(number, query)
    candidates = {filed.key for filed in presearcher.candidates(Document(story))}
    assert candidates >= {n for n, query in enumerate(queries) if matches(query, Document(story))}
    for number in range(len(queries)):
        presearcher.remove(number)
    assert presearcher.candidates(Document(story)) == set()


@settings(max_examples=300 * SCALE)
@given(strategies.stories(), strategies.queries())
def test_evidence_is_given_exactly_for_matches_and_stands_in_the_story(story, query):
    evidence = evaluate(query, Document(story))
    assert (evidence is not None) == matches(query, Document(story))
    text = {"title": story.title, "body": story.body, "lead": "\n\n".join(story.body.split("\n\n")[:2])}
    for one in evidence or ():
        if one.field in text:
            assert text[one.field][one.start : one.end] == one.text


@settings(max_examples=300 * SCALE)
@given(spelt)
def test_a_meaning_is_a_query_that_means_itself(query):
    assert parse(query.text).root == query.root
    assert parse(render(query.root)).root == query.root


@settings(max_examples=300 * SCALE)
@given(strategies.stories(), strategies.queries())
def test_spellings_only_ever_add_to_what_words_find(story, query):
    meant = understand(query.text, SPELT)
    if "NOT" not in meant.text and matches(query, Document(story)):
        assert matches(meant, Document(story))


@settings(max_examples=300 * SCALE)
@given(strategies.queries())
def test_a_query_rendered_and_read_again_means_the_same(query):
    assert parse(render(query.root)).root == query.root
