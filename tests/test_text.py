"""The one analysis: what counts as the same word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text import MAX_TOKEN_UNITS, Tokens, fold, words
from tests import strategies

SAME = [
    ("Kursk", "KURSK"),
    ("naïve café", "naive cafe"),
    ("Straße", "STRASSE"),
    ("ﬁre", "fire"),
    ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
    ("Kursk’s", "Kursk"),
    ("Kursk's", "Kursk"),
    ("U.S.", "US"),
    ("10,000", "10000"),
    ("long-range", "long range"),
    ("long–range", "long range"),
    ("“mutual” «defence»", "mutual defence"),
    ("mutual\u00a0defence", "mutual defence"),
    ("ёлка", "елка"),
    ("كُرسك", "كرسك"),
    ("בַּיִת", "בית"),
    ("Łódź", "Lodz"),
    ("٢٠٢٦", "2026"),
]
DIFFERENT = [("バス", "ハス"), ("й", "и"), ("defence", "defense"), ("Kursky", "Kursk"), ("US", "USA")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_a_reader_takes_for_the_same_is_the_same(one, other):
    assert words(one) == words(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_a_reader_keeps_apart_stays_apart(one, other):
    assert words(one) != words(other)


def test_scripts_without_spaces_are_one_token_a_character():
    assert words("北京市") == ("北", "京", "市")
    assert words("平壤 and") == ("平", "壤", "and")


def test_case_is_kept_beside():
    tokens = Tokens("KCNA said: kcna")
    assert tokens.folded == ("kcna", "said", "kcna")
    assert tokens.cased == ("KCNA", "said", "kcna")


def test_a_token_has_its_place_in_the_original():
    text = "“Kursk’s” naïve — 10,000"
    tokens = Tokens(text)
    assert [text[start:end] for start, end in tokens.spans] == ["Kursk", "naïve", "10,000"]


@settings(max_examples=500)
@given(st.one_of(st.text(), strategies.texts()))
def test_tokens_keep_their_promises_on_any_text(text):
    tokens = Tokens(text)
    assert len(tokens.folded) == len(tokens.cased) == len(tokens.spans)
    ends = 0
    for token, (start, end) in zip(tokens.folded, tokens.spans, strict=True):
        assert token
        assert not any(char.isspace() for char in token)
        assert len(token.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_TOKEN_UNITS
        assert ends <= start < end <= len(text) or start < end  # clusters may be shared, order is kept
        ends = start
        assert fold(token) == token


@settings(max_examples=300)
@given(st.text())
def test_white_space_and_case_make_no_other_words(text):
    assert words(f"  {text}\n") == words(text)
