"""search: filters, order, facets and highlights, the same on both backends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import QueryError
from pipeline.flow.alerts.language import understood
from pipeline.flow.stories import search as finding
from pipeline.model import Entity, EntityKind
from pipeline.ports import StoryFilter
from pipeline.query.filters import Filters, split
from pipeline.query.syntax import parse
from tests import builders
from tests.builders import NOON


def test_filters_are_told_from_words():
    typed = 'kursk outlets>=3 "published>=2026" published>=2026-01-31 published<2026-02-01T12:00+01:00'
    query, filters = split(typed)
    assert " ".join(query.split()) == 'kursk "published>=2026"'
    assert filters == Filters(3, datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, 11, tzinfo=UTC))


@pytest.mark.parametrize("typed", ["outlets>3", "outlets>=many", "published>=soon", "published<=2026-01-01"])
def test_a_filter_that_cant_be_read_is_refused_with_the_cure(typed):
    with pytest.raises(QueryError) as caught:
        split(f"kursk {typed}")
    assert caught.value.position == 6
    assert "write" in caught.value.cure


def test_of_two_filters_both_hold_and_words_keep_their_place():
    query, filters = split('outlets>=2 kursk published>=2026-06-01 outlets>=3 published>=2026-01-01 "x')
    assert filters == Filters(3, datetime(2026, 6, 1, tzinfo=UTC))
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.position == len(query) - 2


def test_a_filter_in_quotes_of_any_kind_is_words():
    assert split("kursk “outlets>=3”") == ("kursk “outlets>=3”", Filters())


@pytest.mark.parametrize("typed", ["kursk -outlets>=3", "kursk NOT outlets>=3", "kursk (!published>=2026-01-01)"])
def test_a_filter_can_not_be_forbidden(typed):
    with pytest.raises(QueryError, match="can't be forbidden"):
        split(typed)


def test_an_alert_can_ask_for_no_filter_and_says_why():
    with pytest.raises(QueryError, match="outlets>=3 changes after a match"):
        parse("kursk outlets>=3")


@pytest.fixture
def stocked(ports):
    kursk = Entity(name="Kursk", kind=EntityKind.PLACE)
    ports.stores.stories.put(
        [
            builders.story("once", title="Other news", body="Kursk was named once.", site="A", language="en"),
            builders.story(
                "title",
                title="Kursk again",
                body="And Kursk here.",
                site="A",
                entities=(kursk,),
                published=NOON - timedelta(days=1),
            ),
            builders.story(
                "often", title="x", body="Kursk, Kursk and Kursk.", site="B", published=NOON - timedelta(days=2)
            ),
            builders.story("none", title="Belgorod", site="B"),
        ]
    )
    return ports


def test_relevance_puts_what_is_about_it_first(stocked):
    query = understood(stocked, "kursk")
    found = finding.by_relevance(query, finding.search(stocked, query, StoryFilter()))
    assert [story.title for story in found] == ["Kursk again", "x", "Other news"]


def test_facets_count_all_that_is_found(stocked):
    counted = finding.facets(finding.search(stocked, understood(stocked, "kursk"), StoryFilter()))
    assert counted.stories == 3
    assert counted.site == {"A": 2, "B": 1}
    assert counted.entity == {"Kursk": 1}
    assert sum(counted.day.values()) == 3
