"""parse: feeds as they come in the world."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ParseError
from pipeline.extract import feed_text
from pipeline.model import Enclosure
from pipeline.parse import parse, record
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
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xff\xfe", "empty"),
        (b"<!doctype html><html><body>Hi</body></html>", "web page"),
        (b"plain words", "no feed"),
    ],
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


ATOM = 'xmlns:atom="http://www.w3.org/2005/Atom"'


def test_a_feed_says_when_to_leave_it_alone_where_it_is_and_which_hub_tells_of_news():
    body = (
        f'<rss version="2.0" {ATOM}><channel><title>T</title><ttl>90</ttl>'
        '<atom:link rel="self" href="https://a.example/own"/><atom:link rel="hub" href="https://hub.example/"/>'
        "<skipHours><hour>0</hour><hour>7</hour><hour>24</hour><hour>99</hour></skipHours>"
        "<skipDays><day>Sunday</day><day>monday</day><day>Someday</day></skipDays>"
        "<item><title>One</title></item></channel></rss>"
    ).encode()
    for document in (body, body + b"<"):  # the second is malformed
        parsed = parse(URL, document, "")
        assert (parsed.skip_hours, parsed.skip_days, parsed.least_interval) == ((0, 7), (0, 6), 5400)
        assert (parsed.topic, parsed.hub) == ("https://a.example/own", "https://hub.example/")


def test_hours_that_a_story_is_about_are_not_the_feeds():
    item = "<item><title>One</title><description><![CDATA[<skipHours><hour>1</hour></skipHours>]]></description></item>"
    assert parse(URL, rss(item), "").skip_hours == ()


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("Sun, 01 Mar 2026 13:00:00 CEST", "2026-03-01T11:00:00Z"),
        ("Sun, 01 Mar 2026 13:00:00 MSK", "2026-03-01T10:00:00Z"),
        ("Sunday, 1 March 2026 13:00 EST", "2026-03-01T18:00:00Z"),
        ("Sun, 01 Mar 2026 13:00:00", "2026-03-01T13:00:00Z"),
        ("Sun, 01 Mar 2026 13:00:00 GMT+0530", "2026-03-01T07:30:00Z"),
        ("Sun, 01 Mar 2026 13:00:00 +01:00 (CET)", "2026-03-01T12:00:00Z"),
        ("2026-03-01 13:00:00 +0100", "2026-03-01T12:00:00Z"),
        ("2026-03-01T13:00:00.250+01:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("1772366400", "2026-03-01T12:00:00Z"),
        ("Sun, 01 Mar 2026 13:00:00 XYZ", "2026-03-01T13:00:00Z"),  # a zone that nobody knows is none
        ("Sun, 01 Mar 2026 13:00:00 GMT+3", "2026-03-01T10:00:00Z"),
        ("Sun, 01 Mar 2026 01:00 PM", "2026-03-01T13:00:00Z"),
        ("Sun, 01 Mar 2026 13:00:60 GMT", "2026-03-01T13:01:00Z"),
        ("Sun, 01 Mar 2026 24:00:00 GMT", "2026-03-02T00:00:00Z"),
        ("Sun Mar  1 13:00:00 2026", "2026-03-01T13:00:00Z"),
        ("2026/03/01 13:00:32", "2026-03-01T13:00:32Z"),
        ("2026/03/01", "2026-03-01T00:00:00Z"),
        ("20260301T130000Z", "2026-03-01T13:00:00Z"),
        ("20260301T130000+0100", "2026-03-01T12:00:00Z"),
        ("2026年3月1日 13:00", "2026-03-01T13:00:00Z"),
        ("Feb 1, 2026", "2026-02-01T00:00:00Z"),
        ("February 1, 2026 1:30 PM", "2026-02-01T13:30:00Z"),
        ("01.02.2026 10:00", "2026-02-01T10:00:00Z"),
        ("13/06/2026 - 12:00", "2026-06-13T12:00:00Z"),
        ("06/13/2026 12:00", "2026-06-13T12:00:00Z"),
        ("03/04/2026 12:00", None),  # in March or in April
        ("1 février 2026", "2026-02-01T00:00:00Z"),
        ("domingo, 1 de febrero de 2026 10:00", "2026-02-01T10:00:00Z"),
        ("2026-13-45", None),
        ("2026-03-01 or so", None),
        ("2026", None),
        ("12:00 GMT", None),
        ("26-11-26", None),
        ("Mon, 01 Jan 0001 00:00:00 +0000", None),
        ("Sun, 31 Feb 2026 13:00:00 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_date_is_understood_or_none(stated, meant):
    (entry,) = parse(URL, rss(f"<item><title>T</title><pubDate>{stated}</pubDate></item>"), "").entries
    assert utc(entry.published) == meant


def test_enclosures_authors_and_categories_are_kept():
    body = rss(
        "<item><title>T</title><author>desk@a.org (Ada Writer)</author><category>War</category>"
        '<category domain="d">Asia</category><enclosure url="/one.mp3" type="Audio/MPEG" length="12"/>'
        '<enclosure url="" length="x"/></item>'
    )
    (entry,) = parse(URL, body, "").entries
    assert (entry.authors, entry.tags) == (("Ada Writer",), ("War", "Asia"))
    assert entry.enclosures == (Enclosure(url="https://a.example/one.mp3", media_type="audio/mpeg", length=12),)


def test_an_entry_with_a_great_many_keywords_is_read_with_the_first_of_them():
    words = ",".join(f"word{number}" for number in range(5_000))
    media = 'xmlns:media="http://search.yahoo.com/mrss/"'
    item = f"<item><title>T</title><media:keywords {media}><![CDATA[{words}]]></media:keywords></item>"
    (entry,) = parse(URL, rss(item), "").entries
    assert entry.tags[:2] == ("word0", "word1")
    assert len(entry.tags) == record.MAX_TAGS


GOOGLE = "https://news.google.com/rss/articles/"


def google_token(url: str) -> str:
    """The old form of a token: a protocol buffer whose field 4 is the address."""
    length = bytes([len(url)]) if len(url) < 128 else bytes([len(url) & 0x7F | 0x80, len(url) >> 7])
    return urlsafe_b64encode(b"\x08\x13\x22" + length + url.encode() + b"\xd2\x01\x00").decode().rstrip("=")


@given(st.text("abcdefghij-/", max_size=300))
def test_a_google_news_link_of_the_old_form_leads_to_the_publisher(path):
    url = f"https://a.example/{path}"
    body = rss(f"<item><title>T</title><link>{GOOGLE}{google_token(url)}?oc=5</link></item>")
    assert parse(URL, body, "").entries[0].url == url


@pytest.mark.parametrize("token", ["CBMiAFVfeXFMTjRfQVVfeXFMUA", "CBMi!!", "_", "aHR0cHM6Ly8"])
def test_a_google_news_link_of_the_new_form_stays_for_the_page_to_redirect(token):
    link = f"{GOOGLE}{token}?oc=5"
    assert parse(URL, rss(f"<item><title>T</title><link>{link}</link></item>"), "").entries[0].url == link


def identities(*items: tuple[str, str, str]) -> list[str]:
    made = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><link>{link}</link><title>{title}</title></item>"
        for guid, link, title in items
    )
    return [entry.identity for entry in parse(URL, rss(made), "").entries]


def test_a_guid_that_follows_the_headline_or_counts_its_edits_is_passed_over_for_the_link():
    one, two = "https://a.example/1", "https://a.example/2"
    assert identities(("Old head", one, "Old head"), (f"{two}#0", two, "B")) == [one, two]
    assert identities(("New head", one, "New head"), (f"{two}#1", two, "B")) == [one, two]


def test_a_guid_that_every_entry_carries_is_passed_over_for_the_link():
    assert identities(("0", "https://a.example/1", "A"), ("0", "https://a.example/2", "B")) == [
        "https://a.example/1",
        "https://a.example/2",
    ]


def test_entries_on_one_page_keep_their_own_guids():
    page = "https://a.example/live"
    assert identities((f"{page}#a", page, "A"), (f"{page}#b", page, "B")) == [f"{page}#a", f"{page}#b"]


def items_of(*items: str) -> tuple[list[str], tuple[str, ...]]:
    """The summaries of the entries that come of these items, and the notes of both readers."""
    body = rss("".join(f"<item>{item}</item>" for item in items))
    parsed = parse(URL, body, "")
    assert record.read(URL, body, "", body) == parsed
    assert len({entry.identity for entry in parsed.entries}) == len(parsed.entries)
    return [entry.summary for entry in parsed.entries], parsed.notes


def test_entries_without_a_guid_are_told_apart_by_their_dates_or_texts():
    page = "<title>Briefing</title><link>https://a.example/briefing</link>"
    date = "<pubDate>Sun, 0{} Mar 2026 13:00:00 GMT</pubDate>"
    text = "<description>{}</description>"
    dated = [page + date.format(day) + text.format(day) for day in (2, 1)]
    assert items_of(*dated, dated[1]) == (["2", "1"], ())  # what is there twice is there once
    assert items_of(page + text.format("A"), page + text.format("B")) == (["A", "B"], ())
    assert items_of(text.format("A"), text.format("B"), text.format("A")) == (["A", "B"], ())
    assert items_of(date.format(1) + text.format("A"), date.format(1) + text.format("B")) == (["A", "B"], ())


def test_a_text_that_a_feed_corrects_keeps_its_date_for_identity():
    def briefings(*texts: str) -> list[str]:
        made = "".join(
            f"<item><title>Briefing</title><link>https://a.example/briefing</link><description>{text}</description>"
            f"<pubDate>Sun, 0{day} Mar 2026 13:00:00 GMT</pubDate></item>"
            for day, text in enumerate(texts, 1)
        )
        return [entry.identity for entry in parse(URL, rss(made), "").entries]

    assert briefings("A", "B") == briefings("A", "B, corrected")


def test_what_is_left_out_for_its_guid_is_noted():
    same = "<title>T</title><guid isPermaLink='false'>g</guid><description>{}</description>"
    summaries, notes = items_of(same.format("A"), same.format("B"), same.format("B"))
    assert (summaries, len(notes)) == (["A"], 1)
    assert "1 left out" in notes[0]


def test_entries_of_other_titles_on_one_page_are_marked_as_sharing_it():
    live = "https://a.example/live"

    def shared(*items: tuple[str, str]) -> list[bool]:
        made = "".join(
            f"<item><guid isPermaLink='false'>{number}</guid><link>{link}</link><title>{title}</title></item>"
            for number, (link, title) in enumerate(items)
        )
        return [entry.shares_address for entry in parse(URL, rss(made), "").entries]

    elsewhere = ("https://a.example/3", "C")
    assert shared((live, "A"), (f"{live}#b", "B"), elsewhere, ("", "D"), ("", "E")) == [True, True, False, False, False]
    assert shared((live, "A"), (live, "A")) == [False, False]


@pytest.mark.parametrize("name", ["links", "authors", "tags", "content", "title_detail", "published_parsed", "entries"])
def test_an_element_named_as_feedparser_names_its_own_is_no_trouble(name):
    body = rss(f"<{name}>x</{name}><item><title>T</title><{name}>x</{name}></item>")
    assert [entry.title for entry in parse(URL, body, "").entries] == ["T"]


MEGA = 1_000_000
HOSTILE = {
    "deep": b"<a>" * MEGA,
    "deep and closed": b"<a>" * MEGA + b"</a>" * MEGA,
    "of one entry's categories": b"<item>" + b"<category>%d</category>" * 100_000 + b"</item>",
    "of one entry's keywords": b"<item><keywords>" + b"a," * MEGA + b"</keywords></item>",
    "of keywords in a CDATA section": b"<item><media:keywords><![CDATA["
    + b",".join(b"%d" % number for number in range(MEGA // 5))
    + b"]]></media:keywords></item>",
    "of keywords between references": b"<item><itunes:keywords>"
    + b"&#44;".join(b"%d" % number for number in range(MEGA // 10))
    + b"</itunes:keywords></item>",
    "of entries with thousands of keywords": (
        b"<item><media:keywords>" + b",".join(b"%d" % number for number in range(2_000)) + b"</media:keywords></item>"
    )
    * 200,
    "of open brackets": b"<" * 8 * MEGA,
    "of ampersands": b"&" * 8 * MEGA,
    "of doctypes": b"<!DOCTYPE " * MEGA,
    "of comments that never end": b"<!--" * 2 * MEGA,
    "of a title": b"<item><title>" + b"&lt;p&gt;x " * MEGA + b"</title></item>",
    "of malformed entries": b"<item><title>A & B</title></item>" * 300_000,
    "of categories, with ends of items in comments": b"<item>"
    + (b"<category>%d</category>" * 1_900 + b"<!--</item>-->") * 40
    + b"</item>",
    "deep, with ends of elements in comments": b"<a><!--</a>-->" * 150_000,
    "of lists of hours in a text": b"<item><description><![CDATA["
    + b"<skipHours>" * 900_000
    + b"]]></description></item>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_document_made_to_cost_is_read_in_part_or_refused_in_seconds(kind):
    body = b'<rss version="2.0"><channel><title>T</title>' + HOSTILE[kind] + b"</channel></rss>"
    began = time.process_time()
    with suppress(ParseError):
        parse(URL, body[: 10 * 2**20], "")
    assert time.process_time() - began < 10  # feedparser alone: 20 s to hours


def test_a_body_that_names_a_file_is_no_way_to_read_it(tmp_path):
    secret = tmp_path / "feed.xml"
    secret.write_bytes(rss("<item><title>Secret</title></item>"))
    with pytest.raises(ParseError, match="no feed"):
        parse(URL, str(secret).encode(), "")


@pytest.mark.parametrize("before", ["<!-- <!DOCTYPE x> -->", "<!DOCTYPE x [" + " " * 200_000])
def test_entities_behind_what_looks_like_a_doctype_are_not_taken_for_none(before):
    bomb = '<!DOCTYPE rss [\n<!ENTITY a "' + "x" * 20_000 + '">\n]>'
    body = f'{before}\n{bomb}\n<rss version="2.0"><channel><item><title>{"&a;" * 1_000}</title></item></channel></rss>'
    with pytest.raises(ParseError, match=r"entities of its own|no feed"):
        parse(URL, body.encode(), "")


def test_a_text_about_entities_is_a_text():
    body = rss("<item><title>A</title><description><![CDATA[Write <!ENTITY a 'b'> so.]]></description><b></item>")
    assert parse(URL, body, "").entries[0].title == "A"


WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-7", "cp037", "iso-2022-jp"]


def in_encoding(name: str, text: bytes) -> bytes:
    return f'<?xml version="1.0" encoding="{name}"?>{text.decode()}'.encode(name)


@pytest.mark.parametrize("name", WIDE)
def test_a_document_is_guarded_in_whatever_encoding_it_comes(name):
    bomb = '<!DOCTYPE rss [<!ENTITY a "bomb">]>' + rss("<item><title>one &a;</title></item>").decode()
    parsed = parse(URL, in_encoding(name, bomb.encode()), "")
    assert "bomb" not in parsed.entries[0].title
    assert any("entities" in note for note in parsed.notes)
    deep = rss("<item>" + "<a>" * 20_000 + "</a>" * 20_000 + "</item>")
    with pytest.raises(ParseError, match="deep"):
        parse(URL, in_encoding(name, deep), "")


def test_a_large_feed_in_utf_16_is_read_whole_and_left_alone_when_it_asks_for_it():
    item = "<item><title>Story</title><guid>%d</guid><description>" + "x" * 1_000 + "</description></item>"
    hours = "<skipHours><hour>7</hour></skipHours>"
    body = rss(hours + "".join(item % number for number in range(600)))
    parsed = parse(URL, in_encoding("utf-16", body), "")
    assert (len(parsed.entries), parsed.skip_hours, parsed.notes) == (600, (7,), ())


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


JSON_ITEMS = '{"title": "J", "items": [{"id": "1", "title": "One\tof\u0007 two"}, {"id": "2", "title": "Two"}]}'


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_json_feed_is_read_in_any_unicode_with_space_before_it_and_control_characters_in_it(name):
    parsed = parse(URL, (" \n" * 500 + JSON_ITEMS + "\n").encode(name), "application/json")
    assert [entry.identity for entry in parsed.entries] == ["1", "2"]
    assert parsed.entries[0].title.startswith("One of")
    assert (parsed.title, parsed.notes) == ("J", ())


@pytest.mark.parametrize("end", [", ]}", '], "x": 1,}', ', {"id": "3'])
def test_a_malformed_json_feed_gives_the_items_that_are_whole_and_a_note(end):
    parsed = parse(URL, (JSON_ITEMS.removesuffix("]}") + end).encode(), "")
    assert [entry.identity for entry in parsed.entries] == ["1", "2"]
    assert "malformed" in parsed.notes[0]


def test_broken_json_without_an_item_is_no_feed():
    with pytest.raises(ParseError, match="broken JSON"):
        parse(URL, b'{"title": "J", "items": [{"id": ', "")


def test_a_json_feed_says_where_it_is_its_hub_and_its_attachments():
    body = json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "feed_url": "https://a.example/own",
            "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
            "items": [{"id": "1", "attachments": [{"url": "/1.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 3}]}],
        }
    )
    parsed = parse(URL, body.encode(), "")
    assert (parsed.topic, parsed.hub) == ("https://a.example/own", "https://hub.example/")
    assert parsed.entries == ()  # nothing to read in it
    assert parse(URL, body.replace('"id"', '"title": "T", "id"').encode(), "").entries[0].enclosures[0].length == 3


CONDITION = "if a<b and c>d then <Kursk> holds"
ATOM_ENTRY = (
    "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><entry><id>1</id><title>One</title>{}</entry></feed>"
)


@pytest.mark.parametrize("texts", ["<summary{}>{}</summary>", "<content{}>{}</content>"])
@pytest.mark.parametrize("stated", [" type='text'", ""])
def test_what_stands_between_angle_brackets_in_a_plain_text_is_text(texts, stated):
    body = ATOM_ENTRY.format(texts.format(stated, escape(CONDITION))).encode()
    for reader in (parse(URL, body, ""), record.read(URL, body, "", body)):
        (entry,) = reader.entries
        assert feed_text(entry.content or entry.summary, URL) == (CONDITION,)


def test_what_a_feed_calls_plain_though_it_is_html_is_html():
    body = ATOM_ENTRY.format(f"<summary>{escape('<p>Near <b>Kursk</b></p>')}</summary>").encode()
    assert feed_text(parse(URL, body, "").entries[0].summary, URL) == ("Near Kursk",)


def test_the_plain_text_of_a_json_feed_is_text():
    body = json.dumps({"items": [{"id": "1", "summary": CONDITION, "content_text": f"{CONDITION}."}]}).encode()
    (entry,) = parse(URL, body, "").entries
    assert [feed_text(text, URL) for text in (entry.summary, entry.content)] == [(CONDITION,), (f"{CONDITION}.",)]


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


MEASURE = """
import gzip, json, re, sys, time
from contextlib import suppress
from pathlib import Path
from pipeline.errors import ParseError
from pipeline.parse import parse, record
slowest = 0.0
for name, expected in json.loads(Path(sys.argv[1], "expected.json").read_text()).items():
    body = Path(sys.argv[1], name).read_bytes()
    body = gzip.decompress(body) if body.startswith(b"\\x1f\\x8b") else body
    began = time.process_time()
    with suppress(ParseError):
        parse(expected["url"], body, expected["content_type"])
    slowest = max(slowest, time.process_time() - began)
# Not ru_maxrss, which a process takes over from the one that started it.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([slowest, int(peak.group(1)) / 1024]))
"""


def test_every_feed_of_the_corpus_takes_less_than_two_seconds_and_200_megabytes(shared):
    """In a process of its own, all feeds in turn, its interpreter and libraries counted."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(shared / "corpus" / "feeds")], capture_output=True, check=True, text=True
    )
    seconds, megabytes = json.loads(done.stdout)
    assert (seconds < 2, megabytes < 200) == (True, True), (seconds, megabytes)


def test_the_feeds_our_tests_serve_are_feeds():
    parsed = parse(URL, web.rss(("One", "https://a.example/1")).encode(), web.RSS)
    assert [entry.title for entry in parsed.entries] == ["One"]
