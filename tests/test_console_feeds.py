"""The pages of feeds: what needs a person, and what a person does about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.flow.accounts.audit import audits
from pipeline.flow.feeds.manage import NewFeed, add_feeds, feed_id
from pipeline.model import FeedState, Role
from pipeline.ports import Ports
from tests import builders, web
from tests.browser import Browser
from tests.builders import user
from tests.conftest import opened, world
from tests.consoles import console
from tests.servers import free_port

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def queued() -> list[str]:
    return []


@pytest.fixture
def ports(request, tmp_path, clock) -> Iterator[Ports]:
    with opened("sqlite", request) as stores:
        made = world(stores, tmp_path, clock)
        yield made
        made.fetcher.close()
        made.extractor.close()


@pytest.fixture
def browser(ports, queued) -> Iterator[Browser]:
    port = free_port()
    with console(ports, port, queued, visitor=user()):
        yield Browser(port, follows=True)


def test_no_feeds_at_all_says_what_to_do_next(browser):
    page = browser.get("/feeds")
    assert "There are no feeds yet." in page.words
    assert page.tree.xpath("//main//a/@href") == ["/feeds/new"]


def test_what_needs_a_person_comes_first_and_is_filtered_by_health_and_text(browser, ports):
    ports.stores.feeds.create(
        [
            builders.feed("well", polled_at=builders.NOON),
            builders.feed("broken", error="answers 500", tags=("World",), title="The Broken Times"),
            builders.feed("paused", state=FeedState.PAUSED),
        ]
    )
    order = browser.get("/feeds").tree.xpath("//tbody//a/text()")
    assert order == ["The Broken Times", "https://paused.example/feed", "https://well.example/feed"]
    assert browser.get("/feeds", health="paused").tree.xpath("//tbody//a/text()") == ["https://paused.example/feed"]
    assert browser.get("/feeds", text="worLD").tree.xpath("//tbody//a/text()") == ["The Broken Times"]
    assert "No feed fits." in browser.get("/feeds", text="nowhere").words


def test_ten_thousand_feeds_are_paged_and_a_page_stays_under_100_kb(browser, ports):
    ports.stores.feeds.create([builders.feed(f"f{number:05}", polled_at=builders.NOON) for number in range(10_000)])
    first, last = browser.get("/feeds"), browser.get("/feeds", start="9990")
    assert len(first.tree.xpath("//tbody/tr")) == 50
    assert len(first.text) < 100_000
    assert "10,000 found, 1–50 shown" in first.words
    assert len(last.tree.xpath("//tbody/tr")) == 10
    assert not last.tree.xpath("//a[@rel='next']")


def test_script_in_a_feed_is_text_on_every_page_of_it(browser, ports):
    ports.stores.feeds.create([builders.feed(title=HOSTILE, error=HOSTILE, notes=(HOSTILE,), tags=(HOSTILE,))])
    for path in ("/feeds", f"/feeds/{builders.feed().id}"):
        page = browser.get(path)
        assert HOSTILE not in page.text
        assert HOSTILE in page.words


def test_an_address_that_is_no_link_of_the_web_is_no_link(browser, ports):
    ports.stores.feeds.create([builders.feed(site_url="javascript:alert(1)")])
    assert not browser.get(f"/feeds/{builders.feed().id}").tree.xpath("//a[starts-with(@href, 'javascript')]")


def test_a_feed_that_is_not_there_is_a_page_that_says_so(browser):
    page = browser.get("/feeds/nowhere")
    assert page.status == 404
    assert "There is no such feed" in page.words


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
def test_who_is_no_operator_is_refused_and_nothing_is_changed(ports, role):
    feed, port = builders.feed(), free_port()
    ports.stores.feeds.create([feed])
    with console(ports, port, [], visitor=user(role)):
        browser = Browser(port, follows=True)
        assert browser.get("/feeds").status == 403
        for path in ("bulk", "new", "chosen", "import", f"{feed.id}/pause", f"{feed.id}/remove", f"{feed.id}/replace"):
            assert browser.post(f"/feeds/{path}", {"deed": "remove", "feed_ids": feed.id, "url": "x"}).status == 403
    assert ports.stores.feeds.get([feed.id]) == {feed.id: feed}


def test_a_feed_is_polled_now_and_what_is_new_is_queued(browser, ports, queued, site):
    url = site.put("/feed", web.rss(("One", f"{site.base}/one"), ("Two", f"{site.base}/two")), web.RSS)
    add_feeds(ports, [NewFeed(url=url)])
    page = browser.post(f"/feeds/{feed_id(url)}/poll")
    assert "Polled: 2 entries are new or changed." in page.words
    assert len(queued) == ports.stores.entries.count() == 2
    browser.post(f"/feeds/{feed_id(url)}/pause")
    assert "Not polled" in browser.post(f"/feeds/{feed_id(url)}/poll").words


def test_a_check_says_what_a_poll_would_see_and_keeps_nothing(browser, ports, site):
    url = site.put("/feed", web.rss(("One", f"{site.base}/one")), web.RSS)
    add_feeds(ports, [NewFeed(url=url)])
    assert "It can be read: RSS 2.0, 1 entries, 1 new." in browser.get(f"/feeds/{feed_id(url)}/check").words
    assert ports.stores.entries.count() == 0


def test_a_check_of_a_feed_that_has_moved_puts_its_successor_into_the_form(browser, ports, site):
    site.put("/feed", web.rss(("One", f"{site.base}/one")), web.RSS)
    site.put("/", b'<link rel="alternate" type="application/rss+xml" href="/feed">', web.HTML)
    add_feeds(ports, [NewFeed(url=f"{site.base}/old")])
    feed = feed_id(f"{site.base}/old")
    page = browser.get(f"/feeds/{feed}/check")
    assert "its site names another feed" in page.words
    assert page.tree.xpath("//input[@id='url']/@value") == [f"{site.base}/feed"]
    assert "polled at its new address" in browser.post(f"/feeds/{feed}/replace", {"url": f"{site.base}/feed"}).words
    assert ports.stores.feeds.get([feed])[feed].url == f"{site.base}/feed"


def test_a_feed_is_not_replaced_by_what_is_no_address_and_the_form_says_so(browser, ports):
    ports.stores.feeds.create([builders.feed()])
    page = browser.post(f"/feeds/{builders.feed().id}/replace", {"url": "nonsense"})
    assert page.status == 422
    assert "'nonsense' is no address of a feed" in page.tree.xpath("string(//p[@id='url-error'])")
    assert page.tree.xpath("//input[@id='url']/@value") == ["nonsense"]


def test_several_feeds_are_paused_resumed_and_removed_at_once(browser, ports):
    feeds = [builders.feed(name) for name in "abc"]
    ports.stores.feeds.create(feeds)
    chosen = [("feed_ids", feeds[0].id), ("feed_ids", feeds[1].id), ("feed_ids", "gone meanwhile")]
    assert "Paused: 2." in browser.post("/feeds/bulk", [("deed", "pause"), *chosen]).words
    assert [one.state for one in ports.stores.feeds.get([one.id for one in feeds]).values()] == [
        *[FeedState.PAUSED] * 2,
        FeedState.ACTIVE,
    ]
    assert "Resumed: 2." in browser.post("/feeds/bulk", [("deed", "resume"), *chosen]).words
    assert "Removed: 2." in browser.post("/feeds/bulk", [("deed", "remove"), *chosen]).words
    assert [one.id for one in ports.stores.feeds.all()] == [feeds[2].id]
    assert "Nothing was chosen" in browser.post("/feeds/bulk", {"deed": "remove"}).words


def test_what_is_done_to_several_feeds_leads_back_to_where_they_were_chosen(browser, ports):
    feeds = [builders.feed(f"f{number:02}", polled_at=builders.NOON, tags=("world",)) for number in range(60)]
    ports.stores.feeds.create([*feeds, builders.feed("other")])
    second = browser.get("/feeds", text="world", start="50")
    (form,) = second.tree.xpath("//form[contains(@action, '/feeds/bulk')]/@action")
    chosen = [("feed_ids", one) for one in second.tree.xpath("//tbody//input/@value")]
    page = browser.post(form, [("deed", "poll"), chosen[0]])
    assert "60 found, 51–60 shown" in page.words
    page = browser.post(form, [("deed", "remove"), *chosen])
    assert "Removed: 10." in page.words
    assert "50 found, 1–50 shown" in page.words
    assert "Nothing was chosen" in browser.post("/feeds/bulk", {"deed": "poll"}).words


def test_the_audit_log_says_who_changed_which_feeds_from_what_to_what(browser, ports, site):
    url = site.put("/feed", web.rss(("One", f"{site.base}/one")), web.RSS)
    other = builders.feed()
    browser.post("/feeds/new", {"url": url})
    browser.post(f"/feeds/{feed_id(url)}/poll")
    browser.upload("/feeds/import", "file", f'<opml><body><outline xmlUrl="{other.url}"/></body></opml>'.encode())
    both = [("feed_ids", feed_id(url)), ("feed_ids", feed_id(other.url)), ("feed_ids", "gone meanwhile")]
    browser.post("/feeds/bulk", [("deed", "pause"), *both])
    browser.post(f"/feeds/{feed_id(url)}/poll")  # which a paused one is not
    browser.post(f"/feeds/{feed_id(url)}/replace", {"url": f"{site.base}/new"})
    browser.post(f"/feeds/{feed_id(url)}/remove")
    found = list(audits(ports))
    assert {one.who for one in found} == {"ana@example.org"}
    assert sorted((one.did, one.about) for one in found) == [
        ("add feed", url),
        ("import feeds", "1 from feeds.opml"),
        *[("pause feed", one) for one in sorted([url, other.url])],
        ("poll feed", url),
        ("remove feed", f"{site.base}/new"),
        ("replace feed", url),
    ]
    changes = {one.did: (one.before, one.after) for one in found}
    assert changes["pause feed"] == ({"state": "active"}, {"state": "paused"})
    assert changes["replace feed"] == ({"url": url}, {"url": f"{site.base}/new"})
    assert (changes["remove feed"][0]["state"], changes["remove feed"][1]) == ("paused", {})


def test_what_is_refused_is_not_in_the_audit_log(browser, ports):
    ports.stores.feeds.create([builders.feed()])
    browser.post("/feeds/new", {"url": builders.feed().url})
    browser.post(f"/feeds/{builders.feed().id}/replace", {"url": "nonsense"})
    browser.upload("/feeds/import", "file", b"nonsense")
    browser.post("/feeds/bulk", [("deed", "remove"), ("feed_ids", "gone meanwhile")])
    assert list(audits(ports)) == []


def test_the_address_of_a_feed_adds_it_and_shows_it(browser, ports, site):
    url = site.put("/feed", web.rss(("One", f"{site.base}/one")), web.RSS)
    page = browser.post("/feeds/new", {"url": url})
    assert "Added." in page.words
    assert page.url.split("?")[0].endswith(f"/feeds/{feed_id(url)}")
    again = browser.post("/feeds/new", {"url": url})
    assert again.status == 422
    assert "is there already" in again.words


def test_of_several_feeds_of_a_site_a_person_chooses(browser, ports, site):
    for name in ("a", "b"):
        site.put(f"/{name}.xml", web.rss((name, f"{site.base}/{name}")), web.RSS)
    links = [f'<link rel="alternate" type="application/rss+xml" title="{HOSTILE}" href="/{name}.xml">' for name in "ab"]
    site.put("/", "".join(links).encode(), web.HTML)
    page = browser.post("/feeds/new", {"url": f"{site.base}/"})
    assert HOSTILE not in page.text
    offered = page.tree.xpath("//input[@name='urls']/@value")
    assert offered == [f"{site.base}/a.xml", f"{site.base}/b.xml"]
    taken = browser.post("/feeds/chosen", [("urls", offered[1]), ("urls", f"{site.base}/nothing")])
    assert "Added " + offered[1] in taken.words
    assert "Not added:" in taken.words
    assert [one.url for one in ports.stores.feeds.all()] == [offered[1]]


def test_a_server_that_can_t_be_had_offers_to_add_the_address_unread(browser, ports, site):
    url = f"{site.base}/missing"
    page = browser.post("/feeds/new", {"url": url})
    assert page.status == 422
    assert page.tree.xpath("//button[@name='unread']")
    assert "Added." in browser.post("/feeds/new", {"url": url, "unread": "true"}).words
    assert [one.url for one in ports.stores.feeds.all()] == [url]


def test_an_opml_list_goes_in_with_its_bad_lines_named_and_comes_out_again(browser, ports):
    document = (
        b'<opml version="2.0"><body>\n<outline type="rss" text="A" xmlUrl="https://a.example/feed"/>\n'
        b'<outline type="rss" text="bad" xmlUrl="nonsense"/>\n<outline type="rss" text="none"/>\n</body></opml>'
    )
    page = browser.upload("/feeds/import", "file", document)
    assert "1 feeds added, 0 known already, 2 refused." in page.words
    assert {line.split(":")[0] for line in page.tree.xpath("//li[@class='bad']/text()")} == {"line 3", "line 4"}
    exported = browser.get("/feeds/export.opml")
    assert 'xmlUrl="https://a.example/feed"' in exported.text
    assert exported.headers["Content-Disposition"] == 'attachment; filename="feeds.opml"'


def test_a_file_that_is_no_list_is_refused_at_its_place(browser, ports):
    page = browser.upload("/feeds/import", "file", b"nonsense")
    assert page.status == 422
    assert "is no OPML list of feeds" in page.tree.xpath("string(//p[@id='file-error'])")
    assert ports.stores.feeds.count() == 0
