"""parse: the fast path gives what the parser of record gives, or hands over."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import event, given

from pipeline.errors import ParseError
from pipeline.parse import fast, record
from pipeline.parse.encoding import as_utf8
from tests import feedwriter
from tests.test_parse import corpus

URL = "https://a.example/dir/feed"


def both(url: str, document: bytes):
    """What the fast path says, and what the parser of record says: None where it is no feed to it."""
    quick = fast.read(url, document)
    try:
        return quick, record.read(url, document, "", document)
    except ParseError:
        return quick, None


def corpus_feed(shared, name: str) -> tuple[str, bytes, str]:
    folder = shared / "corpus" / "feeds"
    expected = json.loads((folder / "expected.json").read_text())[name]
    body = (folder / name).read_bytes()
    return expected["url"], gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body, expected["content_type"]


@pytest.mark.parametrize("name", corpus() or [pytest.param("", marks=pytest.mark.skip("no ../shared corpus"))])
def test_a_feed_of_the_corpus_is_read_as_the_parser_of_record_reads_it_or_handed_over(name, shared):
    url, body, content_type = corpus_feed(shared, name)
    document = as_utf8(body, content_type)
    quick, thorough = both(url, document) if document is not None else (None, None)
    assert quick is None or quick == thorough


def test_more_than_half_of_the_corpus_is_read_fast_though_it_is_made_of_oddities(shared):
    feeds = [corpus_feed(shared, name) for name in corpus()]
    documents = [(url, as_utf8(body, content_type)) for url, body, content_type in feeds]
    assert sum(fast.read(url, document) is not None for url, document in documents if document) >= 22


RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>T</title><link>https://a.example/</link><language>en</language>
<item><title>One</title><link>https://a.example/1</link><guid isPermaLink="false">1</guid>
<pubDate>Sun, 01 Mar 2026 13:00:00 GMT</pubDate><dc:creator>Ada</dc:creator><category>War</category>
<description><![CDATA[<p>Text</p>]]></description><content:encoded>&lt;p&gt;More&lt;/p&gt;</content:encoded></item>
</channel></rss>"""
ATOM = b"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>T</title><id>tag:a.example,2026:1</id>
<link rel="alternate" type="text/html" href="https://a.example/"/><updated>2026-03-01T13:00:00Z</updated>
<entry><title>One</title><link rel="alternate" type="text/html" href="https://a.example/1"/><id>tag:a.example,2026:2</id>
<published>2026-03-01T13:00:00Z</published><updated>2026-03-01T13:00:00Z</updated><author><name>Ada</name></author>
<category term="War"/><content type="html">&lt;p&gt;Text&lt;/p&gt;</content></entry></feed>"""


@pytest.mark.parametrize("document", [RSS, ATOM], ids=["rss", "atom"])
def test_an_ordinary_feed_is_read_fast(document):
    quick, thorough = both(URL, document)
    assert quick is not None
    assert quick == thorough


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<title>One", b"<title>One & two"),
        (b"<title>One", b"<title>One <b>two</b>"),
        (b"<title>One", b"<title>One \x02"),
        (b"<rss", b'<!DOCTYPE rss [<!ENTITY a "x">]><rss'),
        (b"<item>", b'<item xml:base="https://b.example/">'),
        (b"Sun, 01 Mar 2026 13:00:00 GMT", b"Sunday at one"),
        (b"https://a.example/1", b"https://a.example/1?a=b&amp;amp;c"),
        (b"<dc:creator>Ada", b"<dc:creator>ada@writers.example"),
        (b"http://purl.org/dc/elements/1.1/", b"http://elsewhere.example/"),
        (b"</rss>", b""),
    ],
)
def test_what_is_not_ordinary_is_handed_over(old, new):
    assert old in RSS
    assert fast.read(URL, RSS.replace(old, new)) is None


# What the property test below found.


def test_an_author_in_a_text_before_one_with_a_name_is_handed_over():
    """feedparser gives both the second's name."""
    two = b"<dc:creator>Ada</dc:creator><author><name>Eve</name></author>"
    quick, thorough = both(URL, RSS.replace(b"<dc:creator>Ada</dc:creator>", two))
    assert quick is None
    assert thorough.entries[0].authors == ("Eve",)


def test_the_language_of_an_rss_1_document_is_that_of_its_entries_only():
    rdf = (
        b'<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        b'xml:lang="de-CH"><channel><title>T</title></channel><item><title>One</title></item></rdf:RDF>'
    )
    quick, thorough = both(URL, rdf)
    assert quick == thorough
    assert (quick.language, quick.entries[0].language) == ("", "de-CH")


def test_categories_that_get_their_terms_from_a_text_are_compared_as_they_are_by_then():
    labels = b'<category label="l"/><category label="l">Kursk</category><category label="l">Kursk</category>'
    quick, thorough = both(URL, RSS.replace(b"<category>War</category>", labels))
    assert quick == thorough
    assert quick.entries[0].tags == ("Kursk",)


@given(feedwriter.feeds())
def test_a_document_is_read_as_the_parser_of_record_reads_it_or_handed_over(document):
    quick, thorough = both(URL, document)
    event("read" if quick else "handed over")
    assert quick is None or quick == thorough
