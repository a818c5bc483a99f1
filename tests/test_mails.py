"""The mails: what they say, in what language and order, how much; and that no text of others steers them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from msgspec.structs import replace

from pipeline.deliver import decide
from pipeline.deliver.digest import policy_in_words, sections
from pipeline.deliver.excerpt import excerpts
from pipeline.deliver.language import ENGLISH, LANGUAGES, language
from pipeline.deliver.plan import first, plan
from pipeline.deliver.render import Item, in_text, render
from pipeline.errors import BadInput
from pipeline.match import match
from pipeline.model import Alert, Changes, Delivery, Evidence, Revision, Story
from pipeline.query.document import Document
from pipeline.query.syntax import parse
from pipeline.settings import load
from tests import builders, strategies
from tests.builders import NOON, later

GMAIL_CLIPS_AT = 102 * 1024
DELIVER = Path(__file__).parents[1] / "pipeline" / "deliver"
SETTINGS = load({}, mail_from="wirewatch@news.example")
LINKED = load({}, mail_from="wirewatch@news.example", public_url="https://desk.example", links_secret="0" * 32)
BODY = "The talks began in May. Officers from the Kursk region wrote the annex. Nobody voted against it."


def item(name: str = "a", query: str = "kursk", *, alert: str = "", elsewhere: int = 0, **fields: Any) -> Item:
    """A delivery of an alert on a story, which matches it."""
    story = fields.pop("story", None) or builders.story(name, **{"title": f"Story {name}", "body": BODY} | fields)
    saved = builders.alert(query, alert or query)
    found = match(saved.id, parse(query), Document(story), NOON)
    assert found
    delivery = replace(decide.delivery_for(found, "analyst@example.org", NOON), mail_id="mail")
    return Item(delivery, saved, story, replace(found, copy_of=story.copy_of), others(elsewhere))


def others(count: int) -> tuple[Story, ...]:
    return tuple(builders.story(f"other-{place}", url=f"https://other{place}.example/x") for place in range(count))


def held(one: Item, reason: str) -> Item:
    waited = decide.held(one.delivery, later(60), reason, NOON)
    return Item(waited, one.alert, one.story, one.match, one.elsewhere)


def mail(*items: Item, with_settings: Any = SETTINGS, notes: tuple[str, ...] = (), **recipient: Any) -> EmailMessage:
    """The mail as its reader's program takes it in."""
    made = render(items, builders.recipient(**recipient), with_settings, notes)
    return message_from_bytes(made.as_bytes(), _class=EmailMessage, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return found.get_content().replace("\r\n", "\n")


plain = partial(part, kind="plain")


def shown(message: EmailMessage) -> str:
    """What is to be read in the HTML part."""
    return " ".join(lxml_html.fromstring(part(message, "html")).find("body").text_content().split())


def both(message: EmailMessage) -> tuple[str, str]:
    return " ".join(plain(message).split()), shown(message)


# -- one story


def test_a_mail_begins_with_the_sentence_that_matched_then_says_the_headline_the_outlet_and_why():
    message = mail(item(title="Two sign", site="A News", elsewhere=17))
    for said in both(message):
        places = [said.index(words) for words in ("Officers from the", "Two sign", "A News +17 outlets", "found as")]
        assert places == sorted(places)
        assert said.index("Officers") < 5
    assert message["Subject"] == "[kursk] Two sign"


def test_a_headline_that_matched_is_said_once_with_its_words_marked():
    message = mail(item(title="Kursk again", body="Nothing else."))
    assert plain(message).startswith("*Kursk* again\n")
    assert plain(message).count("again") == 1


def test_times_are_in_the_readers_zone_and_language():
    assert "Sunday, 1 March 2026, 14:00 EET" in shown(mail(item(), zone="Europe/Kyiv"))
    german = mail(item(), zone="America/New_York", language="de")
    for said in both(german):
        assert "Sonntag, 1. März 2026, 07:00 EST" in said
        assert "gefunden als" in said
        assert "found as" not in said


def test_a_language_without_a_catalogue_is_english_and_a_region_is_passed_over():
    assert language("uk") is ENGLISH
    assert language("") is ENGLISH
    assert language("de-AT").code == "de"


def test_ways_out_are_in_both_parts_where_the_console_can_be_reached():
    message = mail(item(), with_settings=LINKED)
    for said in (plain(message), part(message, "html")):
        for action in ("unsubscribe", "unsubscribe-all", "mute", "irrelevant"):
            assert re.search(rf"https://desk\.example/preferences/[\w.-]+/{action}\b", said)
    for said in (plain(mail(item())), part(mail(item()), "html")):
        assert "preferences" not in said
        assert "unsubscribe in your mail program" in said


def test_a_story_without_headline_body_or_outlet_still_makes_a_mail():
    for fields in (
        {"title": "", "body": BODY},
        {"title": "Kursk", "body": ""},
        {"title": " ", "body": BODY, "site": ""},
    ):
        message = mail(item(**fields))
        assert "https://a.example/a" in plain(message)
    assert str(mail(item(title="", body=BODY))["Subject"]) == "[kursk] https://a.example/a"


def test_a_headline_from_right_to_left_keeps_to_its_own_line_and_steers_no_other():
    message = mail(item(query="كورسك", title="اجتماع في كورسك \u202eevil", body=""))
    assert 'dir="auto"' in part(message, "html")
    for said in both(message):
        assert "\u202e" not in said
        assert "كورسك" in said


def test_a_long_name_of_an_alert_leaves_the_headline_its_place_in_the_subject():
    message = mail(item(alert="All that is said of the neighbours " * 10, title="Two sign"))
    assert str(message["Subject"]).endswith("…] Two sign")


def test_an_update_says_what_changed():
    changes = Changes(headline_before="Old words", added=("One.", "Two."))
    revision = Revision(version=2, at=NOON, changes=changes, edited=True)
    one = item(version=2, revisions=(revision,))
    updated = Item(one.delivery, one.alert, one.story, replace(one.match, update=True))
    message = mail(updated)
    assert str(message["Subject"]).startswith("[kursk] Update: ")
    for said in both(message):
        assert "headline was “Old words”; 2 sentences added" in said


def test_copies_and_updates_thread_with_the_story_that_leads_them():
    leader, copy = item("a"), item("b", copy_of=builders.story("a").id)
    assert mail(leader)["References"] == mail(copy)["References"] == mail(leader, copy)["References"]
    assert mail(leader)["References"] != mail(item("c"))["References"]


# -- excerpts


@given(strategies.texts(60), strategies.texts(60), st.integers(40, 400), st.sampled_from(["kursk", "mutual", "北京"]))
def test_no_excerpt_is_longer_than_the_setting_and_what_matched_is_in_it(before, after, longest, word):
    story = builders.story(title="x", body=f"{before} {word} {after}")
    found = match("a", parse(word), Document(story), NOON)
    assert found
    for excerpt in excerpts(story, found.evidence, longest):
        assert len("".join(segment.text for segment in excerpt)) <= longest
        assert any(segment.marked for segment in excerpt)


def test_the_setting_bounds_what_a_mail_quotes():
    long = builders.story(title="x", body="word " * 300 + "kursk " + "word " * 300)
    tight = load({}, mail_from="wirewatch@news.example", excerpt_letters="60")
    assert len(plain(mail(item(story=long))).partition("\n\n")[0]) > 200
    assert len(plain(mail(item(story=long), with_settings=tight)).partition("\n\n")[0]) <= 62


def test_words_that_an_edit_moved_are_marked_where_they_stand_now():
    evidence = (Evidence(clause="kursk", field="body", start=0, end=5, text="Kursk"),)
    moved = builders.story(title="x", body="It was corrected. Then Kursk was named.")
    assert in_text(excerpts(moved, evidence)[0]) == "Then *Kursk* was named."
    gone = builders.story(title="x", body="It was corrected.")
    assert "*" not in in_text(excerpts(gone, evidence)[0])


# -- many in one


def digest(*items: Item, reason: str = "digest: daily 08:00", **options: Any) -> EmailMessage:
    return mail(*(held(one, reason) for one in items), **options)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("digest: daily 08:00", "Your digest: daily at 08:00."),
        ("digest: weekly mon 07:30", "Your digest: every Monday at 07:30."),
        ("quiet hours, 22:00-07:00", "Held during your quiet hours, 22:00–07:00."),
        ("throttle: 4 mails an hour", "This alert sends at most 4 mails an hour"),
        ("digest: at full moon", "Your digest: at full moon."),
        ("a burst", "Held while many stories came at once."),
    ],
)
def test_a_mail_says_why_it_is_one_or_why_it_is_late(reason, said):
    for message in (digest(item("a"), item("b"), reason=reason), digest(item("a"), reason=reason)):
        for text in both(message):
            assert said in text


def test_whatever_plan_holds_a_delivery_for_is_told_to_its_reader():
    one, night = item(), later(11 * 3600)
    reader = builders.recipient(quiet="22:00-07:00")
    digests = replace(one.alert, policy="weekdays 08:00")
    throttled, calm = replace(one.alert, throttle=2), replace(one.alert, urgent=True)
    lately = [(one.alert.id, later(-1))] * 30
    known = [
        (first(one.delivery, one.alert, reader, night), "Held during your quiet hours, 22:00–07:00."),
        (first(one.delivery, digests, reader, night), "Your digest: on weekdays at 08:00."),
        (held_by_plan(one, throttled, lately[:2]), "This alert sends at most 2 mails an hour"),
        (held_by_plan(one, calm, lately), "Held while many stories came at once."),
    ]
    for delivery, said in known:
        assert said in shown(mail(Item(delivery, one.alert, one.story, one.match)))


def held_by_plan(one: Item, alert: Alert, sent: list[tuple[str, datetime]]) -> Delivery:
    pending = replace(one.delivery, mail_id="")
    return plan([pending], {alert.id: alert}, builders.recipient(), sent, NOON).changed[0]


def test_what_came_at_once_is_called_a_burst_with_its_count_and_minutes():
    items = []
    for place in range(31):
        one = item(f"{place}")
        delivery = replace(one.delivery, created_at=NOON + timedelta(seconds=9.9 * place))
        items.append(Item(delivery, one.alert, one.story, one.match))
    for said in both(mail(*items)):
        assert "A burst: 31 matches in 5 minutes" in said
    assert str(mail(*items)["Subject"]).startswith("[kursk] 31 stories: Story ")


def test_what_came_at_once_for_less_than_a_burst_was_rolled_by_the_throttle():
    items = [item(f"{place}") for place in range(3)]
    throttled = [Item(one.delivery, replace(one.alert, throttle=1), one.story, one.match) for one in items]
    assert "at most 1 mail an hour" in shown(mail(*throttled))


@pytest.mark.parametrize(
    ("text", "english", "german"),
    [
        ("hourly", "hourly", "stündlich"),
        ("daily 08:00", "daily at 08:00", "täglich um 08:00 Uhr"),
        ("weekdays 07:30", "on weekdays at 07:30", "werktags (Mo–Fr) um 07:30 Uhr"),
        ("weekly tue 18:05", "every Tuesday at 18:05", "jeden Dienstag um 18:05 Uhr"),
    ],
)
def test_policies_are_said_in_words(text, english, german):
    assert policy_in_words(text, ENGLISH) == english
    assert policy_in_words(text, language("de")) == german


def test_copies_of_a_story_are_one_line_with_their_outlets():
    lead = item("a", title="Lead", elsewhere=2)
    copy = item("b", url="https://other1.example/x", title="Copy", copy_of=lead.story.id)
    third = item("c", url="https://third.example/x", title="Copy too", copy_of=lead.story.id)
    for said in both(digest(copy, lead, third)):
        assert "1 story · 3 matches" in said
        assert "Lead" in said
        assert "+3 outlets" in said
        assert "Copy" not in said


def test_the_most_important_is_first_by_outlets_then_headline_then_time():
    many = item("many", elsewhere=5)
    named = item("named", title="Kursk in the headline")
    newer, older = item("newer", published=NOON), item("older", published=NOON - timedelta(hours=1))
    ordered = sections([older, newer, named, many])[0].clusters
    assert [one.lead.story.id for one in ordered] == [one.story.id for one in (many, named, newer, older)]


def test_an_urgent_alert_comes_first_and_each_has_its_count():
    calm = [item(name, alert="Calm", elsewhere=9) for name in "ab"]
    one = item("c", alert="Urgent")
    urgent = Item(one.delivery, replace(one.alert, urgent=True), one.story, one.match)
    message = digest(*calm, urgent)
    for said in both(message):
        assert said.index("Urgent") < said.index("Calm")
        assert "3 stories · 2 alerts" in said
    assert "List-Id" not in message


def test_a_story_that_two_alerts_found_is_one_story():
    message = digest(item("a", alert="One"), item("a", alert="Other"), item("b", alert="Other"))
    for said in both(message):
        assert "2 stories · 2 alerts · 3 matches" in said
    assert "2 stories" in message["Subject"]


def test_notes_stand_in_digests_and_mails_and_are_bounded():
    note = "3 of the 40 sources of this alert have been silent since 06:10"
    for message in (mail(item(), notes=(note,)), digest(item("a"), item("b"), notes=(note,))):
        for said in both(message):
            assert note in said
    many = mail(item(), notes=("x" * 5000,) * 1000)
    assert len(part(many, "html")) < 20_000
    assert "and 990 more" in shown(many)


@pytest.mark.parametrize(
    "title", ["Kursk " + "headline " * 30, "Курськ " + "заголовок " * 30, "Kursk 北京 " + "字" * 280]
)
def test_a_digest_of_500_stays_below_the_clip_and_its_text_names_every_story(title):
    items = [
        held(
            item(f"{place}", "kursk OR курськ", alert=f"Alert {place % 40}", title=f"{title} {place}"),
            "digest: daily 08:00",
        )
        for place in range(500)
    ]
    message = mail(*items, with_settings=LINKED, notes=("注" * 200,) * 10)
    sent = message.get_body(("html",)).as_bytes()
    assert len(sent) < GMAIL_CLIPS_AT
    rows = shown(message)
    left_out = sum(int(count) for count in re.findall(r"and (\d+) more", rows))
    all_left_out = re.search(r"(\d+) stories are not shown here", rows)
    assert all_left_out
    assert int(all_left_out[1]) >= left_out > 0
    named = set(re.findall(r"https://a\.example/(\d+)", plain(message)))
    in_html = set(re.findall(r'"https://a\.example/(\d+)"', part(message, "html")))
    assert named == {f"{place}" for place in range(500)}
    assert len(in_html) + int(all_left_out[1]) == 500


def test_more_alerts_than_there_is_room_for_are_counted_too():
    items = [held(item(f"{place}", alert=f"Alert {place} {'x' * 90}"), "digest: hourly") for place in range(300)]
    message = mail(*items, with_settings=LINKED)
    found = re.search(r"(\d+) stories are not shown here", shown(message))
    assert found
    in_html = set(re.findall(r'"https://a\.example/(\d+)"', part(message, "html")))
    assert len(in_html) + int(found[1]) == 300


# -- text of others

awkward = st.text(max_size=60) | st.sampled_from(
    [
        "</td><script>alert(1)</script>",
        '"><img src=x onerror=y>',
        "a\r\nBcc: x@evil.example",
        "{{ 7 * 7 }}",
        "%(alert)s %s %",
        "\u2028\x00\x1b[31m",
        "=?utf-8?q?a?=",
        "-- \nWirewatch",
        "&lt;b&gt;",
    ]
)


@settings(max_examples=150)
@given(awkward, awkward, awkward, awkward, awkward, st.sampled_from([1, 3]), st.sampled_from(LANGUAGES))
def test_no_text_of_others_is_markup_a_header_or_a_second_line(title, body, outlet, author, alert, count, tongue):
    items = [
        item(
            f"{place}",
            alert=alert or "x",
            title=f"Kursk {title}",
            body=f"Kursk {body}",
            site=outlet,
            authors=(author,),
            url=f"https://a.example/{place}",
        )
        for place in range(count)
    ]
    message = mail(*items, language=tongue)
    assert not message.defects
    assert set(message.keys()) <= HEADERS
    for value in message.values():
        assert str(value).isprintable() or not set(str(value)) & set("\r\n")
    page = lxml_html.fromstring(part(message, "html"))
    assert not page.xpath("//script | //img | //iframe | //link | //form | //@onerror | //@src")
    assert all(str(link).startswith("https://a.example/") for link in page.xpath("//@href"))
    assert plain(message).count("\n-- \n") == 1
    assert not set(plain(message)) & set("\r\x00\x1b\u2028\u202e")


HEADERS = set(
    "Subject From To Date Message-ID References In-Reply-To List-Id List-Unsubscribe Auto-Submitted "
    "X-Wirewatch-Delivery MIME-Version Content-Type".split()
)


def test_an_address_that_is_no_web_page_is_no_link():
    story = builders.story(url="javascript:alert(1)", title="Kursk", body=BODY)
    for message in (mail(item(story=story)), digest(item(story=story), item("b"))):
        assert "javascript:" not in part(message, "html")


def test_an_impossible_zone_is_one_clear_error():
    with pytest.raises(BadInput, match="Mars/Base"):
        mail(item(), zone="Mars/Base")


# -- languages


def messages() -> set[tuple[str, ...]]:
    """All that templates and code say in the reader's language."""
    methods = [("templates/**", "jinja2.ext.babel_extract"), ("**.py", "python")]
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2)}
    found = [said for _, _, said, _, _ in extract_from_dir(DELIVER, method_map=methods, keywords=keywords)]
    found += [said for _, said, _, _ in extract_from_file("python", DELIVER.parent / "coverage.py", keywords=keywords)]
    return {said if isinstance(said, tuple) else (said,) for said in found}


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_a_catalogue_says_all_that_mails_say_and_nothing_else_with_the_same_figures_in_it(code):
    with (DELIVER / "locale" / f"{code}.po").open("rb") as source:
        catalogue = {one.id: one for one in read_po(source, locale=code) if one.id}
    assert {said if isinstance(said, tuple) else (said,) for said in catalogue} == messages()
    for said, entry in catalogue.items():
        assert not entry.fuzzy
        ours = said if isinstance(said, tuple) else (said,)
        theirs = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        assert len(theirs) == len(ours)
        for text in theirs:
            assert set(re.findall(r"%\(\w+\)[ds]", text)) == set(re.findall(r"%\(\w+\)[ds]", ours[-1]))
