"""deliver by SMTP, against a real server: what its answers and its silences come to in the ledger."""

from __future__ import annotations

import dataclasses
import socket
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from pipeline import flow
from pipeline.adapters import sqlite
from pipeline.adapters.smtp import SmtpMailer
from pipeline.errors import DeliveryUnavailable
from pipeline.model import Delivery, DeliveryState
from pipeline.settings import load
from tests import builders
from tests.delivering import Desk, open_desk
from tests.fakes import Clock
from tests.postbox import Postbox, open_postbox

FIFTY = tuple(f"{number}@desk.example" for number in range(50))


@pytest.fixture
def postbox():
    with open_postbox() as made:
        yield made


@pytest.fixture
def desk(tmp_path, postbox):
    """A desk whose mails go to the postbox, and its one alert."""
    made = desk_to(tmp_path, postbox)
    yield made
    made.ports.mailer.close()
    made.ports.stores.close()


def desk_to(folder, postbox: Postbox, **settings: str) -> Desk:
    stores = sqlite.open_stores(str(folder / "store.db"))
    stores.prepare()
    made = open_desk(stores, Clock().now())
    chosen = load({}, **({"mail": postbox.url} | settings))
    made.ports = dataclasses.replace(made.ports, mailer=SmtpMailer(chosen))
    watch(made, "analyst@example.org")
    return made


def watch(desk: Desk, *to: str) -> None:
    desk.watch(builders.alert(recipients=to))


def told(desk: Desk, count: int = 1) -> Delivery:
    """One story comes and is notified about; its row, of the first recipient."""
    (alert,) = desk.alerts.values()
    desk.match(alert, count)
    desk.work()
    return row(desk)


def row(desk: Desk) -> Delivery:
    return desk.rows()[0]


def test_a_mail_goes_encrypted_and_with_a_login_where_the_server_asks_for_them(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with open_postbox("localhost", context) as postbox:
        url = postbox.url.replace("//", "//wirewatch@")
        desk = desk_to(tmp_path, postbox, mail=url, mail_password="secret")
        assert told(desk).state is DeliveryState.SENT
        assert postbox.encrypted
        assert postbox.logins == [("wirewatch", "secret")]
        desk.ports.mailer.close()


def test_no_password_goes_over_the_network_to_a_server_that_offers_no_encryption(tmp_path):
    with open_postbox(own_address()) as postbox:
        url = postbox.url.replace("//", "//wirewatch@")
        desk = desk_to(tmp_path, postbox, mail=url, mail_password="secret")
        found = told(desk)
        assert found.state is DeliveryState.PENDING
        assert "no password is sent: use smtps://" in found.history[-1].note
        assert postbox.logins == []
        desk.ports.mailer.close()


def own_address() -> str:
    """An address of this machine by which others reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        try:
            made.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no network")
        return str(made.getsockname()[0])


def test_a_login_that_is_refused_keeps_the_mail_for_later_and_is_not_held_against_the_recipient(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with open_postbox("localhost", context) as postbox:
        desk = desk_to(tmp_path, postbox, mail=postbox.url.replace("//", "//wirewatch@"), mail_password="wrong")
        found = told(desk)
        assert (found.state, found.attempts) == (DeliveryState.PENDING, 1)
        assert "535" in found.history[-1].note
        assert not any(one.bounces for one in desk.ports.stores.recipients.all())
        assert postbox.mails == []
        desk.ports.mailer.close()


def test_a_mail_whose_connection_breaks_after_data_goes_again_under_its_message_id_and_is_marked(desk, postbox):
    postbox.drops = True
    found = told(desk)
    assert (found.state, found.repeated) == (DeliveryState.PENDING, True)
    assert found.history[-1].note.startswith("it may have been taken: ")
    postbox.drops = False
    desk.clock.turn(60)
    desk.work()
    assert (row(desk).state, row(desk).repeated) == (DeliveryState.SENT, True)
    assert [str(mail["Message-ID"]) for mail in postbox.mails] == [row(desk).message_id] * 2


def test_a_server_that_does_not_answer_in_time_may_have_taken_the_mail(tmp_path, postbox):
    desk = desk_to(tmp_path, postbox, mail_timeout="1")
    postbox.seconds = 1.5
    assert told(desk).repeated
    postbox.seconds = 0.0
    desk.clock.turn(60)
    desk.work()
    assert row(desk).state is DeliveryState.SENT
    assert len({str(mail["Message-ID"]) for mail in postbox.mails}) == 1
    desk.ports.mailer.close()


def test_who_waits_for_long_behind_others_is_put_off_while_the_lease_still_holds(tmp_path, postbox):
    """In `up` all threads share a connection: a lease that ran out in line had the mail sent twice."""
    mailer = SmtpMailer(load({}, mail=postbox.url, mail_timeout="2"))
    postbox.seconds = 1.4

    def send(number: int) -> str:
        message = EmailMessage()
        message["From"], message["To"] = "wirewatch@example.org", f"analyst{number}@example.org"
        try:
            return mailer.send(message)
        except DeliveryUnavailable as error:
            return f"{error.uncertain} {error.answer}"

    with ThreadPoolExecutor(3) as pool:
        answers = sorted(pool.map(send, range(3)))
    mailer.close()
    assert answers == ["250 taken", "250 taken", "False 127.0.0.1: slow to take the mails before this one"]
    assert len(postbox.mails) == 2


def test_what_a_server_took_for_certain_not_goes_with_what_has_come_since(desk, postbox):
    (alert,) = desk.alerts.values()
    desk.watch(builders.alert(throttle=1))
    postbox.answer = "451 later"
    found = told(desk)
    assert (found.state, found.repeated, found.mail_id) == (DeliveryState.PENDING, False, "")
    desk.match(alert)
    postbox.answer = "250 taken"
    desk.clock.turn(60)
    desk.work()
    assert {one.state for one in desk.rows()} == {DeliveryState.SENT}
    assert len(postbox.mails) == 1


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose mailer has a fault of ours, with an alert for one analyst."""
    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    desk = open_desk(stores, Clock().now())
    desk.know(builders.recipient("analyst@example.org"))
    watch(desk, "analyst@example.org")
    desk.server.fault = "ours"
    yield desk
    stores.close()


def test_a_mail_that_meets_a_fault_of_ours_is_tried_again_by_itself_and_others_go_on_without_it(faulty):
    found = told(faulty)
    assert (found.state, found.repeated) == (DeliveryState.PENDING, True)
    assert "ValueError: a fault of ours" in found.history[-1].note
    faulty.server.fault = ""
    (alert,) = faulty.alerts.values()
    faulty.match(alert)
    faulty.clock.turn(60)
    faulty.work()
    assert [one.state for one in faulty.rows()] == [DeliveryState.SENT] * 2
    assert len({one.mail_id for one in faulty.rows()}) == 2


def test_a_fault_of_ours_that_lasts_for_a_day_fails_the_mail(faulty):
    assert told(faulty).state is DeliveryState.PENDING
    faulty.pass_time(timedelta(hours=27), timedelta(hours=1))
    assert row(faulty).state is DeliveryState.FAILED
    assert row(faulty).reason.startswith("given up after a day: ValueError")


def test_a_message_that_is_refused_for_good_has_failed_with_the_servers_words(desk, postbox):
    postbox.answer = "554 looks like spam"
    found = told(desk)
    assert (found.state, found.reason) == (DeliveryState.FAILED, "554 looks like spam")


def test_a_server_that_is_away_for_a_day_is_given_up_and_the_ledger_says_so(desk, postbox):
    postbox.answer = "421 not now"
    told(desk)
    for _ in range(60):
        desk.clock.turn(3600)
        desk.work()
    assert row(desk).state is DeliveryState.FAILED
    assert row(desk).reason.startswith("given up after a day: 421")


def test_a_weekly_digest_that_meets_a_server_that_is_away_is_not_given_up_at_once(desk, postbox):
    desk.watch(builders.alert(policy="weekly mon 09:00"))
    told(desk)
    postbox.answer = "451 later"
    desk.clock.turn((row(desk).due_at - desk.clock.now()).total_seconds())
    desk.work()
    assert row(desk).state is DeliveryState.PENDING
    postbox.answer = "250 taken"
    desk.clock.turn(60)
    desk.work()
    assert row(desk).state is DeliveryState.SENT


def test_many_recipients_of_one_alert_get_a_mail_each_over_one_connection_though_one_is_refused(desk, postbox):
    watch(desk, *FIFTY)
    postbox.refused = {FIFTY[7]: "550 5.1.1 no such user"}
    told(desk)
    states = {one.recipient: one.state for one in desk.rows()}
    assert states == dict.fromkeys(FIFTY, DeliveryState.SENT) | {FIFTY[7]: DeliveryState.FAILED}
    assert sorted(postbox.recipients) == sorted(set(FIFTY) - {FIFTY[7]})
    assert len(postbox.sessions) == 1


def test_a_server_that_hung_up_meanwhile_is_called_again(desk, postbox):
    told(desk)
    desk.ports.mailer._server.sock.shutdown(2)
    told(desk)
    assert len(postbox.mails) == 2
    assert not any(one.repeated for one in desk.rows())


def test_what_takes_longer_than_a_worker_has_is_left_to_the_next(desk):
    watch(desk, *FIFTY)
    (alert,) = desk.alerts.values()
    desk.match(alert)
    ids = [one.id for one in desk.rows()]
    report = flow.notify(desk.ports, ids, seconds=0)
    assert (report.sent, sorted(report.left)) == (0, sorted(ids))
    assert flow.notify(desk.ports, report.left).sent == len(FIFTY)


def test_what_is_no_answer_of_smtp_to_a_message_may_have_been_a_yes(desk, postbox):
    postbox.answer = "what?"
    found = told(desk)
    assert (found.state, found.repeated) == (DeliveryState.PENDING, True)
    assert "nonsense" in found.history[-1].note


def test_a_server_that_refuses_a_recipient_and_hangs_up_has_refused_them(desk, postbox):
    postbox.refused = {"analyst@example.org": "550 no such user"}
    postbox.hangs_up = True
    found = told(desk)
    assert (found.state, found.reason) == (DeliveryState.FAILED, "550 no such user")


def test_a_mail_that_may_have_gone_out_is_sent_whole_however_much_else_is_due(desk, postbox, monkeypatch):
    monkeypatch.setattr(sys.modules["pipeline.flow.notify"], "MOST", 3)
    (alert,) = desk.alerts.values()
    desk.match(alert, 4)
    rows = desk.rows()
    now = desk.clock.now()
    first, *mail = rows
    desk.ports.stores.deliveries.update([first.id], lambda one: replace(one, due_at=now - timedelta(minutes=1)))
    desk.ports.stores.deliveries.update(
        [one.id for one in mail], lambda one: replace(one, mail_id="lost", repeated=True, due_at=now)
    )
    desk.work()
    assert len(postbox.mails) == 2
    assert {one.state for one in desk.rows()} == {DeliveryState.SENT}
    assert len({one.message_id for one in desk.rows() if one.mail_id == "lost"}) == 1
