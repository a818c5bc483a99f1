"""The pages of stories: search, facets, exports, and one story; over real HTTP, on both backends."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.stories import csvs
from pipeline.model import Changes, DeliveryState, Entity, EntityKind, Revision, Role, Story
from tests import builders
from tests.browser import Desk, browsing
from tests.fakes import BusyClock

SCRIPT = "<script>alert(1)</script>"
LONG = "Long headline " * 22


@pytest.fixture
def desk(ports) -> Iterator[Desk]:
    with browsing(ports, Role.ANALYST) as browser:
        yield browser


def put(desk: Desk, name: str, hours: float = 1, **fields: object) -> Story:
    """A story of some hours ago."""
    at = desk.ports.clock.now() - timedelta(hours=hours)
    story = builders.story(name, **{"title": name, "published": at} | fields)
    desk.ports.stores.stories.put([story])
    return story


def listed(text: str) -> list[str]:
    """The headlines of a page of stories."""
    return [re.sub("<[^>]*>", "", one) for one in re.findall(r'<li><a href="/stories/[0-9a-f-]{40}">(.*?)</a>', text)]


def test_a_search_by_relevance_that_finds_nothing_says_how_far_it_got(ports):
    ports = dataclasses.replace(ports, clock=BusyClock(ports.clock.now(), 0.2))
    with browsing(ports, Role.ANALYST) as desk:
        for number in range(9):
            put(desk, f"Story {number}", number + 1, body="Kursk.")
        page = desk.get("/stories", q="kursk outlets>=5", sort="relevance")
    assert "Nothing found since" in page.words
    assert "Go on with the latest first" in page.words


def test_a_number_of_another_script_is_no_number_of_outlets(desk):
    page = desk.get("/stories", q="kursk outlets>=²")
    assert page.status == 422
    assert "Write outlets>=3" in page.words


# -- search


def test_nothing_typed_shows_the_latest_and_a_query_what_it_finds_with_its_words_marked(desk):
    put(desk, "Old news", 900, body="Kursk then.")
    put(desk, "News", 2, body="Something happened near Kursk again.")
    put(desk, "Other", 1)
    assert listed(desk.get("/stories").text) == ["Other", "News", "Old news"]
    found = desk.get("/stories?q=kursk")
    assert listed(found.text) == ["News", "Old news"]
    assert "near <mark>Kursk</mark> again." in found.text
    assert "2 stories found" in found.words


def test_the_time_and_the_filters_of_the_language_bound_a_search(desk):
    put(desk, "Now", 1)
    old = put(desk, "Then", 240)
    day = old.published.date()
    assert listed(desk.get(f"/stories?until={day + timedelta(days=1)}").text) == ["Then"]
    assert listed(desk.get(f"/stories?since={day + timedelta(days=1)}").text) == ["Now"]
    assert listed(desk.get(f"/stories?q=published%3C{day + timedelta(days=1)}").text) == ["Then"]


def test_facets_narrow_the_search_by_what_they_name(desk):
    kursk = Entity(name="Kursk", kind=EntityKind.PLACE)
    put(desk, "First", 1, site="Even", language="en", entities=(kursk,))
    put(desk, "Second", 2, site="Odd", language="de")
    page = desk.get("/stories")
    for name, left in (("Even", "First"), ("de", "Second"), ("Kursk", "First")):
        link = re.search(rf'<a href="([^"]+)"><bdi>{name}</bdi></a> <span class="soft">1</span>', page.text)
        assert link, name
        assert listed(desk.get(link.group(1).replace("&amp;", "&")).text) == [left]


def test_copies_are_folded_into_one_with_the_outlets_that_have_it(desk):
    leader = put(desk, "Wire", 3, site="Agency")
    for number in range(3):
        put(desk, "Wire", 2, url=f"https://copy{number}.example/", site=f"Paper {number}", copy_of=leader.id)
    page = desk.get("/stories")
    assert listed(page.text) == ["Wire"]
    assert "+3 outlets" in page.words


def test_pages_follow_each_other_and_leave_nothing_out(desk):
    same = desk.ports.clock.now() - timedelta(hours=1)
    wanted = {
        put(desk, f"Story {number}", published=same - timedelta(minutes=number // 7)).title for number in range(47)
    }
    path, seen = "/stories?q=story", []
    while path:
        page = desk.get(path)
        seen += listed(page.text)
        older = re.search(r'<a href="([^"]+)">Older stories', page.text)
        path = older.group(1).replace("&amp;", "&") if older else ""
    assert len(seen) == 47
    assert set(seen) == wanted


def test_relevance_puts_first_what_says_most_of_it(desk):
    put(desk, "Other", 1, body="Kursk once.")
    put(desk, "Kursk", 5, body="Kursk and Kursk.")
    assert listed(desk.get("/stories?q=kursk&sort=relevance").text) == ["Kursk", "Other"]


def test_a_query_that_cant_be_asked_is_shown_with_its_place_and_the_cure(desk):
    page = desk.get("/stories?q=kursk%20AND")
    assert page.status == 422
    assert "the query ends where a word is wanted. Add one" in page.words
    assert "is no date: give one such as 2026-01-31" in desk.get("/stories?since=soon").words
    assert desk.get("/stories?after=x").status == 422


def test_a_search_becomes_an_alert_by_one_button(desk):
    put(desk, "Kursk")
    link = re.search(r'href="(/alerts/new[^"]+)"', desk.get("/stories?q=kursk%20%22a%20b%22%20OR%20x").text)
    assert link
    assert "kursk &#34;a b&#34; OR x</textarea>" in desk.get(link.group(1)).text


def test_what_no_alert_can_have_is_left_out_of_the_alert_that_a_search_becomes(desk):
    put(desk, "Kursk")
    page = desk.get("/stories", q="kursk outlets>=1 published>=2020-01-01")
    link = re.search(r'href="(/alerts/new[^"]+)"', page.text)
    assert link
    assert ">kursk</textarea>" in desk.get(link.group(1)).text
    assert "Make an alert of this search" not in desk.get("/stories", q="published>=2020-01-01").words


def test_a_day_on_which_nothing_is_found_is_said_to_be_of_utc(desk):
    put(desk, "Kursk")
    assert "Nothing found." in (page := desk.get("/stories", since="2020-01-01", until="2020-01-02")).words
    assert "the day of “Before” is left out" in desk.get("/stories", since="2020-01-01", until="2020-01-01").words
    hinted = desk.get("/stories", q="lang:english kursk").words
    assert "it was read as lang:english AND" in hinted
    assert "is no code of a language" in hinted
    assert "Days are of UTC." in page.words


# -- exports


def test_exports_hold_all_that_is_found_and_no_formula(desk):
    for number in range(30):
        put(desk, f"=HYPERLINK({number})", number + 1, authors=("@ana", "b"))
    put(desk, "Other")
    rows = list(csv.DictReader(io.StringIO(desk.get("/stories.csv?q=hyperlink").text)))
    assert len(rows) == 30
    assert rows[0]["title"] == "'=HYPERLINK(0)"
    assert rows[0]["authors"] == "'@ana; b"
    stories = json.loads(desk.get("/stories.json?q=hyperlink").text)
    assert [one["title"] for one in stories] == [f"=HYPERLINK({number})" for number in range(30)]
    assert json.loads(desk.get("/stories.json?q=nothing").text) == []


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_a_cell_that_begins_as_a_formula_is_defused(cell):
    _, risky, harmless = csvs.lines(["title"], [[cell], [f"x{cell}"]])
    assert next(csv.reader([risky], strict=True)) == [f"'{cell}"]
    assert next(csv.reader([harmless], strict=True)) == [f"x{cell}"]


# -- one story


def test_a_story_shows_its_text_versions_copies_and_whom_it_was_mailed_to(desk):
    changes = Changes(headline_before="Before", added=("New sentence.",), removed=("Old sentence.",))
    story = put(
        desk,
        "After",
        body="One.\n\nTwo.",
        version=2,
        revisions=(Revision(version=2, at=builders.NOON, changes=changes, edited=True),),
        entities=(Entity(name="Kursk", kind=EntityKind.PLACE),),
    )
    put(desk, "After", url="https://b.example/", site="Paper", copy_of=story.id)
    alert = put_alert(desk.ports, NewAlert(name="kursk", query="kursk"))
    sent = builders.delivery(alert_id=alert.id, story_id=story.id, state=DeliveryState.SENT)
    desk.ports.stores.deliveries.create([sent])
    page = desk.get(f"/stories/{story.id}")
    assert '<p dir="auto">One.</p>\n<p dir="auto">Two.</p>' in page.text
    assert "Version 2, 2026-03-01 12:00: +1 −1 sentences The headline was Before" in page.words
    assert "In other outlets too Paper" in page.words
    assert "Alerts that fired kursk analyst@example.org: sent" in page.words
    assert f'<a href="{story.url}" rel="noopener noreferrer nofollow">' in page.text
    assert desk.get(f"/stories/{story.id}/related").status == 200


def test_an_address_that_is_not_of_the_web_is_no_link(desk):
    story = put(desk, "Bad", url="javascript:alert(1)")
    assert 'href="javascript:' not in desk.get(f"/stories/{story.id}").text


def test_times_are_in_the_visitors_zone_where_it_is_known(desk):
    story = put(desk, "News", published=builders.NOON)
    assert "2026-03-01 12:00" in desk.get(f"/stories/{story.id}").words
    desk.ports.stores.recipients.put([builders.recipient("ana@example.org", zone="Asia/Tokyo")])
    page = desk.get(f"/stories/{story.id}").words
    assert "2026-03-01 21:00" in page
    assert "Times are in Asia/Tokyo." in page


# -- what others write, and what is not there


@pytest.mark.parametrize("field", ["title", "body", "site", "authors", "feed_titles", "entities"])
def test_a_script_in_what_others_write_is_text_on_every_page(desk, field):
    values = {
        "authors": (SCRIPT,),
        "feed_titles": (SCRIPT,),
        "entities": (Entity(name=SCRIPT, kind=EntityKind.PERSON),),
    }
    story = put(desk, "Kursk", **{field: values.get(field, f"Kursk {SCRIPT}")})
    put_alert(desk.ports, NewAlert(name=SCRIPT, query="kursk"))
    paths = ("/stories", "/stories?q=kursk", f"/stories/{story.id}", "/alerts", f"/explain?url={story.url}&alert=x")
    for path in paths:
        assert SCRIPT not in desk.get(path).text, path
    seen = desk.post("/alerts/preview", {"query": "kursk", "variants": "on"})
    assert (SCRIPT in seen.text, seen.status) == (False, 200)


def test_a_headline_of_three_hundred_letters_and_one_from_right_to_left_stand_as_they_are(desk):
    put(desk, LONG)
    put(desk, "أخبار كورسك", 2, body="قال متحدث إن المدينة هادئة.")
    page = desk.get("/stories")
    assert LONG.strip() in page.text
    assert '<bdi dir="auto">أخبار كورسك</bdi>' in page.text


def test_an_empty_installation_says_what_comes_next(desk):
    assert "There are no stories yet. They come when feeds are polled" in desk.get("/stories").words


@pytest.mark.parametrize("path", ["/stories/0000", "/stories/0000/related", "/nowhere"])
def test_what_is_not_there_is_a_page_that_says_so(desk, path):
    page = desk.get(path)
    assert page.status == 404
    assert "There is no such" in page.words


def test_a_stranger_gets_no_story(ports):
    story = builders.story(title="Kursk")
    ports.stores.stories.put([story])
    with browsing(ports, None) as stranger:
        for path in ("/stories", "/stories.csv", f"/stories/{story.id}"):
            page = stranger.get(path)
            assert (page.status, "Kursk" in page.text) == (303, False)
            assert page.headers["Location"].startswith("/sign-in?")
