"""What every channel keeps to, whatever takes its messages: an SMTP server, a Maildir, chats and webhooks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from pipeline.adapters import sqlite
from pipeline.adapters.maildir import MaildirMailer
from pipeline.adapters.smtp import SmtpMailer
from pipeline.deliver.channel import new_secret
from pipeline.deliver.item import Item
from pipeline.deliver.post import request_for
from pipeline.errors import DeliveryRefused, DeliveryUnavailable
from pipeline.flow.send import send
from pipeline.model import FetchRequest, Recipient
from pipeline.ports import Ports
from tests import builders, web
from tests.builders import NOON
from tests.conftest import world
from tests.fakes import Clock
from tests.postbox import open_postbox
from tests.servers import free_port

SECRETS = {"matrix": "syt_token", "webhook": new_secret()}


@dataclass(slots=True)
class Way:
    """A channel with somebody at its end."""

    ports: Ports
    recipient: Recipient
    came: Callable[[], Sequence[str]]  # the id of each message that stands at the end
    say: dict[str, Callable[[], None]]  # make it say `later` or `never`


def item(recipient: Recipient) -> Item:
    delivery = builders.delivery(recipient=recipient.address)
    return Item(delivery, builders.alert(), builders.story(title="Two neighbours sign"), builders.match())


def maildir_way(ports: Ports, folder: Path, stack: ExitStack) -> Way:
    place = folder / "mail"

    def be_away() -> None:
        place.write_text("a file where the folder should be")

    made = dataclasses.replace(ports, mailer=MaildirMailer(place))
    return Way(made, builders.recipient(), lambda: [one.name for one in (place / "new").iterdir()], {"later": be_away})


def smtp_way(ports: Ports, folder: Path, stack: ExitStack) -> Way:
    postbox = stack.enter_context(open_postbox())
    mailer = SmtpMailer(dataclasses.replace(ports.settings, mail=postbox.url))
    stack.callback(mailer.close)
    say = {
        "later": lambda: setattr(postbox, "answer", "451 later"),
        "never": lambda: setattr(postbox, "answer", "554 never"),
    }
    made = dataclasses.replace(ports, mailer=mailer)
    return Way(made, builders.recipient(), lambda: [str(one["Message-ID"]) for one in postbox.mails], say)


def post_way(channel: str) -> Callable[[Ports, Path, ExitStack], Way]:
    def made(ports: Ports, folder: Path, stack: ExitStack) -> Way:
        site = stack.enter_context(web.serve())
        path = "/!room:a.example" if channel == "matrix" else "/hook"
        recipient = builders.recipient(f"{channel}+{site.base}{path}", secret=SECRETS.get(channel, ""))
        answer = web.Answer(b"ok")
        site.answers = {urlsplit(_request(ports, recipient).url).path: answer}

        def came() -> list[str]:
            if channel == "webhook":
                return [headers["webhook-id"] for _, headers in site.requests]
            return [f"{path} {body}" for path, body in site.posts]

        def say(status: int) -> Callable[[], None]:
            return lambda: setattr(answer, "status", status)

        return Way(ports, recipient, came, {"later": say(503), "never": say(403)})

    return made


def _request(ports: Ports, recipient: Recipient) -> FetchRequest:
    return request_for([item(recipient)], recipient, ports.settings, NOON)


WAYS = {"maildir": maildir_way, "smtp": smtp_way} | {
    one: post_way(one) for one in ("slack", "teams", "matrix", "webhook")
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    ports = world(stores, tmp_path, Clock())
    with ExitStack() as stack:
        stack.callback(stores.close)
        stack.callback(ports.extractor.close)
        stack.callback(ports.fetcher.close)
        yield WAYS[request.param](ports, tmp_path, stack)


def test_a_message_is_taken_with_an_answer_of_one_line(way):
    taken = send(way.ports, [item(way.recipient)], way.recipient)
    assert taken.answer
    assert "\n" not in taken.answer
    assert len(way.came()) == 1


def test_a_message_sent_again_comes_under_the_same_id(way):
    first, again = (send(way.ports, [item(way.recipient)], way.recipient) for _ in range(2))
    assert first.message_id == again.message_id
    assert len(set(way.came())) == 1


def test_who_says_later_is_unavailable(way):
    way.say["later"]()
    with pytest.raises(DeliveryUnavailable):
        send(way.ports, [item(way.recipient)], way.recipient)


def test_who_says_never_refuses(way):
    if "never" not in way.say:
        pytest.skip("a folder refuses nothing")
    way.say["never"]()
    with pytest.raises(DeliveryRefused):
        send(way.ports, [item(way.recipient)], way.recipient)


def test_who_is_away_is_unavailable(way):
    if "+" not in way.recipient.address:
        pytest.skip("of mail: tests/test_flow.py")
    port = urlsplit(way.recipient.address).port
    gone = replace(way.recipient, address=way.recipient.address.replace(f":{port}/", f":{free_port()}/"))
    with pytest.raises(DeliveryUnavailable):
        send(way.ports, [item(gone)], gone)
