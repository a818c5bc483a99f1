"""When pages are fetched: the feed's own policy, and what is learnt beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.extract import policy
from pipeline.extract.policy import LOOKED_AT, REMEMBERED, SAME_IN_A_ROW, barred, compare, learnt, lesson, why_no_page
from pipeline.flow.feeds.check import check
from pipeline.flow.feeds.manage import NewFeed, add_feeds, set_feed_pages
from pipeline.flow.once import once
from pipeline.health import health_of
from pipeline.model import Article, Entry, PageRecord, Pages, TextFrom
from tests import builders, web
from tests.builders import NOON
from tests.conftest import world

SHORT = "".join(f"<p>{text}</p>" for text in web.article("Two villages near Kursk were left in the night."))
WHOLE = SHORT * 6
LONGER = "The road to Sudzha is closed until the morning, said an officer who stood at the bridge. " * 4


def entry(name: str = "a", *, looked_at: bool = False, **fields: object) -> Entry:
    """An entry whose id is, or is not, one of those that are looked at whatever was learnt."""
    return builders.entry(name, **{"id": f"{LOOKED_AT * 7 + (not looked_at):032x}", **fields})


def page(html: str, more: str = "") -> Article:
    return Article(url="https://a.example/a", paragraphs=(*policy.feed_text(html, ""), *([more] if more else [])))


def after(record: PageRecord, html: str, *more: str) -> PageRecord:
    """The record after pages of entries with `html` said each of `more` beside it."""
    for one in more:
        record = learnt(record, compare(entry(content=html), page(html, one)))
    return record


def fetched(record: PageRecord, html: str, how: Pages = Pages.WHEN_SHORT, *, looked_at: bool = False) -> bool:
    return not why_no_page(how, record, entry(content=html, looked_at=looked_at))


def test_a_policy_is_kept_to():
    assert fetched(PageRecord(), WHOLE, Pages.ALWAYS)
    assert not fetched(PageRecord(), SHORT, Pages.NEVER, looked_at=True)
    assert fetched(PageRecord(), SHORT)
    assert not fetched(PageRecord(), WHOLE)


def test_a_feed_whose_short_texts_were_all_that_its_pages_said_needs_no_pages():
    record = after(PageRecord(), SHORT, *[""] * (SAME_IN_A_ROW - 1))
    assert fetched(record, SHORT)
    record = after(record, SHORT, "")
    assert not fetched(record, SHORT)
    assert "one page in" in lesson(Pages.WHEN_SHORT, record)


def test_a_text_longer_than_those_or_cut_off_or_empty_still_needs_its_page():
    record = after(PageRecord(), SHORT, *[""] * SAME_IN_A_ROW)
    assert fetched(record, SHORT * 2)
    assert fetched(record, "<p>Two villages near Kursk were […]</p>")
    assert fetched(record, "<p>Two villages near Kursk. <a href='x'>Read more</a></p>")
    assert fetched(record, "")


def test_a_single_page_that_says_more_undoes_what_was_learnt():
    record = after(PageRecord(), SHORT, *[""] * SAME_IN_A_ROW, LONGER)
    assert fetched(record, SHORT)
    assert lesson(Pages.WHEN_SHORT, record) == ""


def test_a_text_that_looked_whole_and_was_a_teaser_has_the_pages_fetched_until_they_say_no_more():
    record = after(PageRecord(), WHOLE, LONGER * 20)
    for _ in range(SAME_IN_A_ROW):
        assert fetched(record, WHOLE)
        record = after(record, WHOLE, "")
    assert not fetched(record, WHOLE)


def test_a_caption_more_makes_no_teaser_of_a_whole_text():
    assert not fetched(after(PageRecord(), WHOLE, "A bridge in the morning."), WHOLE)


def test_one_page_in_ten_is_looked_at_whatever_was_learnt():
    record = after(PageRecord(), SHORT, *[""] * SAME_IN_A_ROW)
    assert fetched(record, SHORT, looked_at=True)
    assert fetched(record, WHOLE, looked_at=True)


@given(st.lists(st.booleans(), max_size=60))
def test_pages_that_could_not_be_had_are_counted_of_the_last_ones_only(answers):
    record = PageRecord()
    for had in answers:
        record = (
            learnt(record, compare(entry(content=SHORT), page(SHORT)))
            if had
            else barred(record, "answers 403 Forbidden")
        )
    assert record.tried == min(len(answers), REMEMBERED)
    assert 0 <= record.barred <= record.tried
    if len(answers) <= REMEMBERED:
        assert record.barred == answers.count(False)


def test_a_feeds_health_says_how_often_its_pages_could_not_be_had():
    record = PageRecord()
    for _ in range(3):
        record = barred(record, "answers 403 Forbidden")
    said = health_of(builders.feed(page_record=record), NOON).pages
    assert said == "3 of the last 3 pages could not be had, lately: answers 403 Forbidden"
    assert health_of(builders.feed(), NOON).pages == ""


# -- from a real server


@pytest.fixture
def ports(stores, tmp_path, clock):
    made = world(stores, tmp_path, clock, pages="when-short")
    yield made
    made.fetcher.close()
    made.extractor.close()


def one_round(ports) -> None:
    once(ports, everything=True, progress=lambda *_: None, threads=2)


def put_feed(site, html: str, count: int, status: int = 200) -> str:
    """A feed of `count` entries with `html`, whose pages say the same."""
    for number in range(count):
        site.put(f"/{number}", web.page(f"Story {number}", *policy.feed_text(html, "")), status=status)
    items = [(f"Story {number}", f"{site.base}/{number}") for number in range(count)]
    return site.put("/feed", web.rss(*items, summary=f"<![CDATA[{html}]]>"), web.RSS)


def test_the_policy_of_a_feed_goes_before_the_settings_and_can_be_changed(ports, site):
    feed = put_feed(site, SHORT, 1)
    add_feeds(ports, [NewFeed(url=feed, pages=Pages.NEVER)])
    one_round(ports)
    (story,) = ports.stores.stories.all()
    assert (story.text_from, story.text_reason, site.asked("/0")) == (TextFrom.FEED, "pages are not fetched", 0)
    assert check(ports, feed).pages == "never"
    assert set_feed_pages(ports, feed, None).pages is None
    assert check(ports, feed).pages == "when-short, as the settings say"


def test_what_pages_are_worth_is_learnt_as_they_are_ingested(ports, site):
    feed = put_feed(site, SHORT, SAME_IN_A_ROW + 1)
    add_feeds(ports, [NewFeed(url=feed)])
    one_round(ports)
    (known,) = ports.stores.feeds.all()
    assert (known.page_record.same, known.page_record.barred) == (SAME_IN_A_ROW, 0)
    assert "all that their pages said" in check(ports, feed).pages


def test_pages_that_are_refused_are_counted_with_the_feed_and_teach_nothing_else(ports, site):
    feed = put_feed(site, SHORT, 3, status=403)
    add_feeds(ports, [NewFeed(url=feed)])
    one_round(ports)
    (known,) = ports.stores.feeds.all()
    assert replace(known.page_record, reason="") == PageRecord(tried=3, barred=3.0)
    assert "3 of the last 3 pages could not be had, lately: answers 403" in health_of(known, NOON).pages
