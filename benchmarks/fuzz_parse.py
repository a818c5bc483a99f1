"""Throw bytes at the parsers of feeds, guided by coverage, for a bounded time.

    pip install atheris; .venv/bin/python -m benchmarks.fuzz_parse -max_total_time=120

What is found becomes a named test in tests/test_parse.py or tests/test_parse_fast.py. Atheris is no dependency: it has
no build for every Python.
"""

from __future__ import annotations

import sys
import time

import atheris

with atheris.instrument_imports(include=["pipeline.parse", "feedparser"]):
    from pipeline.errors import ParseError
    from pipeline.parse import fast, parse, record
    from pipeline.parse.encoding import as_utf8

URL = "https://a.example/feed"
BOUND = 2.0
"""Seconds that a document of a few kilobytes may take at the most."""
WORDS = [
    b'<rss version="2.0"><channel>',
    b'<feed xmlns="http://www.w3.org/2005/Atom">',
    b'<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    b' xmlns:dc="http://purl.org/dc/elements/1.1/"',
    b' xmlns:media="http://search.yahoo.com/mrss/"',
    b"<item><title>T</title>",
    b"</item></channel></rss>",
    b"<entry><title>T</title>",
    b"</entry></feed>",
    b"<link>https://a.example/1</link>",
    b'<link rel="alternate" href="/1"/>',
    b'<guid isPermaLink="false">1</guid>',
    b"<id>tag:a,2026:1</id>",
    b"<pubDate>Sun, 01 Mar 2026 13:00:00 GMT</pubDate>",
    b"<updated>2026-03-01T13:00:00Z</updated>",
    b"<author><name>A</name></author>",
    b"<dc:creator>A</dc:creator>",
    b"<description><![CDATA[<p>x</p>]]></description>",
    b'<content type="html">&lt;p&gt;</content>',
    b"<category>c</category>",
    b'<?xml version="1.0" encoding="utf-8"?>',
    b'{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","title":"T"}]}',
]
_FREE = [byte for byte in range(32) if byte not in b"\t\r\n"]
_ALPHABET = dict(zip(_FREE, WORDS, strict=False))
"""Bytes that XML does not allow stand for these, so that documents come about."""


def written(data: bytes) -> bytes:
    """The document that `data` stands for: what a byte stands for, or itself."""
    return b"".join(_ALPHABET.get(byte, bytes([byte])) for byte in data)


def one(data: bytes) -> None:
    """One document: read or refused within the bound, and read alike by both paths where the fast one reads it."""
    document = written(data)
    began = time.monotonic()
    try:
        parsed = parse(URL, document, "")
    except ParseError:
        return
    assert len({entry.identity for entry in parsed.entries}) == len(parsed.entries)
    repr(parsed).encode("utf-8")
    took = time.monotonic() - began
    assert took < BOUND, f"{took:.1f} s: {document!r}"
    plain = as_utf8(document, "")
    quick = fast.read(URL, plain) if plain is not None else None
    assert quick is None or quick == record.read(URL, document, "", plain), document


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
