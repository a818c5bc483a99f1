"""A month ends and another begins, on both backends, and nothing is lost or said twice for that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.operations.prune import Bounds, prune
from pipeline.ids import month_of
from tests import web
from tests.test_flow import NEAR_KURSK, one_round

TURN = datetime(2027, 2, 1, tzinfo=UTC)


def test_a_story_that_feeds_bring_before_and_after_the_turn_is_one_of_the_month_before_and_mailed_once(
    ports, clock, site, mails
):
    clock.at = TURN - timedelta(minutes=5)
    links = [site.put(f"/{name}", web.page(f"Kursk {name}", *web.article(NEAR_KURSK, name))) for name in ("one", "two")]
    items = [(f"Kursk {name}", link) for name, link in zip(("one", "two"), links, strict=True)]
    published = clock.at - timedelta(hours=1)
    early = site.put("/early", web.rss(items[0], published=published), web.RSS)
    late = site.put("/late", web.rss(published=published), web.RSS)
    add_feeds(ports, [NewFeed(url=early), NewFeed(url=late)])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",), copies=True))
    one_round(ports)
    clock.turn(600)
    site.put("/late", web.rss(*items, published=published), web.RSS)
    one_round(ports)

    stories = {one.url: one for one in ports.stores.stories.all()}
    assert {url: month_of(one.id) for url, one in stories.items()} == {links[0]: "2027-01", links[1]: "2027-02"}
    assert [len(stories[link].entry_ids) for link in links] == [2, 1]
    rows = list(ports.stores.deliveries.all())
    assert {one.story_id: month_of(one.id) for one in rows} == {one.id: month_of(one.id) for one in stories.values()}
    assert sorted(mail["Subject"] for mail in mails()) == sorted({mail["Subject"] for mail in mails()})
    assert len(mails()) == 2


def test_after_a_prune_the_next_story_at_an_address_is_of_the_month_in_which_it_comes(ports, clock, site):
    clock.at = TURN - timedelta(minutes=5)
    link = site.put("/one", web.page("Kursk", *web.article(NEAR_KURSK)))
    feed = site.put("/feed", web.rss(("Kursk", link), published=clock.at), web.RSS)
    add_feeds(ports, [NewFeed(url=feed)])
    one_round(ports)
    (before,) = ports.stores.stories.all()
    site.put("/feed", web.rss(published=clock.at), web.RSS)
    for days in (1, 40):  # on the first of which its page is looked at again
        clock.turn(timedelta(days=days).total_seconds())
        one_round(ports)
    prune(ports, Bounds(age=timedelta(days=30)))
    ports.stores.reclaim(False)
    assert list(ports.stores.stories.all()) == []
    site.put("/feed", web.rss(("Kursk", link), published=clock.at), web.RSS)
    clock.turn(timedelta(days=1).total_seconds())
    one_round(ports)
    (after,) = ports.stores.stories.all()
    assert (month_of(before.id), month_of(after.id)) == ("2027-01", "2027-03")
    assert ports.stores.stories.get([before.id]) == {}
