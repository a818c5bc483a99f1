"""reading: words as a person counts them, and the minutes they take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reading import WORDS_A_MINUTE, minutes, word_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One, two – three.", 3),
        ("South Korea’s long-range rockets cost $10,000", 6),
        ("Où est-elle ? — Ici !", 3),
        ("中国和俄罗斯", 3),
        ("東京タワーへ行く。", 4),
        ("두 나라의 대통령이", 3),
        ("ประเทศไทย", 3),
        ("iPhone在中国", 3),
    ],
)
def test_words_are_what_white_space_parts_and_solid_scripts_count_by_characters(text, count):
    assert word_count(text) == count


@given(st.text(), st.text())
def test_two_paragraphs_have_the_words_of_both(one, other):
    assert word_count(f"{one}\n\n{other}") == word_count(one) + word_count(other)


def test_minutes_are_rounded_up():
    assert [minutes(count) for count in (0, 1, WORDS_A_MINUTE, WORDS_A_MINUTE + 1)] == [0, 1, 1, 2]
