"""What grows is kept by months: one begins with the first write to it, and ends when nothing is left in it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from msgspec.structs import replace

from pipeline.adapters.elastic import indices, mappings, months
from pipeline.adapters.elastic.indices import existing, this_month
from pipeline.adapters.elastic.mappings import MONTHLY, UNDATED, Kind
from pipeline.adapters.elastic.stores import reclaim
from pipeline.ids import delivery_id, firing_id, identify, match_id, story_id
from pipeline.model import Firing, Story
from pipeline.ports import Claim, Stores, StoryFilter
from pipeline.query.syntax import parse
from tests import builders
from tests.conftest import NINE, opened
from tests.contract.test_reindex import Busy
from tests.servers import wait_until

pytestmark = pytest.mark.elasticsearch

BEGUN = {this_month(), f"{builders.NOON:%Y-%m}", UNDATED}
"""Of which every store of a test has an index."""
USED = [*sorted(MONTHLY), Kind.IDENTITIES, Kind.ENTRIES, Kind.SKETCHES, Kind.LOCKS]


@pytest.fixture(params=["elasticsearch", NINE])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    with opened(request.param, request, USED) as made:
        yield made


def story_of(month: str, name: str = "a") -> Story:
    seen = datetime.fromisoformat(f"{month}-28T12:00:00+00:00")
    story = builders.story(name, title="Kursk", first_seen_at=seen, published=seen, updated_at=seen)
    return replace(story, id=story_id(seen, story.url))


def kept(stores: Stores, kind: Kind) -> dict[str, int]:
    """How many things there are in each month of a kind."""
    client, names = stores.stories.client, stores.stories.shelf.names
    client.indices.refresh(index=names.alias(kind))
    return {one.month: client.count(index=one.name)["count"] for one in existing(client, names, kind) if one.aliases}


def in_use(stores: Stores, kind: Kind) -> dict[str, int]:
    return {month: count for month, count in kept(stores, kind).items() if count}


def test_a_story_is_kept_in_its_month_and_found_among_those_of_all(stores):
    made = [story_of("2026-01"), story_of("2026-02"), builders.story(id="before there were months", title="Kursk")]
    assert stores.stories.create(made) == [True, True, True]
    assert stores.stories.create(made) == [False, False, False]
    assert in_use(stores, Kind.STORIES) == {"2026-01": 1, "2026-02": 1, UNDATED: 1}
    ids = [one.id for one in made]
    assert stores.stories.get(ids) == {one.id: one for one in made}
    changed = stores.stories.update(ids, lambda one: replace(one, site="changed"))
    assert [one.id for one in changed] == ids
    assert {one.id for one in stores.stories.narrow(parse("kursk"), StoryFilter())} == set(ids)
    with stores.stories.still() as still:
        assert {one.id for one in still.things} == set(ids)
    assert stores.stories.delete([*ids, "2026-01-none"]) == 3
    assert stores.stories.count() == 0


def test_what_hangs_on_a_story_is_kept_in_its_month_whenever_it_comes(stores):
    story, alert = story_of("2026-01"), builders.alert()
    match = builders.match(id=match_id(alert.id, story.id), story_id=story.id, matched_at=builders.NOON)
    delivery = builders.delivery(id=delivery_id(match.id, "mail", "a@example.org"), match_id=match.id)
    firing = Firing(id=firing_id(alert.id, story.id), match_id=match.id, story_id=story.id, at=builders.NOON)
    stores.matches.create([match])
    stores.deliveries.create([delivery])
    stores.firings.create([firing])
    for kind in (Kind.MATCHES, Kind.DELIVERIES, Kind.FIRINGS):
        assert in_use(stores, kind) == {"2026-01": 1}
    assert stores.deliveries.of_matches([match.id]) == [delivery]


def test_a_month_begins_as_setup_would_make_it(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    indices.prepare(client, names, [Kind.STORIES], shards=3)
    stores.stories.create([story_of("2026-01")])
    begun = next(one for one in existing(client, names, Kind.STORIES) if one.month == "2026-01")
    assert begun.name == f"{names.prefix}-stories-2026-01-v1"
    assert set(begun.aliases) == {f"{names.prefix}-stories", f"{names.prefix}-stories-2026-01"}
    assert begun.shards == 3
    assert begun.marks == mappings.mappings_of(Kind.STORIES)["_meta"]["wirewatch"]
    assert all(
        "ready" in line or "answers" in line for line in indices.prepare(client, names, [Kind.STORIES], shards=3)
    )


def test_of_many_who_begin_a_month_at_once_each_writes_what_is_its_own(stores):
    ready, many = Barrier(8), [[story_of("2026-01", f"{turn} {number}") for number in range(20)] for turn in range(8)]

    def begin(stories: list[Story]) -> list[bool]:
        ready.wait()
        return stores.stories.create([*stories, many[0][0]])

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(begin, many))
    assert sum(map(sum, written)) == 8 * 20
    assert in_use(stores, Kind.STORIES) == {"2026-01": 8 * 20}


def test_nothing_is_in_a_month_that_is_not_there_and_to_ask_begins_none(stores):
    absent = story_of("2031-07").id
    assert stores.stories.get([absent]) == {}
    assert stores.stories.update([absent], lambda one: one) == []
    assert stores.stories.delete([absent]) == 0
    assert set(kept(stores, Kind.STORIES)) == BEGUN


def test_a_story_that_two_bring_at_a_months_turn_is_one_in_the_month_of_whoever_bound_its_keys(stores):
    before, after = story_of("2026-01"), story_of("2026-02")
    assert before.id != after.id
    assert stores.stories.resolve([Claim([before.url], before.id)]) == [before.id]
    assert stores.stories.resolve([Claim([after.url, "another"], after.id)]) == [before.id]
    assert stores.stories.known(["another"]) == before.id


def test_a_month_in_which_nothing_is_left_is_dropped_and_the_latest_stays(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    made = [story_of("2026-01"), story_of("2026-02")]
    stores.stories.create(made)
    stores.stories.delete([made[0].id])
    said = reclaim(client, names, thorough=False)
    assert f"{names.prefix}-stories-2026-01-v1" in said
    assert kept(stores, Kind.STORIES).keys() == {"2026-02", max(BEGUN)}
    for kind in MONTHLY - {Kind.STORIES}:
        assert kept(stores, kind).keys() == {max(BEGUN)}
    assert "dropped" not in reclaim(client, names, thorough=False)
    assert stores.stories.create([made[0]]) == [True]
    assert stores.stories.get([made[0].id]) == {made[0].id: made[0]}


def test_whoever_writes_to_a_month_while_it_is_dropped_loses_nothing(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    dropped: list[str] = []

    def come_and_go(turn: int) -> None:
        match = builders.match(id=match_id(f"alert {turn}", story_of("2026-01").id))
        assert stores.matches.create([match]) == [True]
        assert stores.matches.create([match]) == [False]
        (delivered,) = stores.matches.update([match.id], lambda one: replace(one, delivered=True))
        assert stores.matches.get([match.id]) == {match.id: delivered}
        assert stores.matches.delete([match.id]) == 1

    def drop(turn: int) -> None:
        dropped.extend(name for name in months.drop_empty(client, names) if "2026-01" in name)

    with Busy().doing(come_and_go, drop) as busy:
        wait_until(lambda: len(dropped) >= 5 or busy.wrong, 60, "the month is dropped five times")


def test_a_store_of_before_there_were_months_goes_on_after_setup(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    for one in existing(client, names, Kind.STORIES):
        client.indices.delete(index=one.name)
    of_then = f"{names.prefix}-stories-v1"
    client.indices.create(
        index=of_then,
        aliases={f"{names.prefix}-stories": {"is_write_index": True}},
        mappings=mappings.mappings_of(Kind.STORIES),
    )
    known = builders.story(id=identify("story", "of then"), title="Kursk")
    client.index(index=of_then, id=known.id, document=stores.stories.document(known)["_source"])
    lines = indices.prepare(client, names, [Kind.STORIES])
    assert f"{names.prefix}-stories-{UNDATED}: put back on {of_then}" in lines
    new = story_of("2026-01")
    assert stores.stories.create([known, new]) == [False, True]
    assert in_use(stores, Kind.STORIES) == {"2026-01": 1, UNDATED: 1}
    assert {one.id for one in stores.stories.narrow(parse("kursk"), StoryFilter())} == {known.id, new.id}


def test_months_that_a_snapshot_brought_without_aliases_are_put_back_by_setup(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    made = [story_of("2026-01"), story_of("2026-02")]
    stores.stories.create(made)
    for one in existing(client, names, Kind.STORIES):
        client.indices.delete_alias(index=one.name, name="*")
    indices.prepare(client, names, [Kind.STORIES])
    assert stores.stories.get([one.id for one in made]) == {one.id: one for one in made}
    assert {one.id for one in stores.stories.all()} == {one.id for one in made}
