"""parse: feeds as they come in the world."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ParseError
from pipeline.parse import parse
from tests import web

URL = "https://a.example/feed"


def rss(item: str) -> bytes:
    return f'<rss version="2.0"><channel><title>T</title>{item}</channel></rss>'.encode()


def test_an_entry_has_its_link_made_absolute_its_title_plain_and_its_date_in_utc():
    body = rss(
        "<item><title>A &amp;amp; &lt;b&gt;B&lt;/b&gt;</title><link>/one</link><guid>g</guid>"
        "<pubDate>Sun, 01 Mar 2026 13:00:00 +0100</pubDate></item>"
    )
    (entry,) = parse(URL, body, "").entries
    assert (entry.title, entry.url) == ("A & B", "https://a.example/one")
    assert entry.published == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_malformed_feed_gives_what_is_there_and_a_note():
    parsed = parse(URL, rss("<item><title>A & B</title><link>https://a.example/1</link></item>")[:-6], "")
    assert [entry.url for entry in parsed.entries] == ["https://a.example/1"]
    assert any("malformed" in note for note in parsed.notes)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "empty"), (b"<!doctype html><html><body>Hi</body></html>", "web page"), (b"plain words", "no feed")],
)
def test_what_is_no_feed_is_refused_in_words(body, said):
    with pytest.raises(ParseError, match=said):
        parse(URL, body, "text/html")


def test_a_documents_own_entities_are_left_out():
    bomb = b'<!DOCTYPE rss [<!ENTITY a "x"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>' + rss(
        "<item><title>one &b; &c;</title><link>https://a.example/1</link></item>"
    )
    parsed = parse(URL, bomb, "")
    assert "root:" not in parsed.entries[0].title
    assert any("entities" in note for note in parsed.notes)


def test_the_same_entry_has_the_same_hash_and_a_changed_one_another():
    def hashed(summary: str) -> str:
        item = f"<item><title>T</title><guid>g</guid><description>{summary}</description></item>"
        return parse(URL, rss(item), "").entries[0].content_hash

    assert hashed("one") == hashed("one") != hashed("two")


def test_json_feed_is_read():
    body = json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "J",
            "items": [{"id": "1", "url": "https://a.example/1", "title": "One", "content_html": "<p>x</p>"}],
        }
    )
    parsed = parse(URL, body.encode(), "application/feed+json")
    assert [(entry.identity, entry.title) for entry in parsed.entries] == [("1", "One")]


@given(st.one_of(st.binary(max_size=400), st.text(max_size=300).map(lambda text: rss(f"<item>{text}</item>"))))
def test_any_bytes_are_read_or_refused(body):
    try:
        parsed = parse(URL, body, "")
    except ParseError:
        return
    assert len({entry.identity for entry in parsed.entries}) == len(parsed.entries)


def corpus() -> list[str]:
    from tests.servers import SHARED

    path = SHARED / "corpus" / "feeds" / "expected.json"
    return sorted(json.loads(path.read_text())) if path.exists() else []


def utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


@pytest.mark.parametrize("name", corpus() or [pytest.param("", marks=pytest.mark.skip("no ../shared corpus"))])
def test_a_feed_of_the_corpus_comes_out_as_expected(name, shared):
    folder = shared / "corpus" / "feeds"
    expected = json.loads((folder / "expected.json").read_text())[name]
    body = (folder / name).read_bytes()
    body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    try:
        parsed = parse(expected["url"], body, expected["content_type"])
    except ParseError:
        assert expected["outcome"] in ("not_a_feed", "hostile", "any")
        return
    count = len(parsed.entries)
    if expected["outcome"] == "not_a_feed":
        assert count == 0
    if "entries" in expected:
        assert count == expected.get("distinct_ids", expected["entries"])
    assert expected.get("entries_min", 0) <= count <= expected.get("entries_max", count)
    for text in expected.get("must_not_contain", []):
        assert text not in repr(parsed)
    if "first" not in expected or not count:
        return
    first, want = parsed.entries[0], expected["first"]
    assert first.title in expected.get("title_any", [want.get("title") or ""])
    assert (first.url or None) in expected.get("link_any", [want.get("link")])
    assert utc(first.published) in expected.get("published_any", [want.get("published")])


def test_the_feeds_our_tests_serve_are_feeds():
    parsed = parse(URL, web.rss(("One", "https://a.example/1")).encode(), web.RSS)
    assert [entry.title for entry in parsed.entries] == ["One"]
