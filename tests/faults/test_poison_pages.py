"""Pages that kill the process that extracts them: the child dies, its entry rests in quarantine, the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.adapters import sqlite
from pipeline.adapters.extractor import ProcessExtractor
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import once
from pipeline.ports import Ports
from tests import web
from tests.conftest import world
from tests.faults.conservation import conservation
from tests.faults.poison import poisoned
from tests.press import Press


@pytest.fixture
def ports(tmp_path, clock) -> Iterator[Ports]:
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    made = world(stores, tmp_path, clock)
    made.stores.prepare()
    made = replace(made, extractor=ProcessExtractor(made.settings, poisoned, children=1))
    yield made
    made.fetcher.close()
    made.extractor.close()
    stores.close()


@pytest.mark.parametrize(("poison", "said"), [("memory", "ran out of memory"), ("crash", "died (exit code -11)")])
def test_a_page_that_kills_its_extractor_is_tried_and_rests_in_quarantine_while_others_go_on(
    ports, site, mails, clock, poison, said
):
    press = Press(site, feeds=1, zones=2, pages=True)
    ports.stores.alerts.put(press.alerts(recipients=2))
    add_feeds(ports, [NewFeed(url=press.addresses[0])])
    press.publish(0, "\n\n".join(web.article("Two villages were left in the night.", "zero")))
    press.publish(1, "\n\n".join(web.article("The road is open again.", "one")))
    site.put("/story/1", f"<html><body><p>{poison}</p></body></html>")
    once(ports, everything=True, progress=lambda *_: None)
    assert [str(mail["Subject"]) for mail in mails()] == ["[zone0] Report 000000 about zone0"]
    for _ in range(ports.settings.attempts):
        clock.turn(60)
        once(ports, everything=True, progress=lambda *_: None)
    found = conservation(ports, press.published, mails())
    assert found.broken == ()
    assert (found.stories, found.quarantined, found.mails) == (2, 1, 2)
    (entry,) = ports.stores.entries.quarantined()
    assert said in entry.error
