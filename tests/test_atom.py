"""The Atom feed of an alert's matches: what it holds, and to whom its secret address answers; over HTTP."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from pipeline.deliver import atom
from pipeline.deliver.atom import NAMESPACE, Places
from pipeline.flow.accounts.audit import audits
from pipeline.flow.accounts.users import change_user, invite, remove_user
from pipeline.flow.alerts import syndicate
from pipeline.flow.deeds.alerts import REMOVED_FOR, forget_removed, remove_alert, restore_alert
from pipeline.model import Alert, Role, User
from pipeline.ports import Ports
from tests import builders
from tests.browser import Desk, browsing
from tests.builders import later

PLACES = Places(
    feed="https://w.example/f?key=k", alert="https://w.example/alerts/a", stories="https://w.example/stories"
)
SCRIPT = "<script>alert(1)</script> & “so”"


@pytest.fixture
def ana(ports) -> User:
    return invite(ports, "test", "ana@example.org", role=Role.VIEWER, teams=["world"])


@pytest.fixture
def desk(ports, ana) -> Iterator[Desk]:
    with browsing(ports, ana) as browser:
        yield browser


@pytest.fixture
def alert(ports) -> Alert:
    made = builders.alert("kursk", team="world")
    ports.stores.alerts.put([made])
    return made


def matched(ports: Ports, name: str, **fields: object) -> None:
    moment = fields.pop("at", ports.clock.now())
    copy_of = fields.get("copy_of", "")
    story = builders.story(name, **fields)
    ports.stores.stories.put([story])
    ports.stores.matches.put([builders.match(name, story_id=story.id, matched_at=moment, copy_of=copy_of)])


def address(desk: Desk, alert: Alert) -> str:
    """The path that a press of the button shows."""
    shown = desk.post(f"/alerts/{alert.id}/feed", {}).text
    return unescape(re.search(r"https?://[^/]+(/feeds/alerts/[^<]+)", shown)[1])


def ask(desk: Desk, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{desk.port}{path}", headers=named)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def test_a_reader_of_feeds_gets_what_the_alert_matched_the_latest_first(desk, alert):
    now = desk.ports.clock.now()
    matched(desk.ports, "early", title="Kursk, early", body="Near Kursk.", at=now - timedelta(hours=2))
    matched(desk.ports, "late", title=SCRIPT, authors=("Ana <b>",), at=now - timedelta(hours=1))
    status, body, headers = ask(desk, address(desk, alert))
    assert (status, headers["content-type"].partition(";")[0]) == (200, atom.MEDIA_TYPE)
    read = feedparser.parse(body)
    assert not read.bozo
    assert (read.version, read.feed.title) == ("atom10", "Wirewatch: kursk")
    assert [unescape(one.title) for one in read.entries] == [SCRIPT, "Kursk, early"]
    assert read.entries[0].author == "Ana <b>" or unescape(read.entries[0].author) == "Ana <b>"
    assert read.entries[1].link == "https://a.example/early"
    assert read.entries[1].updated_parsed[:5] == (now - timedelta(hours=2)).timetuple()[:5]


def test_of_copies_the_first_stands_there_and_what_was_old_does_not(desk, alert):
    first = builders.story("first")
    now = desk.ports.clock.now()
    matched(desk.ports, "first", at=now - timedelta(hours=3))
    matched(desk.ports, "copy", copy_of=first.id, at=now - timedelta(hours=2))
    matched(desk.ports, "old")
    desk.ports.stores.matches.put([builders.match("old", story_id=builders.story("old").id, matched_at=now, old="old")])
    read = feedparser.parse(ask(desk, address(desk, alert))[1])
    assert [one.link for one in read.entries] == [first.url]


def test_what_stands_as_it_stood_is_not_sent_again(desk, alert):
    matched(desk.ports, "a", updated_at=desk.ports.clock.now())
    path = address(desk, alert)
    _, _, headers = ask(desk, path)
    etag, modified = headers["etag"], headers["last-modified"]
    assert ask(desk, path, If_None_Match=etag)[:2] == (304, b"")
    assert ask(desk, path, If_None_Match=f'"x", W/{etag}')[0] == 304
    assert ask(desk, path, If_Modified_Since=modified)[:2] == (304, b"")
    assert ask(desk, path, If_Modified_Since="a while ago")[0] == 200
    assert ask(desk, path, If_None_Match='"x"', If_Modified_Since=modified)[0] == 200
    desk.ports.clock.turn(60)
    matched(desk.ports, "b")
    assert ask(desk, path, If_None_Match=etag)[0] == ask(desk, path, If_Modified_Since=modified)[0] == 200


def test_an_address_holds_until_it_is_renewed_or_withdrawn(desk, alert):
    old, new = address(desk, alert), address(desk, alert)
    assert (ask(desk, old)[0], ask(desk, new)[0]) == (404, 200)
    assert "You have one" in desk.get(f"/alerts/{alert.id}").words
    desk.post(f"/alerts/{alert.id}/feed/withdraw", {})
    assert ask(desk, new)[0] == 404
    did = Counter(one.did for one in audits(desk.ports))
    assert (did["make feed address"], did["withdraw feed address"]) == (2, 1)


def test_a_key_opens_its_own_alert_alone_and_stands_nowhere_in_the_store(desk, alert):
    other = builders.alert("pact")
    desk.ports.stores.alerts.put([other])
    path = address(desk, alert)
    key = path.partition("key=")[2]
    assert ask(desk, f"/feeds/alerts/{other.id}.atom?key={key}")[0] == 404
    assert ask(desk, f"/feeds/alerts/{alert.id}.atom?key=made-up")[0] == 404
    assert ask(desk, f"/feeds/alerts/{alert.id}.atom")[0] == 404
    assert key not in str([*desk.ports.stores.credentials.all(), *desk.ports.stores.audits.all()])


@pytest.mark.parametrize("how", ["leaves the team", "is disabled", "is removed"])
def test_who_leaves_takes_no_feed_along_and_the_others_keep_theirs(desk, ana, alert, how):
    ports = desk.ports
    invite(ports, "test", "root@example.org", role=Role.ADMINISTRATOR)
    colleague = invite(ports, "test", "ben@example.org", teams=["world"])
    path = address(desk, alert)
    theirs = syndicate.renew_address(ports, colleague, alert).partition("/feeds/")[2]
    if how == "leaves the team":
        change_user(ports, "test", ana.address, teams=["sport"])
    elif how == "is disabled":
        change_user(ports, "test", ana.address, disabled=True)
    else:
        remove_user(ports, "test", ana.address)
    assert (ask(desk, path)[0], ask(desk, f"/feeds/{theirs}")[0]) == (404, 200)


def test_a_removed_alert_has_no_feed_and_when_it_is_put_back_its_readers_go_on(desk, alert, clock):
    path = address(desk, alert)
    remove_alert(desk.ports, "test", alert.id)
    assert ask(desk, path)[0] == 404
    restore_alert(desk.ports, "test", alert.id)
    assert ask(desk, path)[0] == 200
    remove_alert(desk.ports, "test", alert.id)
    clock.turn(REMOVED_FOR.total_seconds())
    forget_removed(desk.ports)
    assert list(desk.ports.stores.credentials.all()) == []


def test_another_teams_alert_gives_no_address(desk):
    theirs = builders.alert("goal", team="sport")
    desk.ports.stores.alerts.put([theirs])
    assert desk.post(f"/alerts/{theirs.id}/feed", {}).status == 404


@given(st.text(), st.text(), st.text(), st.lists(st.text(), max_size=2), st.integers(-(10**9), 10**9))
def test_whatever_a_publisher_writes_the_feed_is_valid_atom(title, body, site, authors, published):
    story = builders.story(title=title, body=body, site=site, authors=tuple(authors), published=later(published))
    written = atom.write(builders.alert(title or "x"), [(builders.match(), story)], PLACES, longest=320)
    feed = etree.fromstring(written)
    (entry,) = feed.findall(f"{{{NAMESPACE}}}entry")
    for one in (feed, entry):  # RFC 4287, 4.1.1 and 4.1.2
        assert [len(one.findall(f"{{{NAMESPACE}}}{name}")) for name in ("id", "title", "updated")] == [1, 1, 1]
        assert one.findtext(f"{{{NAMESPACE}}}id").startswith("urn:uuid:")
        assert all(link.get("href").startswith("https://") for link in one.findall(f"{{{NAMESPACE}}}link"))
    assert {link.get("rel") for link in feed.findall(f"{{{NAMESPACE}}}link")} == {"self", "alternate"}
    assert len(list(entry)) == len(entry.findall("*"))  # text of others is no markup
    assert all(not len(one) or one.tag.endswith("}author") for one in entry)
