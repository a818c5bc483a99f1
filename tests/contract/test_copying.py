"""All that a store keeps comes over whole, from either backend to either: by an archive, and from store to store."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.adapters import archive, sqlite
from pipeline.errors import BadInput, StoreError
from pipeline.flow.operations import copying
from pipeline.ids import identify
from pipeline.kept import KINDS, MOMENTS, at_rest
from pipeline.model import DeliveryState
from pipeline.ports import Copied, Stores
from tests import builders, strategies
from tests.builders import NOON, later
from tests.conftest import opened

Kept = dict[str, list[Any]]
once_or_twice = settings(
    max_examples=2, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextmanager
def new_sqlite() -> Iterator[Stores]:
    with TemporaryDirectory() as folder, closing(sqlite.open_stores(str(Path(folder) / "store.db"))) as stores:
        stores.prepare()
        yield stores


def fill(stores: Stores, things: Kept) -> Kept:
    """Write `things`, each delivery of a match that is there; what was written."""
    ids = [match.id for match in things["matches"]]
    deliveries = [replace(one, match_id=ids[at % len(ids)]) for at, one in enumerate(things["deliveries"]) if ids]
    written = things | {"deliveries": deliveries}
    for name, some in written.items():
        assert all(getattr(stores, name).create(some))
    return written


def held(stores: Stores) -> Kept:
    """Everything, each kind in the order of ids."""
    found: Kept = {kind.name: [] for kind in KINDS}
    with copying.contents(stores) as contents:
        for batch in contents.batches:
            found[batch.kind] += batch.things
    return {name: sorted(some, key=lambda one: one.id) for name, some in found.items()}


def rested(things: Kept) -> Kept:
    return {name: sorted(map(at_rest, some), key=lambda one: one.id) for name, some in things.items()}


def archived(stores: Stores) -> io.BytesIO:
    file = io.BytesIO()
    with copying.contents(stores) as contents:
        for _ in archive.write(file, contents, NOON):
            pass
    file.seek(0)
    return file


def restored(file: io.BytesIO, stores: Stores, **how: bool) -> copying.Report:
    report = copying.Report()
    for _ in copying.pour(archive.read(file), stores, report, **how):
        pass
    return report


def moved(old: Stores, new: Stores) -> copying.Report:
    report = copying.Report()
    with copying.contents(old) as contents:
        for _ in copying.pour(contents, new, report, in_doubt=True):
            pass
    return report


def test_every_store_of_things_is_carried_and_looked_at():
    copied = {one.name for one in fields(Stores) if "Callable" not in str(one.type)} - {"clusters"}
    assert {kind.name for kind in KINDS} == copied == set(MOMENTS)
    assert len(MOMENTS) == len(KINDS)
    assert {"create", "still"} == {name for name in vars(Copied) if not name.startswith("_")}


@settings(max_examples=25)
@given(strategies.everything(0, 3))
def test_everything_comes_out_of_an_archive_as_it_went_in(things):
    with new_sqlite() as old, new_sqlite() as new:
        written = fill(old, things)
        report = restored(archived(old), new)
        assert held(new) == rested(written)
        copying.verify(report, new)
        assert restored(archived(old), new).written == 0  # again: nothing is new


@pytest.mark.elasticsearch
@once_or_twice
@given(strategies.everything(3, 6))
def test_from_sqlite_to_elasticsearch_and_back_everything_is_as_before(request, things):
    with new_sqlite() as old, opened("elasticsearch", request) as between, new_sqlite() as new:
        written = fill(old, things)
        copying.verify(restored(archived(old), between), between)
        copying.verify(restored(archived(between), new), new)
        assert held(new) == rested(written)
        assert moved(old, between).written == 0


@given(st.data())
@settings(max_examples=5)
def test_a_digest_does_not_depend_on_the_order_of_things_but_on_each(data):
    things = data.draw(st.lists(strategies.made(KINDS[0].type), min_size=1, max_size=5, unique_by=lambda one: one.id))
    changed = [replace(things[0], version=things[0].version + 1), *things[1:]]
    assert tally(things) == tally(data.draw(st.permutations(things))) != tally(changed)


def tally(things: list[Any]) -> str:
    made = copying.Tally()
    for one in things:
        made.add(one)
    return made.digest


# -- what is there already


def test_into_what_exists_only_what_is_missing_or_earlier_is_written(stores):
    early = builders.alert(updated_at=later(1))
    late = replace(early, query="kursk pact", updated_at=later(2))
    other = builders.alert("moscow")
    with new_sqlite() as old:
        old.alerts.create([early, other])
        stores.alerts.create([late])
        report = restored(archived(old), stores).carried["alerts"]
        assert (report.given, report.written, report.kept) == (2, 1, 1)
        assert stores.alerts.get([late.id, other.id]) == {late.id: late, other.id: other}
        old.alerts.put([replace(late, updated_at=later(3), team="world")])
        restored(archived(old), stores)
        assert stores.alerts.get([late.id])[late.id].team == "world"


def test_of_two_that_can_not_be_told_apart_in_time_the_restored_store_keeps_its_own(stores):
    own = builders.feed(title="own")
    stores.feeds.create([own])
    with new_sqlite() as old:
        old.feeds.create([builders.feed(title="given")])
        restored(archived(old), stores)
        assert stores.feeds.get([own.id]) == {own.id: own}
        moved(old, stores)  # the source of a move is the truth
        assert stores.feeds.get([own.id])[own.id].title == "given"


def test_a_store_that_holds_something_is_not_empty_and_says_what(stores):
    copying.check_empty(stores)
    stores.feeds.create([builders.feed()])
    with pytest.raises(BadInput, match=r"not empty \(1 feeds\).*--into-existing"):
        copying.check_empty(stores)


def test_a_move_into_another_installation_is_refused(stores):
    with new_sqlite() as old:
        old.feeds.create([builders.feed("a")])
        copying.check_same_origin(old, stores)
        stores.feeds.create([builders.feed("a")])
        copying.check_same_origin(old, stores)  # it is taken up again
        stores.feeds.create([builders.feed("b")])
        with pytest.raises(BadInput, match="feeds that the source does not have"):
            copying.check_same_origin(old, stores)


def test_a_copy_that_is_not_equal_says_of_what(stores):
    with new_sqlite() as old:
        old.alerts.create([builders.alert("one"), builders.alert("two")])
        report = moved(old, stores)
        copying.verify(report, stores)
        stores.alerts.update([builders.alert("one").id], lambda alert: replace(alert, team="x"))
        with pytest.raises(StoreError, match="2 alerts of 2 of which some differ"):
            copying.verify(report, stores)


def test_a_move_that_broke_off_goes_on_where_it_was(stores):
    with new_sqlite() as old:
        old.stories.create([builders.story(str(number)) for number in range(1_200)])
        report = copying.Report()
        with copying.contents(old) as contents:
            next(copying.pour(contents, stores, report, in_doubt=True))
        again = moved(old, stores)
        assert report.carried["stories"].written == again.carried["stories"].kept == 500
        assert again.carried["stories"].written == 700
        copying.verify(again, stores)


# -- while work goes on


def test_what_is_looked_at_stands_still_while_others_write(stores):
    stores.alerts.create([builders.alert("before")])
    with copying.contents(stores) as contents:
        others = threading.Thread(target=lambda: stores.alerts.create([builders.alert("after")]))
        others.start()
        others.join()
        assert [one.name for batch in contents.batches for one in batch.things] == ["before"]
    assert stores.alerts.count() == 2


def test_leases_and_marks_of_the_queue_stay_behind(stores):
    taken = builders.entry(lease_until=later(10), queued_until=later(20), attempts=1)
    sending = builders.delivery(state=DeliveryState.SENDING, lease_until=later(10), match_id=builders.match().id)
    stores.entries.create([taken])
    stores.matches.create([builders.match()])
    stores.deliveries.create([sending])
    with new_sqlite() as new:
        restored(archived(stores), new)
        assert new.entries.due(NOON, 10) == [replace(taken, lease_until=None, queued_until=None)]
        # It may have gone out: notify sends it again under its Message-ID, and marks it.
        assert new.deliveries.due(NOON, 10) == [replace(sending, lease_until=None)]


def test_an_unsent_delivery_whose_match_was_not_caught_is_left_to_come_again(stores):
    unsent = builders.delivery("unsent", match_id=identify("nowhere"))
    sent = builders.delivery("sent", match_id=identify("nowhere"), state=DeliveryState.SENT)
    stores.deliveries.create([unsent, sent])
    with new_sqlite() as new:
        report = restored(archived(stores), new)
        assert (report.carried["deliveries"].left, list(new.deliveries.all())) == (1, [sent])


def test_a_step_is_looked_at_before_what_it_makes():
    """So that it is done again where the moments lie apart, and never left out."""
    order = {name: place for place, name in enumerate(MOMENTS)}
    for step, makes in [
        ("feeds", "entries"),
        ("entries", "stories"),
        ("entries", "matches"),
        ("matches", "stories"),
        ("matches", "firings"),
        ("matches", "deliveries"),
        ("deliveries", "outboxes"),
    ]:
        assert order[step] < order[makes]
