"""discover: the feeds of a site, and which of them is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import discover
from pipeline.address import address_key
from pipeline.discover import FeedLink, choices, feed_links, format_of, replacement, stated_encoding, usual_addresses
from pipeline.errors import BadInput, ParseError
from pipeline.flow.feeds.discover import Document, Site, completed, look, read_feed, suggest
from pipeline.model import FetchResponse
from tests import builders, web

HOME = "https://www.a.example/"
RSS = 'type="application/rss+xml"'


def page(head: str = "", body: str = "", url: str = HOME, **headers: str) -> FetchResponse:
    html = f"<!doctype html><html><head><title>A</title>{head}</head><body>{body}</body></html>"
    return FetchResponse(url=url, status=200, headers=headers, body=html.encode())


def urls(found: FetchResponse) -> list[str]:
    return [link.url for link in feed_links(found)]


# -- where links stand


def test_alternate_links_of_the_head_are_found_with_their_titles_and_made_absolute():
    found = feed_links(page(f'<link rel="alternate" {RSS} title=" The\n News " href="/feed">'))
    assert found == (FeedLink("https://www.a.example/feed", "The News"),)


@pytest.mark.parametrize(
    "kind",
    ["application/rss+xml", "application/atom+xml; charset=UTF-8", "APPLICATION/FEED+JSON", "application/rdf+xml"],
)
def test_every_kind_of_feed_is_found(kind):
    assert urls(page(f"<link rel='alternate home' type='{kind}' href='/x'>")) == ["https://www.a.example/x"]


def test_a_base_element_counts():
    head = f'<base href="https://www.a.example/deep/"><link rel="alternate" {RSS} href="feed">'
    assert urls(page(head)) == ["https://www.a.example/deep/feed"]


def test_link_headers_are_read():
    header = '<https://hub.example/>; rel="hub", </feed>; rel=alternate; type="application/atom+xml"; title="A, B"'
    assert feed_links(page(link=header)) == (FeedLink("https://www.a.example/feed", "A, B"),)


@pytest.mark.parametrize(
    "link",
    [
        "<link rel='alternate' type='application/json' href='/wp-json/wp/v2/pages/2'>",
        "<link rel='alternate' type='application/json+oembed' href='/wp-json/oembed/1.0/embed?url=x&amp;feed=1'>",
        "<link rel='alternate' type='text/xml' href='/wp-json/oembed/feed?format=xml'>",
        "<link rel='alternate' hreflang='de' href='/de/feed'>",
        "<link rel='stylesheet' type='application/rss+xml' href='/feed'>",
        "<link rel='alternate' type='application/rss+xml' href=''>",
        "<link rel='alternate' type='application/rss+xml' href='javascript:feed()'>",
        "<link rel='alternate' type='application/rss+xml' href='http://[broken'>",
        "<a href='/feedback'>Feedback</a><a href='https://other.example/feed'>Another's</a>",
    ],
)
def test_what_is_no_feed_is_not_taken_for_one(link):
    assert urls(page(link, link)) == []


def test_links_of_the_page_stand_in_where_the_head_names_none():
    body = '<a href="/about">About</a><a href="/news/rss.xml"><img> News <b>RSS</b></a>'
    assert feed_links(page(body=body)) == (FeedLink("https://www.a.example/news/rss.xml", "News RSS"),)


@given(st.binary(max_size=300), st.text(max_size=100))
def test_any_page_gives_links_that_can_be_asked_for(body, header):
    found = feed_links(FetchResponse(url=HOME, status=200, headers={"link": header}, body=body))
    assert all(link.url.startswith("http") for link in found)


# -- which is meant


def links(*hrefs: tuple[str, str]) -> str:
    return "".join(f'<link rel="alternate" {RSS} href="{href}" title="{title}">' for href, title in hrefs)


WORDPRESS = links(
    ("/comments/feed/", "A » Comments Feed"),
    ("/category/sport/feed/", "A » Sport Category Feed"),
    ("/feed/", "A » Feed"),
)


def test_the_main_feed_comes_before_those_of_sections_and_comments_come_last():
    assert urls(page(WORDPRESS)) == [f"{HOME}feed/", f"{HOME}category/sport/feed/", f"{HOME}comments/feed/"]


def test_the_feed_of_the_section_that_was_asked_for_comes_first():
    found = urls(page(WORDPRESS, url=f"{HOME}category/sport/"))
    assert found == [f"{HOME}category/sport/feed/", f"{HOME}feed/", f"{HOME}comments/feed/"]


def test_comments_are_known_in_other_languages():
    found = urls(page(links(("/k/feed", "Kommentare zu A"), ("/c/feed", "Комментарии"), ("/feed", "A"))))
    assert found[0] == f"{HOME}feed"


def test_one_feed_in_two_formats_leaves_nothing_to_choose():
    found = feed_links(page(links(("/rss.xml", "News (RSS 2.0)"), ("/atom.xml", "News (Atom)"))))
    assert len(found) == 2
    assert len(choices(found, HOME)) == 1


def test_feeds_of_equal_rank_leave_the_choice_to_a_person():
    found = feed_links(page(links(("/world/rss", "RSS"), ("/sport/rss", "RSS"))))
    assert [link.url for link in choices(found, HOME)] == [f"{HOME}world/rss", f"{HOME}sport/rss"]


def test_a_replacement_is_another_feed_and_not_that_of_comments():
    comments = FeedLink(f"{HOME}comments/feed", "Comments")
    same = FeedLink("http://a.example/feed/?utm_source=x")
    new = FeedLink("https://feeds.a.example/all")
    assert replacement(f"{HOME}feed", [comments, same, new]) == new
    assert replacement(f"{HOME}feed", [comments, same]) is None


def test_the_usual_addresses_are_few():
    tried = usual_addresses("https://a.example/news/?x=1")
    assert tried[0] == "https://a.example/news/feed"
    assert "https://a.example/feed.json" in tried
    assert len(tried) <= 7
    assert usual_addresses("https://a.example/index.html")[0] == "https://a.example/feed"


# -- what a document calls itself


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'<?xml version="1.0"?><rss xmlns:x="y" version="2.0"><channel>', "RSS 2.0"),
        (b'<rss version="0.91">', "RSS 0.91"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom">', "Atom 1.0"),
        (b'<feed version="0.3" xmlns="http://purl.org/atom/ns#">', "Atom 0.3"),
        (b'<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="x">', "RSS 1.0"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": []}', "JSON Feed 1.1"),
        (b"<html>", ""),
    ],
)
def test_a_format_is_called_by_its_name(body, said):
    assert format_of(body) == said


@pytest.mark.parametrize(
    ("body", "header", "said"),
    [
        (b'<?xml version="1.0" encoding="ISO-8859-2"?><rss/>', "", "iso-8859-2"),
        (b'<?xml version="1.0" encoding="ISO-8859-2"?><rss/>', "text/xml; charset=UTF-8", "utf-8"),
        (b"\xef\xbb\xbf<rss/>", "text/xml; charset=latin1", "utf-8"),
        (b"<rss/>", "text/xml", ""),
    ],
)
def test_an_encoding_is_as_stated(body, header, said):
    assert stated_encoding(body, header) == said


# -- addresses


@pytest.mark.parametrize(
    "alike",
    [
        "http://a.example/feed",
        "https://www.a.example/feed/",
        "https://A.example/feed?utm_source=rss",
        "https://a.example/feed#x",
    ],
)
def test_addresses_are_the_same_up_to_scheme_www_slash_and_tracking(alike):
    assert address_key(alike) == address_key("https://a.example/feed")


@pytest.mark.parametrize(
    "other", ["https://a.example/feed?cat=3", "https://a.example:8443/feed", "https://b.example/feed"]
)
def test_other_addresses_are_others(other):
    assert address_key(other) != address_key("https://a.example/feed")


def test_an_address_is_completed_as_people_type_it():
    assert completed(" a.example/news ") == "https://a.example/news"
    for wrong in ("nonsense", "ftp://a.example/x", "https://", "https://a.exam\nple/"):
        with pytest.raises(BadInput, match="no address of a feed"):
            completed(wrong)


# -- looking


def test_a_sites_address_gives_the_feeds_it_names(ports, site):
    site.put("/feed", web.rss(("One", site.base + "/one")), web.RSS)
    home = site.put("/", f"<html><head>{links(('/feed', 'A'))}</head></html>")
    found = look(ports, home)
    assert isinstance(found, Site)
    assert [link.url for link in found.links] == [site.base + "/feed"]


def test_a_site_that_names_none_is_asked_at_the_usual_addresses_until_one_answers(ports, site):
    site.put("/atom.xml", web.rss(("One", site.base + "/one"), title="The news"), web.RSS)
    found = look(ports, site.put("/", "<html>Hello</html>"))
    assert found == Site(url=site.base + "/", links=(FeedLink(site.base + "/atom.xml", "The news"),))
    assert [path for path, _ in site.requests] == ["/", "/feed", "/rss.xml", "/atom.xml"]


def test_a_site_without_feeds_is_refused_in_words(ports, site):
    with pytest.raises(BadInput, match=r"a web page came, not a feed.*names none"):
        look(ports, site.put("/", "<html>Hello</html>"))


def test_a_feed_that_moved_for_good_is_to_be_polled_where_it_is_and_else_where_it_was(ports, site):
    site.put("/feed", web.rss(("One", site.base + "/one")), web.RSS)
    for status, path in ((301, "/feed"), (302, "/old")):
        old = site.put("/old", "", status=status, Location="/feed")
        found = look(ports, old)
        assert isinstance(found, Document)
        assert found.url == site.base + path


def test_a_page_in_place_of_a_feed_says_which_feed_it_names(ports, site):
    home = site.put("/", f"<html><head>{links(('/feed', 'A'))}</head></html>")
    with pytest.raises(ParseError, match=f"say {site.base}/feed"):
        read_feed(ports, home)


def test_a_replacement_is_suggested_when_the_site_names_one_that_can_be_read(ports, site):
    dead = builders.feed(url=site.base + "/old", site_url=site.put("/", f"<html>{links(('/new', 'A'))}</html>"))
    assert suggest(ports, dead) is None
    site.put("/new", web.rss(("One", site.base + "/one")), web.RSS)
    assert suggest(ports, dead) == discover.FeedLink(site.base + "/new", "A")
