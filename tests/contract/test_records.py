"""What every store of things keeps, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.ids import identify
from pipeline.model import (
    Audit,
    Credential,
    CredentialKind,
    DeliveryState,
    Enclosure,
    Entity,
    EntityKind,
    EntryState,
    Event,
    Evidence,
    Feedback,
    FeedState,
    Group,
    Notice,
    RemovedAlert,
    Reply,
    Role,
    Scope,
    SubscriptionState,
    User,
    Watchdog,
    WordList,
)
from pipeline.ports import Records
from tests import builders
from tests.builders import NOON, later
from tests.conftest import opened

FULL: dict[str, Any] = {
    "feeds": builders.feed(
        title="Ä “feed”",
        site_url="https://a.example/",
        tags=("world", "Ünited"),
        state=FeedState.PAUSED,
        etag='W/"x"',
        last_modified="Sun, 01 Mar 2026 12:00:00 GMT",
        body_hash="abc",
        interval=312.5,
        lease_until=later(1),
        queued_until=later(2),
        polled_at=NOON,
        succeeded_at=NOON,
        new_entry_at=NOON,
        failures=2.5,
        error="500",
        moved_to="https://b.example/",
        notes=("odd",),
        polls="1790000000 3 \n1790000300 0 answers 500",
        pushed_until=later(3),
    ),
    "subscriptions": builders.subscription(
        topic="https://a.example/feed?ü",
        state=SubscriptionState.VERIFIED,
        queued_until=later(2),
        attempts=2,
        expires_at=later(3.5),
        pushed_at=NOON,
        error="answers 500",
    ),
    "entries": builders.entry(
        summary="<p>one</p>",
        content="<p>two " + "long " * 20_000 + "</p>",
        authors=("A", "B"),
        tags=("x",),
        language="en",
        published=datetime(1969, 7, 20, 20, 17, tzinfo=UTC),
        updated=later(0.123456),
        enclosures=(Enclosure(url="https://a.example/1.mp3", media_type="audio/mpeg", length=12),),
        content_hash="h",
        notes=("n",),
        state=EntryState.QUARANTINED,
        looks=1,
        attempts=3,
        lease_until=later(5),
        queued_until=later(6),
        error="it broke",
        failed_stage="extract",
        story_id="s",
    ),
    "stories": builders.story(
        title="Путін у 北京",
        body="One.\n\nTwo: “three”.",
        authors=("Abdullahi Jimoh",),
        site="News",
        section="World",
        language="en",
        tags=("t",),
        feed_ids=("f",),
        feed_titles=("F",),
        sentiment="negative",
        entities=(Entity(name="Kursk", kind=EntityKind.PLACE, code="RU", mentions=2, spans=(("body", 0, 3),)),),
        word_count=3,
        image="https://a.example/i.jpg",
        text_reason="403",
        version=3,
        content_hash="c",
    ),
    "alerts": builders.alert(
        '"mutual defence"', recipients=("a@example.org", "b@example.org"), health="slow", team="world"
    ),
    "removed_alerts": RemovedAlert(
        id="x", alert=builders.alert("kursk", recipients=("slack+https://hooks.example/x",)), by="cli:ana", at=NOON
    ),
    "lists": WordList(id="l", name="nato", members=("NATO", "北約", "north atlantic"), updated_at=NOON),
    "matches": builders.match(
        evidence=(Evidence(clause="kursk", field="body", start=1, end=6, text="Kursk"),),
        recipients=("a@example.org",),
        delivered=True,
    ),
    "deliveries": builders.delivery(
        state=DeliveryState.SENT,
        lease_until=later(1),
        queued_until=later(1),
        attempts=2,
        reason="r",
        answer="250 ok",
        message_id="<x@y>",
        repeated=True,
        history=(Event(at=NOON, state=DeliveryState.PENDING, note="matched"),),
    ),
    "recipients": builders.recipient(
        name="Ana Lyst",
        zone="Europe/Kyiv",
        language="uk",
        policy="daily 08:00",
        quiet="22:00-07:00",
        unsubscribed=(identify("alert", "kursk"), "*"),
        muted={identify("alert", "pact"): later(1)},
        bounces=3,
        bounced="550 5.1.1 no such user",
    ),
    "groups": Group(id="g", name="desk", members=("a@example.org", "b@example.org"), updated_at=NOON),
    "feedback": Feedback(id="f", match_id="m", alert_id="a", story_id="s", recipient="a@example.org", at=NOON),
    "watchdogs": Watchdog(
        id="w",
        name="ledger",
        due_at=NOON,
        look_at=later(60),
        lease_until=later(1),
        queued_until=later(2),
        trouble_since=later(-1),
        notices=(Notice(id="n", at=NOON, subject="“it”", text="one\ntwo", to=("a@example.org",)),),
    ),
    "users": User(
        id="u",
        address="ana@example.org",
        name="Ana Lyst",
        role=Role.OPERATOR,
        teams=("world", "süd"),
        password="$argon2id$…",
        version=2,
        disabled=True,
    ),
    "credentials": Credential(
        id="c",
        kind=CredentialKind.TOKEN,
        user_id="u",
        version=2,
        name="newsroom wall",
        scopes=(Scope.READ, Scope.OPERATE),
        created_at=NOON,
        expires_at=later(3.5),
    ),
    "audits": Audit(
        id="a",
        at=NOON,
        who="ana@example.org",
        did="change alert",
        about="“kursk”",
        before={"query": "kursk", "recipients": ["a@example.org"], "throttle": 0},
        after={"query": "kursk AND pact", "recipients": [], "throttle": 3},
    ),
    "replies": Reply(id="r", request="abc", status=201, body='{"name": "ü"}' + " " * 40_000, expires_at=later(1)),
}


@pytest.fixture(
    params=[
        *(pytest.param(("sqlite", kind), id=f"sqlite-{kind}") for kind in FULL),
        *(
            pytest.param((backend, kind), id=f"{backend}-{kind}", marks=pytest.mark.elasticsearch)
            for backend in ("elasticsearch", "elasticsearch9")
            for kind in FULL
            if (backend, kind) != ("elasticsearch9", "alerts")  # it comes without a percolator
        ),
    ]
)
def shelf(request: pytest.FixtureRequest) -> Iterator[tuple[Records[Any], Any]]:
    """Each store of each backend, and a thing that belongs there."""
    backend, kind = request.param
    with opened(backend, request, [kind]) as stores:
        yield getattr(stores, kind), FULL[kind]


def named(thing: Any, name: str) -> Any:
    return replace(thing, id=identify(name))


def test_a_thing_comes_back_as_it_was_written(shelf):
    records, thing = shelf
    assert records.create([thing]) == [True]
    assert records.get([thing.id]) == {thing.id: thing}


def test_a_second_create_writes_nothing_and_says_so(shelf):
    records, thing = shelf
    other = named(thing, "other")
    records.create([thing])
    assert records.create([thing, other]) == [False, True]
    assert records.get([thing.id, other.id]) == {thing.id: thing, other.id: other}


def test_of_twins_in_one_create_the_first_is_written(shelf):
    records, thing = shelf
    assert records.create([thing, thing]) == [True, False]
    assert records.count() == 1


def test_what_is_not_there_is_left_out(shelf):
    records, thing = shelf
    records.create([thing])
    assert records.get(["nobody", thing.id]) == {thing.id: thing}
    assert records.update(["nobody"], lambda one: one) == []
    assert records.delete(["nobody"]) == 0


def test_nothing_asked_gives_nothing(shelf):
    records, _ = shelf
    assert (records.create([]), records.get([]), records.update([], lambda one: one), records.delete([])) == (
        [],
        {},
        [],
        0,
    )


def test_an_update_sees_the_last_write_and_returns_what_it_wrote(shelf):
    records, thing = shelf
    other = named(thing, "other")
    records.create([thing, other])
    changed = records.update([other.id, thing.id], lambda one: one if one.id == thing.id else None)
    assert [one.id for one in changed] == [thing.id]


def test_what_is_deleted_is_gone_and_may_be_created_again(shelf):
    records, thing = shelf
    records.create([thing])
    assert records.delete([thing.id]) == 1
    assert (records.get([thing.id]), list(records.all()), records.count()) == ({}, [], 0)
    assert records.create([thing]) == [True]


def test_all_gives_every_thing_in_the_order_of_ids_beyond_one_page(shelf):
    records, thing = shelf
    small = replace(thing, content="") if hasattr(thing, "content") else thing
    things = [named(small, f"number {number}") for number in range(1_100)]
    assert all(records.create(things))
    assert [one.id for one in records.all()] == sorted(one.id for one in things)
    assert records.count() == 1_100


def test_updates_at_once_lose_none(stores):
    feed = builders.feed(failures=0.0)
    stores.feeds.create([feed])
    with ThreadPoolExecutor(8) as pool:
        work = [
            pool.submit(stores.feeds.update, [feed.id], lambda one: replace(one, failures=one.failures + 1))
            for _ in range(40)
        ]
        assert all(len(one.result()) == 1 for one in work)
    assert stores.feeds.get([feed.id])[feed.id].failures == 40


def test_of_creates_at_once_exactly_one_wins(stores):
    match = builders.match()
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: stores.matches.create([match])[0], range(24)))
    assert sum(won) == 1
