"""Throw bytes at the extraction of pages and of feeds' texts, guided by coverage, for a bounded time.

    pip install atheris; .venv/bin/python -m benchmarks.fuzz_extract -max_total_time=120

What is found becomes a named test in tests/test_extract_properties.py. Atheris is no dependency: it has no build for
every Python.
"""

from __future__ import annotations

import logging
import sys
import time

import atheris

with atheris.instrument_imports(include=["pipeline.extract"]):
    from pipeline.errors import ExtractError
    from pipeline.extract import feed_text, is_whole_text
    from pipeline.extract.page import extract

URL = "https://a.example/2026/one"
BOUND = 2.0
"""Seconds that a page of a few kilobytes may take at the most."""
WORDS = [
    b"<html><head>",
    b"</head><body><article>",
    b"<p>Two villages near Kursk were left in the night, an official said.</p>",
    b"<p>",
    b"</p><div id=root>",
    b"<meta property=og:title content='",
    b"<meta property=article:published_time content='2026-03-01T13:00",
    b"<meta name=author content='By A, B and C",
    b"<meta name=description content='Two villages near Kursk were left in the night, an official said.'>",
    b"<link rel=canonical href='//a.example/",
    b'<script type="application/ld+json">{"@type":"NewsArticle","',
    b'isAccessibleForFree":false,"headline":"',
    b'author":[{"name":"',
    b'"}]}</script>',
    b"'>",
    b"<time datetime='2026-03-01'>",
    b"<p>Subscribe to continue reading.</p>",
    b"<noscript>Enable JavaScript.</noscript>",
    b"<p>We and our partners use cookies: your choices, accept all.</p>",
    b"<figcaption>Photo: ",
    b"<p class=standfirst>",
    b"<!--",
    b"-->",
    b"&#xd800;",
    b"&#0;",
    b"Read more [...]",
]
_FREE = [byte for byte in range(1, 32) if byte not in b"\t\r\n"]
_ALPHABET = dict(zip(_FREE, WORDS, strict=False))
"""Control signs, which no page needs, stand for these, so that pages come about."""


def written(data: bytes) -> bytes:
    """The page that `data` stands for: what a byte stands for, or itself."""
    return b"".join(_ALPHABET.get(byte, bytes([byte])) for byte in data)


def one(data: bytes) -> None:
    """One page: an article that stores can hold, or refused, within the bound; and the same bytes as a feed's text."""
    page = written(data)
    began = time.monotonic()
    for line in feed_text(text := page.decode("utf-8", "surrogateescape"), URL):
        line.encode("utf-8")
    is_whole_text(text)
    try:
        article = extract(page, URL, "text/html")
    except ExtractError:
        return
    texts = (article.title, article.site, article.section, article.canonical_url, *article.authors, *article.paragraphs)
    assert "\x00" not in "".join(texts).encode("utf-8").decode("utf-8")
    assert article.paragraphs
    assert all(article.paragraphs)
    took = time.monotonic() - began
    assert took < BOUND, f"{took:.1f} s: {page!r}"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
