"""The conservation check finds what is lost, be it entry, match or delivery, and a mail that comes twice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.adapters import sqlite
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import once
from tests.conftest import world
from tests.faults.conservation import conservation, entry_id
from tests.press import Press


@pytest.fixture
def told(tmp_path, site, clock, mails):
    """Ports, what was published and the mails, after two stories, of which one stands in two feeds."""
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    ports = world(stores, tmp_path, clock, pages="never")
    ports.stores.prepare()
    press = Press(site, feeds=2, zones=2)
    ports.stores.alerts.put(press.alerts(recipients=2))
    add_feeds(ports, [NewFeed(url=one) for one in press.addresses])
    press.publish(0, "Two villages were left in the night, and the third will be tomorrow.", also_in=[1])
    press.publish(1, "The road is open again, as far as the bridge and not a step beyond it.")
    once(ports, everything=True, progress=lambda *_: None)
    yield ports, press.published, mails()
    ports.fetcher.close()
    ports.extractor.close()
    stores.close()


def test_what_is_whole_is_counted(told):
    found = conservation(*told)
    assert found.broken == ()
    assert (found.entries, found.stories, found.duplicates, found.matches, found.mails) == (3, 2, 1, 2, 2)


def test_an_entry_that_is_not_there_is_lost(told):
    ports, published, mails = told
    ports.stores.entries.delete([entry_id(published[0])])
    assert conservation(ports, published, mails).broken == (f"{published[0].link} of {published[0].feed}: no entry",)


def test_an_entry_without_its_story_is_lost(told):
    ports, published, mails = told
    entry = ports.stores.entries.get([entry_id(published[2])])[entry_id(published[2])]
    ports.stores.stories.delete([entry.story_id])
    assert [one.rpartition(": ")[2] for one in conservation(ports, published, mails).broken] == ["done, and no story"]


def test_a_duplicate_that_its_story_does_not_name_is_lost(told):
    ports, published, mails = told
    ports.stores.stories.put([replace(one, entry_ids=()) for one in ports.stores.stories.all()])
    assert [one.rpartition(": ")[2] for one in conservation(ports, published, mails).broken] == [
        "not recorded with its story"
    ] * 3


def test_a_match_that_was_not_made_is_told(told):
    ports, published, mails = told
    match = next(ports.stores.matches.all())
    ports.stores.matches.delete([match.id])
    broken = conservation(ports, published, mails).broken
    assert any("no match of zone" in one for one in broken)
    assert "ledger: 1 stray" in broken


def test_a_delivery_that_is_missing_is_told(told):
    ports, published, mails = told
    row = next(ports.stores.deliveries.all())
    ports.stores.deliveries.delete([row.id])
    broken = conservation(ports, published, mails).broken
    assert broken == ("ledger: 1 missing", f"mail {row.message_id}: came, and is not in the ledger")


def test_a_mail_that_did_not_come_and_one_that_came_twice_are_told_unless_it_is_marked(told):
    ports, published, mails = told
    once, twice = mails
    broken = conservation(ports, published, [twice, twice]).broken
    assert broken == (
        f"mail {once['Message-ID']}: sent by the ledger, and did not come",
        f"mail {twice['Message-ID']}: came 2 times, and is not marked",
    )
    for row in list(ports.stores.deliveries.all()):
        ports.stores.deliveries.put([replace(row, repeated=True)])
    found = conservation(ports, published, [once, twice, twice])
    assert (found.broken, found.repeated) == ((), 1)
