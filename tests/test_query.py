"""The alert language: what is accepted, what it means, and what is refused with which cure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import QueryError
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate, matches
from pipeline.query.render import render
from pipeline.query.syntax import lists_named, parse
from tests import builders, strategies


def holds(query: str, title: str = "", body: str = "", **fields: object) -> bool:
    return matches(parse(query), Document(builders.story(title=title, body=body, **fields)))


MEANT = [
    ("kursk", "in Kursk today", True),
    ("kursk", "in Kursky today", False),
    ('"mutual defence"', "a mutual defence pact", True),
    ('"mutual defence"', "a defence mutual", False),
    ("“mutual defence”", "a mutual defence pact", True),
    ("«mutual defence»", "a mutual-defence pact", True),
    ("mutual defence", "defence is mutual", True),
    ("mutual and defence", "defence is mutual", True),
    ("mutual AND pact", "mutual defence", False),
    ("mutual or pact", "mutual defence", True),
    ("mutual NOT pact", "mutual defence", True),
    ("mutual -defence", "mutual defence", False),
    ("mutual (pact OR defence)", "mutual defence", True),
    ("defence NOT NOT mutual", "mutual defence", True),
    ('"and"', "this and that", True),
    ("long-range", "a long range rocket", True),
    ("troops NEAR/3 supporting", "troops in battle supporting", True),
    ("troops NEAR/1 supporting", "troops in battle supporting", False),
    ("supporting NEAR/3 troops", "troops in battle supporting", True),
    ("supporting ONEAR/3 troops", "troops in battle supporting", False),
    ("kursk NEAR/5 kursk", "kursk", False),
    ("missil*", "two missiles", True),
    ("organi?e", "to organise", True),
    ("organi?e", "to organie", False),
    ('"mutual (defence|aid) pact"', "a mutual aid pact", True),
    ('"mutual (defence|aid) pact"', "a mutual pact", False),
    ("=KCNA", "KCNA said", True),
    ("=kcna", "KCNA said", False),
    ('="New Year"', "a New Year message", True),
    ('="New Year"', "a new year message", False),
    ("ATLEAST/2 kursk", "kursk and kursk", True),
    ("ATLEAST/3 kursk", "kursk and kursk", False),
]


@pytest.mark.parametrize(("query", "text", "wanted"), MEANT)
def test_a_query_means_what_its_words_say(query, text, wanted):
    assert holds(query, body=text) is wanted


AS_PEOPLE_TYPE = [
    ("ｋｕｒｓｋ ＯＲ belgorod", "Belgorod"),
    ("kursk ＮＥＡＲ／２ front", "kursk is the front"),
    ("ｔｉｔｌｅ：kursk", "kursk"),
    ("‹mutual defence›", "mutual defence"),
    ("❝mutual defence❞", "mutual defence"),
    ("‘Russia’s mutual defence’", "Russia's mutual defence"),
    ("kursk \u200eOR\u200f belgorod", "belgorod"),
    ('\u200e"mutual defence"\u200f', "mutual defence"),
    ('צה"ל רה"מ', 'רה"מ וצה"ל: צה"ל'),
    ("צה״ל", 'צה"ל'),
    ("kursk !sport", "kursk"),
    ("kursk ! sport", "kursk sport"),
    ("+kursk", "KURSK"),
    ('+"mutual defence"', "Mutual Defence"),
    ("NEAR/far", "near far"),
]
NOT_AS_PEOPLE_TYPE = [
    ("kursk ＮＥＡＲ／２ front", "kursk is not at the front"),
    ("‘mutual defence’", "defence is mutual"),
    ("‹mutual defence›", "defence is mutual"),
    ("kursk !sport", "kursk sport"),
    ("ｔｉｔｌｅ：kursk", ""),
]


@pytest.mark.parametrize(("query", "title"), AS_PEOPLE_TYPE)
def test_a_query_is_taken_as_people_type_it(query, title):
    assert holds(query, title=title)


@pytest.mark.parametrize(("query", "title"), NOT_AS_PEOPLE_TYPE)
def test_and_as_nothing_wider(query, title):
    assert not holds(query, title=title, body="" if title else "kursk")


def test_the_quote_behind_a_prefixed_letter_in_hebrew_is_a_quote():
    assert parse('ב"הארץ"').root == parse('ב "הארץ"').root


@pytest.mark.parametrize(
    "typed", ["@nato", "@nato,", "＠nato", "(@NATO)", "x,@nato", "x; @nato.", "-@nato x", "title:@nato"]
)
def test_a_list_is_known_however_it_is_set_off(typed):
    assert lists_named(typed) == {"nato"}
    assert "otan" in render(parse(typed, {"nato": ["OTAN"]}).root)


@pytest.mark.parametrize("typed", ["press@nato.int", '"@nato"', "a@nato", "nato", '"@nato'])
def test_what_only_looks_like_a_list_is_none(typed):
    assert lists_named(typed) == frozenset()


def test_a_member_of_a_list_may_be_exact():
    query = parse("@alliance", {"alliance": ["=NATO", "otan"]})
    found = [matches(query, Document(builders.story(title=title))) for title in ("NATO", "Nato", "OTAN")]
    assert found == [True, False, True]


def test_words_may_lie_in_title_and_body_but_a_phrase_never_spans_them():
    assert holds("mutual defence", title="Mutual", body="defence")
    assert not holds('"mutual defence"', title="Mutual", body="defence")
    assert not holds("mutual NEAR/9 defence", title="Mutual", body="defence")


def test_a_field_binds_one_operand_which_may_be_a_group():
    assert holds("title:kursk", title="Kursk")
    assert not holds("title:kursk", body="Kursk")
    assert holds("title:(kursk OR belgorod)", title="Belgorod")
    assert holds("site:bbc.co.uk", url="https://www.bbc.co.uk/news/1")
    assert not holds("site:co", url="https://www.bbc.co.uk/news/1")
    assert holds("lang:en author:jimoh", language="en", authors=("Abdullahi Jimoh",))
    assert holds("lead:kursk", body="one\n\nKursk\n\nthree")
    assert not holds("lead:kursk", body="one\n\ntwo\n\nKursk")


def test_precedence_is_not_near_and_or():
    assert render(parse("a OR b c").root) == "a OR b AND c"
    assert render(parse("(a OR b) c").root) == "(a OR b) AND c"
    assert render(parse("a NEAR/2 b c OR NOT d e").root) == "a NEAR/2 b AND c OR NOT d AND e"


def test_alternatives_that_are_the_same_are_one_phrase():
    """Found by Hypothesis: rendered, it had been read again as another tree."""
    assert parse('"(Kursk Kursk|kursk kursk)"').root == parse('"kursk kursk"').root


REFUSED = [
    ("", "empty"),
    ("   ", "empty"),
    ('"mutual defence', "quot"),
    ("(kursk", "never closed"),
    ("kursk)", "closing bracket"),
    ("kursk AND", "ends where a word is wanted"),
    ("AND kursk", "where a word is wanted"),
    ("*ursk", "leading wildcard"),
    ('"kursk troops"~5', "~5: nearness behind a quote"),
    ("tesla~ OR x", "tesla~: ~ for alike spellings"),
    ("troops W/5 moved", "W/5: that operator"),
    ("kursk /n3 troops", "/n3: that operator"),
    ("tesla NEAR/5f fire", "NEAR/5f: NEAR with more than a number"),
    ("{KCNA} said", "write =KCNA"),
    ("ku*", "too many words"),
    ('"…"', "no letter or digit"),
    ("NOT pact", "only NOT"),
    ("a NOT b NEAR/2 c", "NEAR"),
    ("a NEAR/2 b NEAR/3 c", "NEAR"),
    ("(a NEAR/2 b) NEAR/2 c", "NEAR"),
    ("titel:kursk", "titel"),
    ("kursk " * 600, "clauses"),
    ("a OR NOT b", "OR with a side of only NOT"),
    ("kursk NEAR/12345 front", "no number that can be"),
    ("kursk NEAR/-1 front", "no number that can be"),
    ("ATLEAST/2.5 kursk", "no number that can be"),
    ("kursk NEAR/101 front", "too far"),
    ("defence|aid", "stands in no phrase"),
    ('"mutual defence|aid"', "no brackets"),
    ('"mutual (defence|aid pact"', "no brackets"),
    ('"a ((b|c) d|e)"', "no brackets"),
    ("+ ", "empty"),
    ("+(a OR b)", "+ without a word behind it"),
]
PLACES = [('kursk AND "x', 10), ("kursk (", 7), ("kursk titel:x", 6), ("ａ NEAR/2 b NEAR/3 c", 11), ("kursk =(", 6)]


@pytest.mark.parametrize(("query", "place"), PLACES)
def test_a_refusal_points_at_its_cause(query, place):
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.position == place


@pytest.mark.parametrize(("query", "said"), REFUSED)
def test_what_is_refused_says_why_where_and_the_cure(query, said):
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert said in str(caught.value)
    assert caught.value.cure
    assert 0 <= caught.value.position <= len(query)


@settings(max_examples=500)
@given(st.one_of(st.text(), strategies.query_texts, st.text(alphabet='kursk"()*?|:=-/ ANDORNEAR@“”«0123')))
def test_whatever_is_typed_is_read_or_refused_in_words(text):
    try:
        query = parse(text)
    except QueryError:
        return
    evaluate(query, Document(builders.story(title=text, body=text)))


def test_evidence_names_an_exact_clause_as_it_was_typed():
    for query, text in (("=TSMC", "TSMC grows"), ('="New Year"', "New Year in Kursk"), ("title:=KCNA", "KCNA said")):
        (found,) = evaluate(parse(query), Document(builders.story(title=text)))
        assert found.clause.count("=") == 1, found.clause


def test_evidence_names_the_clause_and_where_it_stands():
    story = builders.story(title="Nothing", body="Troops from the Kursk region.")
    (one,) = evaluate(parse("kursk OR belgorod"), Document(story)) or ()
    assert (one.clause, one.field, one.text, story.body[one.start : one.end]) == ("kursk", "body", "Kursk", "Kursk")
