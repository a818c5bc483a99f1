"""Channels beside mail: addresses, what each chat is told, the signed webhook, and what answers come to."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html
from msgspec.structs import replace

from pipeline.adapters import sqlite
from pipeline.adapters.http import HttpFetcher
from pipeline.deliver import chat, webhook
from pipeline.deliver.card import Reader, reader_of
from pipeline.deliver.channel import Channel, channel_of, new_secret, read_secret, read_target, shown
from pipeline.deliver.item import Item
from pipeline.deliver.links import Action, token
from pipeline.deliver.post import request_for
from pipeline.deliver.render import subject
from pipeline.errors import BadInput, FetchRefused
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.firing import match_stories
from pipeline.flow.notify import notify
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.readers.channels import check_channel, put_channel
from pipeline.flow.readers.people import NewGroup, NewRecipient, put_group, put_recipient
from pipeline.flow.readers.preferences import change, set_subscribed
from pipeline.flow.readers.recipients import recipient_id
from pipeline.model import Delivery, DeliveryState, Entity, EntityKind, Evidence, Recipient
from pipeline.ports import Ports
from pipeline.settings import load
from tests import builders, web
from tests.builders import NOON
from tests.conftest import world
from tests.fakes import Clock
from tests.servers import free_port

OPEN = load({}, allow_private="127.0.0.1/32")
WITH_LINKS = dataclasses.replace(OPEN, public_url="https://console.example", links_secret="0123456789abcdef" * 2)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHATS = {"slack": chat.slack, "teams": chat.teams, "matrix": chat.matrix}
PLACES = {
    "slack": "slack+https://hooks.slack.com/services/T0/B0/xyz",
    "teams": "teams+https://prod.logic.azure.com/workflows/1?sp=%2Ftriggers%2Fmanual&sig=a_b-c",
    "matrix": "matrix+https://matrix.example.org/!room:example.org",
    "webhook": "webhook+https://example.org/hook",
}


def item(number: int = 0, **story: Any) -> Item:
    known = {"title": "Two neighbours sign", "body": "Kursk was named twice.", "site": "A News"} | story
    evidence = (Evidence(clause="kursk", field="body", start=0, end=5, text="Kursk"),)
    return Item(
        builders.delivery(str(number)),
        builders.alert(),
        builders.story(str(number), **known),
        builders.match(str(number), story_id=builders.story(str(number)).id, evidence=evidence),
    )


def recipient(channel: str, **fields: Any) -> Recipient:
    secret = {"webhook": SECRET, "matrix": "syt_token"}.get(channel, "")
    return builders.recipient(PLACES[channel], **{"secret": secret} | fields)


def reader(channel: str, **fields: Any) -> Reader:
    return reader_of(recipient(channel, **fields), OPEN)


def message(channel: str, items: Sequence[Item], to: Reader | None = None, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What is told in a chat, within its widest bounds."""
    to = to or reader(channel)
    about = subject(items, to.language)
    return CHATS[channel](about, chat.lines(items, to, about, notes))


def body(items: Sequence[Item]) -> Any:
    return json.loads(webhook.body(items, reader("webhook"), "id"))


def deliveries(ports: Ports) -> list[Delivery]:
    return sorted(ports.stores.deliveries.all(), key=lambda one: one.id)


# -- addresses


@pytest.mark.parametrize("channel", PLACES)
def test_an_address_names_its_channel_and_where_its_posts_go(channel):
    target = read_target(PLACES[channel])
    assert (target.channel, f"{channel}+{target.url}") == (channel_of(PLACES[channel]), PLACES[channel])


def test_a_mail_address_with_a_plus_is_of_mail():
    assert channel_of("slack+alerts@example.org") is Channel.MAIL


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("smoke+https://example.org/", "is no address"),
        ("https://example.org/hook", "is no address"),
        ("webhook+https://", "is no address"),
        ("webhook+ftp://example.org/", "is no address"),
        ("webhook+https://user:word@example.org/", "is no address"),
        ("webhook+https://example.org/a b", "is no address"),
        ("webhook+http://example.org/hook", "is not encrypted"),
        ("webhook+http://10.0.0.1/hook", "is not encrypted"),
        ("matrix+https://matrix.example.org/room", "names no room"),
        (f"webhook+https://example.org/{'a' * 2_000}", "more than 2,000 characters"),
    ],
)
def test_an_address_that_can_not_be_is_refused_in_one_clear_line(address, reason):
    with pytest.raises(BadInput, match=reason):
        read_target(address)


@given(st.text() | st.sampled_from([*Channel]).flatmap(lambda one: st.text().map(lambda text: f"{one}+https://{text}")))
def test_any_text_is_an_address_or_bad_input(text):
    shown(text)
    with suppress(BadInput):
        assert read_target(text).channel is channel_of(text)


@pytest.mark.parametrize("channel", ["slack", "teams"])
def test_an_address_that_is_a_secret_is_not_shown_whole(channel):
    assert "xyz" not in shown("slack+https://hooks.slack.com/services/T0/B0/xyz0123")
    assert PLACES[channel].split("/")[2] in shown(PLACES[channel])
    assert len(shown(PLACES[channel])) < len(PLACES[channel])


# -- chats


def texts(channel: str, message: dict[str, Any]) -> tuple[list[str], set[str]]:
    """The lines of a message as its reader sees them, and the addresses of its links."""
    if channel == "slack":
        (block,) = message["blocks"]
        rows = [row["elements"] for row in block["elements"]]
        assert {one["type"] for row in rows for one in row} <= {"text", "link"}
        assert all(one["text"] for row in rows for one in row)
    elif channel == "teams":
        rows = [row["inlines"] for row in message["attachments"][0]["content"]["body"]]
        assert {one["type"] for row in rows for one in row} == {"TextRun"}
    else:
        body = lxml_html.fragment_fromstring(message["formatted_body"], create_parent="div")
        assert {one.tag for one in body.iter()} <= {"div", "a", "strong", "br"}
        assert message["m.mentions"] == {}
        for one in body.iter("br"):
            one.tail = "\n" + (one.tail or "")
        return [*body.text_content().split("\n"), *_without_links(message["body"])], set(body.xpath("//a/@href"))
    links = {one.get("url") or one.get("selectAction", {}).get("url") for row in rows for one in row} - {None}
    return ["".join(one["text"] for one in row).removesuffix("\n") for row in rows], links


def _without_links(body: str) -> list[str]:
    return [line.replace("https://a.example/0", "") for line in body.split("\n")]


AWKWARD = (
    "@channel", "@room", "<!channel>", "<@U1>", "<https://evil.example|x>", "https://evil.example", "www.evil.com",
    "evil.com", "[x](https://e.v)", "#general:evil.org", "!room:evil.org", "<b>", "</a>", "&amp;", "<at>you</at>",
    "\u202e", "\u200b", "\ud800", "\n", "\r", "*a*", "`c`", "@", ".", ":", "/", "//", "#", "!", " ", "evil",
)  # fmt: skip
awkward = st.lists(st.sampled_from(AWKWARD) | st.text(max_size=8), max_size=8).map("".join)
CALL = re.compile(r"@\w|://|[^\W_]\.[^\W\d_]|#\w|!\w")


@pytest.mark.parametrize("channel", CHATS)
@given(title=awkward, body=awkward, site=awkward, name=awkward, cut=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_no_headline_mentions_anybody_or_links_elsewhere(channel, title, body, site, name, cut):
    start, end = sorted(cut)
    evidence = (Evidence(clause=name, field="body", start=start, end=end, text=body[start:end]),)
    one = item(title=title, body=body, site=site)
    one = Item(one.delivery, replace(one.alert, name=name), one.story, replace(one.match, evidence=evidence))
    for items in ([one], [one, one]):
        told = message(channel, items)
        lines, links = texts(channel, told)
        assert links == {"https://a.example/0"}
        assert [found for line in lines if (found := CALL.search(line))] == []
        assert "<" not in told.get("text", "")
        json.dumps(told).encode()


@pytest.mark.parametrize("channel", CHATS)
def test_a_story_without_a_web_address_is_told_without_a_link(channel):
    lines, links = texts(channel, message(channel, [item(url="javascript:alert(1)")]))
    assert links == set()
    assert any("Two neighbours sign" in line for line in lines)


@pytest.mark.parametrize("channel", CHATS)
def test_a_message_shows_the_sentence_with_its_words_marked_and_why(channel):
    told = json.dumps(message(channel, [item()], reader(channel, zone="Europe/Kyiv")), ensure_ascii=False)
    for words in ("Two neighbours sign", "A News", "14:00 EET", "Kursk", "kursk found as Kursk"):
        assert words in told


@pytest.mark.parametrize("channel", CHATS)
@pytest.mark.parametrize("letter", ["a", "𐍈", '"', "&"])
def test_a_message_of_any_number_of_stories_is_one_of_a_size_that_its_service_takes(channel, letter):
    words = f"Kursk {letter * 9} " * 40
    for count in (1, 2, 500):
        items = [item(number, title=words, body=words, site=words) for number in range(count)]
        told = request_for(items, recipient(channel), OPEN, NOON).body
        assert len(told) <= {"slack": 40_000, "teams": 27_000, "matrix": 60_000}[channel]
        assert bool(re.search(r"… and \d+ more", told.decode())) == (count == 500)


def test_a_digest_counts_what_it_does_not_show():
    told = json.dumps(message("slack", [item(number) for number in range(40)]), ensure_ascii=False)
    assert told.count('"link"') == 15
    assert "… and 25 more" in told


# -- the signed webhook


def test_the_signature_is_that_of_the_published_example():
    headers = webhook.signed(
        b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", SECRET, datetime.fromtimestamp(1614265330, UTC)
    )
    assert dict(headers)["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_made_can_be_signed_with_and_no_two_are_alike():
    assert len(read_secret(new_secret())) == 32
    assert new_secret() != new_secret()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_secret_that_can_not_be_is_refused(secret):
    with pytest.raises(BadInput, match="whsec_"):
        read_secret(secret)


def test_the_body_tells_alert_story_evidence_and_delivery():
    told = body([item(1), item(2)])
    assert (told["type"], told["version"], told["id"]) == ("wirewatch.matches", 1, "id")
    assert told["timestamp"] == "2026-03-01T12:00:00Z"
    first = told["data"]["matches"][0]
    assert (first["alert"]["name"], first["delivery"]) == ("kursk", builders.delivery("1").id)
    assert (first["story"]["url"], first["story"]["outlet"]) == ("https://a.example/1", "A News")
    assert first["evidence"][0]["text"] == "Kursk"
    assert first["excerpts"][0][0] == {"text": "Kursk", "marked": True}


def shape(thing: object) -> object:
    """The keys of a document, at every depth."""
    if isinstance(thing, dict):
        return {key: shape(value) for key, value in thing.items()}
    return [shape(thing[0])] if isinstance(thing, list) and thing else None


def test_the_body_has_the_fields_that_the_documentation_says():
    documented = Path("docs/channels.md").read_text(encoding="utf-8").partition("```json")[2].partition("```")[0]
    entities = (Entity(name="Kursk", kind=EntityKind.PLACE),)
    one = item(entities=entities)
    one = dataclasses.replace(one, elsewhere=(builders.story("elsewhere"),))
    assert shape(body([one])) == shape(json.loads(documented))


@given(title=awkward, text=awkward)
def test_any_story_can_be_told_as_json(title, text):
    told = body([item(title=title, body=f"Kursk {text}")])
    assert told["data"]["matches"][0]["story"]["title"] == title.encode("utf-8", "replace").decode()


# -- through the flow


def posts_of(site: web.Site) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in site.posts]


def keep_hook(ports: Ports, site: web.Site) -> str:
    """A webhook that is kept, and an alert on kursk that goes there."""
    site.put("/hook", "thanks")
    address = f"webhook+{site.base}/hook"
    put_channel(ports, address, secret=SECRET)
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(address,)))
    return address


@pytest.fixture
def local(tmp_path, site, clock) -> Iterator[tuple[Ports, str]]:
    """The world on the embedded backend, where it makes no difference which, and such a webhook."""
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    clock.at = NOON
    made = world(stores, tmp_path, clock)
    yield made, keep_hook(made, site)
    for part in (made.fetcher, made.extractor, stores):
        part.close()


def fire(ports: Ports, *names: str) -> None:
    """Stories on which the alert fires; what is due is sent."""
    for name in names:
        story = builders.story(
            name, title=f"Kursk {name}", published=ports.clock.now(), first_seen_at=ports.clock.now()
        )
        ports.stores.stories.put([story])
        match_stories(ports, [story], frozenset())
    notify(ports, [one.id for one in ports.stores.deliveries.all()])


def test_a_match_goes_to_a_webhook_signed_and_the_ledger_has_its_answer(ports, site):
    keep_hook(ports, site)
    fire(ports, "one")
    (row,) = deliveries(ports)
    assert (row.channel, row.state, row.answer) == ("webhook", DeliveryState.SENT, "200 OK thanks")
    ((_, headers),) = site.requests
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == row.message_id == posts_of(site)[0]["id"] == row.mail_id
    stamp = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = dict(webhook.signed(site.posts[0][1], row.message_id, SECRET, stamp))
    assert headers["webhook-signature"] == expected["webhook-signature"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_webhook_that_says_later_gets_it_later_under_the_same_id(local, site, clock, status):
    ports, _ = local
    site.put("/hook", "busy", status=status)
    fire(ports, "one")
    (row,) = deliveries(ports)
    assert (row.state, row.history[-1].note.split()[0]) == (DeliveryState.PENDING, str(status))
    site.put("/hook", "thanks")
    clock.turn(60)
    notify(ports, [row.id])
    assert [one.state for one in deliveries(ports)] == [DeliveryState.SENT]
    assert len({headers["webhook-id"] for _, headers in site.requests}) == 1


def test_a_webhook_that_is_gone_is_given_up_and_says_why(local, site):
    ports, hook = local
    site.put("/hook", "no more", status=410)
    fire(ports, "one")
    fire(ports, "two")
    assert sorted((one.state, one.reason) for one in deliveries(ports)) == [
        (DeliveryState.FAILED, "410 Gone no more"),
        (DeliveryState.SUPPRESSED, "its address was given up: 410 Gone no more"),
    ]
    assert site.asked("/hook") == 1
    put_channel(ports, hook)
    assert ports.stores.recipients.get([recipient_id(hook)])[recipient_id(hook)].bounced == ""


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_webhook_that_refuses_thrice_in_a_row_is_given_up(local, site, status):
    ports, _ = local
    site.put("/hook", "", status=status)
    fire(ports, "one")
    fire(ports, "two")
    fire(ports, "three")
    fire(ports, "four")
    assert sorted(one.state for one in deliveries(ports)) == [DeliveryState.FAILED] * 3 + [DeliveryState.SUPPRESSED]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_nothing(local, site, status):
    ports, _ = local
    site.put("/other", "thanks")
    site.put("/hook", "", status=status, Location=f"{site.base}/other")
    fire(ports, "one")
    assert site.asked("/other") == 0
    assert [(one.state, one.reason[:3]) for one in deliveries(ports)] == [(DeliveryState.FAILED, str(status))]


@pytest.mark.parametrize(
    "fields",
    [{"body": b"x" * 3_000_000}, {"body": b"no gzip", "Content_Encoding": "gzip"}, {"body": b"", "status": 204}],
    ids=["megabytes", "undecodable", "nothing"],
)
def test_what_was_taken_is_taken_whatever_the_answers_body_is(local, site, fields):
    ports, _ = local
    site.put("/hook", **fields)
    fire(ports, "one")
    (row,) = deliveries(ports)
    assert row.state is DeliveryState.SENT
    assert len(row.answer) < 300
    assert len(site.posts) == 1


class BreaksOff(BaseHTTPRequestHandler):
    """Takes a post, says so, and is gone before it has said all."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_server_that_breaks_off_after_its_head_has_taken_it(local):
    ports, _ = local
    with web.running(BreaksOff) as base:
        put_channel(ports, f"webhook+{base}/hook")
        put_alert(
            ports, NewAlert(name="kursk", query="kursk", recipients=(f"webhook+{base}/hook",)), replace_existing=True
        )
        fire(ports, "one")
    assert [(one.state, one.answer) for one in deliveries(ports)] == [(DeliveryState.SENT, "200 OK half")]


def test_a_burst_is_one_message(local, site):
    ports, _ = local
    for number in range(40):
        story = builders.story(str(number), title=f"Kursk {number}", published=ports.clock.now())
        ports.stores.stories.put([story])
        match_stories(ports, [story], frozenset())
    notify(ports, [one.id for one in ports.stores.deliveries.all()])
    (told,) = posts_of(site)
    assert len(told["data"]["matches"]) == 40
    assert {one.state for one in deliveries(ports)} == {DeliveryState.SENT}


def test_a_matrix_room_is_put_to_under_an_id_that_makes_a_second_time_harmless(local, site):
    ports, _ = local
    address = f"matrix+{site.base}/!room:a.example"
    put_channel(ports, address, secret="syt_token")
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(address,)), replace_existing=True)
    fire(ports, "one")
    (row,) = deliveries(ports)
    place = f"/_matrix/client/v3/rooms/%21room%3Aa.example/send/m.room.message/{row.mail_id}"
    assert [(path, headers["authorization"]) for path, headers in site.requests] == [(place, "Bearer syt_token")]
    assert (row.channel, row.reason) == ("matrix", "404 Not Found")


# -- policies and preferences hold as for mail


def ask_for(ports: Ports, hook: str, **fields: Any) -> None:
    """The alert as it is from now on."""
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(hook,), **fields), replace_existing=True)


def told(site: web.Site) -> list[list[str]]:
    """The headlines of each message that came."""
    return [[one["story"]["title"] for one in post["data"]["matches"]] for post in posts_of(site)]


def pass_to(ports: Ports, clock: Clock, at: datetime) -> None:
    clock.at = at
    notify(ports, [one.id for one in ports.stores.deliveries.all()])


def states(ports: Ports) -> list[tuple[str, str]]:
    return sorted((one.state.value, one.reason) for one in ports.stores.deliveries.all())


def test_a_digest_to_a_channel_is_one_message_at_its_time_in_the_zone_of_the_channel(local, site, clock):
    ports, hook = local
    put_recipient(ports, NewRecipient(address=hook, zone="Europe/Kyiv", policy="daily 16:00"))
    fire(ports, "one", "two")
    assert states(ports) == [("held", "digest: daily 16:00")] * 2
    pass_to(ports, clock, NOON + timedelta(hours=2))
    assert [sorted(titles) for titles in told(site)] == [["Kursk one", "Kursk two"]]


def test_quiet_hours_hold_what_goes_to_a_channel_and_release_it_as_one_message(local, site, clock):
    ports, hook = local
    put_recipient(ports, NewRecipient(address=hook, quiet="11:00-13:00"))
    fire(ports, "one", "two")
    assert (told(site), states(ports)) == ([], [("held", "quiet hours, 11:00-13:00")] * 2)
    pass_to(ports, clock, NOON + timedelta(hours=1))
    assert [sorted(titles) for titles in told(site)] == [["Kursk one", "Kursk two"]]


def test_what_is_urgent_reaches_a_channel_in_its_quiet_hours(local, site):
    ports, hook = local
    put_recipient(ports, NewRecipient(address=hook, quiet="11:00-13:00"))
    ask_for(ports, hook, urgent=True)
    fire(ports, "one")
    assert told(site) == [["Kursk one"]]


def test_a_throttle_bounds_the_messages_to_a_channel_and_drops_none(local, site, clock):
    ports, hook = local
    ask_for(ports, hook, throttle=1)
    fire(ports, "one")
    fire(ports, "two", "three")
    assert states(ports)[0] == ("held", "throttle: 1 mails an hour")
    pass_to(ports, clock, NOON + timedelta(hours=1))
    assert [sorted(titles) for titles in told(site)] == [["Kursk one"], ["Kursk three", "Kursk two"]]


def test_a_channel_that_is_unsubscribed_is_told_nothing_until_it_is_subscribed_again(local, site):
    ports, hook = local
    set_subscribed(ports, hook, subscribed=False)
    fire(ports, "one")
    assert (told(site), states(ports)) == ([], [("suppressed", "unsubscribed")])
    set_subscribed(ports, hook, subscribed=True)
    fire(ports, "two")
    assert told(site) == [["Kursk two"]]


def test_a_channel_is_muted_for_a_day_by_the_link_in_its_message(local, site, clock):
    ports, _ = local
    ports = dataclasses.replace(ports, settings=WITH_LINKS)
    fire(ports, "one")
    (row,) = deliveries(ports)
    change(ports, token(row, WITH_LINKS), Action.MUTE)
    fire(ports, "two")
    assert [reason for state, reason in states(ports) if state == "suppressed"] == ["muted until 2026-03-02 12:00 UTC"]
    clock.turn(timedelta(days=1).total_seconds())
    fire(ports, "three")
    assert told(site) == [["Kursk one"], ["Kursk three"]]


def test_a_digest_to_a_channel_says_which_sources_are_silent(local, site, clock):
    ports, hook = local
    put_recipient(ports, NewRecipient(address=hook, policy="hourly"))
    since = NOON - timedelta(hours=6)
    feeds = [builders.feed(name, polled_at=NOON, succeeded_at=since, error="answers 503") for name in "ab"]
    ports.stores.feeds.create(feeds)
    fire(ports, "one")
    pass_to(ports, clock, NOON + timedelta(hours=1))
    (post,) = posts_of(site)
    assert post["data"]["notes"] == ["kursk: 2 of the 2 sources of this alert have been silent since 06:00"]


@pytest.mark.parametrize("channel", CHATS)
def test_a_chat_shows_the_notes_beside_a_story_and_above_a_digest(channel):
    for items in ([item()], [item(1), item(2)]):
        lines, _ = texts(channel, message(channel, items, notes=["kursk: 2 of the 3 sources are silent"]))
        assert "kursk: 2 of the 3 sources are silent" in lines


@pytest.mark.parametrize("channel", CHATS)
def test_a_chat_speaks_the_language_of_its_recipient(channel):
    lines, _ = texts(channel, message(channel, [item(1), item(2)], reader(channel, language="de")))
    assert lines[0] == "[kursk] 2 Meldungen: Two neighbours sign"


@pytest.mark.parametrize("channel", CHATS)
def test_a_chat_links_to_the_console_where_it_has_a_public_address(channel):
    to = reader_of(recipient(channel), WITH_LINKS)
    place = f"{WITH_LINKS.public_url}/preferences/"
    _, single = texts(channel, message(channel, [item()], to))
    _, digest = texts(channel, message(channel, [item(1), item(2)], to))
    for found, actions in ((single, {"irrelevant", "mute", "unsubscribe"}), (digest, {"mute", "unsubscribe"})):
        assert {url.rpartition("/")[2] for url in found if url.startswith(place)} == actions


def test_an_excerpt_is_no_longer_than_the_setting():
    words = "Kursk " + "and so on " * 40
    short = reader_of(recipient("webhook"), dataclasses.replace(OPEN, excerpt_letters=60))
    (excerpt,) = json.loads(webhook.body([item(body=words)], short, "id"))["data"]["matches"][0]["excerpts"]
    assert len("".join(part["text"] for part in excerpt)) <= 60


def test_a_group_may_hold_chats_beside_people(local, site):
    ports, hook = local
    put_group(ports, NewGroup(name="desk", members=("ana@example.org", hook)))
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("@desk",)), replace_existing=True)
    fire(ports, "one")
    assert sorted((one.channel, one.state.value) for one in deliveries(ports)) == [
        ("mail", "sent"),
        ("webhook", "sent"),
    ]
    assert told(site) == [["Kursk one"]]


def test_the_ledger_of_channels_adds_up(local, site):
    ports, _ = local
    fire(ports, "one")
    site.put("/hook", "", status=403)
    fire(ports, "two")
    account = reconcile(ports)
    assert (account.adds_up, account.states) == (True, {"sent": 1, "failed": 1})


# -- what may have been taken


def gone_at_first(ids: list[str]) -> type[BaseHTTPRequestHandler]:
    """A server that reads the first post and is gone, and answers the second; the ids of both."""

    class GoneAtFirst(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            ids.append(self.headers["webhook-id"])
            if len(ids) > 1:
                self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return GoneAtFirst


def test_a_post_without_an_answer_may_have_been_taken_and_is_sent_again_as_the_same_message(local, clock):
    ports, _ = local
    ids: list[str] = []
    with web.running(gone_at_first(ids)) as base:
        away = f"webhook+{base}/hook"
        put_channel(ports, away, secret=SECRET)
        ask_for(ports, away)
        fire(ports, "one")
        (row,) = deliveries(ports)
        assert (row.state, row.repeated) == (DeliveryState.PENDING, True)
        assert row.history[-1].note.startswith("it may have been taken: ")
        clock.turn(60)
        fire(ports, "two")
    assert {one.state for one in deliveries(ports)} == {DeliveryState.SENT}
    assert (len(ids), ids[0] in ids[1:]) == (3, True)


@pytest.mark.parametrize(("status", "repeated"), [(500, False), (502, True), (503, False), (504, True)])
def test_a_gateway_that_does_not_know_leaves_it_uncertain(local, site, status, repeated):
    ports, _ = local
    site.put("/hook", "", status=status)
    fire(ports, "one")
    assert [(one.state, one.repeated) for one in deliveries(ports)] == [(DeliveryState.PENDING, repeated)]


def test_a_post_that_never_went_out_was_not_taken(local):
    ports, _ = local
    away = f"webhook+http://127.0.0.1:{free_port()}/hook"
    put_channel(ports, away, secret=SECRET)
    ask_for(ports, away)
    fire(ports, "one")
    assert [(one.state, one.repeated) for one in deliveries(ports)] == [(DeliveryState.PENDING, False)]


# -- what is refused on save, and when sent


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.2/h",
        "https://localhost/h",
        "https://169.254.169.254/h",
        "https://[::1]/h",
        "https://[::ffff:10.0.0.1]/h",
    ],
)
def test_a_webhook_to_a_private_address_is_refused_on_save(local, url):
    ports, _ = local
    shut = HttpFetcher(load({}))
    with pytest.raises(FetchRefused, match="is private: open it with WIREWATCH_ALLOW_PRIVATE="):
        shut.check(url)
    if "localhost" not in url:  # which is 127.0.0.1 as well, and that is open here
        with pytest.raises(BadInput, match="is private"):
            put_channel(ports, f"webhook+{url}")
        with pytest.raises(BadInput, match="is private"):
            put_alert(ports, NewAlert(name="x", query="kursk", recipients=(f"slack+{url}",)))


def test_a_webhook_that_became_private_is_refused_when_sent(local, site, tmp_path):
    ports, _ = local
    shut = load({}, data=str(tmp_path))
    opened = dataclasses.replace(ports, fetcher=HttpFetcher(shut))
    fire(opened, "one")
    (row,) = deliveries(ports)
    assert row.state is DeliveryState.FAILED
    assert "its address 127.0.0.1 is private" in row.reason
    assert site.posts == []
    opened.fetcher.close()


def test_a_webhook_without_a_secret_is_refused_on_save(local, site):
    ports, _ = local
    with pytest.raises(BadInput, match="channels add"):
        check_channel(ports, f"webhook+{site.base}/other")
    with pytest.raises(BadInput, match="access token"):
        put_channel(ports, f"matrix+{site.base}/!room:a")
    with pytest.raises(BadInput, match="no secret beside"):
        put_channel(ports, f"slack+{site.base}/x", secret="x")
