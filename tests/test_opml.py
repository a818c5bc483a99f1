"""OPML: what readers export comes in, and what goes out comes back the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.errors import BadInput
from pipeline.flow.feeds import opml
from pipeline.flow.feeds.manage import NewFeed
from pipeline.model import Feed, FeedState, Pages
from tests import builders

AWKWARD = [
    *("World", "World/Europe", "a,b", "a/", "/a", "a//b", " a ", "é", "北京", '"quoted"', "<&>", "a\tb\nc\r", "\x0b"),
    *("\ud800", "category", "ä/ö/ü", "a, b", ","),
]
texts = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=12))
tags = st.lists(texts.filter(bool), max_size=4, unique=True).map(tuple)
names = st.sampled_from(["title", "description", "language", "category", "type", "version", "{https://x.example}y"])
outlines = st.dictionaries(names, texts.filter(bool), max_size=3).map(lambda found: tuple(found.items()))
urls = st.one_of(
    st.integers(0, 999).map(lambda number: f"https://a.example/{number}?a=1&b={number}"),
    st.integers(0, 999).map(lambda number: f"http://bücher.example/ä b/{number}"),
)


@st.composite
def feeds(draw: st.DrawFn) -> Feed:
    url = draw(urls)
    return builders.feed(
        url,
        id=url,
        url=url,
        title=draw(st.one_of(texts, st.just(url))),
        site_url=draw(st.one_of(st.just(""), st.just("https://a.example/?x=1&y=2"), texts)),
        tags=draw(tags),
        state=draw(st.sampled_from(FeedState)),
        pages=draw(st.sampled_from([None, *Pages])),
        outline=draw(outlines),
    )


def facts(feed: Feed | NewFeed) -> tuple[object, ...]:
    return (feed.url, feed.title, feed.site_url, feed.tags, feed.state, feed.pages, feed.outline)


@given(st.lists(feeds(), max_size=5, unique_by=lambda feed: feed.url))
@example([builders.feed("a", title="", tags=("World/Europe", "War, and peace"), state=FeedState.PAUSED)])
def test_what_is_exported_is_imported_the_same(given_feeds):
    read = opml.read(opml.write(given_feeds).encode(), "x")
    assert read.refused == ()
    assert sorted(map(facts, read.feeds)) == sorted(map(facts, given_feeds))


@given(st.lists(feeds(), max_size=3, unique_by=lambda feed: feed.url))
def test_an_export_is_the_same_whatever_the_order_of_the_store(given_feeds):
    assert opml.write(given_feeds) == opml.write(reversed(given_feeds))


@given(
    st.one_of(
        st.binary(max_size=200),
        texts.map(lambda text: f"<opml><body>{text}<outline xmlUrl='x'".encode("utf-8", "replace")),
    )
)
def test_whatever_comes_is_read_or_refused_as_bad_input(content):
    try:
        found = opml.read(content, "x")
    except BadInput:
        return
    assert all(feed.url for feed in found.feeds)


def read(body: str, version: str = "2.0") -> opml.Outlines:
    return opml.read(f'<?xml version="1.0"?>\n<opml version="{version}">\n<body>\n{body}\n</body></opml>'.encode(), "x")


def only(body: str) -> NewFeed:
    (feed,) = read(body).feeds
    return feed


def test_nested_folders_and_categories_become_tags():
    feed = only(
        '<outline text="World"><outline title="Europe">'
        '<outline text="T" type="rss" xmlUrl="https://a.example/f" category="/Boston/Weather, war"/>'
        "</outline></outline>"
    )
    assert feed.tags == ("World/Europe", "Boston/Weather", "war")


def test_a_feed_in_two_folders_is_one_with_two_tags():
    outline = '<outline text="T" xmlUrl="https://a.example/f"/>'
    feed = only(f'<outline text="A">{outline}</outline><outline text="B">{outline}</outline>')
    assert feed.tags == ("A", "B")


def test_attributes_in_any_case_and_opml_1_are_read():
    (feed,) = read('<outline TITLE="T" XMLURL=" https://a.example/f " HtmlUrl="https://a.example/"/>', "1.1").feeds
    assert (feed.url, feed.title, feed.site_url) == ("https://a.example/f", "T", "https://a.example/")


def test_what_has_no_field_here_is_kept_and_written_back():
    line = (
        '<outline text="Ours" title="Theirs" type="atom" description="All &amp; more" language="de" category="/A/B" '
        'xmlUrl="https://a.example/f" htmlUrl="https://a.example/" xmlns:r="https://r.example" r:hot="1"/>'
    )
    feed = only(line)
    assert dict(feed.outline) == {
        "title": "Theirs",
        "type": "atom",
        "description": "All & more",
        "language": "de",
        "category": "/A/B",
        "{https://r.example}hot": "1",
    }
    kept = builders.feed(url=feed.url, title=feed.title, site_url=feed.site_url, tags=feed.tags, outline=feed.outline)
    written = opml.write([kept])
    for part in ('title="Theirs"', 'description="All &amp; more"', 'language="de"', 'category="/A/B"', 'hot="1"'):
        assert part in written
    assert "wirewatch:exact" not in written


def test_other_readers_find_folder_title_and_site_in_an_export():
    written = opml.write([builders.feed("a", title="A", site_url="https://a.example/", tags=("World/Europe", "war"))])
    assert '<outline text="World">' in written
    assert '<outline text="Europe">' in written
    assert (
        'text="A" xmlUrl="https://a.example/feed" htmlUrl="https://a.example/" category="World/Europe,war"' in written
    )
    assert "exact" not in written


def test_bad_lines_are_named_by_their_number_and_the_rest_is_read():
    found = read(
        '<outline text="A" xmlUrl="https://a.example/?a=1&b=2&copy=3"/>\n'
        '<outline text="B" type="rss"/>\n'
        '<outline text="C &eacute; AT&T" xmlUrl="https://c.example/"/>\n'
        '<outline text="D" xmlUrl="https://d.example/" wirewatch:exact="x" xmlns:wirewatch="https://wirewatch.example/opml"/>\n'
        '<outline text="unclosed><outline text="E" xmlUrl="https://e.example/"/>\n'
        '<outline text="F" xmlUrl="https://f.example/"/>'
    )
    assert [feed.url for feed in found.feeds] == [
        "https://a.example/?a=1&b=2&copy=3",
        "https://c.example/",
        "https://f.example/",
    ]
    assert found.feeds[1].title == "C é AT&T"
    assert found.feeds[1].where == "line 6"
    assert [line.split(":")[0] for line in found.refused] == ["line 8", "line 5", "line 7"]


@pytest.mark.parametrize(
    "content", [b"", b"plain words", b"<rss version='2.0'/>", b"<html><body>Hi</body></html>", b"\x00\xff"]
)
def test_what_is_no_opml_is_refused(content):
    with pytest.raises(BadInput, match="x is no OPML"):
        opml.read(content, "x")


def test_entities_of_a_lists_own_are_not_resolved_from_files():
    bomb = (
        b'<!DOCTYPE opml [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        b'<opml><body><outline text="A" xmlUrl="https://a.example/f"/>&f;</body></opml>'
    )
    assert [feed.url for feed in opml.read(bomb, "x").feeds] == ["https://a.example/f"]
