"""The must-pass story of ../shared/acceptance, on both backends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import Round, once
from pipeline.flow.stories.search import search
from pipeline.ids import identify
from pipeline.ports import Ports, StoryFilter
from pipeline.query.syntax import parse
from tests import web

PUBLISHED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
def expected(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "acceptance" / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def polled(ports: Ports, site: web.Site, shared: Path, expected: dict[str, Any]) -> Round:
    """The story polled once, under all the alerts it must and must not fire."""
    url = web.put_acceptance(site, shared / "acceptance", PUBLISHED)
    ports.stores.prepare()
    add_feeds(ports, [NewFeed(url=url)])
    for query in [*expected["alerts"]["fire"], *expected["alerts"]["quiet"]]:
        put_alert(ports, NewAlert(name=query, query=query, recipients=("analyst@example.org",)))
    return polled_again(ports)


def polled_again(ports: Ports) -> Round:
    return once(ports, everything=True, progress=lambda *_: None, threads=2)


def test_the_story_comes_out_as_its_reader_sees_it(ports, polled, expected):
    (story,) = search(ports, parse("kursk"), StoryFilter())
    assert story.title == expected["title"]
    assert story.authors == (expected["author"],)
    assert story.site == expected["site"]
    assert story.language == expected["language"]
    assert story.published == PUBLISHED
    assert story.body.split("\n\n") == expected["paragraphs"]
    assert [text for text in expected["absent_from_body"] if text in story.body] == []


def test_everybody_and_everything_it_names_is_found(ports, polled, expected):
    (story,) = search(ports, parse("kursk"), StoryFilter())
    for kind, names in expected["entities"].items():
        found = {entity.name for entity in story.entities if entity.kind == kind}
        assert found >= set(names)
    labelled = {name for names in expected["entities"].values() for name in names}
    assert len({entity.name for entity in story.entities} - labelled) <= 3


def test_the_alerts_that_must_fire_do_and_no_others(ports, polled, expected, mails):
    fired = sorted(str(mail["Subject"]).partition("] ")[0].removeprefix("[") for mail in mails())
    assert fired == sorted(expected["alerts"]["fire"])
    assert polled.sent == len(fired)


def test_polling_again_sends_nothing_more(ports, polled, mails):
    before = len(mails())
    again = polled_again(ports)
    assert (again.entries, again.matches, again.sent, len(mails())) == (0, 0, 0, before)


@pytest.mark.parametrize("changed", [{"guid": "/?p=77"}, {"tracking": "utm_source=other&amp;fbclid=3"}])
def test_the_story_again_under_another_name_sends_nothing_more(ports, polled, site, shared, mails, clock, changed):
    before = len(mails())
    web.put_acceptance(site, shared / "acceptance", PUBLISHED, **changed)
    clock.turn(600)
    again = polled_again(ports)
    assert again.entries + again.changed == 1
    assert (again.matches, again.sent, len(mails())) == (0, 0, before)
    assert ports.stores.stories.count() == 1


def test_each_delivery_stands_in_the_ledger_as_sent(ports, polled):
    assert dict(ports.stores.deliveries.counts()) == {"sent": polled.sent}
    kursk = identify("alert", "Kursk")
    (match,) = [one for one in ports.stores.matches.all() if one.alert_id == kursk]
    assert match.evidence[0].text == "Kursk"
