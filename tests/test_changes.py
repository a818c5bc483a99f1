"""dedupe: what changed between two versions of a story, in sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedupe import changes, sketch
from pipeline.dedupe.sentences import sentences, substance
from pipeline.model import Changes
from tests import builders, strategies
from tests.copies import wires

BODIES = [wire["body"].strip() for wire in wires()]
NOTHING = Changes()
bodies = st.one_of(st.sampled_from(BODIES), strategies.texts(most=60), st.text(max_size=300))
said = st.lists(st.sampled_from([one for body in BODIES[:4] for one in sentences(body)]), max_size=12, unique=True)


def told(before: str, after: str, title: str = "One", later_title: str = "One") -> Changes:
    return changes(builders.story(title=title, body=before), builders.story(title=later_title, body=after))


@given(bodies)
def test_a_text_has_not_changed_from_itself(body):
    assert told(body, body) == NOTHING


@given(st.sampled_from(BODIES), st.randoms(use_true_random=False))
def test_shuffled_white_space_is_no_change(body, chance):
    shuffled = "".join(chance.choice([" ", "  ", "\n", "\t", "\u00a0"]) if char == " " else char for char in body)
    assert told(body, shuffled) == told(shuffled, body) == NOTHING


@given(st.sampled_from(BODIES))
def test_paragraphs_run_together_or_broken_between_sentences_are_no_change(body):
    assert told(body, body.replace("\n\n", " ")) == NOTHING
    assert told("\n\n".join(sentences(body)), body) == NOTHING


@given(said, said)
def test_what_is_added_and_what_is_removed_have_no_sentence_in_common(before, after):
    found = told("\n\n".join(before), "\n\n".join(after))
    assert {substance(one) for one in found.added}.isdisjoint(substance(one) for one in found.removed)


@given(said, said)
def test_changes_applied_to_the_old_text_leave_nothing_changed(before, after):
    found = told("\n\n".join(before), "\n\n".join(after))
    kept = [one for one in before if one not in found.removed]
    applied = told("\n\n".join([*kept, *found.added]), "\n\n".join(after))
    assert (applied.added, applied.removed) == ((), ())


@given(said, said)
def test_changes_seen_from_the_other_side_are_turned_round(before, after):
    one, other = "\n\n".join(before), "\n\n".join(after)
    assert told(one, other).added == told(other, one).removed


def test_a_new_sentence_is_added_and_a_reworded_one_is_both():
    found = told("The dam holds. Rain is forecast.", "The dam holds. Rain is no longer forecast. Divers went in.")
    assert found.added == ("Rain is no longer forecast.", "Divers went in.")
    assert found.removed == ("Rain is forecast.",)


def test_a_figure_that_is_no_date_is_substance():
    found = told("Twelve or 12 people died on Monday.", "Twelve or 14 people died on Monday.")
    assert found.added == ("Twelve or 14 people died on Monday.",)


def test_a_headline_that_says_otherwise_is_told_and_one_in_other_dress_is_not():
    assert told("", "", "Dam cracks", "Dam breaks").headline_before == "Dam cracks"
    assert told("", "", "Dam “cracks”", "DAM 'CRACKS'").headline_before == ""
    assert told("", "", "Live: dam, 10:32", "Live: dam, 11:05").headline_before == ""


PASSING = [
    ("Updated 10:32", "Updated 11:05"),
    ("Last updated on 25 November 2026 at 10:32 GMT", "Last updated on November 26, 2026 at 9:14 am"),
    ("1,204 views", "98K views"),
    ("Comments (12)", "Comments (40)"),
    ("3 min read", "4 min read"),
    ("Published 2 hours ago", "Published 3 hours ago"),
    ("Stand: 25.11.2026, 10.32 Uhr", "Stand: 26.11.2026, 8.05 Uhr"),
    ("Mis à jour le 25 novembre 2026 à 10h32", "Mis à jour le 26 novembre 2026 à 8h05"),
    ("Обновлено 3 декабря 2026 10:15", "Обновлено 4 декабря 2026 11:20"),
    ("更新 11月25日 10:32", "更新 11月26日 8:00"),
    ("The talks failed on Monday, the minister said.", "The talks failed on Tuesday, the minister said."),
    ("", "Sign up for the Morning Tide, our daily newsletter."),
    ("", "Advertisement"),
    ("Follow us for more.", "Subscribe to continue."),
]


@pytest.mark.parametrize(("before", "after"), PASSING)
def test_a_date_a_counter_or_an_ad_is_no_change(before, after):
    assert told(f"{BODIES[0]}\n\n{before}", f"{after}\n\n{BODIES[0]}") == NOTHING


LOOKING = [
    "It may rain in March.",
    "Downloads rose by 5 percent.",
    "He stands by 2026.",
    "In 6 out of 10 cases.",
    "6.25",
]


@pytest.mark.parametrize("sentence", LOOKING)
def test_words_that_only_look_like_dates_or_ads_stay(sentence):
    assert told(BODIES[0], f"{BODIES[0]} {sentence}").added == (sentence,)


SPLIT = [
    ("Dr. Amrani left. “We gave it away,” he said. Then?", 3),
    ("He told the U.S. Congress on Friday. J. Smith agreed.", 2),
    ("Am 3. März kam er. Sie ging.", 2),
    ("It rose by 6.25 percent... So they said! no less.", 2),
    ("他说：“好。”她走了。", 2),
    ("Она ушла. Он остался.", 2),
    ("A heading\n\nand its text.", 2),
]


@pytest.mark.parametrize(("text", "count"), SPLIT)
def test_sentences_end_where_a_reader_takes_breath(text, count):
    assert len(sentences(text)) == count


@given(st.text(max_size=500))
def test_no_letter_is_lost_between_sentences(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


HOSTILE = ["a", "1", "1,", ".", "A. ", '!"', "1 ", "12.", "。」", "January ", "1:", "Aa ", " ", "\n\n"]


@pytest.mark.timeout(20)  # with repetition that is not bounded these take minutes
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_text_made_to_cost_is_done_with(piece):
    body = piece * (30_000 // len(piece))
    assert len(told(body, f"{body}\n\nThe end is new.").added) == 1
    sketch("", body)
