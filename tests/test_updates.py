"""A story that its publisher edits: versions are kept, and alerts that ask for it are told of what matters."""

from __future__ import annotations

import pytest

from pipeline.flow.stories.explain import explain
from pipeline.ports import Ports
from tests import web
from tests.test_cluster import WIRE, body, one_round, tell, watch

NEW = "A second column was seen leaving Kursk in the afternoon."


@pytest.fixture
def edited(ports: Ports, site: web.Site, clock):
    """Poll the story of WIRE, then edit it, and poll it once more after an hour."""

    def edit(*paragraphs: str, title: str = "Story one", **alert: bool) -> None:
        watch(ports, tell(site, "one", WIRE), **alert)
        one_round(ports)
        clock.turn(4000)
        tell(site, "one", paragraphs, title=title)
        site.put("/feed/one", web.rss((title, f"{site.base}/one"), summary="Updated."), web.RSS)
        one_round(ports)

    return edit


def subjects(mails) -> list[str]:
    return [str(mail["Subject"]) for mail in mails()]


def test_a_new_sentence_that_matches_is_told_to_who_asked_for_updates(edited, mails):
    edited(*WIRE, NEW, updates=True)
    assert subjects(mails) == ["[kursk] Story one", "[kursk] Update: Story one"]
    update = mails()[1]
    assert body(update).startswith("A second column was seen leaving *Kursk* in the afternoon.")
    assert "Updated since you were alerted: 1 sentence added." in body(update)
    assert update["References"] == mails()[0]["References"]


def test_a_new_headline_that_matches_is_too(edited, mails):
    edited(*WIRE, title="Kursk villages are left", updates=True)
    assert subjects(mails) == ["[kursk] Story one", "[kursk] Update: Kursk villages are left"]
    assert "headline was “Story one”" in body(mails()[1])


def test_who_did_not_ask_is_not_told_twice(edited, mails, ports):
    edited(*WIRE, NEW)
    assert subjects(mails) == ["[kursk] Story one"]
    (story,) = ports.stores.stories.all()
    assert story.version == 2


@pytest.mark.parametrize(
    "paragraphs",
    [
        (*WIRE, "The school is full, a teacher wrote."),
        (*WIRE, "Updated: Tuesday, 3 March 2026, 14:05."),
        (*WIRE, "Advertisement"),
        (f"{WIRE[0]}  ", *WIRE[1:]),
        WIRE[:-1],
    ],
    ids=["no match in it", "a date", "an advertisement", "white space", "cut"],
)
def test_a_change_of_no_substance_is_told_to_nobody(edited, mails, paragraphs):
    edited(*paragraphs, updates=True)
    assert subjects(mails) == ["[kursk] Story one"]


def test_versions_are_kept_with_what_changed(edited, ports, site):
    edited(*WIRE[:-1], NEW, title="Villages are left")
    (story,) = ports.stores.stories.all()
    (revision,) = story.revisions
    assert (revision.version, revision.edited, revision.changes.headline_before) == (2, True, "Story one")
    assert revision.changes.added == (NEW,)
    assert revision.changes.removed[0].startswith("A spokesman for the army would not comment.")
    said = [step.said for step in explain(ports, f"{site.base}/one", None) if step.name == "dedupe"]
    assert said[1].endswith("+1 −2 sentences; the headline was 'Story one'")


def test_a_page_that_comes_in_place_of_the_feeds_text_is_no_update(ports, site, clock, mails):
    feed = tell(site, "one", (*WIRE, NEW))
    page = site.answers["/one"]
    site.put("/one", "no", status=403)
    site.put("/feed/one", web.rss(("Story one", f"{site.base}/one"), summary=WIRE[0]), web.RSS)
    watch(ports, feed, updates=True)
    one_round(ports)
    site.answers["/one"] = page
    clock.turn(4000)
    one_round(ports)
    (story,) = ports.stores.stories.all()
    assert (story.version, story.revisions[0].edited) == (2, False)
    assert subjects(mails) == ["[kursk] Story one"]


def test_an_update_of_a_copy_is_told_to_nobody_who_got_the_other(ports, site, clock, mails):
    watch(ports, tell(site, "one", WIRE), updates=True)
    one_round(ports)
    clock.turn(600)
    watch(ports, tell(site, "two", WIRE), query="nothing")
    one_round(ports)
    clock.turn(4000)
    tell(site, "two", (*WIRE, NEW))
    site.put("/feed/two", web.rss(("Story two", f"{site.base}/two"), summary="Updated."), web.RSS)
    outcome = one_round(ports)
    assert (outcome.matches, outcome.suppressed) == (1, 1)
    assert subjects(mails) == ["[kursk] Story one"]


def test_the_same_edit_seen_again_is_told_once(edited, ports, site, clock, mails):
    edited(*WIRE, NEW, updates=True)
    clock.turn(4000)
    site.put("/feed/one", web.rss(("Story one", f"{site.base}/one"), summary="Updated again."), web.RSS)
    one_round(ports)
    assert len(mails()) == 2
