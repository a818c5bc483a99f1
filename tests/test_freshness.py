"""freshness: what is old does not alert. The rule by itself, and through the flow on both backends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import flow, freshness
from pipeline.flow.alerts.language import put_list
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import Round, once
from pipeline.flow.stories.explain import explain
from pipeline.model import Arrival, Article, DeliveryState, TextFrom
from pipeline.ports import LedgerFilter, Ports
from pipeline.settings import load
from tests import builders, web
from tests.builders import NOON, later

SETTINGS = load({})
DAY = 86_400.0
NEAR_KURSK = "Two villages near Kursk were left in the night."


# -- the rule


def why(published: datetime | None, seen: datetime = NOON, arrival: Arrival = Arrival.NEWS, **fields) -> str:
    entry = builders.entry(published=published, first_seen_at=seen, arrival=arrival)
    return freshness.why_old(entry, builders.feed(), fields.get("article"), SETTINGS)


def test_what_was_published_more_than_48_hours_before_its_feed_was_added_is_old():
    assert why(later(-2 * DAY)) == ""
    assert why(later(-2 * DAY - 1)) == "published 2 days before its feed was added"
    assert why(later(-3.5 * DAY), seen=later(DAY)) == "published 3 days before its feed was added"


def test_what_is_dated_more_than_7_days_before_it_was_first_seen_is_old():
    assert why(later(30 * DAY), seen=later(37 * DAY)) == ""
    assert why(later(30 * DAY), seen=later(39 * DAY)) == "published 9 days before it was first seen"


def test_what_has_no_date_is_old_in_the_first_poll_of_its_feed_only():
    assert why(None, arrival=Arrival.FIRST_POLL) == "undated, in the first poll of its feed"
    assert why(None) == ""


def test_the_pages_date_counts_where_the_feed_has_none_and_only_there():
    fresh, stale = (Article(url="https://a.example/", published=later(-days * DAY)) for days in (1, 100))
    assert why(None, arrival=Arrival.FIRST_POLL, article=fresh) == ""
    assert why(None, article=stale) == "published 100 days before its feed was added"
    assert why(NOON, article=stale) == ""


moments = st.floats(-400 * DAY, 400 * DAY).map(later)


@given(moments, st.floats(0, 400 * DAY).map(later), st.sampled_from([Arrival.NEWS, Arrival.FIRST_POLL]))
def test_a_dated_entry_is_old_exactly_beyond_either_bound(published, seen, arrival):
    beyond = published < later(-2 * DAY) or seen - published > timedelta(days=7)
    assert bool(why(published, seen, arrival)) == beyond


@given(moments, st.floats(0, 400 * DAY), st.floats(0, 400 * DAY).map(later), st.sampled_from(Arrival))
def test_a_later_date_never_makes_an_entry_old(published, after, seen, arrival):
    if not why(published, seen, arrival):
        assert not why(published + timedelta(seconds=after), seen, arrival)


def document(known: int, stale: int, fresh: int, undated: int, latest: int):
    """A document of so many entries: known ones, and new ones dated before, after, not at all, and as the latest."""
    dates = [(later(-60), False)] * known + [(later(-60), True)] * stale
    dates += [(later(60), True)] * fresh + [(None, True)] * undated + [(NOON, True)] * latest
    entries = [builders.entry(str(number), published=date) for number, (date, _) in enumerate(dates)]
    return entries, [new for _, new in dates]


def again(known: int, stale: int, fresh: int = 0, undated: int = 0, latest: int = 0, **fields) -> list[str]:
    feed = builders.feed(**{"latest_published": NOON} | fields)
    entries, new = document(known, stale, fresh, undated, latest)
    identities = {entry.id: entry.identity for entry in entries}
    return [identities[one] for one in freshness.reissued({feed.id: feed}, entries, new)]


def test_a_back_catalogue_under_new_identities_is_recognised_and_the_news_in_it_is_none_of_it():
    assert again(known=0, stale=8, fresh=2, undated=1, latest=1) == [*map(str, range(8)), "10", "11"]


def test_late_entries_turnover_and_what_cannot_flood_are_no_back_catalogue():
    assert again(known=0, stale=9, fresh=10) == []  # a busy feed that has turned over
    assert again(known=0, stale=2, latest=9) == []  # dated by the day, and many on one day
    assert again(known=3, stale=17) == []  # much of it was known
    assert again(known=0, stale=4) == []  # a short feed
    assert again(known=0, stale=0, undated=20) == []  # nothing says that they were shown before
    assert again(known=0, stale=20, latest_published=None) == []  # a first poll


counts = st.integers(0, 30)


@given(counts, counts, counts, counts, counts)
def test_back_numbers_are_new_and_not_dated_after_the_latest_known_and_most_of_the_document(
    known, stale, fresh, undated, latest
):
    found = set(again(known, stale, fresh, undated, latest))
    total = known + stale + fresh + undated + latest
    allowed = {*range(known, known + stale), *range(known + stale + fresh, total)}
    assert found in (set(), {str(number) for number in allowed})
    assert not found or (stale >= freshness.FLOOD and stale > total / 2 and known <= total / 10)


def test_an_old_story_is_news_when_an_entry_brings_it_as_news_or_its_publisher_changes_it():
    old = builders.story(old="published 3 days before its feed was added", content_hash="one")
    changed = replace(old, content_hash="two")
    assert freshness.still_old(old, old, again=True) == old.old
    assert freshness.still_old(old, replace(old, old=""), again=False) == ""
    assert freshness.still_old(old, changed, again=True) == ""
    # Another feed's wording, and a page that could be had at last, are no changes of the publisher's.
    assert freshness.still_old(old, changed, again=False) == old.old
    stub = replace(old, text_from=TextFrom.FEED)
    assert freshness.still_old(stub, changed, again=True) == old.old


# -- through the flow


@dataclass(frozen=True, kw_only=True)
class Item:
    """An entry of a feed: its page is at /name."""

    name: str
    published: datetime | None = None
    guid: str = ""
    summary: str = "A summary. […]"


def serve(site: web.Site, *items: Item, feed: str = "/feed") -> str:
    """A feed of items; its address."""
    made = "".join(
        f"<item><title>Story {item.name}</title><link>{site.base}/{item.name}</link>"
        f"<guid isPermaLink='false'>{item.guid or item.name}</guid><description>{item.summary}</description>"
        + (f"<pubDate>{format_datetime(item.published)}</pubDate>" if item.published else "")
        + "</item>"
        for item in items
    )
    return site.put(feed, f'<rss version="2.0"><channel><title>A feed</title>{made}</channel></rss>', web.RSS)


def tell(site: web.Site, name: str, sentence: str = NEAR_KURSK) -> None:
    site.put(f"/{name}", web.page(f"Story {name}", *web.article(sentence, name.removeprefix("moved-"))))


def watch(ports: Ports, *feeds: str, query: str = "kursk") -> None:
    add_feeds(ports, [NewFeed(url=feed) for feed in feeds])
    alert(ports, query)


def alert(ports: Ports, query: str) -> None:
    put_alert(ports, NewAlert(name=query, query=query, recipients=("analyst@example.org",)))


def one_round(ports: Ports) -> Round:
    return once(ports, everything=True, progress=lambda *_: None, threads=2)


def ledger(ports: Ports) -> list[tuple[str, str]]:
    return sorted((one.state.value, one.reason) for one in ports.stores.deliveries.ledger(LedgerFilter()))


def days_ago(clock, days: float) -> datetime:
    return clock.now() - timedelta(days=days)


def test_a_feed_added_today_alerts_on_the_news_and_accounts_for_the_rest(ports, site, clock, mails):
    for name in ("new", "old", "undated"):
        tell(site, name)
    new, old = (Item(name=name, published=days_ago(clock, days)) for name, days in (("new", 1.9), ("old", 3)))
    watch(ports, serve(site, new, old, Item(name="undated")))
    outcome = one_round(ports)
    assert [str(mail["Subject"]) for mail in mails()] == ["[kursk] Story new"]
    assert (outcome.matches, outcome.sent, outcome.suppressed) == (3, 1, 2)
    assert ledger(ports) == [
        ("sent", ""),
        ("suppressed", "old: published 3 days before its feed was added"),
        ("suppressed", "old: undated, in the first poll of its feed"),
    ]
    clock.turn(DAY)
    assert one_round(ports).sent == 0


def test_a_known_feed_alerts_on_undated_entries_and_not_on_what_is_dated_long_ago(ports, site, clock, mails):
    first = Item(name="first", published=days_ago(clock, 0.1))
    tell(site, "first", "Nothing.")
    watch(ports, serve(site, first))
    one_round(ports)
    clock.turn(10 * DAY)
    for name in ("undated", "late", "stale"):
        tell(site, name)
    late, stale = (Item(name=name, published=days_ago(clock, days)) for name, days in (("late", 6), ("stale", 8)))
    serve(site, first, Item(name="undated"), late, stale)
    one_round(ports)
    assert [str(mail["Subject"]) for mail in mails()] == ["[kursk] Story late", "[kursk] Story undated"]
    assert ledger(ports)[-1] == ("suppressed", "old: published 8 days before it was first seen")


@pytest.mark.parametrize("moved", ["", "moved-"])
def test_a_back_catalogue_under_other_guids_alerts_on_its_news_alone(ports, site, clock, mails, moved):
    """Whether the links change with the guids (`moved`) or not."""
    before = [Item(name=f"{number}", published=days_ago(clock, 0.2 + number / 10)) for number in range(8)]
    for item in before:
        tell(site, item.name)
        tell(site, moved + item.name)
    watch(ports, serve(site, *before))
    assert one_round(ports).sent == 8
    clock.turn(3600)
    tell(site, "news")
    anew = [dataclasses.replace(item, name=moved + item.name, guid=f"urn:{item.name}") for item in before]
    serve(site, Item(name="news", published=clock.now()), *anew)
    outcome = one_round(ports)
    assert (outcome.entries, outcome.sent) == (9, 1)
    assert outcome.suppressed == (8 if moved else 0)
    assert len(mails()) == 9


def test_a_busy_feed_that_turned_over_between_two_polls_alerts_on_all_of_it(ports, site, clock, mails):
    def serve_hour(names: str) -> str:
        for name in names:
            tell(site, name)
        return serve(site, *(Item(name=name, published=days_ago(clock, 0.01)) for name in names))

    watch(ports, serve_hour("abcdef"))
    one_round(ports)
    clock.turn(3600)
    serve_hour("ghijkl")
    assert one_round(ports).sent == 6


def test_a_changed_old_story_alerts_whom_it_had_not_matched_and_nobody_else(ports, site, clock, mails):
    tell(site, "one")
    item = Item(name="one", published=days_ago(clock, 3))
    watch(ports, serve(site, item))
    alert(ports, "sudzha")
    one_round(ports)
    assert mails() == []
    clock.turn(DAY)
    tell(site, "one", f"{NEAR_KURSK} The road to Sudzha is closed.")
    serve(site, dataclasses.replace(item, summary="Updated."))
    one_round(ports)
    assert [str(mail["Subject"]) for mail in mails()] == ["[sudzha] Story one"]


def test_an_old_story_whose_page_comes_only_later_stays_old(ports, site, clock, mails):
    site.put("/one", "no", status=403)
    item = Item(name="one", published=days_ago(clock, 3))
    watch(ports, serve(site, item))
    one_round(ports)
    tell(site, "one")
    serve(site, dataclasses.replace(item, summary="Updated."))
    one_round(ports)
    assert ledger(ports) == [("suppressed", "old: published 3 days before its feed was added")]


def test_a_stub_among_the_undated_of_a_first_poll_alerts_when_it_becomes_the_story(ports, site, clock, mails):
    tell(site, "one", "More follows.")
    watch(ports, serve(site, Item(name="one")))
    one_round(ports)
    tell(site, "one")
    clock.turn(ports.settings.look_again)
    one_round(ports)
    assert len(mails()) == 1


def test_a_story_that_came_as_old_alerts_once_when_a_known_feed_brings_it_as_news(ports, site, clock, mails):
    quiet = serve(site, feed="/known")
    known_items = Item(name="other", published=days_ago(clock, 0.1))
    tell(site, "other", "Nothing.")
    serve(site, known_items, feed="/known")
    add_feeds(ports, [NewFeed(url=quiet)])
    one_round(ports)
    clock.turn(4 * DAY)
    tell(site, "one")
    item = Item(name="one", published=days_ago(clock, 3))
    watch(ports, serve(site, item))
    one_round(ports)
    assert ledger(ports) == [("suppressed", "old: published 3 days before its feed was added")]
    serve(site, known_items, item, feed="/known")
    assert one_round(ports).sent == 1
    (row,) = ports.stores.deliveries.all()
    assert [event.note for event in row.history][:3] == [
        "matched",
        "old: published 3 days before its feed was added",
        "its story came as news",
    ]
    assert (row.state, row.reason) == (DeliveryState.SENT, "")
    serve(site, known_items, dataclasses.replace(item, summary="Updated."), feed="/known")
    one_round(ports)
    assert len(mails()) == 1


def test_a_revival_that_was_written_by_half_is_completed_by_the_sweep(ports, site, clock):
    tell(site, "one")
    watch(ports, serve(site, Item(name="one", published=days_ago(clock, 3))))
    one_round(ports)
    # As if the worker had died between the match and its deliveries.
    ids = [one.id for one in ports.stores.matches.all()]
    ports.stores.matches.update(ids, lambda one: replace(one, old="", delivered=False))
    clock.turn(ports.settings.lease + 1)
    flow.sweep(ports)
    clock.turn(ports.settings.lease + 1)
    (ids,) = flow.sweep(ports).notifies
    assert flow.notify(ports, ids).sent == 1


@pytest.mark.parametrize("edit", ["alert", "list"])
def test_an_alert_saved_or_changed_while_old_stories_come_in_does_not_alert_on_them(ports, site, clock, mails, edit):
    tell(site, "one")
    put_list(ports, "places", ["sudzha"])
    watch(ports, serve(site, Item(name="one", published=days_ago(clock, 3))), query="@places")
    one_round(ports)
    assert ledger(ports) == []
    if edit == "alert":
        alert(ports, "kursk")
    else:
        put_list(ports, "places", ["sudzha", "kursk"])
    one_round(ports)
    assert ledger(ports) == [("suppressed", "old: published 3 days before its feed was added")]
    assert mails() == []


def test_explain_says_that_a_story_is_old_and_who_was_not_mailed_for_it(ports, site, clock):
    tell(site, "one")
    watch(ports, serve(site, Item(name="one", published=days_ago(clock, 3))))
    one_round(ports)
    said = [step.said for step in explain(ports, f"{site.base}/one", "kursk") if not step.ok]
    reason = "published 3 days before its feed was added"
    assert said[0].endswith(f"old, so whoever is alerted to it gets no mail: {reason}")
    assert said[1].startswith("matched, as old,")
    assert said[2] == f"analyst@example.org: suppressed old: {reason}"


def test_what_a_removed_feed_had_brought_is_judged_by_when_it_was_seen(ports, site, clock, mails):
    tell(site, "one")
    watch(ports, serve(site, Item(name="one", published=days_ago(clock, 3))))
    (feed,) = ports.stores.feeds.all()
    ids = flow.poll(ports, [feed.id], forced=True).entry_ids
    ports.stores.feeds.delete([feed.id])
    report = flow.ingest(ports, ids)
    assert (report.matches, report.suppressed, len(report.delivery_ids)) == (1, 0, 1)
