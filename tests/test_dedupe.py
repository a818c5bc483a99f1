"""dedupe: which addresses and which texts are the same story."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.address import canonical_url
from pipeline.dedupe import LEAST_WORDS, content_hash, identity_keys, merge, story_url
from pipeline.model import Article, TextFrom
from tests import builders
from tests.builders import later

ONE = "https://a.example/story?id=3"
SAME = [
    "https://a.example/story?id=3&utm_source=rss&utm_medium=feed",
    "http://www.a.example/story/?id=3",
    "https://A.EXAMPLE/story?id=3#comments",
    "https://a.example/story?fbclid=x&id=3",
    "https://a.example/story?id=3&gclid=x&mc_cid=y",
    "https://a.example/story?at_medium=RSS&at_campaign=rss&id=3&at_format=link&wt_mc=rss",
]
OTHER = ["https://a.example/story?id=4", "https://a.example/story", "https://b.example/story?id=3"]


def keys(url: str) -> tuple[str, ...]:
    return identity_keys(builders.entry(url=url), None)


@pytest.mark.parametrize("url", SAME)
def test_tracking_and_dress_make_no_other_story(url):
    assert keys(url) == keys(ONE)


@pytest.mark.parametrize("url", OTHER)
def test_what_sites_tell_their_articles_apart_by_does(url):
    assert keys(url) != keys(ONE)


def test_an_entry_without_a_usable_address_stands_for_itself():
    assert keys("https://a.example/") == (f"entry:{builders.entry().id}",)
    assert keys("") == (f"entry:{builders.entry().id}",)


def test_the_pages_own_address_comes_first_and_its_home_page_says_nothing():
    article = Article(url="https://a.example/amp/story", canonical_url="https://a.example/story")
    assert story_url(builders.entry(), article) == "https://a.example/story"
    home = Article(url="https://a.example/story", canonical_url="https://a.example/")
    assert story_url(builders.entry(), home) == "https://a.example/story"


WALL = ("Sign in to go on reading.",)
LONG = " ".join(f"word{number}" for number in range(LEAST_WORDS))


def met(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two are taken for the same story."""
    return bool(set(one) & set(other))


def of_page(name: str, title: str, url: str = "", canonical: str = "", text: str = "") -> tuple[str, ...]:
    """The keys of an entry and the page it led to."""
    url = url or f"https://a.example/{name}"
    entry = builders.entry(name, title=title)
    article = Article(url=url, canonical_url=canonical, title=title, paragraphs=(text or f"A text of {name}.",))
    return identity_keys(entry, article)


def test_links_that_all_end_at_a_login_page_are_no_one_story():
    login = Article(url="https://a.example/login", title="Sign in", paragraphs=WALL)
    one = identity_keys(builders.entry("one", title="Talks end"), login)
    other = identity_keys(builders.entry("two", title="Ship aground"), login)
    assert not met(one, other)


def test_a_link_that_leads_to_a_page_of_its_title_is_that_page():
    link = "https://news.example/articles/xyz"
    page = Article(url="https://a.example/one", title="Talks end in Geneva", paragraphs=WALL)
    redirected = identity_keys(builders.entry(url=link, title="Talks end in Geneva - The Paper"), page)
    assert met(redirected, of_page("one", "Talks end in Geneva"))


def test_a_canonical_link_that_differing_titles_share_joins_nothing():
    section = "https://a.example/world"
    one, other = of_page("one", "Talks end", canonical=section), of_page("two", "Ship aground", canonical=section)
    assert not met(one, other)


def test_a_canonical_link_and_a_title_that_agree_do():
    amp = of_page("amp/one", "Talks end", canonical="https://a.example/one")
    assert met(amp, of_page("one", "Talks end"))
    assert not met(amp, of_page("one", "Ship aground"))


def test_a_long_text_again_on_the_same_site_is_the_same_story_whatever_its_address_and_headline():
    one = of_page("one", "Talks end", text=LONG)
    assert met(one, of_page("two", "Talks end at last", text=LONG.upper()))
    elsewhere = of_page("two", "Talks end", url="https://b.example/two", text=LONG)
    assert not met(one, elsewhere)
    short = LONG.removesuffix(f" word{LEAST_WORDS - 1}")
    assert not met(of_page("one", "Talks end", text=short), of_page("two", "Ship aground", text=short))


def post(name: str, url: str, title: str, **fields) -> tuple[str, ...]:
    return identity_keys(builders.entry(name, url=url, title=title, **fields), None)


def test_a_post_is_known_by_itself_by_its_anchor_and_by_its_title_on_its_page():
    live = "https://a.example/live"
    one = post("one", f"{live}#p1", "Blast in Kursk")
    assert not met(one, post("two", f"{live}#p2", "Fire in Belgorod"))
    assert met(one, post("one", f"{live}#p1", "Great blast in Kursk"))  # edited
    assert met(one, post("two", f"{live}#p1", "Great blast in Kursk"))  # under another guid
    assert met(one, post("two", f"{live}?utm_source=rss", "Blast in Kursk"))  # of a feed without anchors
    shared = post("one", live, "Blast in Kursk", shares_address=True)
    assert not met(shared, post("two", live, "Fire in Belgorod", shares_address=True))
    assert met(shared, post("two", live, "Blast in Kursk", shares_address=True))


@pytest.mark.parametrize("fragment", ["comments", "rss", "xtor=RSS-1", ":~:text=Kursk", "2"])
def test_a_fragment_that_names_no_post_makes_no_other_story(fragment):
    assert keys(f"{ONE}#{fragment}") == keys(ONE)


def test_the_address_of_a_post_keeps_its_anchor():
    assert story_url(builders.entry(url="https://a.example/live?utm_source=x#p1"), None) == "https://a.example/live#p1"


@given(st.text())
def test_any_text_is_an_address_or_none_without_a_crash(url):
    assert keys(url)
    assert isinstance(canonical_url(url), str)


def test_white_space_case_and_punctuation_make_no_new_version():
    assert content_hash("A “title”", "One, two.") == content_hash('a "Title"', "One  two")
    assert content_hash("A", "one") != content_hash("A", "two")


def story(title: str, **fields):
    return builders.story(title=title, content_hash=content_hash(title, ""), **fields)


def test_a_later_text_is_a_new_version_and_the_same_text_is_not():
    old = story("One", feed_ids=("a",), published=later(0))
    again = merge(old, story("one!", feed_ids=("b",), published=later(60), updated_at=later(60)))
    assert (again.version, again.feed_ids, again.published) == (1, ("a", "b"), later(0))
    assert merge(old, story("Two")).version == 2


def test_a_pages_text_is_not_replaced_by_a_feeds():
    page = story("One")
    feed = replace(story("Two"), text_from=TextFrom.FEED)
    assert merge(page, feed).title == "One"
    assert merge(feed, page).title == "One"
