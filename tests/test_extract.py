"""extract: the article of a page, and nothing of its furniture."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from pipeline.errors import ExtractError
from pipeline.extract import feed_text, is_whole_text
from pipeline.extract.page import extract
from pipeline.extract.stated import without_site
from tests import web

URL = "https://a.example/2026/one"
KIND = "text/html; charset=utf-8"


def page(body: str, head: str = "") -> bytes:
    return f'<!doctype html><html lang="en"><head><title>T</title>{head}</head><body>{body}</body></html>'.encode()


STORY = "".join(f"<p>{text}</p>" for text in web.article("Two villages near Kursk were left in the night."))


def test_paragraphs_come_whole_and_furniture_does_not():
    html = page(
        f"<nav>Home</nav><div class='cookie'>We value your privacy</div><article><h1>T</h1>{STORY}</article>"
        "<aside>Related: Belgorod</aside><footer>© A</footer>"
    )
    article = extract(html, URL, KIND)
    assert list(article.paragraphs) == list(web.article("Two villages near Kursk were left in the night."))


def test_what_the_page_says_of_itself_is_taken():
    head = (
        '<meta property="og:site_name" content="A News"><meta property="og:title" content="The headline">'
        '<meta name="author" content="Ada Writer"><link rel="canonical" href="https://a.example/2026/canonical">'
        '<meta property="article:published_time" content="2026-03-01T13:00:00+01:00">'
    )
    article = extract(page(f"<article><h1>The headline</h1>{STORY}</article>", head), URL, KIND)
    assert (article.title, article.site, article.authors) == ("The headline", "A News", ("Ada Writer",))
    assert article.canonical_url == "https://a.example/2026/canonical"
    assert article.published == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert article.language == "en"


@pytest.mark.parametrize(
    ("title", "site", "without"),
    [
        ("Kursk is quiet | A News", "A News", "Kursk is quiet"),
        ("Kursk is quiet - a.example", "", "Kursk is quiet"),
        ("Kursk is quiet | The Post News", "The Post", "Kursk is quiet"),
        ("Kursk is quiet | The Post says so", "The Post", "Kursk is quiet | The Post says so"),
        ("Kursk is quiet * A News * by Ada Writer", "A News", "Kursk is quiet"),
        ("クルスクは静か：朝日新聞デジタル", "朝日新聞デジタル", "クルスクは静か"),
        ("社説：クルスクは静か", "朝日新聞デジタル", "社説：クルスクは静か"),
        ("A News - and its readers", "A News", "A News - and its readers"),
        ("Kursk: quiet - for now", "A News", "Kursk: quiet - for now"),
    ],
)
def test_a_title_is_without_its_site(title, site, without):
    assert without_site(title, site, "https://www.a.example/x") == without


def test_a_site_that_signs_for_its_authors_is_none_of_them_where_one_is_named():
    head = (
        '<meta property="og:site_name" content="A News">'
        '<script type="application/ld+json">{"@type": "NewsArticle", "author": [{"name": "A News"}, '
        '{"name": "Deutsche Welle (www.dw.com)"}]}</script><meta name="author" content="Ada Writer">'
    )
    assert extract(page(f"<article>{STORY}</article>", head), URL, KIND).authors == ("Ada Writer",)


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        ("By Ada Palmer", ("Ada Palmer",)),
        ("Author • Ada Palmer", ("Ada Palmer",)),
        ("Von Ada Palmer und Bob Other", ("Ada Palmer", "Bob Other")),
        ("Ada Palmer, National Political Writer", ("Ada Palmer",)),
        ("Ada Palmer is a reporter who covers the border", ("Ada Palmer",)),
        ("Martin Luther King, Jr.", ("Martin Luther King, Jr.",)),
        ("https://a.example/people/ada", ()),
        ("ada@a.example", ()),
        ("&lt;b&gt;Ada Palmer&lt;/b&gt;", ("Ada Palmer",)),
        ("Staff", ("Staff",)),
    ],
)
def test_authors_are_names(stated, names):
    assert (
        extract(page(f"<article>{STORY}</article>", f'<meta name="author" content="{stated}">'), URL, KIND).authors
        == names
    )


def test_a_date_is_the_first_that_the_page_states_in_utc_whatever_zone_it_is_in():
    head = (
        '<script type="application/ld+json">'
        '{"@type": "NewsArticle", "datePublished": "2026-03-01T20:00:00+09:00"}</script>'
        '<meta name="date" content="2025-01-01">'
    )
    html = page(f"<article>{STORY}<time datetime='2024-01-01'></time></article>", head)
    assert extract(html, URL, KIND).published == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_section_and_lead_image_are_as_stated():
    head = '<meta property="article:section" content="World"><meta property="og:image" content="/bridge.jpg">'
    article = extract(page(f"<article>{STORY}</article>", head), URL, KIND)
    assert (article.section, article.image) == ("World", "https://a.example/bridge.jpg")


def test_a_canonical_address_on_another_site_or_the_home_page_is_not_believed():
    for href in ("https://evil.example/x", "https://a.example/", "/", "javascript:alert(1)"):
        head = f'<link rel="canonical" href="{href}">'
        assert extract(page(f"<article>{STORY}</article>", head), URL, KIND).canonical_url == ""


@pytest.mark.parametrize("html", [b"", b"<html></html>", b"plain", page("<p>Subscribe.</p>"), b"\x00\xff\xfe" * 50])
def test_a_page_without_an_article_is_refused_in_words(html):
    with pytest.raises(ExtractError) as caught:
        extract(html, URL, KIND)
    assert caught.value.reason


def test_bytes_are_read_in_the_encoding_they_are_in():
    html = page(f"<article><h1>Überschrift</h1>{STORY}<p>Größe und Maß sind genannt worden.</p></article>")
    latin = html.decode().encode("iso-8859-1", "xmlcharrefreplace")
    article = extract(latin, URL, "text/html; charset=iso-8859-1")
    assert article.paragraphs[-1] == "Größe und Maß sind genannt worden."


def test_of_a_page_that_is_far_too_large_no_paragraph_is_lost():
    rows = "".join(f"<p>At {number} minutes past the hour nothing had changed.</p>" for number in range(12_000))
    article = extract(page(f"<article><h1>Kursk, minute by minute</h1>{STORY}{rows}</article>"), URL, KIND)
    assert len(article.paragraphs) == 12_003
    assert "Two villages near Kursk were left in the night" in article.paragraphs[1]
    assert article.title == "T"


@pytest.mark.parametrize(
    "line",
    [
        "Advertisement",
        "Story continues below advertisement",
        "Photo: Ada Writer / A News",
        "(Photo by Ada Writer/Getty Images)",
        "Smoke over the river. Ada Writer via Getty Images"[22:],
        "© 2026 A News",
        "Share this story",
        "Like this story? Share it with a friend!",
        "Facebook | X | WhatsApp | Email | Copy link",
        "Sign up for our weekly newsletter and never miss a thing",
        "Follow us on Telegram and X",
        "Related: Belgorod is quiet",
        "Read also: The bridge at Sudzha",
        "Lesen Sie auch: Die Brücke von Sudscha",
        "Читайте также: Мост в Судже",
        "Also on a.example The bridge at Sudzha",
        "We use cookies to make this site work for you.",
        "The post Kursk is quiet appeared first on A News.",
        "Ada Writer is a reporter at A News who covers the border.",
    ],
)
def test_no_furniture_is_in_the_body(line):
    head = '<meta name="author" content="Ada Writer">'
    article = extract(page(f"<article><h1>T</h1>{STORY}<p>{line}</p></article>", head), URL, KIND)
    assert list(article.paragraphs) == list(web.article("Two villages near Kursk were left in the night."))


@pytest.mark.parametrize(
    "line",
    [
        "Related charges against three officers were dropped on Monday, a court in Kursk said.",
        "Like the mayor before him, he had nothing to say about the villages.",
        "Photographs of the bridge at Sudzha were shown to the officers.",
        "Share prices in Moscow fell by a tenth when the news came.",
        "Subscribe to none of these theories, the officer said: they are all wrong.",
        "Facebook took the pictures of the village down.",
        "Bob Other is a reporter who was there when the bridge fell.",
        "We use cookies, said the baker, and bread.  It was all that was left in Sudzha."[:-1] + " on that day.",
    ],
)
def test_a_sentence_that_begins_like_furniture_stays(line):
    head = '<meta name="author" content="Ada Writer">'
    article = extract(page(f"<article><h1>T</h1>{STORY}<p>{line}</p></article>", head), URL, KIND)
    assert " ".join(line.split()) in article.paragraphs


def test_captions_boxes_and_links_around_the_story_are_none_of_it():
    inside = (
        "<figure><img src='b.jpg'><figcaption>The bridge at dawn. Photo: Ada Writer</figcaption></figure>"
        "<div class='newsletter-signup'><p>Get the best of our reporting each morning.</p></div>"
        "<div class='ad-slot advertisement'><p>Buy a boat while boats are cheap.</p></div>"
        "<ul class='social-share'><li><a href='#'>Facebook</a></li><li><a href='#'>X</a></li></ul>"
    )
    after = (
        "<section class='related-articles'><h2>More</h2><ul><li><a href='/2'>Belgorod is quiet</a></li></ul></section>"
    )
    html = page(f"<article><h1>T</h1>{inside}{STORY}</article>{after}<div class='cookie-banner'><p>Cookies!</p></div>")
    assert list(extract(html, URL, KIND).paragraphs) == list(
        web.article("Two villages near Kursk were left in the night.")
    )


@pytest.mark.parametrize("place", ["<p class='hero__excerpt'>{}</p>", "<div class='x-standfirst'><p>{}</p></div>"])
def test_the_lead_above_a_story_is_its_first_paragraph_and_stands_there_once(place):
    lead = "The last road to Sudzha was closed on Sunday, and with it the way home for hundreds of people."
    head = f'<meta property="og:description" content="{lead}">'
    html = page(f"<header><h1>T</h1>{place.format(lead)}</header><article>{STORY}</article>", head)
    paragraphs = extract(html, URL, KIND).paragraphs
    assert paragraphs[0] == lead
    assert paragraphs.count(lead) == 1


def test_a_description_that_stands_nowhere_on_the_page_is_none_of_the_text():
    head = '<meta name="description" content="All that you have to know about the war, every day, for you.">'
    assert len(extract(page(f"<article>{STORY}</article>", head), URL, KIND).paragraphs) == 3


# -- what stands where an article should

TEASER = "<p>Two villages near Kursk were left in the night, and the road to Sudzha was closed before dawn.</p>"
NOT_FREE = '<script type="application/ld+json">{"@type": "NewsArticle", "isAccessibleForFree": %s}</script>'
PAYWALLS = {
    "stated": page(f"<article><h1>T</h1>{TEASER}</article>", NOT_FREE % "false"),
    "stated as text": page(f"<article><h1>T</h1>{TEASER}</article>", NOT_FREE % '"http://schema.org/False"'),
    "said": page(f"<article>{TEASER}<div class='x'><p>Subscribe now to continue reading.</p></div></article>"),
    "said in German": page(f"<article>{TEASER}<p>Dieser Text ist nur für Abonnenten.</p></article>"),
    "said in French": page(f"<article>{TEASER}<p>Il vous reste 82.4% de cet article à lire.</p></article>"),
}
CONSENT_PAGE = page(
    "<main><h1>Before you continue</h1><p>We and our 842 partners store and/or access information on a device, such as "
    "cookies, and process your personal data.</p><p>You can change your choices at any time; our partners rely on "
    "legitimate interest, to which you can object in your privacy settings.</p><button>Accept all</button></main>"
)
SHELLS = {
    "says so": page("<noscript>You need to enable JavaScript to run this app.</noscript><div id='root'></div>"),
    "is empty": page("<div id='__next'></div><script src='/app.js'></script>"),
    "checks": page(
        "<div><h1>One moment</h1><p>Please enable JavaScript and cookies to continue on this site.</p></div>"
    ),
}
BARRIERS = [
    *((html, "a paywall stub") for html in PAYWALLS.values()),
    (CONSENT_PAGE, "a consent wall"),
    *((html, "a JavaScript shell") for html in SHELLS.values()),
]


@pytest.mark.parametrize(("html", "name"), BARRIERS)
def test_what_stands_where_an_article_should_is_named_and_is_none(html, name):
    with pytest.raises(ExtractError, match=f"{name} came"):
        extract(html, URL, KIND)


def test_a_page_that_a_consent_manager_redirected_to_is_none():
    with pytest.raises(ExtractError, match="a consent wall came"):
        extract(page(f"<article>{TEASER}</article>"), "https://consent.a.example/collect?session=1", KIND)


@pytest.mark.parametrize(
    "html",
    [
        page(f"<article><h1>T</h1>{STORY * 6}</article>", NOT_FREE % "false"),
        page(f"<article>{STORY * 6}<p>Subscribe now to continue reading.</p></article>"),
        page(f"<header>Subscribe to continue reading</header><article>{STORY}</article>"),
        page(f"<article>{STORY}</article><noscript>Enable JavaScript to see comments.</noscript>"),
        page(f"<article>{STORY}<p>Subscribe now to keep reading.</p></article>", NOT_FREE % "true"),
        page(f"<article>{STORY}<p>Parliament voted on cookies and on the consent of readers to them.</p></article>"),
    ],
)
def test_an_article_with_such_words_around_it_is_an_article(html):
    assert extract(html, URL, KIND).paragraphs


def test_a_comment_in_a_feeds_text_takes_no_words_with_it():
    assert feed_text("<p>One <!-- x --> two<script>three</script> four<br>five</p>", URL) == ("One two four", "five")


def test_a_feeds_text_is_plain_and_without_its_footer():
    html = "<p>One &amp; <b>two</b>.</p><p>The post <a href='x'>One</a> appeared first on <a href='y'>A</a>.</p>"
    assert feed_text(html, URL) == ("One & two.",)
    assert feed_text("", URL) == ()


def test_a_short_summary_is_no_whole_text():
    assert not is_whole_text("<p>A summary.</p>")
    assert is_whole_text(STORY * 20)
    assert not is_whole_text(STORY * 20 + "<p>Read more […]</p>")


def corpus() -> list[str]:
    from tests.servers import SHARED

    path = SHARED / "corpus" / "pages" / "expected.json"
    return sorted(json.loads(path.read_text())) if path.exists() else []


def shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = re.findall(r"\w+", text)
    return Counter(tuple(tokens[start : start + 4]) for start in range(max(1, len(tokens) - 3)))


def f1(found: str, wanted: str) -> float:
    """Of 4-token shingles, as the ScrapingHub benchmark measures."""
    one, other = shingles(found), shingles(wanted)
    shared = sum((one & other).values())
    return 2 * shared / (sum(one.values()) + sum(other.values()))


def test_a_charset_that_is_stated_wrongly_does_no_harm():
    html = page(f"<article><h1>Überschrift</h1>{STORY}<p>Größe und Maß sind genannt worden.</p></article>")
    for kind in ("text/html; charset=iso-8859-1", "text/html; charset=nonsense", "text/html"):
        assert extract(html, URL, kind).paragraphs[-1] == "Größe und Maß sind genannt worden."


@pytest.mark.skipif(not corpus(), reason="no ../shared corpus")
def test_real_pages_come_out_as_well_as_trafilatura_alone_gets_them(shared):
    folder = shared / "corpus" / "pages"
    scores = []
    for name, wanted in json.loads((folder / "expected.json").read_text()).items():
        found = "\n\n".join(extract(gzip.decompress((folder / name).read_bytes()), wanted["url"], KIND).paragraphs)
        for text in wanted.get("must_contain") or []:
            assert text in found, name
        if wanted["text"]:
            scores.append(f1(found, wanted["text"]))
    assert sum(scores) / len(scores) >= 0.956
