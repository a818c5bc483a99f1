"""enrich: language, and who and what is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich import enrich
from pipeline.enrich.language import guess
from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.syntax import parse
from tests import builders

LANGUAGES = [
    ("The presidents of both countries signed a treaty on the bridge on Thursday.", "en"),
    ("Die Präsidenten beider Länder unterzeichneten am Donnerstag einen Vertrag auf der Brücke.", "de"),
    ("Les présidents des deux pays ont signé jeudi un traité sur le pont.", "fr"),
    ("Президенты обеих стран подписали в четверг договор на мосту.", "ru"),
    ("Президенти обох країн підписали у четвер договір на мосту.", "uk"),
    ("两国总统星期四在桥上签署了一项条约，双方承诺互相援助。", "zh"),
    ("両国の大統領は木曜日、橋の上で条約に署名した。", "ja"),
    ("두 나라의 대통령이 목요일 다리 위에서 조약에 서명했다.", "ko"),
    ("وقع رئيسا البلدين معاهدة يوم الخميس على الجسر بين البلدين.", "ar"),
    ("12345 67890", "unknown"),
    ("Hi", "unknown"),
]


@pytest.mark.parametrize(("text", "language"), LANGUAGES)
def test_the_language_of_a_sentence_is_told(text, language):
    assert guess(text) == language


def test_a_claim_counts_where_the_text_itself_is_not_sure_and_a_false_one_does_not():
    german = "Die Präsidenten beider Länder unterzeichneten am Donnerstag einen Vertrag auf der Brücke."
    assert guess(german, "en-GB") == "de"
    assert guess("Hi", "de") == "unknown"


def test_a_false_claim_is_not_believed_of_a_short_text_either():
    assert guess("Les présidents des deux pays ont signé jeudi un traité sur le pont.", "en") == "fr"


def test_of_two_near_languages_the_claimed_one_is_believed():
    either = "Statsministeren og presidenten underskrev aftalen om energi i København torsdag"
    assert guess(either, "da") == "da"
    assert guess("Finansministeren vil ikke si noe om saken før torsdag", "nb-NO") == "no"


@pytest.mark.parametrize(
    "text",
    [
        "XJ-22 qwrt zxcv QR 88 tzsd kkmn wxyz qwrt zxcv plmk AB-331 X9 KLM-9981 TRX/55 BBN-01 ZZQ-7 PLK-33",
        "AAPL 182.52 +1.20% MSFT 402.11 -0.32% GOOG 140.22 NVDA 721.33 TSLA 190.00 AMZN 170.10 META NFLX INTC ORCL",
        "Arsenal 2-1 Chelsea, Bayern 3-0 Dortmund, Juventus 1-1 Milan, Ajax 4-2 PSV, Porto 0-0 Benfica",
        "Vladimir Putin, Kim Jong Un, Emmanuel Macron, Olaf Scholz, Giorgia Meloni, Pedro Sánchez, Xi Jinping",
        "UMongameli wezwe uhlangane nabaholi bamaqembu ezombusazwe ngoLwesine ukuze baxoxe ngezokuphepha ezweni",
    ],
)
def test_codes_tables_rows_of_names_and_zulu_are_in_what_is_claimed_or_unknown(text):
    assert guess(text) == "unknown"
    assert guess(text, "zu") == "zu"
    assert guess(text, "und") == "unknown"


def test_a_text_in_capitals_or_with_broken_characters_is_told_as_any_other():
    german = "Die Präsidenten beider Länder unterzeichneten am Donnerstag einen Vertrag auf der Brücke."
    assert guess(german.upper()) == "de"
    assert guess(f"\ud800\0{german}\udfff") == "de"


@given(text=st.text(min_size=30), claim=st.text(max_size=6))
def test_any_text_under_any_claim_has_a_code_or_is_unknown(text, claim):
    found = guess(text, claim)
    assert found == "unknown" or (found.isascii() and found.isalpha() and len(found) in (2, 3))


def named(body: str, title: str = "", language_hint: str = "en") -> dict[str, set[str]]:
    story = enrich(builders.story(title=title, body=body), claim=language_hint)
    return {
        kind: {one.name for one in story.entities if one.kind == kind} for kind in ("person", "place", "organisation")
    }


def test_people_places_and_organisations_are_told_apart():
    found = named(
        "Russian President Vladimir Putin spoke to North Korean leader Kim Jong Un, the state-run KCNA news agency "
        "said. South Korea’s National Intelligence Service sees troops in the Kursk region. Putin thanked Kim."
    )
    assert found["person"] >= {"Vladimir Putin", "Kim Jong Un"}
    assert found["place"] >= {"South Korea", "Kursk"}
    assert found["organisation"] >= {"KCNA", "National Intelligence Service"}


def test_a_country_has_its_code_and_mentions_are_counted():
    body = "Troops from North Korea are in Russia. North Korea denies it, and Russia says nothing about the matter."
    entities = {one.name: one for one in enrich(builders.story(body=body)).entities}
    assert (entities["North Korea"].code, entities["North Korea"].mentions) == ("KP", 2)


def test_a_story_without_words_has_no_language_and_names_nobody():
    story = enrich(builders.story(title="", body=""))
    assert (story.language, story.entities) == ("unknown", ())


def test_a_beginning_that_says_little_is_read_on_from():
    german = "Die Präsidenten beider Länder unterzeichneten am Donnerstag einen Vertrag auf der Brücke."
    assert guess("12,345 67,890 " * 30 + german * 3) == "de"
    assert guess("12,345 67,890 " * 30 + german * 3, "en") == "de"


GOOD = "The town celebrated with joy after its club won a great victory, and proud fans praised the happy players."
BAD = "Shelling killed eleven people and destroyed a hospital; doctors fear that more victims died in the attack."


@pytest.mark.parametrize(("body", "tone"), [(GOOD, "positive"), (BAD, "negative"), (f"{GOOD} {BAD}", "neutral")])
def test_news_in_english_has_a_tone_and_what_is_mixed_is_neutral(body, tone):
    assert enrich(builders.story(title="", body=body)).sentiment == tone


def test_a_language_without_a_lexicon_and_a_text_of_few_words_have_no_tone():
    german = "Die Präsidenten beider Länder unterzeichneten am Donnerstag einen wunderbaren Vertrag auf der Brücke."
    assert enrich(builders.story(title="", body=german)).sentiment == ""
    assert enrich(builders.story(title="", body="Joy and victory."), claim="en").sentiment == ""


def test_one_word_makes_no_tone():
    body = "The committee on war graves will meet on Tuesday to set the date of its next election in the town hall."
    assert enrich(builders.story(title="", body=body)).sentiment == "neutral"


def test_an_alert_can_ask_for_a_tone():
    assert matches(parse("sentiment:negative hospital"), Document(enrich(builders.story(title="", body=BAD))))


def test_the_words_of_a_story_are_counted():
    assert enrich(builders.story(title="Not counted", body="One two.\n\nThree, four – five")).word_count == 5
