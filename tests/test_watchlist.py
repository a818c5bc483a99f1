"""Lists of feeds taken in, and what people do to feeds: on every backend."""

from __future__ import annotations

import pytest

from pipeline.errors import BadInput, NotFound
from pipeline.flow.feeds import opml
from pipeline.flow.feeds.check import Fate, check
from pipeline.flow.feeds.discover import Document
from pipeline.flow.feeds.imports import BATCH, import_feeds
from pipeline.flow.feeds.manage import (
    NewFeed,
    add_feeds,
    feed_id,
    find_feed,
    known_feeds,
    remove_feed,
    replace_feed,
    set_feed_state,
)
from pipeline.flow.feeds.opml import Outlines
from pipeline.flow.once import once
from pipeline.model import FeedState, FetchResponse, ParsedFeed
from tests import web
from workers.cli.adding import tell_twin

A = "https://a.example/feed"


def outlines(*urls: str) -> Outlines:
    return Outlines(tuple(NewFeed(url=url, where=f"line {number}") for number, url in enumerate(urls, 1)))


# -- import


def test_what_an_export_says_stands_in_the_store_that_imports_it(ports):
    given = NewFeed(
        url=A,
        title="A & B",
        tags=("World/Europe", "War, and peace"),
        site_url="https://a.example/",
        state=FeedState.PAUSED,
        outline=(("language", "de"), ("{https://r.example}hot", "1")),
    )
    add_feeds(ports, [given])
    written = opml.write(ports.stores.feeds.all())
    before = next(ports.stores.feeds.all())
    remove_feed(ports, A)
    assert import_feeds(ports, opml.read(written.encode(), "x")).added == 1
    assert next(ports.stores.feeds.all()) == before


def test_bad_and_doubled_lines_are_named_and_the_rest_is_added(ports):
    add_feeds(ports, [NewFeed(url=A)])
    imported = import_feeds(
        ports, outlines(A, "nonsense", "http://www.a.example/feed/", "https://b.example/", "http://b.example")
    )
    assert (imported.added, imported.known) == (1, 1)
    assert imported.refused == [
        "line 2: 'nonsense' is no address of a feed: give one that begins with http:// or https://",
        f"line 3: http://www.a.example/feed/ is there already, as {A}",
        "line 5: http://b.example is the same as https://b.example/ (line 4)",
    ]


def test_progress_hears_of_every_feed(ports):
    heard: list[int] = []
    many = outlines(*(f"https://a.example/{number}" for number in range(BATCH + 7)))
    assert import_feeds(ports, many, heard.append).added == BATCH + 7
    assert heard == [BATCH, 7]
    assert ports.stores.feeds.count() == BATCH + 7
    again = import_feeds(ports, many)
    assert (again.added, again.known, again.refused) == (0, BATCH + 7, [])


def test_a_feed_that_moved_is_known_at_both_addresses(ports):
    add_feeds(ports, [NewFeed(url=A)])
    replace_feed(ports, A, "https://b.example/feed")
    imported = import_feeds(ports, outlines(A, "https://b.example/feed"))
    assert (imported.added, imported.known) == (0, 2)


# -- find, replace, remove


def test_a_feed_is_found_by_its_address_an_alike_one_or_its_id(ports):
    add_feeds(ports, [NewFeed(url=A)])
    for name in (A, "http://www.a.example/feed/", feed_id(A)):
        assert find_feed(ports, name).url == A
    with pytest.raises(NotFound):
        find_feed(ports, "https://a.example/other")


def test_a_feed_at_a_new_address_keeps_what_it_brought(ports, site):
    item = ("One", "https://a.example/one")
    old = site.put("/old", web.rss(item), web.RSS, ETag='"1"')
    add_feeds(ports, [NewFeed(url=old)])
    once(ports, everything=True, progress=lambda *_: None, threads=1)
    set_feed_state(ports, old, FeedState.DEAD)
    new = site.put("/new", web.rss(item, ("Two", "https://a.example/two")), web.RSS)
    replaced = replace_feed(ports, old, new)
    assert (replaced.id, replaced.state, replaced.etag) == (feed_id(old), FeedState.ACTIVE, "")
    assert once(ports, everything=True, progress=lambda *_: None, threads=1).entries == 1
    assert set_feed_state(ports, new, FeedState.PAUSED).id == feed_id(old)
    assert replace_feed(ports, new, old).state is FeedState.PAUSED


def test_a_feed_can_not_take_the_address_of_another(ports):
    add_feeds(ports, [NewFeed(url=A), NewFeed(url="https://b.example/feed")])
    with pytest.raises(BadInput, match="is there already"):
        replace_feed(ports, A, "http://b.example/feed")
    assert find_feed(ports, A).url == A


def test_a_removed_feed_leaves_its_stories(ports, site):
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    add_feeds(ports, [NewFeed(url=feed)])
    once(ports, everything=True, progress=lambda *_: None, threads=1)
    remove_feed(ports, feed)
    assert (ports.stores.feeds.count(), ports.stores.stories.count()) == (0, 1)
    with pytest.raises(NotFound):
        remove_feed(ports, feed)


# -- check


def test_a_check_says_what_is_new_changed_and_known_and_keeps_nothing(ports, site):
    items = [("One", "https://a.example/one"), ("Two", "https://a.example/two")]
    feed = site.put("/feed", web.rss(*items), web.RSS)
    assert check(ports, feed).counts == {Fate.NEW: 2, Fate.CHANGED: 0, Fate.KNOWN: 0}
    assert ports.stores.feeds.count() == ports.stores.entries.count() == 0
    add_feeds(ports, [NewFeed(url=feed)])
    once(ports, everything=True, progress=lambda *_: None, threads=1)
    site.put("/feed", web.rss(items[0], ("Two, at last", items[1][1]), ("Three", "https://a.example/three")), web.RSS)
    before = next(ports.stores.feeds.all())
    found = check(ports, feed)
    assert found.counts == {Fate.NEW: 1, Fate.CHANGED: 1, Fate.KNOWN: 1}
    assert (found.format, found.encoding, found.feed) == ("RSS 2.0", "utf-8", before)
    assert found.next_poll_at >= ports.clock.now()
    assert next(ports.stores.feeds.all()) == before
    assert ports.stores.entries.count() == 2


# -- twins


def test_a_feed_that_calls_itself_by_the_address_of_a_known_one_is_told_of(ports, capsys):
    add_feeds(ports, [NewFeed(url=A)])
    mirror = "https://mirror.example/a"
    response = FetchResponse(url=mirror, status=200, headers={}, body=b"")
    document = Document(asked=mirror, response=response, parsed=ParsedFeed(topic="http://a.example/feed/"))
    tell_twin(known_feeds(ports), document, every=False)
    assert f"which is there already, as {A}" in capsys.readouterr().err
