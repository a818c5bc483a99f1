"""Mails that come back: what a delivery status notification says, and what becomes of delivery and address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.deliver.returned import read_returned
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.firing import match_stories
from pipeline.flow.notify import notify
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.readers.recipients import recipients_of
from pipeline.flow.readers.returned import take_returned
from pipeline.model import Delivery, DeliveryState
from tests import builders

ANA = "ana@example.org"
NOTIFICATION = """\
From: MAILER-DAEMON@mx.example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ana@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b
Content-Type: message/rfc822

To: ana@example.org
X-Wirewatch-Delivery: {delivery}
Subject: [kursk] One

Text.
--b--
"""


def notification(
    delivery: str, *, action: str = "failed", status: str = "5.1.1", said: str = "550 no such user"
) -> bytes:
    return NOTIFICATION.format(delivery=delivery, action=action, status=status, said=said).encode()


def mailed(ports, name: str) -> Delivery:
    """A delivery to Ana that the server took."""
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(ANA,)), replace_existing=True)
    story = builders.story(name, title=f"Kursk {name}", published=ports.clock.now(), first_seen_at=ports.clock.now())
    ports.stores.stories.put([story])
    (row,) = match_stories(ports, [story], frozenset()).deliveries
    notify(ports, [row.id])
    return row


def bounced(ports) -> tuple[int, str]:
    one = recipients_of(ports, [ANA])[ANA]
    return one.bounces, one.bounced


def test_a_mail_that_comes_back_has_failed_and_an_address_that_there_is_not_is_given_up(ports):
    row = mailed(ports, "one")
    (after,) = take_returned(ports, notification(row.id))
    why = "550 5.1.1 returned: 550 no such user"
    assert (after.state, after.reason) == (DeliveryState.FAILED, why)
    assert [event.state for event in after.history][-2:] == [DeliveryState.SENT, DeliveryState.FAILED]
    assert bounced(ports) == (1, why)
    assert reconcile(ports).adds_up


def test_a_notification_that_is_read_twice_counts_once(ports):
    row = mailed(ports, "one")
    content = notification(row.id, status="5.2.1", said="550 disabled")
    assert len(take_returned(ports, content)) == 1
    assert take_returned(ports, content) == []
    assert bounced(ports) == (1, "")


def test_a_full_mailbox_fails_the_delivery_and_says_nothing_of_the_address(ports):
    row = mailed(ports, "one")
    assert len(take_returned(ports, notification(row.id, status="5.2.2", said="552 full"))) == 1
    assert bounced(ports) == (0, "")


@pytest.mark.parametrize("fields", [{"action": "delayed", "status": "4.4.1"}, {"status": "4.4.1"}, {"status": "none"}])
def test_a_delay_is_no_failure(fields):
    assert read_returned(notification("0" * 32, **fields)) is None


def test_a_notification_about_no_mail_of_ours_changes_nothing(ports):
    row = mailed(ports, "one")
    assert take_returned(ports, notification("f" * 32)) == []
    assert take_returned(ports, b"Subject: hello\n\nHow are you?") == []
    assert ports.stores.deliveries.get([row.id])[row.id].state is DeliveryState.SENT


@given(st.binary() | st.text().map(lambda said: notification("0" * 32, said=said)[:-40]))
def test_any_mail_says_something_or_nothing(content):
    found = read_returned(content)
    assert found is None or found.answer.startswith("550 5.")


def test_parts_within_parts_without_end_are_no_notification():
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(2_000))
    assert read_returned(nested + notification("0" * 32)) is None
