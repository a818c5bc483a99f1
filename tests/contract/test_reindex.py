"""A kind moves into a new index while others read and write, and nobody loses anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from pipeline.adapters import elastic
from pipeline.adapters.elastic import indices, mappings, reindex
from pipeline.adapters.elastic.client import connect
from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.lock import alone
from pipeline.adapters.elastic.mappings import Kind
from pipeline.errors import StoreError, StoreNotReady, StoreUnavailable
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.ids import identify
from pipeline.model import AlertState, DeliveryState
from pipeline.ports import Claim, Stores, StoryFilter
from pipeline.query.document import Document
from pipeline.query.syntax import parse
from pipeline.settings import Settings
from tests import builders, web
from tests.conftest import opened
from tests.spares import Spares
from tests.test_flow import one_round

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def chosen(elasticsearch_spares: Spares) -> Iterator[Settings]:
    made = elasticsearch_spares.new()
    yield made
    elasticsearch_spares.drop(made)


@pytest.fixture
def stores(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setattr(indices, "LINGER", 0.5)
    made = elastic.open_stores(chosen)
    yield made
    made.close()


def newer(monkeypatch: pytest.MonkeyPatch, *kinds: Kind) -> None:
    """A later Wirewatch: these kinds have another mapping."""
    for kind in kinds:
        monkeypatch.setitem(mappings.VERSIONS, kind, mappings.VERSIONS[kind] + 1)


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


class Busy:
    """Threads that do their work again and again, until the context ends; what went wrong in them is raised then."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.wrong: list[BaseException] = []

    @contextmanager
    def doing(self, *works: Callable[[int], object]) -> Iterator[Busy]:
        threads = [threading.Thread(target=self._go_on, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        assert self.wrong == []

    def _go_on(self, work: Callable[[int], object]) -> None:
        turn = 0
        try:
            while not self.over.is_set():
                work(turn)
                turn += 1
        except BaseException as error:
            self.wrong.append(error)


def test_all_that_was_written_read_changed_and_deleted_meanwhile_is_right_afterwards(stores, monkeypatch):
    monkeypatch.setattr(reindex, "LITTLE", 20)
    before = [builders.story(f"old {number}", title=f"kursk {number}") for number in range(900)]
    stores.stories.put(before)
    paused = builders.alert("kursk", name="paused", state=AlertState.PAUSED)
    stores.alerts.put([builders.alert("kursk"), paused])
    counter = builders.feed(failures=0.0)
    stores.feeds.create([counter])
    written, matches, gone, counted = [], [], [], []

    def write(turn: int) -> None:
        story = builders.story(f"new {turn}", title=f"kursk sudzha {turn}")
        (story_id,) = stores.stories.resolve([Claim([story.url], story.id)])
        assert stores.stories.create([story]) == [True]
        assert stores.stories.create([story]) == [False]
        assert stores.stories.get([story_id]) == {story.id: story}
        written.append(story)
        match = builders.match(f"m {turn}", story_id=story.id)
        assert stores.matches.create([match]) == [True]
        matches.append(match)

    def change(turn: int) -> None:
        stores.feeds.update([counter.id], lambda one: replace(one, failures=one.failures + 1))
        counted.append(turn)

    def delete(turn: int) -> None:
        if turn < 200:
            assert stores.stories.delete([before[turn].id]) == 1
            gone.append(before[turn].id)

    def read(turn: int) -> None:
        assert stores.stories.get([before[-1].id])
        assert len(list(stores.stories.narrow(parse("kursk"), StoryFilter()))) >= 700
        assert stores.alerts.narrow([Document(before[-1])])

    with Busy().doing(write, change, delete, read):
        moved = stores.reindex(["stories", "identities", "feeds", "matches", "alerts"], quiet)
        stores.alerts.put([builders.alert("sudzha")])
    kinds = list(dict.fromkeys(one.kind for one in moved))  # some have months
    assert kinds == ["feeds", "stories", "identities", "alerts", "matches"]
    assert {one.id for one in stores.stories.all()} == {one.id for one in (*before, *written)} - set(gone)
    assert len(list(stores.stories.narrow(parse("sudzha"), StoryFilter()))) == len(written)
    assert stores.matches.get([one.id for one in matches]) == {one.id: one for one in matches}
    assert stores.feeds.get([counter.id])[counter.id].failures == len(counted)
    assert all(stores.stories.known([story.url]) == story.id for story in written)
    assert {one.alert_id for one in stores.alerts.narrow([Document(written[0])])} == {
        builders.alert(query).id for query in ("kursk", "sudzha")
    }
    assert len(written) > 10


def test_news_that_come_while_every_kind_moves_are_stories_and_mailed_once_each(stores, ports, site, mails):
    told: list[tuple[str, str]] = []

    def news(turn: int) -> None:
        told.append((f"Day {turn} of Kursk", f"{site.base}/{turn}"))
        site.put("/feed", web.rss(*told[-20:]), web.RSS)
        one_round(ports)

    add_feeds(ports, [NewFeed(url=f"{site.base}/feed")])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",), copies=True))
    with Busy().doing(news):
        moved = stores.reindex([kind.value for kind in Kind], quiet)
    one_round(ports)
    assert {one.kind for one in moved} == {kind.value for kind in Kind} - {Kind.LOCKS}  # what reindex itself holds
    assert {one.title for one in stores.stories.all()} == {title for title, _ in told}
    rows = list(stores.deliveries.all())
    assert sorted(one.story_id for one in rows) == sorted(one.id for one in stores.stories.all())
    assert {one.state for one in rows} <= {DeliveryState.SENT, DeliveryState.HELD}  # many at once are a burst
    assert not any(one.repeated for one in rows)
    sent = {one.message_id for one in rows if one.state is DeliveryState.SENT}
    assert sorted(str(mail["Message-ID"]) for mail in mails()) == sorted(sent)
    assert len(told) > 5


def test_an_alert_that_is_saved_while_alerts_move_is_heard_from_then_on(stores, monkeypatch):
    stores.alerts.put([builders.alert("kursk", name=f"number {number}") for number in range(600)])
    document = Document(builders.story(title="kursk and sudzha"))
    saved = []

    def save(turn: int) -> None:
        alert = builders.alert("sudzha", name=f"saved {turn}")
        stores.alerts.put([alert])
        stores.alerts.update([alert.id], lambda one: replace(one, team="world"))
        assert alert.id in {one.alert_id for one in stores.alerts.narrow([document])}
        saved.append(alert.id)

    with Busy().doing(save):
        stores.reindex(["alerts"], quiet)
    found = {one.alert_id for one in stores.alerts.narrow([document])}
    assert len(found) == 600 + len(saved)
    assert {one.team for one in stores.alerts.get(saved).values()} == {"world"}


def test_a_newer_version_refuses_an_older_store_until_it_is_moved_and_the_older_one_refuses_it_then(
    chosen, stores, monkeypatch
):
    story = builders.story(title="kursk")
    stores.stories.put([story])
    newer(monkeypatch, Kind.STORIES)
    monkeypatch.setitem(
        mappings.PROPERTIES,
        Kind.STORIES,
        {**mappings.PROPERTIES[Kind.STORIES], "site": {"type": "keyword", "index": False}},
    )
    later = elastic.open_stores(chosen)
    for refused in (later.check, later.prepare):
        with pytest.raises(StoreError, match="version 1, and this Wirewatch wants 2: run `wirewatch reindex`"):
            refused()
    stores.stories.put([builders.story("other", title="kursk")])  # the older one works on
    moved = later.reindex([], quiet)
    assert ({one.kind for one in moved}, sum(one.copied for one in moved)) == ({"stories"}, 2)
    later.check()
    assert later.stories.get([story.id]) == {story.id: story}
    for refused in (
        stores.check,
        lambda: stores.stories.put([builders.story("late")]),
        lambda: stores.stories.get([story.id]),
        lambda: stores.stories.delete([story.id]),
    ):
        with pytest.raises(StoreNotReady, match="made by a later one, so upgrade this one"):
            refused()
    assert later.stories.get([story.id])
    later.close()


def test_while_months_move_to_a_newer_version_the_older_one_finds_all_and_changes_nothing_that_moved(
    chosen, stores, monkeypatch
):
    january, february = (
        builders.story(month, id=f"{month}-{identify(month)}", title="kursk") for month in ("2026-01", "2026-02")
    )
    stores.stories.put([january, february])
    newer(monkeypatch, Kind.STORIES)
    later = elastic.open_stores(chosen)
    run = reindex._Move.run

    def killed(self):
        if self.source.month == "2026-02":
            raise ZeroDivisionError
        return run(self)

    with monkeypatch.context() as patched:
        patched.setattr(reindex._Move, "run", killed)
        with pytest.raises(ZeroDivisionError):
            later.reindex([], quiet)
    assert {one.id for one in stores.stories.all()} == {january.id, february.id}
    stores.stories.update([february.id], lambda one: replace(one, site="changed meanwhile"))
    for refused in (
        lambda: stores.stories.put([january]),
        lambda: stores.stories.get([january.id]),
        lambda: stores.stories.update([january.id], lambda one: one),
        lambda: stores.stories.delete([january.id]),
        later.check,
        later.prepare,
    ):
        with pytest.raises(StoreNotReady, match=r"reindex|made by a later one"):
            refused()
    moved = later.reindex([], quiet)
    assert "2026-01" not in {one.source for one in moved}
    later.check()
    assert {one.id: one.site for one in later.stories.all()} == {january.id: "", february.id: "changed meanwhile"}
    with pytest.raises(StoreNotReady):
        list(stores.stories.all())
    left = indices.existing(later.stories.client, Names(chosen.store_prefix), Kind.STORIES)
    assert {one.version for one in left} == {2}
    later.close()


def test_a_store_of_before_there_were_months_moves_to_a_newer_version_at_once(chosen, stores, monkeypatch):
    names, client = stores.stories.shelf.names, stores.stories.client
    for one in indices.existing(client, names, Kind.STORIES):
        client.indices.delete(index=one.name)
    of_then, alias = f"{names.prefix}-stories-v1", f"{names.prefix}-stories"
    indices.create_index(client, of_then, mappings.mappings_of(Kind.STORIES))
    client.indices.put_alias(index=of_then, name=alias, is_write_index=True)
    story = builders.story(id=identify("story", "of then"), title="kursk")
    client.index(index=of_then, id=story.id, document=stores.stories.document(story)["_source"])
    newer(monkeypatch, Kind.STORIES)
    later = elastic.open_stores(chosen)
    (moved,) = later.reindex([], quiet)
    assert (moved.source, moved.copied) == (of_then, 1)
    later.check()
    assert list(later.stories.all()) == [story]
    assert later.reindex([], quiet) == []
    later.close()


def test_a_store_gets_as_many_shards_as_the_setting_says_and_keeps_all(chosen, stores):
    stories = [builders.story(str(number), title="kursk") for number in range(700)]
    stores.stories.put(stories)
    stores.deliveries.put([builders.delivery("a")])
    wider = elastic.open_stores(
        Settings(**{name: getattr(chosen, name) for name in Settings.__slots__} | {"store_shards": 3})
    )
    moved = wider.reindex([], quiet)
    assert {one.kind for one in moved} == {str(kind) for kind in mappings.GROWING}
    wider.stories.delete([stories[5].id])
    assert wider.reindex([], quiet) == []
    assert sum(one.copied for one in wider.reindex(["stories"], quiet)) == 699
    assert {one.id for one in wider.stories.all()} == {one.id for one in stories} - {stories[5].id}
    assert wider.stories.get([stories[6].id]) == {stories[6].id: stories[6]}
    assert len(list(wider.stories.narrow(parse("kursk"), StoryFilter()))) == 699
    wider.close()


def test_a_store_that_a_killed_reindex_has_left_is_put_right_by_setup(chosen, stores):
    feed = builders.feed()
    stores.feeds.put([feed])
    names = Names(chosen.store_prefix)
    with connect(chosen) as client:
        indices.create_index(client, names.index(Kind.FEEDS, copy=2), mappings.mappings_of(Kind.FEEDS, aside=True))
        client.indices.add_block(index=names.index(Kind.FEEDS), block="write")
        with pytest.raises(StoreUnavailable, match="`wirewatch setup` puts it right"):
            stores.feeds.delete([feed.id])
        lines = stores.prepare()
        assert [line for line in lines if "dropped" in line or "takes writes again" in line] == lines[-2:]
        assert stores.feeds.delete([feed.id]) == 1
        assert not client.indices.exists(index=names.index(Kind.FEEDS, copy=2))


def test_a_copy_that_fails_leaves_the_old_index_serving(chosen, stores, monkeypatch):
    stores.feeds.put([builders.feed()])
    broken = {**mappings.PROPERTIES[Kind.FEEDS], "title": {"type": "date"}}
    stores.feeds.put([builders.feed("b", title="no date")])
    monkeypatch.setitem(mappings.PROPERTIES, Kind.FEEDS, broken)
    newer(monkeypatch, Kind.FEEDS)
    later = elastic.open_stores(chosen)
    with pytest.raises(StoreError, match="title"):
        later.reindex([], quiet)
    later.close()
    assert stores.feeds.count() == 2
    stores.feeds.put([builders.feed("c")])


def test_one_at_a_time_does_upkeep_and_others_are_told_who(chosen, stores):
    names = Names(chosen.store_prefix)
    with connect(chosen) as client, alone(client, names, "prune") as renew:
        with pytest.raises(StoreUnavailable, match=r"`wirewatch prune` on .* is at work"):
            stores.reindex([], quiet)
        renew()
    assert stores.alone("prune").__enter__()


def test_what_was_deleted_is_found_among_many_whatever_its_id(stores, monkeypatch):
    monkeypatch.setattr(reindex, "FEW", 50)
    ids = [identify(str(number)) for number in range(600)] + [f"zz{number:04}" for number in range(300)]
    feeds = [replace(builders.feed(), id=key) for key in ids]
    stores.feeds.put(feeds)
    deleted = [ids[3], ids[500], "zz0007", "zz0299"]
    switch = reindex._Move._switch

    def after_the_copy(self, marks):
        if self.source.kind is Kind.FEEDS:
            stores.feeds.delete(deleted)
        return switch(self, marks)

    monkeypatch.setattr(reindex._Move, "_switch", after_the_copy)
    stores.reindex(["feeds"], quiet)
    assert {one.id for one in stores.feeds.all()} == set(ids) - set(deleted)


def test_elasticsearch_9_counts_its_writes_alike(request):
    with opened("elasticsearch9", request, ["feeds"]) as nine:
        feeds = [builders.feed(str(number)) for number in range(900)]
        nine.feeds.create(feeds)
        nine.feeds.delete([feeds[0].id])
        client = nine.feeds.client
        names = nine.feeds.shelf.names
        (source,) = indices.existing(client, names)
        moved = reindex._Move(client, names, nine.feeds, source, 2, lambda: None, quiet).run()
        assert moved.copied == 899
        assert {one.id for one in nine.feeds.all()} == {one.id for one in feeds[1:]}
        nine.feeds.update([feeds[1].id], lambda one: replace(one, title="new"))
        (source,) = [one for one in indices.existing(client, names) if one.aliases]
        again = reindex._Move(client, names, nine.feeds, source, 1, lambda: None, quiet)
        again.target = again._free_name()
        indices.create_index(client, again.target, mappings.mappings_of(Kind.FEEDS))
        marks = again._pass({0: -1, 1: -1})[1]
        nine.feeds.update([feeds[2].id], lambda one: replace(one, title="newer"))
        assert again._pass(marks)[0] == 1
