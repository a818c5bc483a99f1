"""extract, whatever comes: an Article that every store can hold, or an ExtractError, and never anything else."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from pipeline.errors import ExtractError
from pipeline.extract import feed_text, is_whole_text
from pipeline.extract.page import extract
from pipeline.model import Article
from tests import web

URL = "https://a.example/2026/one"
STORY = "".join(f"<p>{text}</p>" for text in web.article("Two villages near Kursk were left in the night."))
LD = '<script type="application/ld+json">%s</script>'
AWKWARD = [
    "\x00",
    "&#0;",
    "&#xd800;",
    "\u202eesrever\u202c",
    "\ufeff",
    "&#x1f600;",
    "<p>",
    "</p>",
    "<div>",
    "</article>",
    "<!--",
    "]]>",
    "<script>",
    "<svg><title>t</title></svg>",
    "<table><tr><td>cell",
    "<noscript>",
    "<template>",
    "<?php ?>",
    "<base href='//['>",
    "<link rel=canonical href='http://['>",
    "<link rel=canonical href='//a.example:99999/x'>",
    "<link rel=canonical href='https://a.example/\ud800'>".encode("utf-8", "replace").decode(),
    "<meta property=og:title content='&#0;&#xdfff;'>",
    "<meta property=og:image content='http://[::1'>",
    "<meta property=article:published_time content='0001-01-01T00:00:00+14:00'>",
    "<meta property=article:published_time content='9999-12-31T23:59:59-12:00'>",
    "<meta name=author content='By &#0;; , and &'>",
    "<time datetime='2026-02-30T00:00'>",
    LD % '{"@type":"NewsArticle","headline":{"a":1},"author":[[[["x"]]],1,null]}',
    LD % '{"@type":"Article","headline":"\\ud800","author":{"name":"\\u0000\\udfff"},"isAccessibleForFree":[]}',
    LD % "[[[[[[[[[[]]]]]]]]]]",
    LD % ("[" * 3000),
    "<html lang='\u0000\u202e'>",
    "Kursk ",
    "A" * 3000,
    "Größe",
]
pieces = st.one_of(st.sampled_from(AWKWARD), st.just(STORY), st.text(max_size=30))
trees = st.lists(pieces, max_size=12).map("".join)
charsets = st.sampled_from(
    ["utf-8", "iso-8859-1", "utf-16", "windows-1251", "shift_jis", "utf-7", "nonsense", "", "idna"]
)
FEW = settings(max_examples=150, deadline=None)


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for one in value for text in strings(one)] if isinstance(value, tuple) else []


def extracted(html: bytes, content_type: str) -> Article | None:
    """What came out, if anything did; held to what stores can hold."""
    try:
        article = extract(html, URL, content_type)
    except ExtractError as error:
        return None if error.reason else pytest.fail("refused without a reason")
    for field in fields(article):
        for text in strings(getattr(article, field.name)):
            text.encode("utf-8")  # no lone surrogate
            assert "\x00" not in text, field.name
    assert article.paragraphs
    assert all(one == one.strip() and one for one in article.paragraphs)
    assert article.published is None or article.published.tzinfo is UTC
    return article


@FEW
@given(st.binary(max_size=400), charsets)
@example(b"\xff\xfe<\x00p\x00>\x00", "utf-16")
@example(STORY.encode("utf-16"), "utf-16")
def test_any_bytes_are_an_article_or_refused(data, charset):
    extracted(data, f"text/html; charset={charset}")
    extracted(
        b"<html><body><article>" + STORY.encode() + data + b"</article></body></html>", f"text/html; charset={charset}"
    )


@FEW
@given(trees, trees, charsets)
def test_any_tree_is_an_article_or_refused(head, body, charset):
    html = f"<html><head>{head}</head><body><article>{body}{STORY}</article></body></html>"
    extracted(html.encode("utf-8", "surrogatepass"), f"text/html; charset={charset}")
    try:
        extracted(html.encode(charset or "utf-8", "xmlcharrefreplace"), f"text/html; charset={charset}")
    except (LookupError, UnicodeError):
        return  # Python knows no such encoding to write it in


@FEW
@given(trees)
def test_a_feeds_text_is_paragraphs_that_every_store_can_hold(html):
    for line in feed_text(html, URL):
        assert line
        assert "\x00" not in line
        line.encode("utf-8")
    is_whole_text(html)


def test_control_signs_and_surrogates_cost_a_feeds_text_nothing():
    assert feed_text("<p>Two villages\x00 near\x1f Kursk&#31; \ud800 were left.</p><p>Sudzha</p>", URL)[-1] == "Sudzha"


def test_a_paragraph_of_300_kb_comes_whole():
    long = "Nothing had changed at the bridge of Sudzha. " * 7_000
    article = extracted(f"<html><body><article>{STORY}<p>{long}</p></article></body></html>".encode(), "text/html")
    assert article is not None
    assert long.strip() in article.paragraphs


def test_right_to_left_marks_and_mixed_encodings_lose_no_word():
    mixed = f"<article>{STORY}<p>Größe \u202bכורסק\u202c said so.</p>".encode() + "<p>Maß für Maß</p>".encode("latin-1")
    article = extracted(b"<html><body>" + mixed + b"</article></body></html>", "text/html; charset=utf-8")
    assert article is not None
    text = " ".join(article.paragraphs)
    assert "Two villages near Kursk" in text
    assert "כורסק" in text


def test_markup_in_a_title_is_read_as_the_words_it_marks():
    head = '<meta property="og:title" content="&lt;b&gt;Kursk&lt;/b&gt; is quiet &amp;amp; cold">'
    article = extracted(
        f"<html><head>{head}</head><body><article>{STORY}</article></body></html>".encode(), "text/html"
    )
    assert article is not None
    assert article.title == "Kursk is quiet & cold"
