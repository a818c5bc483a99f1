"""poll, ingest, notify and sweep, on both backends, with real pages, extraction and mails."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from pipeline import flow, match
from pipeline.adapters import budget
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.extractor import ProcessExtractor
from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.smtp import SmtpMailer
from pipeline.errors import HostBusy, StoreError
from pipeline.extract.page import extract
from pipeline.flow.alerts.manage import NewAlert, put_alert, set_alert_state
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.feeds.overview import by_urgency, overview
from pipeline.flow.firing import match_stories
from pipeline.flow.ingest import PATIENCE
from pipeline.flow.lookback import look_back
from pipeline.flow.once import Round, once
from pipeline.flow.poll import _claimed
from pipeline.flow.stories.explain import explain
from pipeline.flow.sweep import forget_queue
from pipeline.health import FeedHealth
from pipeline.model import AlertState, Article, DeliveryState, EntryState, FeedState, TextFrom
from pipeline.ports import Candidate, LedgerFilter, Ports
from pipeline.query.document import Document
from pipeline.settings import load
from tests import builders, web
from tests.builders import NOON
from tests.postbox import open_postbox
from tests.servers import wait_until
from tests.test_extract import BARRIERS

NEAR_KURSK = "Two villages near Kursk were left in the night."
KURSK_PAGE = "".join(f"<p>{text}</p>" for text in web.article(NEAR_KURSK))


def one_round(ports: Ports) -> Round:
    return once(ports, everything=True, progress=lambda *_: None, threads=2)


def watch(ports: Ports, *feeds: str, query: str = "kursk", to: tuple[str, ...] = ("analyst@example.org",)) -> None:
    add_feeds(ports, [NewFeed(url=feed) for feed in feeds])
    put_alert(ports, NewAlert(name=query, query=query, recipients=to))


def only(things):
    (thing,) = things
    return thing


# -- a page that can't be had


def test_a_page_that_is_refused_leaves_the_feeds_text_to_match(ports, site, mails):
    link = site.put("/one", "no", status=403)
    watch(ports, site.put("/feed", web.rss(("A headline", link), summary=NEAR_KURSK), web.RSS))
    one_round(ports)
    story = only(ports.stores.stories.all())
    assert (story.text_from, story.body) == (TextFrom.FEED, NEAR_KURSK)
    assert "403" in story.text_reason
    assert "Text from the feed: " in only(mails()).get_body(("plain",)).get_content()


def test_a_page_without_an_article_leaves_the_feeds_text(ports, site, mails):
    link = site.put("/one", "<html><body><p>Subscribe.</p></body></html>")
    watch(ports, site.put("/feed", web.rss(("A headline", link), summary=NEAR_KURSK), web.RSS))
    one_round(ports)
    assert only(ports.stores.stories.all()).text_reason == "no article is found on its page"
    assert len(mails()) == 1


@pytest.mark.parametrize(("html", "reason"), BARRIERS)
def test_what_stands_where_an_article_should_leaves_the_feeds_text(ports, site, mails, html, reason):
    link = site.put("/one", html)
    watch(ports, site.put("/feed", web.rss(("A headline", link), summary=NEAR_KURSK), web.RSS))
    one_round(ports)
    story = only(ports.stores.stories.all())
    assert (story.text_from, story.body, story.url) == (TextFrom.FEED, NEAR_KURSK, link)
    assert story.text_reason == f"{reason} came, not the article"
    assert len(mails()) == 1
    assert only(ports.stores.feeds.all()).page_record.reason == story.text_reason


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"%PDF-1.7 ...", "application/pdf", "a PDF came, not a page"),
        (b"\xff\xd8\xff", "image/jpeg", "image/jpeg came, not a page"),
        (b"", "text/html", "the page is empty or no HTML"),
        ("<html><title>Just a moment...</title></html>", "text/html", "(bot wall: Cloudflare)"),
    ],
)
def test_what_is_no_page_leaves_the_feeds_text_and_says_what_came(ports, site, mails, body, kind, reason):
    link = site.put("/one", body, kind)
    watch(ports, site.put("/feed", web.rss(("A headline", link), summary=NEAR_KURSK), web.RSS))
    one_round(ports)
    assert reason in only(ports.stores.stories.all()).text_reason
    assert len(mails()) == 1


AWKWARD_PAGES = {
    "a charset that lies": (
        f"<article>{KURSK_PAGE}<p>Größe</p></article>".encode("utf-16"),
        "text/html; charset=utf-8",
    ),
    "encodings mixed": (KURSK_PAGE.encode() + "<p>Größe</p>".encode("latin-1") + "<p>Größe</p>".encode(), "text/html"),
    "NULs": (KURSK_PAGE.replace("Kursk", "\0Kursk\0").encode(), "text/html"),
    "lone surrogates": (KURSK_PAGE.encode() + b"<p>&#xd800;\xed\xa0\x80 was read out to them.</p>", "text/html"),
    "marks of direction": (KURSK_PAGE.replace("Kursk", "\u202eKursk\u202c").encode(), "text/html; charset=utf-8"),
    "300 KB in a paragraph": (KURSK_PAGE.encode() + b"<p>" + b"Nothing had changed. " * 15_000, "text/html"),
    "no body": (b"", "text/html"),
    "control signs": (KURSK_PAGE.replace("Two", "\x01\x1f\x0bTwo").encode(), "text/html"),
}


def test_bad_input_is_a_story_each_and_leaves_the_queue_empty(ports, site):
    items = [
        (f"&lt;b&gt;{name}&lt;/b&gt;", site.put(f"/{number}", body, kind))
        for number, (name, (body, kind)) in enumerate(AWKWARD_PAGES.items())
    ]
    watch(ports, site.put("/feed", web.rss(*items, summary=f"{NEAR_KURSK}&amp;#0;&amp;#31;&amp;#xd800; "), web.RSS))
    outcome = one_round(ports)
    stories = list(ports.stores.stories.all())
    assert {story.title for story in stories} == set(AWKWARD_PAGES)
    assert (outcome.matches, outcome.failed_entries) == (len(AWKWARD_PAGES), {})
    assert not [entry for entry in ports.stores.entries.all() if entry.error or not entry.story_id]


def test_a_feed_that_is_a_page_or_nothing_or_gone_is_named_and_the_rest_goes_on(ports, site, mails):
    page = site.put("/page", web.page("Not a feed", *web.article("Nothing.")))
    empty = site.put("/empty", b"", web.RSS)
    gone = site.base + "/nowhere"
    closed = "http://127.0.0.1:9/feed"
    watch(ports, page, empty, gone, closed, web.put_story(site, "one", NEAR_KURSK))
    outcome = one_round(ports)
    assert set(outcome.failed_feeds) == {page, empty, gone, closed}
    assert all(outcome.failed_feeds.values())
    assert len(mails()) == 1
    assert {feed.url for feed in ports.stores.feeds.all() if feed.error} == {page, empty, gone, closed}


# -- polling again


def test_a_feed_that_moved_to_another_feeds_address_is_not_polled_twice(ports, site, clock):
    target = web.put_story(site, "one", NEAR_KURSK)
    moved = site.put("/old", "", status=301, Location=target)
    add_feeds(ports, [NewFeed(url=moved), NewFeed(url=target)])
    for _ in range(2):
        one_round(ports)
        clock.turn(60)
    states = {feed.url: (feed.state, feed.error) for feed in ports.stores.feeds.all()}
    assert states[target] == (FeedState.ACTIVE, "")
    assert states[moved][0] is FeedState.PAUSED
    assert target in states[moved][1]


def polled_at(ports) -> list[str]:
    return [feed.url for feed in ports.stores.feeds.all() if feed.state is FeedState.ACTIVE]


def test_of_two_feeds_that_move_to_one_address_at_once_one_is_polled_there(ports, site, clock):
    target = web.put_story(site, "one", NEAR_KURSK)
    moved = [site.put(path, "", status=301, Location=target) for path in ("/old", "/older")]
    add_feeds(ports, [NewFeed(url=url) for url in moved])
    for _ in range(3):
        one_round(ports)
        clock.turn(60)
    assert polled_at(ports) == [target]
    (resting,) = (feed for feed in ports.stores.feeds.all() if feed.state is FeedState.PAUSED)
    assert target in resting.error


def test_a_feed_that_moves_to_where_another_has_moved_before_rests(ports, site, clock):
    target = web.put_story(site, "one", NEAR_KURSK)
    for path in ("/old", "/older"):
        add_feeds(ports, [NewFeed(url=site.put(path, "", status=301, Location=target))])
        for _ in range(2):
            one_round(ports)
            clock.turn(60)
    assert polled_at(ports) == [target]


def test_of_two_spellings_of_one_address_that_lead_to_a_third_one_is_polled_there(ports, site, clock):
    target = web.put_story(site, "one", NEAR_KURSK, feed="/feed?x=1")
    for path in ("/feed/?x=1", "/feed?x=1&utm_source=a"):
        add_feeds(ports, [NewFeed(url=site.put(path, "", status=301, Location=target))])
    for _ in range(3):
        one_round(ports)
        clock.turn(60)
    assert polled_at(ports) == [target]


def test_a_bot_wall_in_place_of_a_feed_is_named(ports, site):
    add_feeds(ports, [NewFeed(url=site.put("/feed", "<html><head><title>Just a moment...</title></head></html>"))])
    one_round(ports)
    found = overview(ports)
    assert found.health == {"walled": 1}
    assert "Cloudflare" in found.worst[0][1].wrong


def test_feeds_are_listed_by_what_needs_a_person_however_many_there_are(ports):
    feeds = [builders.feed(str(number), polled_at=NOON) for number in range(1200)]
    feeds[700] = replace(feeds[700], error="answers 500")
    ports.stores.feeds.create(feeds)
    listed = [feed.id for feed, _ in by_urgency(ports)]
    assert listed[0] == feeds[700].id
    assert sorted(listed) == sorted(feed.id for feed in feeds)
    assert [feed.id for feed, _ in by_urgency(ports, limit=1)] == listed[:1]
    assert [feed.id for feed, _ in by_urgency(ports, state=FeedHealth.FAILING)] == listed[:1]


def test_an_unchanged_feed_is_asked_for_conditionally_and_brings_nothing(ports, site, mails):
    feed = web.put_story(site, "one", NEAR_KURSK)
    site.answers["/feed"].headers["ETag"] = '"v1"'
    watch(ports, feed)
    one_round(ports)
    again = one_round(ports)
    asked = [headers for path, headers in site.requests if path == "/feed"]
    assert "if-none-match" not in asked[0]
    assert asked[1]["if-none-match"] == '"v1"'
    assert (again.unchanged, again.entries, len(mails())) == (1, 0, 1)


def test_a_story_that_changes_alerts_on_what_it_says_now_and_on_nothing_twice(ports, site, mails, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    put_alert(ports, NewAlert(name="sudzha", query="sudzha", recipients=("analyst@example.org",)))
    one_round(ports)
    page = web.page("Story one", *web.article(f"{NEAR_KURSK} The road to Sudzha is closed."))
    link = site.put("/one", page)
    site.put("/feed", web.rss(("Story one, updated", link)), web.RSS)
    clock.turn(60)
    outcome = one_round(ports)
    assert (outcome.changed, outcome.matches) == (1, 1)
    assert [str(mail["Subject"]).split()[0] for mail in mails()] == ["[kursk]", "[sudzha]"]
    assert only(ports.stores.stories.all()).version == 2


def test_a_story_that_is_pruned_while_it_comes_again_is_there_afterwards(ports, site, clock, monkeypatch):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    link = site.put("/one", web.page("Story one", *web.article(f"{NEAR_KURSK} The road to Sudzha is closed.")))
    site.put("/feed", web.rss(("Story one, updated", link)), web.RSS)
    clock.turn(60)
    update = ports.stores.stories.update

    def pruned(ids, change):
        ports.stores.stories.delete(ids)
        return update(ids, change)

    monkeypatch.setattr(ports.stores.stories, "update", pruned)
    one_round(ports)
    story, entry = only(ports.stores.stories.all()), only(ports.stores.entries.all())
    assert "Sudzha" in story.body
    assert (entry.state, entry.story_id) == (EntryState.DONE, story.id)


def test_a_young_page_is_looked_at_once_more_and_a_stub_that_became_the_story_alerts(ports, site, mails, clock):
    feed = web.put_story(site, "one", "More follows.")
    watch(ports, feed)
    one_round(ports)
    site.put("/one", web.page("Story one", *web.article(NEAR_KURSK), canonical=f"{site.base}/one"))
    clock.turn(ports.settings.look_again - 60)
    one_round(ports)
    assert site.asked("/one") == 1
    clock.turn(60)
    one_round(ports)
    assert (site.asked("/one"), len(mails())) == (2, 1)
    clock.turn(2 * ports.settings.look_again)
    one_round(ports)
    assert site.asked("/one") == 2


def test_two_feeds_with_one_story_make_one_story_and_one_mail(ports, site, mails):
    first = web.put_story(site, "one", NEAR_KURSK)
    second = site.put("/other", web.rss(("Story one", f"{site.base}/one?utm_medium=x&amp;fbclid=9")), web.RSS)
    watch(ports, first, second)
    one_round(ports)
    assert len(only(ports.stores.stories.all()).feed_ids) == 2
    assert len(mails()) == 1


def test_a_guid_that_changes_with_the_headline_alerts_nobody_twice(ports, site, mails, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    feed = web.rss(("A new headline", f"{site.base}/one")).replace("'false'>http", "'false'>new-http")
    site.put("/feed", feed, web.RSS)
    clock.turn(60)
    outcome = one_round(ports)
    assert outcome.entries == 1  # an entry of another identity
    assert len(only(ports.stores.stories.all()).feed_ids) == 1
    assert len(mails()) == 1


def test_a_guid_that_a_feed_gives_whatever_it_has_is_no_identity(ports, site, mails, clock):
    watch(ports, site.put("/feed", posts(("same", "Kursk one", site.put("/1", "no", status=403))), web.RSS))
    one_round(ports)
    second = site.put("/2", "no", status=403)
    for title in ("Another story, of Kursk", "Another story, of Kursk", "Another long story, of Kursk"):
        site.put("/feed", posts(("same", title, second)), web.RSS)
        clock.turn(60)
        one_round(ports)
    assert headlines(ports) == ["Another long story, of Kursk", "Kursk one"]  # the second was edited
    assert len(mails()) == 2
    assert len(list(ports.stores.entries.all())) == 2


def test_a_link_that_changes_with_the_headline_alerts_nobody_twice(ports, site, mails, clock):
    link = site.put("/kursk-blast", "no", status=403)
    watch(ports, site.put("/feed", posts(("1", "Kursk blast", link)), web.RSS))
    one_round(ports)
    moved = site.put("/kursk-blast-kills-two", "no", status=403)
    site.put("/feed", posts(("1", "Kursk blast kills two", moved)), web.RSS)
    clock.turn(60)
    one_round(ports)
    assert headlines(ports) == ["Kursk blast kills two"]
    assert len(mails()) == 1


# -- several entries at one address


def posts(*items: tuple[str, str, str]) -> str:
    """A feed of (guid, title, link)."""
    feed = web.rss(*[(title, link) for _, title, link in items])
    for guid, _, link in items:
        feed = feed.replace(f"'false'>{link}</guid>", f"'false'>{guid}</guid>", 1)
    return feed


def headlines(ports: Ports) -> list[str]:
    return sorted(story.title for story in ports.stores.stories.all())


@pytest.mark.parametrize("body", ["", web.page("Ticker", *web.article("The news of the day.", "ticker"))])
def test_entries_that_all_link_to_one_page_are_stories_of_their_own(ports, site, mails, body):
    link = site.put("/ticker", body, status=200 if body else 403)
    ticker = [("1", "Blast in Kursk", link), ("2", "Fire in Belgorod", link), ("3", "Kursk again", link)]
    watch(ports, site.put("/feed", posts(*ticker), web.RSS), query="belgorod")
    one_round(ports)
    assert headlines(ports) == ["Blast in Kursk", "Fire in Belgorod", "Kursk again"]
    assert "Fire in Belgorod" in only(mails())["Subject"]


def test_a_story_that_its_feed_lists_twice_has_the_text_of_its_page_all_the_same(ports, site, mails):
    link = site.put("/one", web.page("Talks end in Geneva", *web.article(NEAR_KURSK, "one")))
    listed = posts(("1", "Talks end in Geneva", link), ("2", "What we know so far", link))
    watch(ports, site.put("/feed", listed, web.RSS))
    one_round(ports)
    assert headlines(ports) == ["Talks end in Geneva", "What we know so far"]
    assert "Talks end in Geneva" in only(mails())["Subject"]


def test_entries_of_one_link_and_title_without_guids_alert_each_for_its_text(ports, site, mails, clock):
    link = site.put("/briefing", "no", status=403)
    head = f"<title>Briefing</title><link>{link}</link><pubDate>{clock.now():%Y-%m-%dT%H:%M:%SZ}</pubDate>"
    item = f"<item>{head}<description>{{}}</description></item>"
    feed = item.format("A blast in Kursk.") + item.format("Rain at last.")
    watch(ports, site.put("/feed", f"<rss version='2.0'><channel>{feed}</channel></rss>", web.RSS))
    put_alert(ports, NewAlert(name="rain", query="rain", recipients=("analyst@example.org",)))
    one_round(ports)
    assert len(mails()) == 2
    assert sorted(story.body for story in ports.stores.stories.all()) == ["A blast in Kursk.", "Rain at last."]


@pytest.mark.parametrize("rolling", [False, True])  # whether those before have left the feed
def test_posts_that_come_one_by_one_alert_each(ports, site, mails, clock, rolling):
    site.put("/live", "no", status=403)
    ticker = [(f"g{n}", f"Kursk, part {n}", f"{site.base}/live#p{n}") for n in (1, 2, 3)]
    watch(ports, site.put("/feed", posts(ticker[0]), web.RSS))
    one_round(ports)
    for last in (2, 3):
        site.put("/feed", posts(*ticker[last - 1 if rolling else 0 : last]), web.RSS)
        clock.turn(60)
        one_round(ports)
    assert headlines(ports) == ["Kursk, part 1", "Kursk, part 2", "Kursk, part 3"]
    assert len(mails()) == 3
    assert any("entry g2" in step.said for step in explain(ports, f"{site.base}/live#p2", ""))


def test_a_post_without_an_anchor_that_joins_another_in_its_feed_is_a_story_of_its_own(ports, site, mails, clock):
    link = site.put("/ticker", "no", status=403)
    watch(ports, site.put("/feed", posts(("1", "Blast in Kursk", link)), web.RSS))
    one_round(ports)
    site.put("/feed", posts(("2", "Kursk again", link), ("1", "Blast in Kursk", link)), web.RSS)
    clock.turn(60)
    one_round(ports)
    site.put("/feed", posts(("2", "Kursk again", link), ("1", "Great blast in Kursk", link)), web.RSS)
    clock.turn(60)
    one_round(ports)
    assert headlines(ports) == ["Great blast in Kursk", "Kursk again"]  # the first was edited
    assert len(mails()) == 2


def test_a_post_in_two_feeds_or_under_another_guid_or_edited_is_one_story_and_one_mail(ports, site, mails, clock):
    site.put("/live", "no", status=403)
    one, two = f"{site.base}/live#p1", f"{site.base}/live#p2"
    site.put("/other", posts(("x", "Kursk", f"{site.base}/live"), ("y", "Rain", f"{site.base}/live")), web.RSS)
    watch(ports, site.put("/feed", posts(("1", "Kursk", one), ("2", "Rain", two)), web.RSS), f"{site.base}/other")
    one_round(ports)
    for guid, title in (("new", "Kursk"), ("new", "Kursk, and more")):
        site.put("/feed", posts((guid, title, one), ("2", "Rain", two)), web.RSS)
        clock.turn(60)
        one_round(ports)
    assert headlines(ports) == ["Kursk, and more", "Rain"]
    assert len(mails()) == 1


def test_an_entry_dated_ahead_is_noted_and_its_story_is_of_when_it_was_seen(ports, site, clock):
    link = site.put("/one", "no", status=403)
    ahead = clock.now() + timedelta(days=3)
    watch(ports, site.put("/feed", web.rss(("A headline", link), summary=NEAR_KURSK, published=ahead), web.RSS))
    one_round(ports)
    story = only(ports.stores.stories.all())
    assert story.published <= clock.now()
    (entry,) = ports.stores.entries.all()
    assert entry.notes == (f"dated ahead: {ahead:%Y-%m-%d %H:%M} UTC",)


# -- ingest: leases, attempts, quarantine


def _deadly(html: bytes, url: str, content_type: str) -> Article:
    if b"deadly" in html:
        os.kill(os.getpid(), 9)
    return extract(html, url, content_type)


@pytest.fixture
def deadly_ports(ports):
    extractor = ProcessExtractor(ports.settings, work=_deadly, children=1)
    yield dataclasses.replace(ports, extractor=extractor)
    extractor.close()


def test_a_page_that_kills_its_extractor_ends_in_quarantine_and_holds_nobody_up(deadly_ports, site, mails, clock):
    ports = deadly_ports
    bad = site.put("/bad", web.page("Bad", *web.article("deadly")))
    good = site.put("/good", web.page("Good", *web.article(NEAR_KURSK)))
    feed = site.put("/feed", web.rss(("Kursk in a deadly page", bad), ("Good", good)), web.RSS)
    watch(ports, feed)
    outcome = one_round(ports)
    assert len(mails()) == 1
    assert "extractor died" in only(outcome.failed_entries.values())
    for _ in range(ports.settings.attempts):
        clock.turn(600)
        one_round(ports)
    entry = only(ports.stores.entries.quarantined())
    assert (entry.url, entry.state, entry.attempts) == (bad, EntryState.QUARANTINED, ports.settings.attempts + 1)
    assert "extractor died" in entry.error
    assert site.asked("/bad") == ports.settings.attempts
    # Not lost either: the feed's text is a story and matched.
    assert sorted(str(mail["Subject"]) for mail in mails()) == ["[kursk] Good", "[kursk] Kursk in a deadly page"]


def test_an_entry_is_ingested_by_one_worker_and_again_after_its_lease(ports, site):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    feed = only(ports.stores.feeds.all())
    ids = flow.poll(ports, [feed.id], forced=True).entry_ids
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: flow.ingest(ports, ids), range(4)))
    assert sum(report.stories for report in reports) == 1
    assert site.asked("/one") == 1


def test_what_a_killed_worker_had_claimed_is_taken_up_after_its_lease(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    feed = only(ports.stores.feeds.all())
    (entry_id,) = flow.poll(ports, [feed.id], forced=True).entry_ids
    lease = timedelta(seconds=ports.settings.lease)
    ports.stores.entries.update(
        [entry_id], lambda one: replace(one, attempts=1, lease_until=clock.now() + lease, queued_until=None)
    )
    assert flow.sweep(ports).backfills == []
    clock.turn(ports.settings.lease)
    assert flow.sweep(ports).backfills == [[entry_id]]
    assert flow.sweep(ports).backfills == []  # it is queued
    assert flow.ingest(ports, [entry_id]).matches == 1


def test_a_lost_broker_loses_nothing(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    (polls,) = flow.sweep(ports).polls  # this message is lost
    assert flow.sweep(ports).polls == []
    clock.turn(ports.settings.lease)
    assert flow.sweep(ports).polls == [polls]
    ids = flow.poll(ports, polls).entry_ids  # and so is the one that these would be in
    clock.turn(ports.settings.lease)
    assert flow.sweep(ports).backfills == [ids]


def test_deliveries_that_were_written_by_half_are_completed(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), to=("a@example.org", "b@example.org"))
    feed = only(ports.stores.feeds.all())
    flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    lost = [one.id for one in ports.stores.deliveries.all() if one.recipient == "b@example.org"]
    ports.stores.deliveries.delete(lost)
    ports.stores.matches.update(
        [one.id for one in ports.stores.matches.all()], lambda one: replace(one, delivered=False)
    )
    clock.turn(ports.settings.lease + 1)
    work = flow.sweep(ports)
    written = {one.id for one in ports.stores.deliveries.all()}
    assert sorted(one.recipient for one in ports.stores.deliveries.all()) == ["a@example.org", "b@example.org"]
    assert set(work.notifies[0]) == written  # and named at once


def test_one_round_completes_deliveries_that_were_written_by_half(ports, site, clock, mails):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    feed = only(ports.stores.feeds.all())
    flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    ports.stores.deliveries.delete([one.id for one in ports.stores.deliveries.all()])
    ports.stores.matches.update(
        [one.id for one in ports.stores.matches.all()], lambda one: replace(one, delivered=False)
    )
    clock.turn(ports.settings.lease + 1)
    assert one_round(ports).sent == 1
    assert len(mails()) == 1


def test_a_feed_that_kills_whoever_polls_it_waits_longer_each_time_and_says_so(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    feed = only(ports.stores.feeds.all())
    waited = []
    for _ in range(4):
        began = clock.now()
        while not flow.sweep(ports).polls:
            clock.turn(10)
        waited.append((clock.now() - began).total_seconds())
        now = clock.now()
        until = now + timedelta(seconds=ports.settings.lease)
        # Claimed, and then its worker is killed.
        ports.stores.feeds.update([feed.id], partial(_claimed, now=now, until=until, forced=False))
    assert waited[1] <= ports.settings.lease + 10
    assert waited[3] > 2 * ports.settings.lease
    assert "is killed, again and again" in only(ports.stores.feeds.all()).error
    clock.turn(86_400)
    flow.poll(ports, [feed.id])
    after = only(ports.stores.feeds.all())
    assert (after.failures, after.error) == (0, "")


def test_news_are_named_however_many_pages_are_soon_looked_at_again(ports, clock, monkeypatch):
    monkeypatch.setattr(sys.modules["pipeline.flow.sweep"], "MOST", 8)
    soon = clock.now() + timedelta(seconds=ports.settings.lease / 2)
    ports.stores.entries.create([builders.entry(f"again {one}", due_at=soon) for one in range(20)])
    ports.stores.entries.create([builders.entry(f"new {one}", due_at=clock.now()) for one in range(4)])
    assert sum(map(len, flow.sweep(ports).ingests)) == 4


# -- notify


@pytest.fixture
def posted(ports, site):
    """One match with three recipients, and an SMTP server in place of the Maildir."""
    with open_postbox() as postbox:
        settings = load({}, mail=postbox.url, data=str(ports.settings.data))
        made = dataclasses.replace(ports, mailer=SmtpMailer(settings))
        watch(made, web.put_story(site, "one", NEAR_KURSK), to=("a@example.org", "b@example.org", "c@example.org"))
        yield made, postbox
        made.mailer.close()


def rows(ports: Ports) -> dict[str, object]:
    return {one.recipient: one for one in ports.stores.deliveries.ledger(LedgerFilter())}


def test_a_recipient_who_is_refused_is_recorded_and_the_others_get_theirs(posted):
    ports, postbox = posted
    postbox.refused = {"b@example.org": "550 no such user"}
    outcome = one_round(ports)
    assert (outcome.sent, outcome.failed) == (2, 1)
    row = rows(ports)["b@example.org"]
    assert (row.state, row.reason) == (DeliveryState.FAILED, "550 no such user")
    assert sorted(postbox.recipients) == ["a@example.org", "c@example.org"]


def test_a_server_that_says_later_is_tried_later(posted, clock):
    ports, postbox = posted
    postbox.answer = "451 try again later"
    assert one_round(ports).postponed == 3
    assert {row.state for row in rows(ports).values()} == {DeliveryState.PENDING}
    postbox.answer = "250 taken"
    clock.turn(60)
    assert one_round(ports).sent == 3
    assert [event.state for event in rows(ports)["a@example.org"].history] == [
        "pending",
        "sending",
        "pending",
        "sending",
        "sent",
    ]
    assert len(postbox.mails) == 3


def test_a_mail_that_may_have_gone_out_is_sent_again_under_its_message_id_and_marked(posted, clock):
    ports, postbox = posted
    feed = only(ports.stores.feeds.all())
    ids = flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids).delivery_ids
    flow.notify(ports, ids)
    # As if the worker had died between the server's answer and the writing of it.
    lease = clock.now() + timedelta(seconds=ports.settings.lease)
    ports.stores.deliveries.update(
        ids[:1], lambda one: replace(one, state=DeliveryState.SENDING, lease_until=lease, answer="", message_id="")
    )
    assert flow.notify(ports, ids).sent == 0
    clock.turn(ports.settings.lease)
    (again,) = flow.sweep(ports).notifies
    assert again == ids[:1]
    assert flow.notify(ports, again).sent == 1
    row = ports.stores.deliveries.get(again)[again[0]]
    assert (row.state, row.repeated) == (DeliveryState.SENT, True)
    sent = [str(mail["Message-ID"]) for mail in postbox.mails]
    assert (len(sent), len(set(sent))) == (4, 3)


def test_a_delivery_is_sent_once_by_workers_at_once(posted):
    ports, postbox = posted
    feed = only(ports.stores.feeds.all())
    ids = flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids).delivery_ids
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: flow.notify(ports, ids), range(4)))
    assert sorted(postbox.recipients) == ["a@example.org", "b@example.org", "c@example.org"]


# -- alerts, explain


def test_a_paused_alert_is_silent(ports, site, mails):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    set_alert_state(ports, "kursk", AlertState.PAUSED)
    one_round(ports)
    assert mails() == []


def test_explain_says_why_an_alert_fired_and_why_another_did_not(ports, site):
    feed = web.put_story(site, "one", NEAR_KURSK)
    watch(ports, feed)
    put_alert(ports, NewAlert(name="both", query="kursk AND sudzha", recipients=("a@example.org",)))
    one_round(ports)
    fired = {(step.name, step.said) for step in explain(ports, f"{site.base}/one?utm_source=x", "kursk") if step.ok}
    assert ("clause", "kursk: Kursk") in fired
    assert any(name == "deliver" and said.startswith("analyst@example.org: sent") for name, said in fired)
    missed = {(step.name, step.said) for step in explain(ports, f"{site.base}/one", "both") if not step.ok}
    assert missed == {("clause", "sudzha: not in the story"), ("match", "no match")}
    (unknown,) = explain(ports, f"{site.base}/nowhere", None)
    assert not unknown.ok


# -- alerts saved while stories stream in


def test_an_alert_saved_in_the_middle_of_an_ingest_fires_on_its_story(ports, site, clock):
    """Saved after the ingest asked for the alerts, before it ended."""
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", NEAR_KURSK))])
    saved: list[str] = []
    ask = ports.stores.alerts.narrow

    def narrow(documents):
        candidates = ask(documents)
        put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",)))
        saved.append("kursk")
        return candidates

    feed = only(ports.stores.feeds.all())
    ids = flow.poll(ports, [feed.id], forced=True).entry_ids
    ports.stores.alerts.narrow = narrow
    assert flow.ingest(ports, ids).matches == 0
    assert saved
    assert len(list(ports.stores.matches.all())) == 1
    (notifies,) = flow.sweep(ports).notifies
    assert flow.notify(ports, notifies).sent == 1


def test_alerts_whose_saving_took_longer_than_a_lease_look_back_to_its_beginning(ports, site, clock):
    """A change of thousands: the first are live long before the last is written."""
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", NEAR_KURSK))])
    began = clock.now()
    feed = only(ports.stores.feeds.all())
    flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    alert = builders.alert()
    ports.stores.alerts.create([alert])
    clock.turn(2 * ports.settings.lease)
    assert look_back(ports, [alert]) == []
    assert len(look_back(ports, [alert], began=began)) == 1


def test_an_alert_whose_query_the_store_cannot_run_looks_back_at_every_story(ports, site, clock, monkeypatch):
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", NEAR_KURSK))])
    feed = only(ports.stores.feeds.all())
    flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    narrow, alerts = ports.stores.stories.narrow, [builders.alert(), builders.alert("kursk AND night", name="night")]

    def refused(query, where):
        if query.text:
            raise StoreError("too_many_clauses: maxClauseCount is set to 1337")
        return narrow(query, where)

    monkeypatch.setattr(ports.stores.stories, "narrow", refused)
    ports.stores.alerts.create(alerts)
    assert {one.alert_id for one in look_back(ports, alerts)} == {one.id for one in alerts}


def test_an_alert_that_cannot_be_judged_on_one_story_is_judged_on_all_others(monkeypatch):
    evaluate = match.evaluate

    def stumbles(query, document):
        if document.story.title == "Kursk 1":
            raise RecursionError
        return evaluate(query, document)

    monkeypatch.setattr(match, "evaluate", stumbles)
    documents = [Document(builders.story(str(number), title=f"Kursk {number}")) for number in range(3)]
    verdict = match.judge([Candidate("a", "kursk", (0, 1, 2))], documents, NOON)
    assert [one.story_id for one in verdict.matches] == [documents[0].story.id, documents[2].story.id]
    assert "RecursionError" in verdict.unhealthy["a"]


def test_a_page_that_gives_itself_a_name_without_end_is_a_story_like_others(ports, site):
    named = f'<meta property="og:site_name" content="{"x" * 40_000}">'
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    page = site.answers["/one"]
    site.answers["/one"] = dataclasses.replace(page, body=page.body.replace(b"<title>", named.encode() + b"<title>"))
    assert one_round(ports).stories == 1
    assert len(only(ports.stores.stories.all()).site) == 300


def test_alerts_saved_while_stories_stream_in_miss_none_that_end_after_them(ports):
    """Every story is put and matched as ingest does it, while alerts are saved from other threads."""
    saved: dict[str, float] = {}
    ended: dict[str, float] = {}
    clock = iter(range(1_000_000))

    def save(number: int) -> None:
        put_alert(ports, NewAlert(name=f"alert {number}", query="kursk", recipients=("a@example.org",)))
        saved[f"alert {number}"] = next(clock)

    def stream(number: int) -> None:
        now = ports.clock.now()
        story = builders.story(str(number), title="Kursk", updated_at=now, published=now)
        ports.stores.stories.put([story])
        match_stories(ports, [story], {story.id})
        ended[story.id] = next(clock)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(save if number % 4 == 0 else stream, number) for number in range(48)]
        for one in work:
            one.result()
    names = {alert.id: alert.name for alert in ports.stores.alerts.all()}
    fired = {(names[one.alert_id], one.story_id) for one in ports.stores.matches.all()}
    missed = {
        (name, story_id)
        for name, at in saved.items()
        for story_id, end in ended.items()
        if end > at and (name, story_id) not in fired
    }
    assert missed == set()


def test_an_alert_saved_later_does_not_fire_on_what_is_long_done(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), query="sudzha")
    one_round(ports)
    clock.turn(2 * ports.settings.lease)
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",)))
    assert list(ports.stores.matches.all()) == []


def test_what_a_forgotten_broker_named_is_named_again_at_once(ports, site):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), query="kursk")
    (first,) = flow.sweep(ports).polls
    assert flow.sweep(ports).polls == []
    assert forget_queue(ports) == 1
    assert flow.sweep(ports).polls == [first]


def test_a_feed_that_is_slow_to_answer_holds_nobody_else_of_its_batch_up(ports, site):
    quick = web.put_story(site, "one", NEAR_KURSK, feed="/quick")
    came: list[bool] = []

    def slow() -> web.Answer:
        def polled() -> bool:
            return any(feed.url == quick and feed.succeeded_at for feed in ports.stores.feeds.all())

        wait_until(polled, 10, "the quick feed is done while the slow one is waited for")
        came.append(True)
        return web.Answer(web.rss(("Two", f"{site.base}/two")).encode(), headers={"Content-Type": web.RSS})

    site.answers["/slow"] = slow
    add_feeds(ports, [NewFeed(url=quick), NewFeed(url=f"{site.base}/slow")])
    report = flow.poll(ports, [feed.id for feed in ports.stores.feeds.all()])
    assert came
    assert (report.polled, report.new, report.failed) == (2, 2, {})


def test_a_host_that_asks_for_peace_gets_it_from_all_its_feeds(ports, site):
    """Retry-After is the host's (RFC 9110, 10.2.3): the others are put off without being asked, and have not failed."""
    limited = site.put("/limited", b"", status=429, Retry_After="7200")
    add_feeds(ports, [NewFeed(url=limited)])
    flow.poll(ports, [only(ports.stores.feeds.all()).id])
    other = site.put("/other", web.rss(("One", f"{site.base}/one")), web.RSS)
    add_feeds(ports, [NewFeed(url=other)])
    now = ports.clock.now()
    flow.poll(ports, [feed.id for feed in ports.stores.feeds.all()])
    put_off = next(feed for feed in ports.stores.feeds.all() if feed.url == other)
    assert site.asked("/other") == 0
    assert put_off.next_poll_at - now > timedelta(hours=1.9)
    assert (put_off.failures, put_off.error, put_off.polled_at) == (0.0, "", None)


def test_a_story_waits_for_a_turn_of_its_host_and_is_not_made_of_the_feed_instead(ports, site, clock, monkeypatch):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), query="kursk")
    ids = flow.poll(ports, [only(ports.stores.feeds.all()).id]).entry_ids
    monkeypatch.setattr(budget, "LONGEST_WAIT", -math.inf)  # no turn is near enough
    report = flow.ingest(ports, ids)
    entry = only(ports.stores.entries.all())
    assert (report.stories, report.failed, entry.state, entry.attempts) == (0, {}, EntryState.PENDING, 0)
    monkeypatch.undo()
    clock.turn(HostBusy.SOON)
    assert flow.ingest(ports, ids).stories == 1
    assert only(ports.stores.stories.all()).text_from is TextFrom.PAGE


def test_a_story_does_not_wait_for_ever(ports, site, clock, monkeypatch):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), query="kursk")
    ids = flow.poll(ports, [only(ports.stores.feeds.all()).id]).entry_ids
    clock.turn(PATIENCE.total_seconds())
    monkeypatch.setattr(budget, "LONGEST_WAIT", -math.inf)
    assert flow.ingest(ports, ids).stories == 1
    story = only(ports.stores.stories.all())
    assert story.text_from is TextFrom.FEED
    assert "left alone" in story.text_reason


def test_one_round_goes_on_until_every_host_had_its_turns(ports, site, monkeypatch):
    monkeypatch.setattr(budget, "LONGEST_WAIT", 0.3)
    settings = dataclasses.replace(ports.settings, host_spacing=0.2, robots=False)
    hurried = dataclasses.replace(ports, settings=settings, fetcher=HttpFetcher(settings), clock=SystemClock())
    links = [(f"Story {n}", site.put(f"/{n}", web.page(f"Story {n}", *web.article(NEAR_KURSK)))) for n in range(6)]
    watch(hurried, site.put("/feed", web.rss(*links), web.RSS), query="kursk")
    outcome = once(hurried, everything=True, progress=lambda *_: None, threads=2)
    hurried.fetcher.close()
    assert (outcome.stories, outcome.failed_entries) == (6, {})
    assert {story.text_from for story in hurried.stores.stories.all()} == {TextFrom.PAGE}
