"""prune: what is old goes whole, what waits stays, and nothing that is gone is taken for new."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import flow, retention
from pipeline.adapters import sqlite
from pipeline.dedupe.clusters import COPIED_WITHIN
from pipeline.errors import BadInput, StoreNotReady
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.operations.prune import LATE, Bounds, prune
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.watchdog import EXPIRY, due_watchdogs, watch
from pipeline.ids import delivery_id, feedback_id, firing_id, identify, match_id
from pipeline.model import (
    UNSENT,
    Arrival,
    Audit,
    DeliveryState,
    EntryState,
    Event,
    Feedback,
    Firing,
    ParsedEntry,
    ParsedFeed,
)
from pipeline.ports import Claim, Ports
from tests import builders, web
from tests.builders import NOON
from tests.conftest import BACKENDS, opened, world
from tests.contract.test_clusters import OTHER, told
from tests.fakes import Clock

DAY = timedelta(days=1)
MONTH = Bounds(age=30 * DAY)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def keep_story(ports: Ports, name: str, days: float, **changed: object) -> str:
    """A story ingested `days` ago with all that hangs on it, as a whole ledger has it; its id."""
    at = NOON - timedelta(days=days)
    entry = builders.entry(name, first_seen_at=at, due_at=at, state=changed.get("entry", EntryState.DONE))
    story = builders.story(name, updated_at=at, first_seen_at=at, entry_ids=(entry.id,))
    key = match_id(builders.alert().id, story.id)
    state = changed.get("state", DeliveryState.SENT)
    delivery = builders.delivery(
        id=delivery_id(key, "mail", "analyst@example.org"),
        match_id=key,
        story_id=story.id,
        state=state,
        reason="held" if state is DeliveryState.HELD else "",
        answer="250 ok",
        history=(Event(at=at, state=state),),
        created_at=at,
    )
    stores = ports.stores
    stores.entries.create([replace(entry, story_id=story.id)])
    stores.stories.resolve([Claim([story.url], story.id)])
    stores.stories.create([story])
    match = builders.match(
        id=key, story_id=story.id, matched_at=at, recipients=("analyst@example.org",), delivered=True
    )
    stores.matches.create([replace(match, delivered=changed.get("delivered", True))])
    stores.deliveries.create([delivery])
    firing = Firing(id=firing_id(match.alert_id, story.id), match_id=key, story_id=story.id, at=at)
    stores.firings.create([firing])
    heard = feedback_id(key, "analyst@example.org")
    stores.feedback.create(
        [Feedback(id=heard, match_id=key, alert_id="a", story_id=story.id, recipient="analyst@example.org", at=at)]
    )
    return story.id


def counts(ports: Ports) -> dict[str, int]:
    names = ("stories", "entries", "matches", "deliveries", "firings", "feedback")
    return {name: getattr(ports.stores, name).count() for name in names}


def test_an_old_story_goes_with_all_that_hangs_on_it_and_a_younger_one_keeps_all(ports):
    keep_story(ports, "old", 31)
    young = keep_story(ports, "young", 29)
    done = prune(ports, MONTH)
    assert (done.stories, done.matches, done.deliveries, done.entries, done.waiting) == (1, 1, 1, 1, 0)
    assert set(counts(ports).values()) == {1}
    assert list(ports.stores.stories.get([young])) == [young]
    assert ports.stores.stories.known(["https://a.example/old"]) == ""
    assert ports.stores.stories.known(["https://a.example/young"]) == young
    assert reconcile(ports).adds_up
    assert prune(ports, MONTH).stories == 0


@pytest.mark.parametrize(
    "changed",
    [
        *({"state": state} for state in UNSENT),
        {"delivered": False},
        {"entry": EntryState.PENDING},
        {"entry": EntryState.QUARANTINED},
    ],
)
def test_what_waits_keeps_its_story_whole(ports, changed):
    keep_story(ports, "old", 400, **changed)
    before = counts(ports)
    done = prune(ports, MONTH)
    assert (done.stories, done.waiting) == (0, 1)
    assert counts(ports) == before


def test_a_dry_run_counts_what_would_go_and_removes_nothing(ports):
    for number in range(5):
        keep_story(ports, str(number), 31)
    before = counts(ports)
    dry = prune(ports, MONTH, dry_run=True)
    assert (dry.stories, dry.matches, dry.deliveries) == (5, 5, 5)
    assert counts(ports) == before
    assert prune(ports, MONTH).stories == 5


def test_matches_of_a_story_that_was_forgotten_go_too(ports):
    story_id = keep_story(ports, "old", 31)
    ports.stores.stories.delete([story_id])
    done = prune(ports, MONTH)
    assert (done.stories, done.matches, done.deliveries, done.entries) == (0, 1, 1, 1)
    assert reconcile(ports).adds_up


@pytest.fixture(params=BACKENDS)
def new_ports(request, tmp_path, clock):
    with opened(request.param, request, new=True) as stores:
        made = world(stores, tmp_path, clock)
        yield made
        made.fetcher.close()
        made.extractor.close()


def test_a_story_that_comes_again_while_it_is_looked_at_stays(ports, monkeypatch):
    kept, gone = keep_story(ports, "again", 100), keep_story(ports, "old", 100)
    look = ports.stores.deliveries.of_stories

    def meanwhile(ids):
        ports.stores.stories.update([kept], lambda one: replace(one, updated_at=NOON))
        return look(ids)

    monkeypatch.setattr(ports.stores.deliveries, "of_stories", meanwhile)
    assert prune(ports, MONTH).stories == 1
    assert set(ports.stores.stories.get([kept, gone])) == {kept}
    assert reconcile(ports).adds_up


def test_of_a_store_that_is_too_large_the_oldest_go(new_ports):
    ports = new_ports
    ids = [keep_story(ports, str(number), 100 - number) for number in range(20)]
    size = ports.stores.size()
    assert prune(ports, Bounds(size=2 * size)).stories == 0
    done = prune(ports, Bounds(size=int(size * 0.75)))
    assert 5 <= done.stories <= 6
    assert set(ports.stores.stories.get(ids)) == set(ids[done.stories :])
    assert reconcile(ports).adds_up


@pytest.mark.elasticsearch
def test_what_is_not_read_and_written_does_not_count_for_how_large_a_store_is(request):
    """An index that a broken reindex left, or of a store whose prefix begins in the same way, pruned stories."""
    with opened("elasticsearch", request, new=True) as stores:
        stories = stores.stories
        stories.create([builders.story(str(number), body="Kursk " * 400) for number in range(20)])
        for left in (f"{stories.shelf.alias}-v1-7", f"{stories.shelf.alias.removesuffix('stories')}trial-stories-v1"):
            stories.client.indices.create(index=left, mappings={"dynamic": True})
            stories.client.index(index=left, document={"body": secrets.token_hex(100_000)}, refresh=True)
        try:
            assert max(stores.sizes().values()) > 100_000 > stores.size()
        finally:
            stories.client.indices.delete(index=f"{stories.shelf.alias.removesuffix('stories')}trial-stories-v1")


def test_a_prune_that_broke_off_goes_on_where_it_was(ports, monkeypatch):
    for number in range(4):
        keep_story(ports, str(number), 31)
    with monkeypatch.context() as patched:
        patched.setattr(type(ports.stores.deliveries), "delete", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prune(ports, MONTH)
    done = prune(ports, MONTH)
    assert (done.stories, done.deliveries) == (4, 4)
    assert set(counts(ports).values()) == {0}


class Meanwhile(Clock):
    """While somebody waits, a prune goes on."""

    def __init__(self, now: datetime, work: Callable[[], object]) -> None:
        super().__init__(now)
        self.work = work

    def wait(self, seconds: float) -> None:
        self.work()


def test_a_ledger_adds_up_while_a_prune_is_between_a_match_and_its_rows(ports):
    keep_story(ports, "old", 31)
    stores = ports.stores
    stores.matches.delete([one.id for one in stores.matches.all()])

    def prune_the_rows() -> int:
        return stores.deliveries.delete([one.id for one in stores.deliveries.all()])

    assert dict(reconcile(ports).faulty) == {"stray": 1}
    assert reconcile(dataclasses.replace(ports, clock=Meanwhile(NOON, prune_the_rows))).adds_up


def test_a_prune_ends_when_its_time_is_over_and_says_so(ports, clock):
    keep_story(ports, "old", 31)
    assert prune(ports, MONTH, seconds=0).unfinished
    assert ports.stores.stories.count() == 1


def test_sketches_that_find_no_copies_any_more_and_audits_of_long_ago_go(ports):
    old = NOON - COPIED_WITHIN - LATE - timedelta(hours=1)
    assert ports.stores.clusters.lead([told("old", at=old), told("young", OTHER, at=NOON)])
    for days in (400, 300):
        at = NOON - timedelta(days=days)
        ports.stores.audits.create([Audit(id=str(500 - days), at=at, who="ana", did="change user", about="ana")])
    done = prune(ports, Bounds(audits=365 * DAY))
    assert (done.sketches, done.audits) == (1, 1)
    assert [one.id for one in ports.stores.audits.all()] == ["200"]
    assert list(ports.stores.clusters.older(NOON + DAY)) == ["young"]


def test_the_daily_look_prunes_as_the_settings_say(ports, clock):
    keep_story(ports, "old", 31)
    kept = replace_settings(ports, keep=0.0)
    assert EXPIRY in due_watchdogs(kept, clock.now())
    watch(kept, EXPIRY)
    assert ports.stores.stories.count() == 1
    clock.turn(DAY.total_seconds())
    watch(replace_settings(ports, keep=30.0), EXPIRY)
    assert ports.stores.stories.count() == 0


def test_the_daily_look_has_the_store_make_ready_for_next_week_and_tells_operators_where_it_can_not(
    ports, clock, mails
):
    asked: list[datetime] = []

    def without_room(at: datetime) -> None:
        asked.append(at)
        raise StoreNotReady("wirewatch-stories-2026-04-v1 is made, and Elasticsearch has no room for it yet")

    told = replace_settings(ports, operators=("ops@example.org",))
    due_watchdogs(told, clock.now())
    watch(told, EXPIRY)
    assert mails() == []
    clock.turn(DAY.total_seconds())
    stores = dataclasses.replace(told.stores, look_ahead=without_room)
    watch(dataclasses.replace(told, stores=stores), EXPIRY)
    assert asked == [clock.now() + timedelta(days=7)]
    (mail,) = mails()
    assert "no room for what comes next week" in mail["Subject"]
    assert "2026-04" in mail.get_content()


def replace_settings(ports: Ports, **changed: object) -> Ports:
    return dataclasses.replace(ports, settings=dataclasses.replace(ports.settings, **changed))


def test_what_its_feed_lists_still_is_not_taken_for_new_and_goes_when_it_is_listed_no_more(ports, site, clock, mails):
    ports = replace_settings(ports, look_again=0.0)
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", "Two villages near Kursk were left in the night."))])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",)))
    run(ports)
    assert len(mails()) == 1
    clock.turn(40 * DAY.total_seconds())
    site.answers["/one"] = web.Answer(b"gone", status=404)
    done = prune(ports, MONTH)
    assert (done.stories, done.entries, done.emptied) == (1, 0, 1)
    (mark,) = ports.stores.entries.all()
    assert (mark.title, mark.arrival) == ("", Arrival.PRUNED)
    run(ports)
    assert ports.stores.stories.count() == 0
    assert len(mails()) == 1
    assert prune(ports, MONTH).emptied == 0
    # Its feed changes what it says of it: that is a story again, and alerts nobody.
    web.put_story(site, "one", "Two villages near Kursk were taken back.")
    site.put("/feed", web.rss(("Story one, with more of Kursk", f"{site.base}/one")), web.RSS)
    run(ports)
    assert ports.stores.stories.count() == 1
    assert len(mails()) == 1
    assert ports.stores.deliveries.counts() == {"suppressed": 1}
    assert reconcile(ports).adds_up


def run(ports: Ports) -> None:
    """Poll every feed, and do what follows from it."""
    report = flow.poll(ports, [feed.id for feed in ports.stores.feeds.all()], forced=True)
    delivery_ids = flow.ingest(ports, report.entry_ids).delivery_ids
    flow.notify(ports, delivery_ids)


# -- what a feed lists


def parsed(*names: str) -> ParsedFeed:
    return ParsedFeed(entries=tuple(ParsedEntry(identity=name, url="", title=name) for name in names))


@given(listed=st.sets(st.text(max_size=8)), asked=st.text(max_size=8))
def test_an_entry_is_listed_exactly_when_the_last_document_has_it(listed, asked):
    feed = builders.feed(succeeded_at=NOON)
    feed = replace(feed, listed=retention.listing(feed.id, parsed(*listed)))
    entry = builders.entry(id=identify("entry", feed.id, asked), feed_id=feed.id)
    assert retention.may_be_listed(entry, feed) is (asked in listed)


def test_where_it_is_not_known_what_a_feed_lists_everything_may_be():
    entry = builders.entry()
    assert retention.may_be_listed(entry, builders.feed(succeeded_at=NOON))
    assert retention.may_be_listed(entry, builders.feed(listed=(), succeeded_at=NOON - DAY))
    assert not retention.may_be_listed(entry, builders.feed(listed=(), succeeded_at=NOON))
    assert not retention.may_be_listed(entry, None)


# -- any history


STORY = st.fixed_dictionaries(
    {
        "days": st.integers(0, 60),
        "state": st.sampled_from(list(DeliveryState)),
        "entry": st.sampled_from(list(EntryState)),
        "delivered": st.booleans(),
    }
)


@settings(max_examples=25)
@given(stories=st.lists(STORY, max_size=8), age=st.integers(1, 60))
def test_whatever_is_kept_only_what_is_old_and_settled_goes_and_the_rest_is_whole(tmp_path_factory, stories, age):
    folder = tmp_path_factory.mktemp("history")
    stores = sqlite.open_stores(str(folder / "store.db"))
    stores.prepare()
    ports = world(stores, folder, Clock(NOON))
    kept = set()
    for number, one in enumerate(stories):
        story_id = keep_story(ports, str(number), one["days"], **{k: v for k, v in one.items() if k != "days"})
        settled = one["state"] not in UNSENT and one["entry"] is EntryState.DONE and one["delivered"]
        if not (one["days"] > age and settled):
            kept.add(story_id)
    prune(ports, Bounds(age=age * DAY))
    assert {one.id for one in stores.stories.all()} == kept
    assert {one.story_id for one in stores.matches.all()} == kept
    assert {one.story_id for one in stores.deliveries.all()} == kept
    assert {one.story_id for one in stores.entries.all()} == kept
    assert {one.story_id for one in stores.firings.all()} == kept
    ports.extractor.close()
    ports.fetcher.close()
    stores.close()


# -- space


def test_a_file_of_which_much_was_pruned_gets_shorter(tmp_path):
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    stories = [builders.story(str(number), body=f"word{number} " * 400) for number in range(800)]
    stores.stories.create(stories)
    full = stores.size()
    stores.stories.delete([one.id for one in stories[:700]])
    stores.reclaim(False)
    assert sum(stores.sizes().values()) < full / 5
    assert {one.id for one in stores.stories.all()} == {one.id for one in stories[700:]}
    stores.close()


@pytest.mark.parametrize("text", ["90", "soon", "90y", ""])
def test_a_time_span_that_is_none_is_refused_with_the_cure(text):
    from workers.cli import show

    with pytest.raises(BadInput, match="give 90d"):
        show.span(text)
