"""Stories of one event in different words are related, with the reason, and never by what everybody says."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.flow.stories.related import related
from pipeline.model import Entity, EntityKind
from pipeline.related import LEAST_BESIDE, Traits, rare, shared
from tests import builders
from tests.relating import judged, score

WORDS = (
    "barge lock sluice capsized hawser towpath divers skipper ballast lorries silt weir gantry moored pilot tarpaulin"
)
TRAITS = st.builds(
    Traits, st.frozensets(st.sampled_from("ABCDEFG")), st.frozensets(st.text("abc", min_size=4, max_size=5))
)


def told(name, text=WORDS, **fields):
    ship = Entity(name="Aurelia", kind=EntityKind.ORGANISATION)
    return builders.story(name, title=f"Canal {name}", body=text, entities=(ship,), language="en", **fields)


def other_news():
    """Stories of the same day that have nothing to do with it or with each other."""
    return [
        builders.story(f"other{n}", body=" ".join(f"word{n}x{m}" for m in range(30)), language="en")
        for n in range(LEAST_BESIDE)
    ]


def keep(ports, *stories):
    ports.stores.stories.put([*other_news(), *stories])


def urls(found):
    return [one.story.url for one in found]


def test_a_story_of_the_same_event_is_related_and_says_why(ports):
    one, other = told("one"), told("two", " ".join(reversed(WORDS.split())))
    keep(ports, one, other)
    (found,) = related(ports, one)
    assert found.story == other
    assert found.why.names == ("Aurelia",)
    assert found.why.words == tuple(sorted({*WORDS.split()[:], "canal"}))


def test_stories_further_apart_than_three_days_are_not_related(ports):
    one = told("one")
    keep(ports, one, told("two", published=builders.NOON + timedelta(hours=73)))
    assert related(ports, one) == []


def test_a_copy_is_no_related_story_and_a_cluster_is_shown_once_with_its_outlets(ports):
    one, lead = told("one"), told("lead", site="Lead")
    mine = told("mine", copy_of=one.id, site="Mine")
    theirs = told("theirs", copy_of=lead.id, site="Theirs")
    keep(ports, one, mine, lead, theirs)
    (found,) = related(ports, one)
    assert (found.story, found.copies) == (lead, (theirs,))


def test_among_too_few_stories_nothing_is_called_related(ports):
    one = told("one")
    ports.stores.stories.put([one, told("two")])
    assert related(ports, one) == []


def test_what_many_say_relates_nothing(ports):
    stories = [told(f"s{n}") for n in range(6)]
    keep(ports, *stories)
    assert related(ports, stories[0]) == []


def test_relating_changes_no_story(ports):
    one, other = told("one"), told("two")
    keep(ports, one, other)
    related(ports, one)
    assert ports.stores.stories.get([one.id, other.id]) == {one.id: one, other.id: replace(other, copy_of="")}


def test_no_unrelated_pair_is_taken_for_related_in_stories_kept_out_of_tuning():
    precision, recall = score(judged(held_out=True))
    assert precision >= 0.98
    assert recall >= 0.95


@given(TRAITS, TRAITS)
def test_what_two_share_is_the_same_from_both_sides_and_never_more_than_either_has(one, other):
    found = shared(one, other)
    assert found == shared(other, one)
    assert 0 <= found.score <= found.most


@given(TRAITS, st.lists(TRAITS, max_size=30))
def test_what_is_rare_is_part_of_the_story_and_more_company_of_its_own_words_leaves_nothing(one, beside):
    left = rare(one, beside)
    assert left.names <= one.names
    assert left.words <= one.words
    assert rare(one, [one] * LEAST_BESIDE).weight == 0
