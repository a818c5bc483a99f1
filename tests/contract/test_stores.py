"""What each store can be asked for besides, on every backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from msgspec.structs import replace

from pipeline.adapters.codec import from_plain, plain
from pipeline.ids import identify
from pipeline.model import (
    AlertState,
    DeliveryState,
    EntryState,
    FeedState,
    Glance,
    Habits,
    SubscriptionState,
)
from pipeline.ports import Claim, LedgerFilter, Stores, StoryFilter
from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.syntax import parse
from tests import builders
from tests.builders import NOON, later
from tests.conftest import BACKENDS, NINE, opened

MOMENT = timedelta(microseconds=1)


@pytest.fixture(params=[*BACKENDS, NINE])
def every_stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Also Elasticsearch 9, where no alerts can be kept."""
    with opened(request.param, request) as made:
        yield made


# -- due


def test_feeds_are_due_when_they_are_polled_and_their_time_has_come(every_stores):
    due = builders.feed("due", next_poll_at=later(-10))
    longer = builders.feed("longer", next_poll_at=later(-20))
    paused = builders.feed("paused", next_poll_at=later(-10), state=FeedState.PAUSED)
    gone = builders.feed("gone", next_poll_at=later(-10), state=FeedState.GONE)
    dead = builders.feed("dead", next_poll_at=later(-15), state=FeedState.DEAD)
    future = builders.feed("future", next_poll_at=later(10))
    every_stores.feeds.create([due, longer, paused, gone, dead, future])
    assert every_stores.feeds.due(NOON, 10) == [longer, dead, due]
    assert every_stores.feeds.due(NOON, 1) == [longer]


def test_a_glance_at_each_feed_tells_what_the_feed_does(every_stores):
    habits = Habits(latest=NOON, usual=0.5, longest_gap=7.0, window=3)
    feeds = [
        builders.feed("plain"),
        builders.feed("ill", title="An ill one", tags=("a", "b"), state=FeedState.DEAD, error="answers 403", wall="W"),
        builders.feed("well", polled_at=NOON, new_entry_at=later(-5), habits=habits),
    ]
    every_stores.feeds.create(feeds)
    seen = sorted(every_stores.feeds.glances(), key=lambda one: one.id)
    assert seen == [from_plain(plain(one), Glance) for one in every_stores.feeds.all()]
    assert len(seen) == len(feeds)


def test_subscriptions_are_due_until_they_have_ended(every_stores):
    by_state = {
        state: builders.subscription(state, state=state, due_at=later(-number))
        for number, state in enumerate(SubscriptionState)
    }
    future = builders.subscription("future", due_at=later(10))
    queued = builders.subscription("queued", queued_until=later(10))
    every_stores.subscriptions.create([*by_state.values(), future, queued])
    ended = by_state.pop(SubscriptionState.ENDED)
    assert ended not in every_stores.subscriptions.due(later(20), 10)
    assert every_stores.subscriptions.due(NOON, 10) == list(reversed(by_state.values()))
    assert every_stores.subscriptions.due(NOON, 1) == [by_state[SubscriptionState.ENDING]]


def test_due_is_exact_to_the_microsecond(every_stores):
    entry = builders.entry(due_at=NOON + MOMENT)
    every_stores.entries.create([entry])
    assert every_stores.entries.due(NOON, 10) == []
    assert every_stores.entries.due(NOON + MOMENT, 10) == [entry]


def test_what_is_under_a_lease_or_in_the_queue_is_not_due(every_stores):
    leased = builders.entry("leased", lease_until=later(5))
    queued = builders.entry("queued", queued_until=later(7))
    done = builders.entry("done", state=EntryState.DONE)
    every_stores.entries.create([leased, queued, done])
    assert every_stores.entries.due(NOON, 10) == []
    assert every_stores.entries.due(later(6), 10) == [leased]
    assert every_stores.entries.due(later(7), 10) == [leased, queued]


def test_news_are_due_before_backfill_however_long_that_is_ready(every_stores):
    old = builders.entry("old", due_at=later(-100), backfill=True)
    older = builders.entry("older", due_at=later(-200), backfill=True)
    news = builders.entry("news", due_at=later(-1))
    first = builders.entry("first", due_at=later(-2))
    every_stores.entries.create([old, older, news, first])
    assert every_stores.entries.due(NOON, 10) == [first, news, older, old]
    assert every_stores.entries.due(NOON, 3) == [first, news, older]
    assert every_stores.entries.due(NOON, 1) == [first]


def test_how_many_entries_are_ready_is_told_of_news_and_of_backfill(every_stores):
    queued = builders.entry("queued", queued_until=later(7))
    done = builders.entry("done", state=EntryState.DONE)
    old = [builders.entry(f"old {number}", backfill=True) for number in range(3)]
    every_stores.entries.create([builders.entry("news"), queued, done, *old])
    assert every_stores.entries.ready(NOON, backfill=False) == 1
    assert every_stores.entries.ready(later(7), backfill=False) == 2
    assert every_stores.entries.ready(NOON, backfill=True) == 3
    every_stores.entries.put([replace(old[0], backfill=False)])
    assert every_stores.entries.ready(NOON, backfill=True) == 2


def test_what_is_under_way_is_what_a_message_names_or_a_worker_holds_and_not_what_is_only_later(every_stores):
    queued = builders.entry("queued", queued_until=later(7))
    leased = builders.entry("leased", lease_until=later(5))
    over = builders.entry("over", queued_until=later(-1), lease_until=later(-2))
    again = builders.entry("looked at again", due_at=later(6))
    done = builders.entry("done", state=EntryState.DONE, lease_until=later(5))
    old = builders.entry("old", queued_until=later(7), backfill=True)
    every_stores.entries.create([queued, leased, over, again, done, old])
    assert every_stores.entries.under_way(NOON, later(9), backfill=False) == 2
    assert every_stores.entries.under_way(NOON, later(6), backfill=False) == 1
    assert every_stores.entries.under_way(NOON, later(9), backfill=True) == 1
    every_stores.entries.update([queued.id], lambda one: replace(one, queued_until=None))
    assert every_stores.entries.under_way(NOON, later(9), backfill=False) == 1


def test_what_messages_name_and_workers_hold_is_counted_in_every_queue(every_stores):
    marks = {
        "named": {"queued_until": later(7)},
        "taken": {"lease_until": later(5)},
        "for long": {"lease_until": later(20)},
        "over": {"queued_until": later(-1)},
        "free": {},
    }
    every_stores.entries.create([builders.entry(name, **fields) for name, fields in marks.items()])
    every_stores.entries.create([builders.entry("old", backfill=True, lease_until=later(5))])
    every_stores.entries.create([builders.entry("done", state=EntryState.DONE, lease_until=later(5))])
    every_stores.feeds.create([builders.feed(name.replace(" ", "-"), **fields) for name, fields in marks.items()])
    every_stores.deliveries.create([builders.delivery(name, **fields) for name, fields in marks.items()])
    every_stores.subscriptions.create([builders.subscription("named", queued_until=later(7))])
    assert every_stores.entries.held(NOON, later(9)) == (1, 2)
    assert every_stores.feeds.held(NOON, later(9)) == every_stores.deliveries.held(NOON, later(9)) == (1, 1)
    assert every_stores.subscriptions.held(NOON, later(9)) == (1, 0)
    assert every_stores.entries.held(later(7), later(20)) == (0, 1)


def test_the_disk_under_a_store_is_told(every_stores):
    disk = every_stores.disk()
    assert disk.free > 0
    assert disk.floor >= 0


def test_due_is_never_late(every_stores):
    entry = builders.entry()
    for attempt in range(10):
        every_stores.entries.put([replace(entry, attempts=attempt, state=EntryState.PENDING)])
        assert [one.attempts for one in every_stores.entries.due(NOON, 10)] == [attempt]
        every_stores.entries.update([entry.id], lambda one: replace(one, state=EntryState.DONE))
        assert every_stores.entries.due(NOON, 10) == []


def test_deliveries_are_due_when_pending_or_left_by_their_worker(every_stores):
    pending = builders.delivery("pending")
    left = builders.delivery("left", state=DeliveryState.SENDING, lease_until=later(-5), due_at=later(-9))
    sending = builders.delivery("sending", state=DeliveryState.SENDING, lease_until=later(5))
    sent = builders.delivery("sent", state=DeliveryState.SENT)
    every_stores.deliveries.create([pending, left, sending, sent])
    assert every_stores.deliveries.due(NOON, 10) == [left, pending]


def test_quarantined_entries_are_listed(every_stores):
    kept = builders.entry("kept", state=EntryState.QUARANTINED, error="it broke")
    every_stores.entries.create([kept, builders.entry("other")])
    assert list(every_stores.entries.quarantined()) == [kept]


# -- matches and the ledger


def test_matches_whose_deliveries_were_not_written_are_found_again(every_stores):
    lost = builders.match("lost")
    every_stores.matches.create(
        [lost, builders.match("done", delivered=True), builders.match("new", matched_at=later(9))]
    )
    assert every_stores.matches.undelivered(later(1)) == [lost]
    assert every_stores.matches.undelivered(NOON) == []


def test_the_ledger_is_newest_first_and_narrowed_by_what_is_asked(every_stores):
    old = builders.delivery("old", created_at=later(-60), recipient="b@example.org")
    new = builders.delivery("new", story_id="other")
    every_stores.deliveries.create([old, new])
    ledger = every_stores.deliveries.ledger
    assert list(ledger(LedgerFilter())) == [new, old]
    assert list(ledger(LedgerFilter(recipient="b@example.org"))) == [old]
    assert list(ledger(LedgerFilter(story_id="other"))) == [new]
    assert list(ledger(LedgerFilter(alert_id="nobody's"))) == []
    assert list(ledger(LedgerFilter(since=NOON))) == [new]
    assert list(ledger(LedgerFilter(state=DeliveryState.SENT))) == []
    assert list(ledger(LedgerFilter(state=DeliveryState.PENDING, recipient="b@example.org"))) == [old]


def test_the_ledger_has_every_row_once_beyond_one_page_though_many_are_of_one_moment(every_stores):
    rows = [builders.delivery(str(number), created_at=later(number // 700)) for number in range(1_200)]
    every_stores.deliveries.create(rows)
    found = list(every_stores.deliveries.ledger(LedgerFilter()))
    assert found == sorted(rows, key=lambda one: (-one.created_at.timestamp(), one.id))


def test_the_ledger_goes_on_behind_a_row_whatever_has_come_since(every_stores):
    moments = [later(number // 3 + number % 3 / 1_000_000) for number in range(9)]
    rows = [builders.delivery(str(number), created_at=moment) for number, moment in enumerate(moments)]
    every_stores.deliveries.create(rows)
    whole = list(every_stores.deliveries.ledger(LedgerFilter()))
    last = whole[3]
    every_stores.deliveries.create([builders.delivery("since", created_at=later(60))])
    behind = LedgerFilter(recipient=last.recipient, after=(last.created_at, last.id))
    assert list(every_stores.deliveries.ledger(behind)) == whole[4:]


def test_all_deliveries_of_matches_are_had(every_stores):
    rows = [builders.delivery(name, match_id=match) for name, match in (("a", "m"), ("b", "m"), ("c", "n"), ("d", "o"))]
    every_stores.deliveries.create(rows)
    found = every_stores.deliveries.of_matches(["m", "o", "nobody's"])
    assert {one.id for one in found} == {rows[0].id, rows[1].id, rows[3].id}
    assert every_stores.deliveries.of_matches([]) == []


def test_deliveries_are_counted_by_state(every_stores):
    every_stores.deliveries.create([builders.delivery(name) for name in "abc"])
    every_stores.deliveries.create([builders.delivery("d", state=DeliveryState.SENT)])
    assert every_stores.deliveries.counts() == {"pending": 3, "sent": 1}


# -- identities


def resolved(stores: Stores, *claims: tuple[list[str], str]) -> list[str]:
    return stores.stories.resolve([Claim(*claim) for claim in claims])


def test_a_story_is_known_by_any_of_its_keys(every_stores):
    assert resolved(every_stores, (["a", "b"], "one")) == ["one"]
    assert resolved(every_stores, (["c", "b"], "two")) == ["one"]
    assert resolved(every_stores, (["c"], "three"), (["d"], "four")) == ["one", "four"]
    assert every_stores.stories.known(["x", "c"]) == "one"
    assert every_stores.stories.known(["x"]) == ""


def test_the_first_known_key_decides(every_stores):
    resolved(every_stores, (["a"], "one"), (["b"], "two"))
    assert resolved(every_stores, (["b", "a"], "three")) == ["two"]
    assert resolved(every_stores, (["a", "b"], "three")) == ["one"]


def test_claims_of_one_call_are_settled_in_turn(every_stores):
    claims = [(["a"], "one"), (["b", "a"], "two"), (["c"], "three"), (["b"], "four")]
    assert resolved(every_stores, *claims) == ["one", "one", "three", "one"]
    assert resolved(every_stores) == []


def test_more_claims_than_one_statement_takes_are_settled(every_stores):
    many = [([f"key {number}", f"other {number}"], f"story {number}") for number in range(600)]
    assert resolved(every_stores, *many) == resolved(every_stores, *many) == [own for _, own in many]


def test_callers_at_once_with_a_key_in_common_get_one_story(every_stores):
    for turn in range(5):
        keys = [[f"own {turn} {number}", f"common {turn}"] for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            claims = [(key, f"story {turn} {number}") for number, key in enumerate(keys)]
            work = [pool.submit(resolved, every_stores, ([f"alone {claim}"], "x"), claim) for claim in claims]
            assert len({one.result()[1] for one in work}) == 1
        assert len({every_stores.stories.known([own]) for own, _ in keys}) == 1


# -- search


def narrowed(stores: Stores, query: str, **where: object) -> list[str]:
    return [story.title for story in stores.stories.narrow(parse(query), StoryFilter(**where))]


def test_what_was_put_just_now_is_found_and_what_was_replaced_is_not(every_stores):
    story = builders.story(title="Fighting near Kursk")
    every_stores.stories.put([story])
    assert narrowed(every_stores, "kursk") == ["Fighting near Kursk"]
    every_stores.stories.put([replace(story, title="Fighting near Sudzha")])
    assert narrowed(every_stores, "kursk") == []
    assert narrowed(every_stores, "sudzha") == ["Fighting near Sudzha"]
    every_stores.stories.delete([story.id])
    assert narrowed(every_stores, "sudzha") == []


def test_stories_come_latest_first_within_the_days_asked_for(every_stores):
    every_stores.stories.put(
        [builders.story(str(day), title=f"kursk {day}", published=NOON + timedelta(days=day)) for day in (2, 1, 3)]
    )
    assert narrowed(every_stores, "kursk") == ["kursk 3", "kursk 2", "kursk 1"]
    days = {"since": NOON + timedelta(days=2), "until": NOON + timedelta(days=3)}
    assert narrowed(every_stores, "kursk", **days) == ["kursk 2"]


@pytest.mark.parametrize("query", ["kursk -sudzha", "kursk NOT (sud* OR belgorod)", 'kursk NOT title:"sudzha"'])
def test_a_story_with_a_word_under_not_is_not_even_read(every_stores, query):
    every_stores.stories.put([builders.story("one", title="Kursk"), builders.story("two", title="Kursk, Sudzha")])
    assert narrowed(every_stores, query) == ["Kursk"]


@pytest.mark.parametrize("query", ["kursk NOT =SUDZHA", 'kursk NOT "sudzha kursk"', "kursk NOT (sudzha belgorod)"])
def test_what_a_word_alone_does_not_decide_is_left_to_the_evaluator(every_stores, query):
    every_stores.stories.put([builders.story("two", title="Kursk, Sudzha")])
    assert narrowed(every_stores, query) == ["Kursk, Sudzha"]


@pytest.mark.parametrize("query", ["kursk", "kursk NOT sudzha", "kursk OR sudzha", "belgorod", "ATLEAST/2 kursk"])
@pytest.mark.parametrize("where", [StoryFilter(), StoryFilter(since=NOON, until=NOON + timedelta(days=4))])
def test_the_days_of_what_is_narrowed_are_counted_as_it_would_be_read(every_stores, query, where):
    every_stores.stories.put(
        [
            builders.story(f"{place} {hours}", title=place, published=NOON + timedelta(hours=hours))
            for place in ("kursk", "sudzha", "kursk and sudzha")
            for hours in range(0, 120, 7)
        ]
    )
    read = Counter(one.published.date().isoformat() for one in every_stores.stories.narrow(parse(query), where))
    assert every_stores.stories.narrowed_days(parse(query), where) == read


def test_every_story_is_found_beyond_one_page(every_stores):
    every_stores.stories.put([builders.story(str(number), title="kursk") for number in range(1_100)])
    assert len(narrowed(every_stores, "kursk")) == 1_100


def test_a_whole_name_longer_than_any_token_is_found(every_stores):
    name = "very " * 2_000 + "long"
    every_stores.stories.put([builders.story(title="here", site=name)])
    assert narrowed(every_stores, f'site:"{name[:9_000]}"') == ["here"]


def test_a_wildcard_over_more_terms_than_an_engine_expands_finds_all(every_stores):
    every_stores.stories.put(
        [builders.story(str(number), title=f"missil{number:04}x and more") for number in range(300)]
    )
    assert len(narrowed(every_stores, "missil*")) == 300
    assert len(narrowed(every_stores, '"missil* and"')) == 300
    assert len(narrowed(every_stores, "missil* NEAR/2 more")) == 300


# -- alerts


def candidates(stores: Stores, *texts: str) -> dict[str, tuple[int, ...]]:
    documents = [Document(builders.story(title=text)) for text in texts]
    return {one.meaning: one.documents for one in stores.alerts.narrow(documents)}


def test_an_alert_is_narrowed_to_from_the_moment_it_is_put(stores):
    alert = builders.alert("kursk")
    stores.alerts.put([alert])
    assert candidates(stores, "Kursk", "Sudzha", "in Kursk") == {"kursk": (0, 2)}
    stores.alerts.put([replace(alert, query="sudzha", meaning="sudzha")])
    assert candidates(stores, "Kursk", "Sudzha") == {"sudzha": (1,)}
    stores.alerts.update([alert.id], lambda one: replace(one, state=AlertState.PAUSED))
    assert candidates(stores, "Sudzha") == {}
    stores.alerts.update([alert.id], lambda one: replace(one, state=AlertState.ACTIVE))
    assert candidates(stores, "Sudzha") == {"sudzha": (0,)}
    stores.alerts.delete([alert.id])
    assert candidates(stores, "Sudzha") == {}


def test_every_match_is_had_and_not_the_first_ten(stores):
    stores.alerts.put([builders.alert("kursk", name=f"number {number}") for number in range(1_200)])
    found = stores.alerts.narrow([Document(builders.story(title="Kursk"))])
    assert len({one.alert_id for one in found}) == 1_200


def test_no_documents_give_no_candidates(stores):
    stores.alerts.put([builders.alert("kursk")])
    assert stores.alerts.narrow([]) == []


def test_an_alert_whose_query_can_no_longer_be_read_stops_no_other_and_is_marked(stores):
    bad = builders.alert("kursk AND", name="bad")
    stores.alerts.create([bad, builders.alert("kursk")])
    assert "kursk" in candidates(stores, "Kursk")
    assert "ends where a word is wanted" in stores.alerts.get([bad.id])[bad.id].health


def test_preparing_again_changes_nothing_and_probing_says_so(stores):
    stores.alerts.put([builders.alert("kursk")])
    assert all("ready" in line or "answers" in line for line in stores.prepare())
    assert stores.probe()
    assert stores.alerts.count() == 1
    assert identify("alert", "kursk") in stores.alerts.get([identify("alert", "kursk")])


def test_wildcards_and_near_survive_a_dictionary_of_100000_terms_and_batches_of_100_stories(stores):
    words = [f"missil{number:06}x" for number in range(100_000)]
    stories = [
        builders.story(str(number), title=f"Story {number}", body=" ".join(words[number * 1000 : number * 1000 + 1000]))
        for number in range(100)
    ]
    queries = ["missil*", "missil0000* NEAR/3 missil0000*", '"missil* missil*"', "missil099999x", "missil?00000x"]
    stores.alerts.put([builders.alert(query) for query in queries])
    stores.stories.put(stories)
    documents = [Document(story) for story in stories]
    live = {one.meaning: len(one.documents) for one in stores.alerts.narrow(documents)}
    for query in queries:
        wanted = sum(matches(parse(query), document) for document in documents)
        assert live[query] >= wanted > 0
        found = [
            story
            for story in stores.stories.narrow(parse(query), StoryFilter())
            if matches(parse(query), Document(story))
        ]
        assert len(found) == wanted


DEEP = "(" * 45 + "kursk" + "".join(f" {('OR', 'AND')[n % 2]} w{n // 2})" for n in range(45))
MANY_MARKS = "kur*s??????????????k"


@pytest.mark.parametrize("query", [DEEP, f"kursk NOT ({DEEP})", MANY_MARKS, f'"{MANY_MARKS} front"', "kur*" + "?" * 40])
def test_whatever_the_language_allows_an_engine_takes_or_asks_loosely(stores, query):
    alert, story = builders.alert(query), builders.story(title="Kursk w0 w1 w21 kurs" + "x" * 14 + "k front")
    stores.alerts.put([alert])
    stores.stories.put([story, builders.story("other", title="Belgorod")])
    wanted = matches(parse(query), Document(story))
    assert not wanted or candidates(stores, story.title) == {query: (0,)}
    assert not wanted or story.title in narrowed(stores, query)
    assert not stores.alerts.get([alert.id])[alert.id].health


# -- matches by day, and the latest


def test_matches_are_counted_by_alert_and_day_and_none_is_left_out(every_stores):
    kursk, nato = builders.alert("kursk").id, builders.alert("nato").id
    day = timedelta(days=1)
    every_stores.matches.create(
        [
            builders.match("a", alert_id=kursk, matched_at=NOON),
            builders.match("b", alert_id=kursk, matched_at=later(1)),
            builders.match("c", alert_id=kursk, matched_at=NOON - day),
            builders.match("d", alert_id=nato, matched_at=NOON.replace(hour=23, minute=59, second=59)),
            builders.match("too old", alert_id=nato, matched_at=NOON - 5 * day),
        ]
    )
    today = NOON.date()
    counted = {kursk: {today: 2, today - day: 1}, nato: {today: 1}}
    assert every_stores.matches.by_day(today - 4 * day) == counted


def test_matches_by_day_follow_what_is_written_again_moved_and_deleted(every_stores):
    kursk, nato = builders.alert("kursk").id, builders.alert("nato").id
    stays, moves, goes = (builders.match(name, alert_id=kursk, matched_at=NOON) for name in ("stays", "moves", "goes"))
    every_stores.matches.create([stays, moves, goes])
    every_stores.matches.create([stays])
    every_stores.matches.put([replace(stays, delivered=True)])
    every_stores.matches.put([replace(moves, alert_id=nato, matched_at=NOON - timedelta(days=1))])
    every_stores.matches.delete([goes.id])
    counted = {kursk: {NOON.date(): 1}, nato: {NOON.date() - timedelta(days=1): 1}}
    assert every_stores.matches.by_day(NOON.date() - timedelta(days=9)) == counted


def test_the_latest_matches_are_those_of_the_alerts_asked_about_newest_first(every_stores):
    mine, other = builders.alert("kursk").id, builders.alert("nato").id
    made = [builders.match(str(number), alert_id=mine, matched_at=later(number)) for number in range(4)]
    last = builders.match("other", alert_id=other, matched_at=later(9))
    every_stores.matches.create([*made, last])
    assert every_stores.matches.latest([mine], later(1), 2) == [made[3], made[2]]
    assert every_stores.matches.latest([mine], later(1), 9) == [made[3], made[2], made[1]]
    assert every_stores.matches.latest([], NOON, 9) == []
    many = [identify("alert", str(number)) for number in range(70_000)]  # more than Elasticsearch takes at once
    assert every_stores.matches.latest([mine, *many, other], later(1), 2) == [last, made[3]]


def test_a_store_says_how_large_it_is(every_stores):
    every_stores.feeds.create([builders.feed()])
    assert sum(every_stores.sizes().values()) > 0
