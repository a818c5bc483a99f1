"""What a reader does from a mail: links, one click, and the page behind them; on both backends, over real HTTP."""

from __future__ import annotations

import dataclasses
import re
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from hashlib import sha256
from http.client import HTTPMessage
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.adapters.keyfile import kept_key
from pipeline.deliver.links import GOOD_FOR, Links, links, read_token, token
from pipeline.errors import BadInput, SettingError
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import once
from pipeline.flow.readers.preferences import irrelevant_counts, irrelevant_stories
from pipeline.model import Delivery, DeliveryState, Recipient
from pipeline.ports import Ports
from pipeline.settings import load
from tests import builders, web
from tests.builders import NOON
from tests.conftest import world
from tests.consoles import console
from tests.servers import free_port
from workers import bootstrap

SECRET = "0123456789abcdef" * 2
PUBLIC = "https://wirewatch.example/desk"
SETTINGS = load({}, public_url=PUBLIC, links_secret=SECRET)
ANA = "ana@example.org"
KURSK = "Two villages near Kursk were left in the night."


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    headers: HTTPMessage
    text: str

    @property
    def buttons(self) -> list[str]:
        """What can be pressed, in the order of the page."""
        return re.findall(r'<form method="post" action="([a-z-]+)">', self.text)


@dataclass(slots=True)
class Desk:
    """A site, its feed and an alert; a console; and a reader who follows links of the mails."""

    ports: Ports
    site: web.Site
    port: int

    def publish(self, *names: str) -> None:
        """Stories of these names are mailed, as far as they are to be."""
        found = [
            (f"Story {name}", self.site.put(f"/{name}", web.page(name, *web.article(KURSK, name)))) for name in names
        ]
        self.site.put("/feed", web.rss(*found), web.RSS)
        once(self.ports, everything=True, progress=lambda *_: None, threads=1)

    def ask(self, link: str, method: str = "GET", body: bytes | None = None) -> Page:
        """Follow a link of a mail at our console, where a proxy would have led it."""
        path = urlsplit(link).path.removeprefix(urlsplit(PUBLIC).path)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Page(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.headers, error.read().decode())

    def press(self, link: str, button: str) -> Page:
        """Press a button of the page at `link`; it has to be there."""
        assert button in self.ask(link).buttons
        return self.ask(f"{link.rpartition('/')[0]}/{button}", "POST", b"")

    def row(self, name: str) -> Delivery:
        """The ledger's row of a story."""
        return next(one for one in self.ports.stores.deliveries.all() if self.site.base + f"/{name}" == self._url(one))

    def _url(self, one: Delivery) -> str:
        return self.ports.stores.stories.get([one.story_id])[one.story_id].url

    def links(self, name: str) -> Links:
        return links(self.row(name), self.ports.settings)

    def recipient(self) -> Recipient:
        (one,) = self.ports.stores.recipients.all()
        return one


@pytest.fixture
def desk(stores, tmp_path, clock, site) -> Iterator[Desk]:
    port = free_port()
    ports = world(stores, tmp_path, clock, public_url=PUBLIC, links_secret=SECRET)
    add_feeds(ports, [NewFeed(url=f"{site.base}/feed")])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(ANA,)))
    with console(ports, port, []):
        yield Desk(ports, site, port)
    ports.fetcher.close()
    ports.extractor.close()


def one_click(mail: EmailMessage) -> str:
    """The address that a mail program posts to, and the body it posts (RFC 8058, section 3.1)."""
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return re.match(r"<(https://[^>]+)>, <mailto:", str(mail["List-Unsubscribe"])).group(1)


# -- unsubscribing


def test_one_click_of_a_mail_program_unsubscribes_from_the_alert(desk, mails):
    desk.publish("one")
    answer = desk.ask(one_click(mails()[0]), "POST", b"List-Unsubscribe=One-Click")
    assert answer.status == 200
    assert "You are unsubscribed from this alert." in answer.text
    desk.publish("one", "two")
    assert len(mails()) == 1
    assert (desk.row("two").state, desk.row("two").reason) == (DeliveryState.SUPPRESSED, "unsubscribed")


def test_looking_at_a_page_changes_nothing(desk, mails):
    desk.publish("one")
    made = desk.links("one")
    for link in (made.unsubscribe, made.unsubscribe_all, made.mute, made.irrelevant):
        for method in ("GET", "HEAD", "OPTIONS"):
            assert desk.ask(link, method).status in (200, 405)
    desk.publish("one", "two")
    assert len(mails()) == 2
    assert desk.ports.stores.recipients.count() == desk.ports.stores.feedback.count() == 0


def test_unsubscribing_is_taken_back_on_the_same_page(desk, mails):
    desk.publish("one")
    link = desk.links("one").unsubscribe
    assert desk.press(link, "unsubscribe").buttons[0] == "subscribe"
    assert desk.press(link, "subscribe").buttons[0] == "unsubscribe"
    desk.publish("one", "two")
    assert len(mails()) == 2


def test_unsubscribing_from_all_holds_for_every_alert_and_is_taken_back(desk, mails):
    desk.publish("one")
    put_alert(desk.ports, NewAlert(name="night", query="night", recipients=(ANA,)))
    link = desk.links("one").unsubscribe_all
    desk.press(link, "unsubscribe-all")
    desk.publish("one", "two")
    assert len(mails()) == 1
    desk.press(link, "subscribe-all")
    desk.publish("one", "two", "three")
    assert len(mails()) == 3
    assert desk.recipient().unsubscribed == ()


def test_pressed_twice_is_pressed_once(desk):
    desk.publish("one")
    for _ in range(2):
        desk.ask(desk.links("one").unsubscribe, "POST", b"")
        desk.ask(desk.links("one").irrelevant, "POST", b"")
    assert len(desk.recipient().unsubscribed) == 1
    assert desk.ports.stores.feedback.count() == 1


def test_what_waits_when_its_reader_unsubscribes_is_not_sent(desk, mails, clock):
    desk.publish("one")
    row, link = desk.row("one"), desk.links("one").unsubscribe
    waiting = replace(row, id="waiting", state=DeliveryState.HELD, due_at=clock.now() + timedelta(hours=1))
    desk.ports.stores.deliveries.create([waiting])
    desk.ask(link, "POST", b"")
    clock.turn(3_600)
    desk.publish("one")
    assert desk.ports.stores.deliveries.get(["waiting"])["waiting"].reason == "unsubscribed"
    assert len(mails()) == 1


# -- muting


def test_a_muted_alert_is_silent_for_a_day_and_no_longer(desk, mails, clock):
    desk.publish("one")
    assert "muted until" in desk.press(desk.links("one").mute, "mute").text
    clock.turn(86_400 - 1)
    desk.publish("one", "two")
    assert (len(mails()), desk.row("two").reason[:11]) == (1, "muted until")
    clock.turn(1)
    desk.publish("one", "two", "three")
    assert len(mails()) == 2
    assert "mute" in desk.ask(desk.links("one").mute).buttons


def test_a_mute_is_lifted_on_the_same_page(desk, mails):
    desk.publish("one")
    desk.press(desk.links("one").mute, "mute")
    desk.press(desk.links("one").mute, "unmute")
    desk.publish("one", "two")
    assert len(mails()) == 2


# -- not relevant


def test_a_match_that_is_not_relevant_is_counted_for_its_alert_until_it_is_taken_back(desk):
    desk.publish("one", "two")
    link = desk.links("one").irrelevant
    desk.press(link, "irrelevant")
    row = desk.row("one")
    (kept,) = desk.ports.stores.feedback.all()
    assert (kept.match_id, kept.alert_id, kept.story_id, kept.recipient) == (
        row.match_id,
        row.alert_id,
        row.story_id,
        ANA,
    )
    assert irrelevant_counts(desk.ports) == {row.alert_id: 1}
    assert [one.id for one in irrelevant_stories(desk.ports, row.alert_id)] == [row.story_id]
    desk.press(link, "relevant")
    assert irrelevant_counts(desk.ports) == {}


# -- the page


def test_the_page_runs_no_script_and_asks_nobody_else(desk):
    desk.publish("one")
    page = desk.ask(desk.links("one").unsubscribe)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL).group(1)
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert "script" not in page.text
    assert "//" not in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_what_a_page_says_of_alerts_and_stories_is_escaped(desk):
    desk.publish("one")
    row = desk.row("one")
    for records, thing, field in (
        (desk.ports.stores.alerts, row.alert_id, "name"),
        (desk.ports.stores.stories, row.story_id, "title"),
    ):
        records.update([thing], lambda one, field=field: replace(one, **{field: "<img src=x>&"}))
    page = desk.ask(desk.links("one").mute).text
    assert page.count("&lt;img src=x&gt;&amp;") == 3
    assert "<img" not in page


def test_the_page_works_when_alert_and_story_are_gone(desk):
    desk.publish("one")
    row, link = desk.row("one"), desk.links("one").unsubscribe
    desk.ports.stores.alerts.delete([row.alert_id])
    desk.ports.stores.stories.delete([row.story_id])
    assert "an alert that is gone" in desk.ask(link).text
    assert desk.ask(link, "POST", b"").status == 200


# -- links that don't work


def test_a_forged_or_cut_link_is_refused_and_changes_nothing(desk):
    desk.publish("one")
    place, _, action = desk.links("one").unsubscribe.rpartition("/")
    head, _, mark = place.rpartition("/")
    other = dataclasses.replace(desk.ports.settings, links_secret="f" * 32)
    forged = [
        mark[:-1],
        mark[1:],
        f"{'0' * 32}{mark[32:]}",
        mark.replace(".", "0."),
        token(desk.row("one"), other),
        "x",
    ]
    for bad in forged:
        for method in ("GET", "POST"):
            answer = desk.ask(f"{head}/{bad}/{action}", method)
            assert (answer.status, answer.buttons) == (403, [])
    assert desk.ask(f"{place}/delete", "POST", b"").status == 422
    assert desk.ports.stores.recipients.count() == 0


def test_a_link_works_for_a_year(desk, clock):
    desk.publish("one")
    link = desk.links("one").unsubscribe
    clock.at = desk.row("one").created_at + GOOD_FOR - timedelta(seconds=1)
    assert desk.ask(link).status == 200
    clock.turn(1)
    answer = desk.ask(link, "POST", b"")
    assert answer.status == 403
    assert "more than a year old" in answer.text
    assert desk.ports.stores.recipients.count() == 0


def test_a_link_to_what_is_kept_no_longer_says_so(desk):
    desk.publish("one")
    link = desk.links("one").unsubscribe
    desk.ports.stores.deliveries.delete([desk.row("one").id])
    assert "is kept no longer" in desk.ask(link).text


def test_a_console_without_a_public_address_has_no_such_page(ports):
    port = free_port()
    link = f"http://127.0.0.1:{port}/preferences/{token(builders.delivery(), SETTINGS)}/unsubscribe"
    with console(ports, port, []), pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(link, timeout=10)


# -- links and their key


def test_without_a_public_address_a_mail_has_no_links(ports, site, mails):
    assert links(builders.delivery(), load({})) == Links()
    add_feeds(ports, [NewFeed(url=web.put_story(site, "one", KURSK))])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(ANA,)))
    once(ports, everything=True, progress=lambda *_: None, threads=1)
    (mail,) = mails()
    assert str(mail["List-Unsubscribe"]).startswith("<mailto:")
    assert mail["List-Unsubscribe-Post"] is None
    assert next(ports.stores.deliveries.all()).state is DeliveryState.SENT


def test_the_header_stands_on_the_wire_as_it_was_meant(desk, tmp_path):
    put_alert(desk.ports, NewAlert(name="北京 " * 40, query="kursk", recipients=(ANA,)))
    desk.publish("one")
    for path in (tmp_path / "mail" / "new").iterdir():
        header = re.search(rb"^List-Unsubscribe: (.*(?:\r?\n[ \t].*)*)", path.read_bytes(), re.MULTILINE).group(1)
        assert re.fullmatch(rb"<https://[!-;=?-~]+>,\r?\n <mailto:[!-;=?-~]+>\r?", header)
        assert all(len(line) < 998 for line in header.splitlines())


def test_the_same_delivery_has_the_same_links_and_another_others():
    assert links(builders.delivery(), SETTINGS) == links(builders.delivery(attempts=3), SETTINGS)
    assert links(builders.delivery(), SETTINGS) != links(builders.delivery("b"), SETTINGS)


@given(st.text())
def test_no_text_is_a_link_of_ours_by_chance(text):
    with pytest.raises(BadInput):
        read_token(text, SETTINGS, NOON)


def test_workers_that_find_no_key_agree_on_one_that_only_they_read(tmp_path):
    path = tmp_path / "new" / "links.key"
    first = kept_key(path)
    assert (len(first), kept_key(path)) == (64, first)
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]
    path.write_text("")
    with pytest.raises(SettingError, match="holds no key"):
        kept_key(path)


def test_a_key_is_made_on_sqlite_and_asked_for_on_elasticsearch(tmp_path):
    known = {"data": str(tmp_path), "public_url": PUBLIC}
    made = bootstrap.with_links_secret(load({}, **known)).links_secret
    assert made == bootstrap.with_links_secret(load({}, **known)).links_secret != ""
    with pytest.raises(SettingError, match="openssl rand"):
        bootstrap.with_links_secret(load({}, **known, store="http://localhost:9200"))
    given = load({}, **known, store="http://localhost:9200", links_secret=SECRET)
    assert bootstrap.with_links_secret(given).links_secret == SECRET
    with pytest.raises(SettingError, match="at least 32"):
        load({}, links_secret="short")
    assert not (tmp_path / "elsewhere").exists()
    assert bootstrap.with_links_secret(load({}, data=str(tmp_path / "elsewhere"))).links_secret == ""
    assert not (tmp_path / "elsewhere").exists()
