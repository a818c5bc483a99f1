"""What grows is kept by months: one begins with the first write to it, and ends when nothing is left in it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from msgspec.structs import replace

from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.disk import reclaim
from pipeline.adapters.elastic.indices import Names, existing, this_month
from pipeline.adapters.elastic.mappings import MONTHLY, UNDATED, Kind, mappings_of
from pipeline.adapters.elastic.months import drop_empty
from pipeline.adapters.elastic.reindex import mend
from pipeline.errors import StoreNotReady
from pipeline.ids import delivery_id, firing_id, identify, match_id, story_id
from pipeline.model import Firing, Story
from pipeline.ports import Claim, Stores, StoryFilter
from pipeline.query.syntax import parse
from tests import builders
from tests.conftest import NINE, opened
from tests.contract.test_reindex import Busy
from tests.fleet import ROOT
from tests.servers import wait_until

pytestmark = pytest.mark.elasticsearch

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
    assert begun.marks == mappings_of(Kind.STORIES)["_meta"]["wirewatch"]
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
    begun = set(kept(stores, Kind.STORIES))
    absent = story_of("2031-07").id
    assert stores.stories.get([absent]) == {}
    assert stores.stories.update([absent], lambda one: one) == []
    assert stores.stories.delete([absent]) == 0
    assert set(kept(stores, Kind.STORIES)) == begun


def test_a_story_that_two_bring_at_a_months_turn_is_one_in_the_month_of_whoever_bound_its_keys(stores):
    before, after = story_of("2026-01"), story_of("2026-02")
    assert before.id != after.id
    assert stores.stories.resolve([Claim([before.url], before.id)]) == [before.id]
    assert stores.stories.resolve([Claim([after.url, "another"], after.id)]) == [before.id]
    assert stores.stories.known(["another"]) == before.id


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indices, "LINGER", 0.1)


@pytest.mark.usefixtures("hurried")
def test_a_month_that_is_over_and_in_which_nothing_is_left_is_dropped(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    made = [story_of("2026-01"), story_of("2026-02"), story_of("2090-01")]
    stores.stories.create(made)
    stores.stories.delete([made[0].id, made[2].id])
    said = reclaim(client, names, thorough=False)
    assert f"{names.prefix}-stories-2026-01-v1" in said
    left = set(kept(stores, Kind.STORIES))
    assert {"2026-02", "2090-01"} <= left
    assert not {"2026-01", f"{builders.NOON:%Y-%m}", UNDATED} & left
    for kind in MONTHLY - {Kind.STORIES}:
        assert not {"2026-01", "2026-02", UNDATED} & set(kept(stores, kind))
    assert "dropped" not in reclaim(client, names, thorough=False)
    assert stores.stories.create([made[0]]) == [True]
    assert stores.stories.get([made[0].id]) == {made[0].id: made[0]}


@pytest.mark.usefixtures("hurried")
def test_the_last_month_of_a_kind_stays_though_it_is_over(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    stores.stories.create([story_of("2026-02")])
    for one in existing(client, names):
        if one.kind in MONTHLY and one.month != "2026-02":
            client.indices.delete(index=one.name)
    stores.stories.delete([story_of("2026-02").id])
    assert "dropped" not in reclaim(client, names, thorough=False)
    assert list(stores.stories.all()) == []


@pytest.mark.usefixtures("hurried")
def test_whoever_writes_and_searches_while_a_month_is_dropped_loses_nothing_and_meets_no_error(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    dropped: list[str] = []
    stays = builders.match(id=match_id("stays", story_of("2026-02").id), story_id="stays")
    stores.matches.create([stays])

    def come_and_go(turn: int) -> None:
        match = builders.match(id=match_id(f"alert {turn}", story_of("2026-01").id))
        assert stores.matches.create([match]) == [True]
        assert stores.matches.create([match]) == [False]
        (delivered,) = stores.matches.update([match.id], lambda one: replace(one, delivered=True))
        assert stores.matches.get([match.id]) == {match.id: delivered}
        assert stores.matches.delete([match.id]) == 1

    def drop(turn: int) -> None:
        dropped.extend(name for name in drop_empty(client, names, lambda: None) if "2026-01" in name)

    def search(turn: int) -> None:
        assert stores.matches.of_stories(["stays"]) == [stays]

    with Busy().doing(come_and_go, drop, search) as busy:
        wait_until(lambda: len(dropped) >= 5 or busy.wrong, 60, "the month is dropped five times")


@pytest.mark.usefixtures("hurried")
def test_a_month_that_somebody_reads_from_outlives_its_drop_and_is_never_led_to_again(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    story = story_of("2026-01")
    stores.stories.create([story])
    point = client.open_point_in_time(index=f"{names.prefix}-stories-2026-01", keep_alive="1m")["id"]
    stores.stories.delete([story.id])
    assert "stories-2026-01" not in reclaim(client, names, thorough=False)
    assert stores.stories.create([story]) == [True]
    assert stores.stories.get([story.id]) == {story.id: story}
    of_month = [one for one in existing(client, names, Kind.STORIES) if one.month == "2026-01"]
    (served,) = [one.name for one in of_month if one.aliases]
    assert (served, len(of_month)) == (f"{names.prefix}-stories-2026-01-v1-2", 2)
    client.close_point_in_time(id=point)
    mend(client, names)
    assert [one.name for one in existing(client, names, Kind.STORIES) if one.month == "2026-01"] == [served]


@pytest.mark.usefixtures("hurried")
def test_a_drop_that_was_broken_off_is_put_right_by_the_next(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    story = story_of("2026-01")
    stores.stories.create([story])
    index = f"{names.prefix}-stories-2026-01-v1"
    client.indices.add_block(index=index, block="write")
    client.indices.put_mapping(index=index, meta=mappings_of(Kind.STORIES, aside=True)["_meta"])
    reclaim(client, names, thorough=False)
    assert stores.stories.update([story.id], lambda one: replace(one, site="changed"))
    assert not next(one for one in existing(client, names, Kind.STORIES) if one.name == index).marks.get("aside")


def test_a_store_of_before_there_were_months_goes_on(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    for one in existing(client, names, Kind.STORIES):
        client.indices.delete(index=one.name)
    of_then = f"{names.prefix}-stories-v1"
    client.indices.create(
        index=of_then,
        aliases={f"{names.prefix}-stories": {"is_write_index": True}},
        mappings=mappings_of(Kind.STORIES),
    )
    known = builders.story(id=identify("story", "of then"), title="Kursk")
    client.index(index=of_then, id=known.id, document=stores.stories.document(known)["_source"])
    assert stores.stories.get([known.id]) == {known.id: known}
    assert indices.prepare(client, names, [Kind.STORIES])[-1].endswith(names.index(Kind.STORIES, this_month()))
    new = story_of("2026-01")
    assert stores.stories.create([known, new]) == [False, True]
    assert in_use(stores, Kind.STORIES) == {"2026-01": 1, UNDATED: 1}
    assert {one.id for one in stores.stories.narrow(parse("kursk"), StoryFilter())} == {known.id, new.id}


@pytest.mark.parametrize("by_setup", [True, False])
def test_months_that_a_snapshot_brought_without_aliases_are_put_back_by_setup_or_who_reads_them(stores, by_setup):
    client, names = stores.stories.client, stores.stories.shelf.names
    made = [story_of("2026-01"), story_of("2026-02")]
    stores.stories.create(made)
    for one in existing(client, names, Kind.STORIES):
        client.indices.delete_alias(index=one.name, name="*")
    if by_setup:
        indices.prepare(client, names, [Kind.STORIES])
    assert stores.stories.get([one.id for one in made]) == {one.id: one for one in made}
    assert {one.id for one in stores.stories.all()} == {one.id for one in made}


@pytest.fixture
def nowhere(stores: Stores) -> Iterator[Callable[[], None]]:
    """Elasticsearch that has no node for a new month of stories, until what this gives is called."""
    client, names = stores.stories.client, stores.stories.shelf.names
    rule = "index.routing.allocation.require._name"
    known = client.indices.get_index_template(name=names.template(Kind.STORIES))["index_templates"][0]["index_template"]
    template = known["template"] | {"settings": {rule: "nobody"}}
    kept = {"index_patterns": known["index_patterns"], "priority": known["priority"]}

    def give_room() -> None:
        for one in existing(client, names, Kind.STORIES):
            client.indices.put_settings(index=one.name, settings={rule: None})
        indices.prepare(client, names, [Kind.STORIES])

    client.indices.put_index_template(name=names.template(Kind.STORIES), template=template, **kept)
    yield give_room
    give_room()


def test_a_month_for_which_there_is_no_room_stops_nothing_but_what_belongs_to_it(stores, nowhere, monkeypatch):
    monkeypatch.setattr(indices, "SHARDS_SECONDS", 1)
    other = builders.story(title="Kursk")
    assert stores.stories.create([other]) == [True]
    for _ in range(2):  # the second finds what the first has made
        with pytest.raises(StoreNotReady, match="no room for it yet"):
            stores.stories.create([story_of("2026-01")])
    with pytest.raises(StoreNotReady, match="no room for it yet"):
        stores.look_ahead(datetime(2026, 1, 28, tzinfo=UTC))
    assert list(stores.stories.narrow(parse("kursk"), StoryFilter())) == [other]
    client, names = stores.stories.client, stores.stories.shelf.names
    assert any("no room for it yet" in line for line in indices.prepare(client, names, [Kind.STORIES]))
    nowhere()
    assert stores.stories.create([story_of("2026-01")]) == [True]
    assert len(list(stores.stories.narrow(parse("kursk"), StoryFilter()))) == 2


@pytest.mark.usefixtures("hurried")
def test_what_somebody_restored_beside_a_month_that_serves_is_theirs_and_is_not_dropped(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    stores.stories.create([story_of("2026-01")])
    restored = names.index(Kind.STORIES, "2026-01", 2)
    indices.create_index(client, restored, mappings_of(Kind.STORIES))
    reclaim(client, names, thorough=False)
    assert restored in [one.name for one in existing(client, names, Kind.STORIES)]


@pytest.mark.usefixtures("hurried")
def test_a_month_begun_anew_under_another_name_has_the_shards_of_the_setting(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    indices.prepare(client, names, [Kind.STORIES], shards=2)
    indices.create_index(client, names.index(Kind.STORIES, "2026-01"), mappings_of(Kind.STORIES, aside=True))
    stores.stories.create([story_of("2026-01")])
    begun = next(one for one in existing(client, names, Kind.STORIES) if one.month == "2026-01" and one.aliases)
    assert (begun.copy, begun.shards) == (2, 2)


def test_what_an_earlier_version_left_without_aliases_is_no_matter_to_setup(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    left = Names(names.prefix, {Kind.STORIES: 0}).index(Kind.STORIES, "2026-01")
    indices.create_index(client, left, {})
    assert indices.prepare(client, names, [Kind.STORIES])[-1].endswith("ready")
    assert stores.stories.get([story_of("2026-01").id]) == {}
    client.indices.delete(index=left)


def test_a_month_that_is_made_ahead_is_there_for_every_kind(stores):
    stores.look_ahead(datetime(2031, 6, 28, tzinfo=UTC))
    assert all("2031-06" in kept(stores, kind) for kind in MONTHLY)


def test_an_index_that_serves_is_whole_whatever_its_mark_says(stores):
    """A move that was broken off after its aliases had moved: setup put them on the old index, for good."""
    client, names = stores.stories.client, stores.stories.shelf.names
    story = story_of("2026-01")
    stores.stories.create([story])
    index = f"{names.prefix}-stories-2026-01-v1"
    client.indices.put_mapping(index=index, meta=mappings_of(Kind.STORIES, aside=True)["_meta"])
    assert f"{names.prefix}-stories-2026-01: mapping brought up to date" in indices.prepare(
        client, names, [Kind.STORIES]
    )
    assert stores.stories.get([story.id]) == {story.id: story}
    assert next(one for one in existing(client, names, Kind.STORIES) if one.name == index).marks.get("aside") is None


def test_a_month_is_deleted_by_hand_as_the_docs_say(stores):
    client, names = stores.stories.client, stores.stories.shelf.names
    stores.stories.create([story_of("2026-08"), story_of("2026-09")])
    page = (ROOT / "docs" / "elasticsearch.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    (node,) = client.transport.node_pool.all()
    typed = shown.replace("wirewatch-", f"{names.prefix}-")
    subprocess.run(["bash", "-c", typed], env={**os.environ, "ELASTICSEARCH": node.base_url}, check=True, timeout=60)
    assert all("2026-08" not in kept(stores, kind) and "2026-09" in kept(stores, kind) for kind in MONTHLY)
    assert stores.stories.get([story_of("2026-08").id]) == {}
    assert stores.stories.create([story_of("2026-08")]) == [True]
