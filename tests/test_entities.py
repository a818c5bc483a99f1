"""enrich: who and where is named, and where it stands."""

from __future__ import annotations

import random
import time

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich import all_with, enrich
from pipeline.enrich.entities import EntityTagger, aliases
from pipeline.enrich.entities.scan import MOST, MOST_SPANS
from pipeline.enrich.entities.spacy import SpacyReader
from pipeline.errors import BadInput, SettingError
from pipeline.model import Entity, EntityKind, Story
from pipeline.settings import load
from tests import builders
from workers import bootstrap

TAGGER = EntityTagger()
PARAGRAPHS = (
    "President Vladimir Putin met Kim Jong Un in Pyongyang, South Korea’s National Intelligence Service (NIS) said.",
    "Putin thanked Kim. The NIS had warned of it, and so had Mr Yoon.",
    "“Nothing is new,” said Rosalind Achterberg of the University of Oslo. Shell and Maersk left Russia.",
    "Der Bundeskanzler Friedrich Merz reist nach Warschau. 中国和俄罗斯. Президент Владимир Путин прибыл в Пекин.",
    "D’Souza, O’Leary — U.S. and N.A.T.O.; ﬁnance in İstanbul, Ⅻ. Kursk region.",
)
WORDS = " ".join(PARAGRAPHS).split()


def tagged(body: str, title: str = "", language: str = "en", tagger: EntityTagger = TAGGER) -> Story:
    return tagger.enrich(builders.story(title=title, body=body, language=language), "")


def by_name(story: Story) -> dict[str, Entity]:
    return {one.name: one for one in story.entities}


def stretches(story: Story, entity: Entity) -> list[str]:
    return [(story.title if field == "title" else story.body)[start:end] for field, start, end in entity.spans]


def names(body: str, language: str = "en") -> set[str]:
    return set(by_name(tagged(body, language=language)))


def test_a_surname_alone_is_who_bears_it_and_stands_where_the_spans_say():
    story = tagged("President Vladimir Putin spoke. Putin was glad.", title="Putin speaks of war")
    putin = by_name(story)["Vladimir Putin"]
    assert stretches(story, putin) == ["Putin", "Vladimir Putin", "Putin"]
    assert putin.spans[0] == ("title", 0, 5)
    assert putin.mentions == 3


def test_a_surname_that_two_people_of_a_story_bear_is_neither_of_them():
    story = tagged("President Joe Harlow met Mayor Anna Harlow. Harlow said nothing.")
    assert {name: one.mentions for name, one in by_name(story).items()} == {"Joe Harlow": 1, "Anna Harlow": 1}


def test_an_acronym_is_the_organisation_whose_initials_it_has_with_dots_or_without():
    story = tagged("The National Intelligence Service denied it. The N.I.S. is in Seoul, and the NIS is cautious.")
    assert by_name(story)["National Intelligence Service"].mentions == 3
    assert "NIS" not in by_name(story)


def test_a_first_name_behind_a_title_is_who_is_called_so():
    assert names("Margaret Okonkwo won. Dame Margaret is pleased.") == {"Margaret Okonkwo"}


def test_countries_have_their_codes_in_any_language():
    assert {one.code for one in tagged("中国和俄罗斯的代表会谈。", language="zh").entities} == {"CN", "RU"}
    assert {one.code for one in tagged("Gespräche in Österreich.", language="de").entities} == {"AT"}
    assert by_name(tagged("The UK and the US agreed."))["United Kingdom"].code == "GB"


def test_a_pronoun_is_no_country_and_a_verb_no_town():
    assert names("They told us of a nice reading in a turkey.") == set()


def test_a_small_town_that_is_a_word_or_a_name_counts_only_where_the_words_beside_it_speak_of_a_place():
    assert "Bath" in names("The actor died in Bath.")
    assert "Bath" not in names("Bath time is over.")


def test_a_place_inside_the_name_of_something_else_is_not_named():
    assert names("The Bank of England moved.") == {"Bank of England"}
    assert "Virginia" not in names("“We wait,” said Virginia Giuffre.")


def test_a_headline_in_capitals_makes_nobody_up():
    assert by_name(tagged("", title="Kursk Troops Praise Invincible Friendship")).keys() == {"Kursk"}


# The operator's own file


@pytest.fixture
def own(tmp_path):
    def written(text: str) -> aliases.Aliases:
        path = tmp_path / "names.txt"
        path.write_text(text, encoding="utf-8")
        return aliases.own(path)

    return written


def test_the_operators_names_come_first_in_any_case_and_language(own):
    tagger = EntityTagger(own("# ours\norganisation: Kursk Works|Kursk|Курский завод|=KW\n"))
    story = tagged("kursk, KURSK’s, курский завод and KW (not kw).", tagger=tagger)
    (works,) = story.entities
    assert (works.name, works.kind, works.mentions) == ("Kursk Works", EntityKind.ORGANISATION, 4)


def test_a_name_of_the_operators_is_not_made_part_of_a_longer_one(own):
    tagger = EntityTagger(own("organisation: Bank"))
    assert "Bank" in by_name(tagged("The Bank of England moved.", tagger=tagger))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Vladimir Putin|Putin", "names no kind"),
        ("people: Putin", "names no kind"),
        ("person:", "names no kind"),
        ("person: Putin||VVP", "holds no word"),
        ("person: …", "holds no word"),
    ],
)
def test_a_bad_line_of_the_operators_file_is_named_with_the_cure(own, line, said):
    with pytest.raises(BadInput, match=rf"names.txt, line 2: .*{said}"):
        own(f"# ours\n{line}\n")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        bootstrap.make_tagger(load({}, entities_file=str(tmp_path / "none.txt")))


def test_the_settings_choose_who_finds_entities(own, tmp_path):
    own("person: Somebody Known|nobody")
    tagger = bootstrap.make_tagger(load({}, entities_file=str(tmp_path / "names.txt")))
    assert by_name(tagger.enrich(builders.story(body="It was nobody."), "")).keys() == {"Somebody Known"}


# spaCy


@pytest.fixture
def model(tmp_path):
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": "Zed Quux"},
            {"label": "ORG", "pattern": "Blue Harvest"},
            {"label": "GPE", "pattern": "Emden"},
            {"label": "DATE", "pattern": "Monday"},
        ]
    )
    pipeline.to_disk(tmp_path / "model")
    return str(tmp_path / "model")


def test_a_model_of_spacys_reads_in_place_of_the_rules_and_names_are_merged_all_the_same(model):
    tagger = bootstrap.make_tagger(load({}, entities=f"spacy:{model}"))
    story = tagger.enrich(
        builders.story(body="On Monday Zed Quux left Blue Harvest for Emden. Quux won. In Russia.", title=""), ""
    )
    assert {(one.name, one.kind.value, one.mentions) for one in story.entities} == {
        ("Zed Quux", "person", 2),
        ("Blue Harvest", "organisation", 1),
        ("Emden", "place", 1),
        ("Russia", "place", 1),
    }


def test_a_model_that_is_not_installed_is_one_clear_line_with_the_cure():
    with pytest.raises(
        SettingError, match=r"WIREWATCH_ENTITIES='spacy:xx_none_sm'.*python -m spacy download xx_none_sm"
    ):
        SpacyReader("xx_none_sm")


@pytest.mark.parametrize("value", ["spacy", "spacy:", "model", ""])
def test_another_tagger_is_refused(value):
    with pytest.raises(SettingError, match="give rules, or spacy:MODEL"):
        load({}, entities=value)


# Any text


awkward = st.text(st.characters() | st.sampled_from("\x00\u202e\u200f\ud800.’-&()"), max_size=40)
pieces = st.sampled_from(WORDS) | awkward
texts = st.lists(
    st.tuples(pieces, st.sampled_from([" ", " ", " ", "\u00a0", "", ", ", ". ", "\n\n"])), max_size=60
).map(lambda found: "".join(map("".join, found)))


@given(texts, texts, st.sampled_from(["en", "de", "ru", "zh", "unknown", "xx"]))
def test_any_text_goes_through_all_enrichers_and_spans_lie_in_it(title, body, language):
    story = enrich(builders.story(title=title, body=body), claim=language, enrichers=all_with(TAGGER))
    assert len(story.entities) <= MOST
    taken: set[tuple[str, int]] = set()
    for entity in story.entities:
        assert 1 <= len(entity.spans) <= MOST_SPANS
        assert len(entity.spans) <= entity.mentions
        for field, start, end in entity.spans:
            assert 0 <= start < end <= len(story.title if field == "title" else story.body)
            assert taken.isdisjoint((field, place) for place in range(start, end))
            taken.update((field, place) for place in range(start, end))


@given(st.permutations(PARAGRAPHS))
def test_who_is_in_a_story_does_not_hang_on_the_order_of_its_paragraphs(paragraphs):
    def cast(some: object) -> set[tuple[str, str, int]]:
        found = tagged("\n\n".join(some)).entities
        return {(one.name, one.kind.value, one.mentions) for one in found}

    assert cast(paragraphs) == cast(PARAGRAPHS)


@given(st.lists(st.sampled_from(PARAGRAPHS), max_size=4))
def test_what_stands_at_a_span_is_an_alias_of_the_name(paragraphs):
    known = {
        "Vladimir Putin": {"Vladimir Putin", "Putin"},
        "Kim Jong Un": {"Kim Jong Un", "Kim"},
        "National Intelligence Service": {"National Intelligence Service", "NIS"},
        "Rosalind Achterberg": {"Rosalind Achterberg", "Achterberg"},
        "Russia": {"Russia"},
    }
    story = tagged("\n\n".join(paragraphs))
    for entity in story.entities:
        assert set(stretches(story, entity)) <= known.get(entity.name, set(stretches(story, entity)))


@pytest.mark.parametrize(
    "unit", ["Aa ", "A.", "O’", "Xx of ", "Putin and ", "General ", "de la ", "Kim Jong Un, ", "\x00", "北", "é"]
)
def test_a_paragraph_of_300_kb_is_read_within_two_seconds(unit):
    body = unit * (300_000 // len(unit))
    began = time.process_time()
    enrich(builders.story(title="", body=body))
    assert time.process_time() - began < 2


def test_a_story_that_names_a_thousand_keeps_the_most_named():
    people = [
        f"President Xavier {first}{second}" for first in "BCDFGHJKLM" for second in ("ax", "ex", "ix", "ox", "ux")
    ]
    random.Random(7).shuffle(people)
    body = ". ".join(people * 2 + ["President Xavier Zz"] * 3)
    story = tagged(f"{body}. " + " ".join(f"Minister Yolanda Q{n:03}x." for n in range(200)))
    assert len(story.entities) == MOST
    assert story.entities[0].name == "Xavier Zz"
