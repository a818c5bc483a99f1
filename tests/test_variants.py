"""Spellings, named lists, and what an alert means when either changes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline import flow
from pipeline.errors import BadInput, NotFound, QueryError
from pipeline.flow.alerts import language
from pipeline.flow.alerts.manage import NewAlert, find_alert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate, matches
from pipeline.query.meaning import Lexicon, understand
from pipeline.query.render import render
from pipeline.query.variants import NONE, shipped, spellings, table, with_own
from tests import builders, web

LEXICON = Lexicon({"nato": ("NATO", "north atlantic alliance"), "one": ("kursk",)}, shipped())


def holds(query: str, body: str, **fields: object) -> bool:
    return matches(understand(query, LEXICON), Document(builders.story(title="", body=body, **fields)))


FOUND = [
    ('"mutual defense"', "a mutual defence clause"),
    ('"mutual defence"', "a mutual defense clause"),
    ("organise", "they organize it"),
    ("organizations", "many organisations"),
    ("labour", "the labor market"),
    ("programme", "a program for peace"),
    ("Kiev", "in Київ yesterday"),
    ("Kyiv", "in Kiev yesterday"),
    ("kursk", "у Курську"),
    ("Курск", "in Kursk"),
    ("Beijing", "今天在北京"),
    ("Pyongyang", "평양에서"),
    ("Peking", "in Beijing"),
    ('"hong kong"', "in Hongkong"),
    ('"Kim Jong Un" NEAR/3 Putin', "Kim Jong-un met Путин"),
    ("title:Путин OR putin", "Poutine said"),
    ("ATLEAST/2 Kharkov", "Kharkiv and Харків"),
    ('"(kharkov|belgorod) front"', "the Belgorod front"),
]


@pytest.mark.parametrize(("query", "text"), FOUND)
def test_a_word_is_found_in_its_other_spellings(query, text):
    assert holds(query, text)


NOT_FOUND = [
    ("=defence", "defense"),
    ('="Mutual Defence"', "Mutual Defense"),
    ("defenc*", "defense"),
    ("author:defence defence", "defense"),
    ("organisms", "organizms"),
    ("kursk", "kursky"),
]


@pytest.mark.parametrize(("query", "text"), NOT_FOUND)
def test_exact_words_wildcards_and_what_no_table_has_stay_as_typed(query, text):
    assert not holds(query, text)


def test_spellings_can_be_switched_off_and_are_always_visible():
    assert understand("defence", LEXICON, variants=False).text == "defence"
    meant = understand('"mutual defence"', LEXICON)
    assert meant.text == '"mutual (defence|~defense)"'
    assert render(meant.root, variants=False) == '"mutual defence"'
    assert spellings(meant.root) == ["defense"]


def test_the_evidence_names_the_clause_as_typed_and_the_spelling_that_was_found():
    (one,) = evaluate(understand('"mutual defence"', LEXICON), Document(builders.story(body="a mutual defense pact")))
    assert (one.clause, one.text) == ('"mutual defence"', "mutual defense")


def test_every_line_of_the_shipped_tables_works_both_ways():
    others = shipped().others
    assert len(others) > 1_500
    for spelling, found in others.items():
        assert spelling not in found
        assert all(spelling in others[other] for other in found)


def test_the_operators_own_table_adds_to_the_shipped_one(tmp_path):
    own = tmp_path / "own.txt"
    own.write_text("# ours\nAcme|Acme Corporation|アクメ\nKyiv|Kioff\ncolou|colo -r -rs\n", encoding="utf-8")
    both = with_own(own)
    assert ("kioff",) in both.others["kyiv",]
    assert ("kiev",) in both.others["kyiv",]
    assert ("acme", "corporation") in both.others["acme",]
    own.write_text("Acme\n")
    with pytest.raises(BadInput, match=r"own\.txt, line 1: one spelling alone"):
        with_own(own)
    with pytest.raises(BadInput, match="No such file"):
        with_own(tmp_path / "nowhere.txt")


def test_a_phrase_never_gets_more_readings_than_are_allowed():
    many = table(["a|b|c|d|e|f|g"])
    meant = understand('"a a a a a"', Lexicon({}, many))
    assert understand(meant.text, Lexicon({}, NONE)).root == meant.root


# -- named lists


def test_a_list_stands_for_any_of_its_members():
    assert holds("@nato", "the North Atlantic alliance")
    assert holds("title:x OR @NATO", "НАТО сказала")
    assert holds("@nato NEAR/3 summit", "the summit of NATO")
    assert not holds("@nato", "the alliance")
    assert understand("@one", LEXICON, variants=False).text == "kursk"


def test_a_list_that_is_not_there_is_refused_with_the_cure():
    with pytest.raises(QueryError, match=r"there is no list @brics.*wirewatch lists set brics"):
        understand("kursk @brics", LEXICON)


@pytest.fixture
def watched(ports):
    language.put_list(ports, "@Fronts", ["kursk", "belgorod region"])
    put_alert(ports, NewAlert(name="fronts", query="@fronts NOT sport", recipients=("a@example.org",)))
    put_alert(ports, NewAlert(name="other", query="kursk", recipients=("a@example.org",)))
    return ports


def test_an_edited_list_changes_the_alerts_that_use_it_and_no_others(watched, site, mails):
    changed = language.put_list(watched, "fronts", ["sudzha"])
    assert [alert.name for alert in changed] == ["fronts"]
    assert find_alert(watched, "fronts").meaning.startswith('"(sudzha|')
    add_feeds(watched, [NewFeed(url=web.put_story(site, "one", "The road to Sudzha is closed."))])
    feed = next(watched.stores.feeds.all())
    report = flow.ingest(watched, flow.poll(watched, [feed.id], forced=True).entry_ids)
    flow.notify(watched, report.delivery_ids)
    assert [str(mail["Subject"]).split()[0] for mail in mails()] == ["[fronts]"]


def test_an_edit_that_an_alert_would_not_outlive_is_refused_and_changes_nothing(watched):
    put_alert(watched, NewAlert(name="near", query="@fronts NEAR/2 troops", recipients=("a@example.org",)))
    with pytest.raises(BadInput, match="needs at least one word"):
        language.put_list(watched, "fronts", [" "])
    with pytest.raises(BadInput, match="would no longer be accepted"):
        language.put_list(watched, "fronts", [f"word{number}" for number in range(600)])
    assert "belgorod" in find_alert(watched, "fronts").meaning


def test_a_list_in_use_cant_be_removed_and_an_unused_one_can(watched):
    with pytest.raises(BadInput, match="used by 'fronts'"):
        language.remove_list(watched, "fronts")
    language.put_list(watched, "idle", ["x y"])
    language.remove_list(watched, "@idle")
    with pytest.raises(NotFound):
        language.remove_list(watched, "idle")


def test_an_alert_that_writes_a_list_in_full_width_follows_it_too(watched):
    put_alert(watched, NewAlert(name="wide", query="＠Fronts", recipients=("a@example.org",)))
    assert "wide" in {alert.name for alert in language.put_list(watched, "fronts", ["sumy"])}
    assert "sumy" in find_alert(watched, "wide").meaning
    with pytest.raises(BadInput, match="wide"):
        language.remove_list(watched, "fronts")


@pytest.mark.parametrize("member", ["NATO OR OTAN", "a NEAR/3 b"])
def test_a_member_of_a_list_is_no_query(watched, member):
    with pytest.raises(BadInput, match="has an operator"):
        language.put_list(watched, "nato", [member])


def test_an_alert_edited_while_its_list_is_means_what_was_typed_last(watched, monkeypatch):
    """Somebody saves it when the list's editor has read the alerts and not yet written them."""
    key = find_alert(watched, "fronts").id
    of_store = watched.stores.alerts.update

    def after_another(ids, change):
        monkeypatch.setattr(watched.stores.alerts, "update", of_store)
        put_alert(watched, NewAlert(name="fronts", query="belgorod NOT @fronts"), replace_existing=True)
        return of_store(ids, change)

    monkeypatch.setattr(watched.stores.alerts, "update", after_another)
    language.put_list(watched, "fronts", ["sumy"])
    alert = watched.stores.alerts.get([key])[key]
    assert (alert.query, alert.meaning) == ("belgorod NOT @fronts", language.understood(watched, alert.query).text)


def test_a_list_edited_while_an_alert_is_saved_is_what_the_alert_means(watched, monkeypatch):
    of_store = watched.stores.alerts.create

    def after_the_list(things):
        monkeypatch.setattr(watched.stores.alerts, "create", of_store)
        language.put_list(watched, "fronts", ["sumy"])
        return of_store(things)

    monkeypatch.setattr(watched.stores.alerts, "create", after_the_list)
    saved = put_alert(watched, NewAlert(name="late", query="@fronts troops", recipients=("a@example.org",)))
    assert "sumy" in saved.meaning
    assert find_alert(watched, "late").meaning == saved.meaning


def test_alerts_are_understood_anew_when_the_table_changes(watched):
    watched.stores.alerts.update([find_alert(watched, "other").id], lambda alert: replace(alert, meaning="kursk"))
    assert [alert.name for alert in language.recheck_alerts(watched)] == ["other"]
    assert "курск" in find_alert(watched, "other").meaning
    assert language.recheck_alerts(watched) == []
