"""The inbox: what was sent to the visitor and what not, and what they change for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.flow.accounts.audit import audits
from pipeline.flow.readers.people import NewGroup, put_group
from pipeline.flow.readers.preferences import irrelevant_counts
from pipeline.model import EVERY_ALERT, DeliveryState, Recipient, Role
from pipeline.ports import Ports
from tests import builders
from tests.browser import Browser
from tests.builders import NOON, later, user
from tests.consoles import console
from tests.fakes import Clock
from tests.servers import free_port

ANA, BOB = "ana@example.org", "bob@example.org"
HOSTILE = "<script>alert(1)</script>"
KURSK = builders.alert("kursk", recipients=(ANA,))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(ports) -> Iterator[Browser]:
    port = free_port()
    with console(ports, port, [], visitor=user(Role.VIEWER, ANA)):
        yield Browser(port, follows=True)


def ana(ports: Ports) -> Recipient:
    (one,) = ports.stores.recipients.all()
    return one


def test_an_empty_inbox_says_whether_any_alert_names_the_visitor(browser, ports):
    assert f"No alert names {ANA}." in browser.get("/inbox").words
    put_group(ports, NewGroup(name="desk", members=(ANA,)))
    ports.stores.alerts.create([builders.alert("nato", recipients=("@desk",)), builders.alert("x", recipients=(BOB,))])
    assert "1 alerts name you" in browser.get("/inbox").words


def test_the_inbox_holds_what_was_for_the_visitor_and_nothing_of_others(browser, ports):
    ports.stores.alerts.create([KURSK])
    ports.stores.stories.put([builders.story("a", title=f"Kursk {HOSTILE}")])
    row = {"alert_id": KURSK.id, "story_id": builders.story("a").id}
    ports.stores.deliveries.create(
        [
            builders.delivery("sent", recipient=ANA, state=DeliveryState.SENT, **row),
            builders.delivery("held", recipient=ANA, state=DeliveryState.HELD, due_at=later(3600), **row),
            builders.delivery("muted", recipient=ANA, state=DeliveryState.SUPPRESSED, reason="unsubscribed", **row),
            builders.delivery("other", recipient=BOB, state=DeliveryState.SENT, **row),
        ]
    )
    page = browser.get("/inbox")
    assert len(page.tree.xpath("//article")) == 3
    assert HOSTILE not in page.text
    assert f"Kursk {HOSTILE}" in page.words
    held = browser.get("/inbox", state="held")
    assert len(held.tree.xpath("//article")) == 1
    assert "until 2026-03-01 13:00" in held.words
    assert "unsubscribed" in browser.get("/inbox", state="suppressed").words
    assert "None of your mails is" in browser.get("/inbox", state="failed").words


def test_a_story_is_called_not_relevant_and_relevant_again(browser, ports):
    ports.stores.alerts.create([KURSK])
    row = builders.delivery("sent", recipient=ANA, alert_id=KURSK.id)
    ports.stores.deliveries.create([row])
    assert "You called it not relevant." in browser.post(f"/inbox/deliveries/{row.id}/irrelevant").words
    assert irrelevant_counts(ports) == {KURSK.id: 1}
    assert "You called it not relevant." not in browser.post(f"/inbox/deliveries/{row.id}/relevant").words
    assert irrelevant_counts(ports) == {}


def test_who_says_what_is_relevant_stays_on_the_page_where_they_say_it(browser, ports):
    ports.stores.alerts.create([KURSK])
    known = {"recipient": ANA, "alert_id": KURSK.id, "state": DeliveryState.SENT}
    rows = [builders.delivery(str(n), created_at=NOON - timedelta(minutes=n), **known) for n in range(60)]
    ports.stores.deliveries.create(rows)
    (older,) = browser.get("/inbox", state="sent").tree.xpath("//a[@rel='next']/@href")
    (button,) = browser.get(older).tree.xpath("//article[1]/form/@action")
    page = browser.post(button)
    assert "You called it not relevant." in page.words
    assert len(page.tree.xpath("//article")) == 10
    assert page.url.startswith(older)


def test_another_s_delivery_is_not_there_for_the_visitor(browser, ports):
    row = builders.delivery("sent", recipient=BOB)
    ports.stores.deliveries.create([row])
    assert browser.post(f"/inbox/deliveries/{row.id}/irrelevant").status == 404
    assert ports.stores.feedback.count() == 0


def test_an_alert_is_unsubscribed_from_and_muted_and_both_are_undone(browser, ports):
    ports.stores.alerts.create([KURSK])
    at = f"/inbox/alerts/{KURSK.id}"
    assert "unsubscribed" in browser.post(f"{at}/unsubscribe").words
    assert ana(ports).unsubscribed == (KURSK.id,)
    assert "muted until 2026-03-02 12:00" in browser.post(f"{at}/mute").words
    browser.post(f"{at}/subscribe")
    browser.post(f"{at}/unmute")
    assert (ana(ports).unsubscribed, ana(ports).muted) == ((), {})
    assert "unsubscribed from all alerts" in browser.post("/inbox/alerts/*/unsubscribe-all").words
    assert ana(ports).unsubscribed == (EVERY_ALERT,)
    browser.post("/inbox/alerts/*/subscribe-all")
    assert ana(ports).unsubscribed == ()


def test_an_alert_that_does_not_name_the_visitor_can_t_be_asked_about(browser, ports):
    other = builders.alert("secret", recipients=(BOB,))
    ports.stores.alerts.create([other])
    assert browser.post(f"/inbox/alerts/{other.id}/mute").status == 404
    assert "secret" not in browser.get("/inbox/preferences").words


def test_preferences_are_kept_and_times_are_shown_in_the_zone_that_was_said(browser, ports):
    ports.stores.deliveries.create([builders.delivery("held", recipient=ANA, state=DeliveryState.HELD, due_at=NOON)])
    said = {"zone": "Europe/Kyiv", "language": "de", "quiet": "22:00-07:00", "policy": "daily 08:00"}
    assert "Saved." in browser.post("/inbox/preferences", said).words
    kept = ana(ports)
    assert (kept.zone, kept.language, kept.quiet, kept.policy) == tuple(said.values())
    page = browser.get("/inbox")
    assert "Times are in Europe/Kyiv." in page.words
    assert "until 2026-03-01 14:00" in page.words


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("zone", "Mars/Olympus", "'Mars/Olympus' is no time zone"),
        ("quiet", "at night", "'at night' are no quiet hours"),
        ("policy", "sometimes", "'sometimes' is no policy"),
        ("language", "xx", "'xx' is no language"),
    ],
)
def test_a_preference_that_can_t_be_is_refused_with_the_cure_and_stays_in_the_form(browser, ports, name, value, line):
    page = browser.post("/inbox/preferences", {name: value})
    assert page.status == 422
    assert line in page.tree.xpath("string(//p[@id='error'])")
    assert page.tree.xpath(f"//input[@id='{name}']/@value") == [value]
    assert ports.stores.recipients.count() == 0


def test_the_audit_log_says_what_a_visitor_changed_for_themselves(browser, ports):
    ports.stores.alerts.create([KURSK])
    ports.stores.recipients.create([builders.recipient(ANA, secret="hush")])
    ports.stores.deliveries.create([builders.delivery("sent", recipient=ANA, alert_id=KURSK.id, story_id="a")])
    for _ in range(2):  # of which the second changes nothing
        browser.post("/inbox/preferences", {"zone": "Europe/Kyiv"})
    ports.clock.turn(1)
    browser.post(f"/inbox/alerts/{KURSK.id}/unsubscribe")
    ports.clock.turn(1)
    browser.post(f"/inbox/deliveries/{builders.delivery('sent').id}/irrelevant")
    found = list(audits(ports))
    assert [(one.who, one.did, one.about) for one in found] == [
        (ANA, "call story irrelevant", "a"),
        (ANA, "change preferences", ANA),
        (ANA, "change preferences", ANA),
    ]
    assert (found[1].before, found[1].after) == ({"unsubscribed": []}, {"unsubscribed": [KURSK.id]})
    assert (found[2].before["zone"], found[2].after["zone"]) == ("UTC", "Europe/Kyiv")
    assert "hush" not in repr(found)


def test_a_long_inbox_is_paged(browser, ports):
    rows = [builders.delivery(str(n), recipient=ANA, created_at=NOON - timedelta(minutes=n)) for n in range(60)]
    ports.stores.deliveries.create(rows)
    (older,) = browser.get("/inbox").tree.xpath("//a[@rel='next']/@href")
    assert len(browser.get(older).tree.xpath("//article")) == 10
