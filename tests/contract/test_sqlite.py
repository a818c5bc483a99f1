"""The SQLite file itself: brought up to date from every schema that was ever released."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from pipeline.adapters import sqlite
from pipeline.adapters.codec import encode
from pipeline.adapters.sqlite import stories
from pipeline.adapters.sqlite.database import _STEPS, VERSION
from pipeline.errors import StoreError
from pipeline.ports import StoryFilter
from pipeline.query.syntax import parse
from pipeline.settings import load
from tests import builders
from tests.builders import NOON
from tests.contract.test_clusters import told
from workers import app, bootstrap


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_file_of_an_earlier_schema_is_brought_up_to_date_and_keeps_what_it_has(tmp_path, version):
    path = str(tmp_path / "store.db")
    feed, story = builders.feed(), builders.story(title="Kursk")
    with sqlite3.connect(path) as connection:
        for step in _STEPS[:version]:
            connection.executescript(step)
        connection.execute("INSERT INTO feeds VALUES (?, ?, 'active', 0)", (feed.id, encode(feed)))
        connection.execute(
            "INSERT INTO stories (id, thing, published, updated_at) VALUES (?, ?, 0, 0)", (story.id, encode(story))
        )
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    stores = sqlite.open_stores(path)
    (line,) = stores.prepare()
    assert f"brought up to date from schema {version}" in line
    stores.subscriptions.create([builders.subscription()])
    assert stores.clusters.lead([told("first")]) == ["first"]
    assert (list(stores.feeds.all()), list(stores.stories.all())) == ([feed], [story])
    assert stores.stories.copies(story.id, 9) == []
    assert stores.prepare() == [f"{path}: ready"]
    stores.close()


def test_a_file_of_a_later_schema_is_refused(tmp_path):
    path = str(tmp_path / "store.db")
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    stores = sqlite.open_stores(path)
    with pytest.raises(StoreError, match="later Wirewatch"):
        stores.prepare()
    stores.close()


def test_common_words_are_looked_for_by_time_and_found_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(stories, "COMMON", 5)
    made = sqlite.open_stores(str(tmp_path / "store.db"))
    made.prepare()
    made.stories.put(
        [builders.story(str(day), title=f"kursk {day}", published=NOON + timedelta(days=day)) for day in range(20)]
    )
    where = StoryFilter(since=NOON + timedelta(days=3), until=NOON + timedelta(days=12))
    found = [one.title for one in made.stories.narrow(parse("kursk"), where)]
    assert found == [f"kursk {day}" for day in range(11, 2, -1)]
    assert len(list(made.stories.narrow(parse("kursk"), StoryFilter()))) == 20
    made.close()


@pytest.mark.parametrize(("version", "cure"), [(0, "setup"), (1, "setup"), (VERSION + 1, "upgrade this one")])
def test_a_process_that_finds_another_schema_than_its_own_says_what_to_do_and_takes_no_work(tmp_path, version, cure):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    bootstrap.choose(load({}, store=f"sqlite://{path}"))
    try:
        with pytest.raises(StoreError, match=cure):
            bootstrap.check_store()
        with pytest.raises(SystemExit):
            app._check()
    finally:
        bootstrap._chosen.clear()


def test_a_file_from_before_it_could_be_shortened_is_by_a_thorough_reclaim(tmp_path):
    path = str(tmp_path / "store.db")
    with sqlite3.connect(path) as connection:
        connection.executescript(_STEPS[0])
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    stores = sqlite.open_stores(path)
    stores.prepare()
    written = [builders.story(str(number), body="word " * 2_000) for number in range(300)]
    stores.stories.create(written)
    full = stores.size()
    stores.stories.delete([one.id for one in written[1:]])
    assert "prune --compact" in stores.reclaim(False)
    assert sum(stores.sizes().values()) > full / 2
    assert "--compact" not in stores.reclaim(True)
    assert sum(stores.sizes().values()) < full / 2
    assert list(stores.stories.all()) == written[:1]
    stores.close()
