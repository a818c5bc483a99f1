"""The SQLite file itself: brought up to date from every schema that was ever released."""

from __future__ import annotations

import sqlite3

import pytest

from pipeline.adapters import sqlite
from pipeline.adapters.sqlite.database import VERSION
from pipeline.errors import StoreError
from tests import builders


def test_a_file_of_the_first_schema_is_brought_up_to_date_and_keeps_what_it_has(tmp_path):
    path = str(tmp_path / "store.db")
    stores = sqlite.open_stores(path)
    stores.prepare()
    stores.feeds.create([builders.feed()])
    stores.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE subscriptions")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    (line,) = stores.prepare()
    assert "brought up to date from schema 1" in line
    stores.subscriptions.create([builders.subscription()])
    assert list(stores.feeds.all()) == [builders.feed()]
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
