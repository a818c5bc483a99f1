"""An id says what a thing is, and of what grows in which month it is kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ids import PATTERN, delivery_id, firing_id, identify, match_id, month_of, story_id, update_id

moments = st.integers(0, 70 * 365).map(lambda days: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days))
texts = st.text(max_size=40)


@given(moments, texts, texts)
def test_what_hangs_on_a_story_is_of_the_month_of_the_story(at, key, other):
    story = story_id(at, key)
    match = match_id(other, story)
    hanging = [match, update_id(other, story, 2), firing_id(other, story), delivery_id(match, "mail", other)]
    assert month_of(story) == f"{at:%Y-%m}"
    assert {month_of(one) for one in hanging} == {month_of(story)}
    assert all(re.fullmatch(PATTERN, one) for one in (story, *hanging))
    assert len({story, *hanging}) == 5


@given(texts, texts)
def test_ids_of_before_there_were_months_stay_what_they_were(key, other):
    story = identify("story", key)
    assert month_of(story) == ""
    assert match_id(other, story) == identify("match", other, story)
    assert firing_id(other, story) == identify("firing", other, story)
    assert delivery_id(story, "mail", other) == identify("delivery", story, "mail", other)


@given(texts, texts, texts)
def test_parts_are_kept_apart(one, two, three):
    assert identify(one + two, three) != identify(one, two + three) or not two


def test_the_month_is_that_of_utc():
    at = datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert month_of(story_id(at, "a")) == "2026-11"


def test_what_only_looks_like_a_month_is_none():
    for key in (
        "",
        "2026-13-" + "0" * 32,
        "1999-01-" + "0" * 32,
        "2026-1-" + "0" * 32,
        "202611-" + "0" * 32,
        "../2026-01-",
    ):
        assert month_of(key) == ""
