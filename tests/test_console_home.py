"""The first page: the next steps, the newest matches, what needs an operator."""

from __future__ import annotations

import pytest

from pipeline.flow.sweep import sweep
from pipeline.model import EntryState, Role
from pipeline.ports import Ports
from tests import builders
from tests.browser import Browser, Page
from tests.builders import NOON, user
from tests.consoles import console
from tests.fakes import Clock
from tests.servers import free_port

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def home(ports: Ports, role: Role) -> Page:
    port = free_port()
    with console(ports, port, [], visitor=user(role)):
        return Browser(port, follows=True).get("/")


def test_an_empty_installation_says_the_next_three_steps_to_those_who_can_take_them(ports):
    operator, viewer = home(ports, Role.OPERATOR), home(ports, Role.VIEWER)
    assert operator.tree.xpath("//ol/li/a/@href") == ["/feeds/new", "/alerts/new"]
    assert viewer.tree.xpath("//ol/li/a") == []
    assert len(viewer.tree.xpath("//ol/li")) == 3


def test_the_steps_are_gone_when_they_are_taken(ports):
    ports.stores.feeds.create([builders.feed(polled_at=NOON)])
    ports.stores.alerts.create([builders.alert()])
    assert "Done: Add feeds" in home(ports, Role.ANALYST).words
    ports.stores.stories.put([builders.story()])
    assert "Next steps" not in home(ports, Role.ANALYST).words


def test_the_newest_matches_and_the_alerts_in_trouble_come_with_their_links(ports):
    ill = builders.alert("nato", health=f"its query can't be run {HOSTILE}")
    ports.stores.alerts.create([builders.alert("kursk"), ill])
    ports.stores.stories.put([builders.story("a", title=HOSTILE)])
    ports.stores.matches.create([builders.match("a")])
    page = home(ports, Role.VIEWER)
    assert f"/stories/{builders.story('a').id}" in page.tree.xpath("//a/@href")
    assert f"/alerts/{ill.id}" in page.tree.xpath("//a/@href")
    assert HOSTILE not in page.text


def test_an_operator_is_told_what_needs_them_and_an_analyst_is_not(ports):
    ports.stores.feeds.create([builders.feed("broken", error="answers 500")])
    ports.stores.entries.create([builders.entry("a", state=EntryState.QUARANTINED)])
    page = home(ports, Role.OPERATOR)
    assert "No worker has looked after the feeds yet" in page.words
    assert "answers 500" in page.words
    assert "1 entries in quarantine" in page.words
    sweep(ports)
    assert "No worker has looked" not in home(ports, Role.OPERATOR).words
    assert "What needs you" not in home(ports, Role.ANALYST).words


def test_a_stranger_is_sent_away(ports):
    port = free_port()
    with console(ports, port, []):
        assert Browser(port, follows=True).get("/").url.endswith("/sign-in?next=%2F")
