"""forget: a story is erased wherever it is kept, and does not come back, on both backends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline import flow
from pipeline.adapters.codec import plain
from pipeline.errors import BadInput
from pipeline.flow.stories.explain import explain
from pipeline.flow.stories.forget import FORGOTTEN, forget
from pipeline.model import EntryState
from pipeline.ports import Ports, StoryFilter
from pipeline.query.syntax import parse
from tests import web
from tests.test_cluster import OTHER, WIRE, one_round, tell, watch

WORDS = ("Villages", "villages", "shelled", "governor", "mines")


def kept(ports: Ports) -> str:
    """All that is kept of any story, as one text."""
    stores = ports.stores
    things = [stores.stories, stores.entries, stores.matches, stores.deliveries, stores.firings, stores.takedowns]
    return str([plain(one) for records in things for one in records.all()])


def test_nothing_of_its_words_is_left_and_the_ledger_still_stands(ports, site):
    watch(ports, tell(site, "one", WIRE, title="Villages are left"), tell(site, "ship", OTHER))
    one_round(ports)
    assert all(word in kept(ports) for word in WORDS)
    gone = forget(ports, f"{site.base}/one?utm_source=mail")
    assert (gone.stories, gone.entries, gone.matches) == (1, 1, 1)
    assert not [word for word in WORDS if word in kept(ports)]
    assert [story.url for story in ports.stores.stories.narrow(parse("kursk"), StoryFilter())] == [f"{site.base}/ship"]
    assert dict(ports.stores.deliveries.counts()) == {"sent": 2}
    (step,) = explain(ports, f"{site.base}/one", "kursk")
    assert "taken down" in step.said


def test_it_does_not_come_back_by_the_same_feed_another_or_another_address(ports, site, clock, mails):
    feed = tell(site, "one", WIRE)
    watch(ports, feed)
    one_round(ports)
    forget(ports, f"{site.base}/one")
    page = site.base + "/one"
    site.put("/feed/one", web.rss(("Villages are left again", page), summary="Villages, again."), web.RSS)
    site.put("/moved", site.answers["/one"].body.decode())
    again = site.put("/feed/moved", web.rss(("Story one", f"{site.base}/moved")), web.RSS)
    watch(ports, again, query="shelled")
    clock.turn(4000)
    one_round(ports)
    assert ports.stores.stories.count() == 0
    assert len(mails()) == 1
    assert not [word for word in WORDS[:2] if word in kept(ports)]
    assert {entry.state for entry in ports.stores.entries.all()} == {EntryState.DONE}


def test_a_story_may_be_forgotten_before_it_comes(ports, site):
    gone = forget(ports, f"{site.base}/one")
    assert gone.stories == 0
    watch(ports, tell(site, "one", WIRE), tell(site, "ship", OTHER))
    assert one_round(ports).sent == 1
    assert [story.url for story in ports.stores.stories.all()] == [f"{site.base}/ship"]


def test_mails_that_wait_are_not_sent(ports, site, mails):
    watch(ports, tell(site, "one", WIRE))
    (feed,) = ports.stores.feeds.all()
    report = flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    assert forget(ports, f"{site.base}/one").deliveries == 1
    flow.notify(ports, report.delivery_ids)
    assert mails() == []
    (delivery,) = ports.stores.deliveries.all()
    assert (delivery.state, delivery.reason) == ("suppressed", FORGOTTEN)


def test_copies_elsewhere_are_named_and_a_later_one_still_mails_nobody_twice(ports, site, clock, mails):
    watch(ports, tell(site, "one", WIRE))
    one_round(ports)
    clock.turn(600)
    watch(ports, tell(site, "two", WIRE), query="shelled")
    one_round(ports)
    assert forget(ports, f"{site.base}/one").copies == (f"{site.base}/two",)
    watch(ports, tell(site, "three", WIRE), query="governor")
    one_round(ports)
    assert [str(mail["Subject"]).partition("]")[0] for mail in mails()] == ["[governor", "[kursk", "[shelled"]


def test_a_takedown_in_the_middle_of_an_ingest_leaves_nothing(ports, site, monkeypatch):
    watch(ports, tell(site, "one", WIRE))
    (feed,) = ports.stores.feeds.all()
    ids = flow.poll(ports, [feed.id], forced=True).entry_ids
    with ThreadPoolExecutor(1) as pool:
        create = ports.stores.stories.create

        def create_late(stories):
            pool.submit(forget, ports, f"{site.base}/one").result()
            return create(stories)

        monkeypatch.setattr(ports.stores.stories, "create", create_late)
        report = flow.ingest(ports, ids)
    assert (report.stories, report.matches, ports.stores.stories.count()) == (0, 0, 0)


@pytest.mark.parametrize("url", ["", "https://a.example/", "no address"])
def test_what_is_no_address_of_a_story_is_refused(ports, url):
    with pytest.raises(BadInput, match="no address of a story"):
        forget(ports, url)
