"""Recipients, groups and their policies: what is refused on save, what the flow makes of them, and what bounces."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.adapters import alertfile
from pipeline.adapters.smtp import SmtpMailer
from pipeline.adapters.watchlist import import_lists
from pipeline.deliver.links import Action, token
from pipeline.deliver.render import Item, render
from pipeline.errors import BadInput, DeliveryUnavailable, NotFound
from pipeline.flow.alerts.language import put_list
from pipeline.flow.alerts.manage import NewAlert, alert_id, find_alert, put_alert, set_alert_state
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import Round, once
from pipeline.flow.readers.people import (
    NewGroup,
    NewRecipient,
    checked_mail_address,
    put_group,
    put_recipient,
    remove_group,
)
from pipeline.flow.readers.preferences import change
from pipeline.flow.readers.recipients import alerts_for, recipient_id, respell
from pipeline.ids import identify
from pipeline.model import EVERY_ALERT, Alert, AlertState, Delivery, DeliveryState, Recipient
from pipeline.ports import LedgerFilter, Ports
from pipeline.settings import load
from tests import builders, web
from tests.postbox import Postbox, open_postbox

ANA, BOB = "ana@example.org", "bob@example.org"
KURSK = "Two villages near Kursk were left in the night."
KYIV = ZoneInfo("Europe/Kyiv")


@dataclass(slots=True)
class Desk:
    """A site, its feed, and an SMTP server that takes the mails."""

    ports: Ports
    site: web.Site
    postbox: Postbox

    def alert(self, *to: str, query: str = "kursk", **said: object) -> Alert:
        return put_alert(self.ports, NewAlert(name="kursk", query=query, recipients=to or (ANA,), **said))

    def describe(self, address: str = ANA, **said: str) -> Recipient:
        return put_recipient(self.ports, NewRecipient(address=address, **said))

    def publish(self, *names: str) -> Round:
        """Stories of these names come, and what is due is delivered."""
        found = [
            (f"Story {name}", self.site.put(f"/{name}", web.page(name, *web.article(KURSK, name)))) for name in names
        ]
        self.site.put("/feed", web.rss(*found), web.RSS)
        return self.deliver()

    def deliver(self) -> Round:
        return once(self.ports, everything=True, progress=lambda *_: None, threads=1)

    def rows(self) -> list[Delivery]:
        """The ledger, oldest first."""
        return sorted(self.ports.stores.deliveries.ledger(LedgerFilter()), key=lambda one: (one.created_at, one.id))

    def states(self) -> set[tuple[str, str]]:
        return {(one.state.value, one.reason) for one in self.rows()}

    def recipient(self, address: str = ANA) -> Recipient:
        return next(one for one in self.ports.stores.recipients.all() if one.address == address)


@pytest.fixture
def desk(ports, site) -> Iterator[Desk]:
    with open_postbox() as postbox:
        mailer = SmtpMailer(load({}, mail=postbox.url))
        add_feeds(ports, [NewFeed(url=f"{site.base}/feed")])
        yield Desk(dataclasses.replace(ports, mailer=mailer), site, postbox)
        mailer.close()


def at(clock: str, zone: ZoneInfo, after: datetime) -> datetime:
    """When clocks in `zone` show `clock` next."""
    hours, minutes = map(int, clock.split(":"))
    moment = after.astimezone(zone).replace(hour=hours, minute=minutes, second=0, microsecond=0)
    return moment if moment > after else moment + timedelta(days=1)


def mail_to(address: str) -> EmailMessage:
    item = Item(builders.delivery(recipient=address), builders.alert(), builders.story(), builders.match())
    return render([item], builders.recipient(address), load({}))


# -- what is refused on save


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"address": "nobody"}, "'nobody' is no mail address"),
        ({"zone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
        ({"policy": "daily 25:00"}, "'25:00' in 'daily 25:00' is no time of the day"),
        ({"policy": "now and then"}, "is no policy"),
        ({"quiet": "22-07"}, "is no time of the day"),
        ({"quiet": "22:00-22:00"}, "are no quiet hours"),
        ({"language": "english"}, "'english' is no language"),
        ({"name": "Ana\r\nBcc: x@evil.example"}, "is no name"),
    ],
)
def test_a_recipient_that_can_not_be_is_refused_with_one_line_and_nothing_is_kept(ports, said, why):
    with pytest.raises(BadInput, match=why) as refused:
        put_recipient(ports, NewRecipient(**{"address": ANA} | said))
    assert "\n" not in str(refused.value)
    assert ports.stores.recipients.count() == 0


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"recipients": ("a@b..example",)}, "alert 'kursk': 'a@b..example' is no mail address"),
        ({"recipients": ("@desk",)}, "there is no group @desk"),
        ({"recipients": ("@",)}, "there is no group @"),
        ({"policy": "daily 25:00"}, "is no time of the day"),
        ({"throttle": -1}, "a throttle of -1: give"),
        ({"throttle": 10**9}, "a throttle of 1000000000: give"),
    ],
)
def test_an_alert_that_can_not_be_delivered_is_refused_on_save(ports, said, why):
    with pytest.raises(BadInput, match=why):
        put_alert(ports, NewAlert(**{"name": "kursk", "query": "kursk", "recipients": (ANA,)} | said))
    assert ports.stores.alerts.count() == 0


def test_a_group_needs_a_name_and_members_that_are_addresses(ports):
    for group, why in (
        (NewGroup(name="two words", members=(ANA,)), "is no name of a group"),
        (NewGroup(name="desk", members=()), "needs at least one address"),
        (NewGroup(name="desk", members=("@other",)), "group @desk: '@other' is no mail address"),
    ):
        with pytest.raises(BadInput, match=why):
            put_group(ports, group)
    assert ports.stores.groups.count() == 0


def test_a_group_that_an_alert_names_is_not_removed(ports):
    put_group(ports, NewGroup(name="Desk", members=(ANA,)))
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("@DESK",)))
    with pytest.raises(BadInput, match="used by 'kursk'"):
        remove_group(ports, "@desk")
    ports.stores.alerts.delete([find_alert(ports, "kursk").id])
    remove_group(ports, "desk")
    with pytest.raises(NotFound):
        remove_group(ports, "desk")


NO_ADDRESSES = (
    *("", "a", "@b.example", "a@", "a b@c.example", "a@b@c.example", "a@b..example", "a@.example", "a..b@c.example"),
    *("<a@b.example>", "a@b.example,c@d.example", "a@b.example\r\nBcc: c@d.example", "a" * 65 + "@b.example"),
    *("a@-b.example", "a@b.example.", "анна@b.example", "a@b_c.example", "a@b.example\n"),
)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_mail_address_is_refused(address):
    with pytest.raises(BadInput, match="is no mail address"):
        checked_mail_address(address)


def test_the_case_of_an_address_makes_no_other_recipient():
    assert checked_mail_address("Ana.O'Neill+news@Example.ORG") == "ana.o'neill+news@example.org"


def test_a_domain_beyond_ascii_is_kept_as_the_dns_has_it():
    assert checked_mail_address("anna@Приклад.укр") == "anna@xn--80aikifvh.xn--j1amh"


@given(st.text(max_size=40) | st.emails() | st.from_regex(r"[a-z.\"]{1,5}@[a-z.\-]{1,9}", fullmatch=True))
def test_an_address_that_is_accepted_can_stand_in_a_mail(text):
    try:
        address = checked_mail_address(text)
    except BadInput:
        return
    mail = mail_to(address)
    assert mail["To"].addresses[0].addr_spec == address
    assert mail.as_bytes()


# -- what stays


def test_what_is_not_said_of_a_recipient_stays_as_it_is(desk):
    desk.describe(name="Ana", zone="Europe/Kyiv", quiet="22:00-07:00")
    desk.ports.stores.recipients.update([desk.recipient().id], lambda one: replace(one, unsubscribed=("*",)))
    after = desk.describe(policy=" Daily  08:00 ", quiet="")
    assert (after.name, after.zone, after.policy, after.quiet) == ("Ana", "Europe/Kyiv", "daily 08:00", "")
    assert after.unsubscribed == ("*",)


def test_lists_that_were_written_are_read_as_they_were(desk):
    put_group(desk.ports, NewGroup(name="desk", members=(ANA, BOB)))
    desk.describe(name="Ana \"the\" 'Lyst'", zone="Europe/Kyiv", policy="weekly mon 08:00")
    put_list(desk.ports, "fronts", ["kursk", "=Sumy", "the north"])
    alert = desk.alert("@desk", BOB, query="@fronts", policy="hourly", throttle=5, urgent=True, copies=True)
    set_alert_state(desk.ports, alert.name, AlertState.PAUSED)
    stores = desk.ports.stores
    kept = (stores.recipients, stores.groups, stores.lists, stores.alerts)
    written = alertfile.write(*(one.all() for one in kept))
    before = [list(one.all()) for one in kept]
    for records in kept:
        records.delete([one.id for one in records.all()])
    dry = import_lists(desk.ports, "test", alertfile.read(written.encode(), "x"), dry_run=True)
    assert [(one.added, one.refused) for one in dry.values()] == [(1, [])] * 4
    assert stores.alerts.count() == stores.groups.count() == stores.recipients.count() == 0
    done = import_lists(desk.ports, "test", alertfile.read(written.encode(), "x"))
    assert [(one.added, one.refused) for one in done.values()] == [(1, [])] * 4
    after = [list(one.all()) for one in kept]
    assert after == before
    again = import_lists(desk.ports, "test", alertfile.read(written.encode(), "x"), replace_existing=True)
    assert [(one.added, one.changed, one.known) for one in again.values()] == [(0, 0, 1)] * 4


def test_a_dry_run_names_every_field_that_would_change_and_what_is_questionable_is_said(desk):
    alert = desk.alert(ANA, query="kursk")
    text = f"""
        [[alert]]
        name = '{alert.name}'
        query = 'kursk OR the'
        to = '{BOB}'
        throttle = 4
        urgent = true
    """
    done = import_lists(desk.ports, "test", alertfile.read(text.encode(), "x"), replace_existing=True, dry_run=True)
    (line,) = done["alerts"].changes
    assert (
        line
        == f"~ {alert.name}: query kursk → kursk OR the; recipients {ANA} → {BOB}; throttle 0 → 4; urgent false → true"
    )
    assert "stands in nearly every story" in done["alerts"].warnings[0]


def test_of_two_alerts_of_one_name_the_file_is_told(ports):
    twice = "[[alert]]\nname='a'\nquery='b'\nto='a@example.org'\n" * 2
    for dry_run in (True, False):
        done = import_lists(ports, "test", alertfile.read(twice.encode(), "x"), replace_existing=True, dry_run=dry_run)
        assert (done["alerts"].added, done["alerts"].refused) == (
            1,
            ["alert 'a': the file has two of this name: rename one"],
        )


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(WORDS, WORDS, st.integers(0, 1_000), st.booleans())
def test_any_text_of_an_alert_is_read_from_a_file_as_it_was_written(name, query, throttle, urgent):
    one = builders.alert(query, name, recipients=("@desk", ANA), throttle=throttle, urgent=urgent)
    (read,) = alertfile.read(alertfile.write([], [], [], [one]).encode(), "x").alerts
    assert (read.name, read.query, read.recipients) == (name, query, one.recipients)
    assert (read.throttle, read.urgent, read.policy) == (throttle, urgent, "immediate")


def test_an_import_replaces_what_is_described_and_nothing_that_a_reader_did(desk):
    desk.describe(name="Ana", quiet="22:00-07:00")
    desk.ports.stores.recipients.update([desk.recipient().id], lambda one: replace(one, unsubscribed=("*",)))
    lists = alertfile.read(b"[[recipient]]\naddress = 'ana@example.org'\nzone = 'Asia/Tokyo'", "x")
    assert import_lists(desk.ports, "test", lists)["recipients"].known == 1
    assert desk.recipient().zone == "UTC"
    assert import_lists(desk.ports, "test", lists, replace_existing=True)["recipients"].changed == 1
    one = desk.recipient()
    assert (one.zone, one.name, one.quiet, one.unsubscribed) == ("Asia/Tokyo", "", "", ("*",))


def test_a_bad_table_is_named_and_the_rest_goes_in(ports):
    text = """
        [[recipient]]
        address = 'ana@example.org'
        zone = 'Mars/Olympus'
        [[group]]
        name = 'empty'
        members = []
        [[alert]]
        name = 'a'
        query = 'kursk'
        to = '@empty'
        [[alert]]
        name = 'b'
        query = 'kursk'
        to = 'ana@example.org'
        throttle = -1
        [[alert]]
        name = 'c'
        query = 'kursk'
        to = 'ana@example.org'
        policy = 'daily 08:00'
    """
    for dry_run in (True, False):
        done = import_lists(ports, "test", alertfile.read(text.encode(), "x"), dry_run=dry_run)
        assert [(one.added, len(one.refused)) for one in done.values()] == [(0, 1), (0, 1), (0, 0), (1, 2)]
        assert done["alerts"].refused[0].startswith("alert 'a': there is no group @empty")
    assert [one.name for one in ports.stores.alerts.all()] == ["c"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[alert]]\nname='a'\nquery='b'\nthrottle='5'", "x: alert 1: throttle is a whole number"),
        ("[[alert]]\nname='a'\nquery='b'\nthrottle=true", "x: alert 1: throttle is a whole number"),
        ("[[alert]]\nname='a'\nquery='b'\nurgent='yes'", "x: alert 1: urgent is true or false"),
        ("[[alert]]\nname='a'\nquery='b'\npolicy=8", "x: alert 1: policy is a text in quotes"),
        ("[[recipient]]\nzone='UTC'", "x: recipient 1 needs an address"),
        ("[[recipient]]\naddress='a@b.c'\nphone='1'", "x: recipient 1 has phone: only address, name"),
        ("[[group]]\nmembers=['a@b.c']", "x: group 1 needs a name"),
        ("[[group]]\nname='a'\nmembers=[1]", "x: group 1: members is a text or a list"),
        ("[[alerts]]\nname='a'\nquery='b'", "x has alerts: only recipient, group, list, alert are known"),
        ("[[alert]]\nname='a'\nquery='b'\nstate='gone'", "x: alert 1: state is one of active, paused"),
        ("[[list]]\nmembers=['a']", "x: list 1 needs a name"),
        ("recipient = 1", r"x: write each recipient as \[\[recipient\]\]"),
    ],
)
def test_a_file_in_which_something_else_is_written_is_refused_whole(text, why):
    with pytest.raises(BadInput, match=why):
        alertfile.read(text.encode(), "x")


def test_the_file_names_chats_as_it_names_people_and_refuses_one_that_can_not_be(ports, site):
    chat = f"slack+{site.base}/services/T0/B0/xyz"
    text = f"""
        [[recipient]]
        address = '{chat}'
        quiet = '22:00-07:00'
        [[recipient]]
        address = 'slack+https://10.0.0.1/services/T0/B0/verysecretindeedxyz'
        [[group]]
        name = 'desk'
        members = ['ana@example.org', '{chat}']
        [[group]]
        name = 'hooks'
        members = ['webhook+{site.base}/unknown']
        [[alert]]
        name = 'a'
        query = 'kursk'
        to = ['@desk', '{chat}']
    """
    done = import_lists(ports, "test", alertfile.read(text.encode(), "x"))
    assert [(one.added, len(one.refused)) for one in done.values()] == [(1, 1), (1, 1), (0, 0), (1, 0)]
    (private,), (secretless,) = done["recipients"].refused, done["groups"].refused
    assert "its address 10.0.0.1 is private" in private
    assert "secretindeed" not in private
    assert "no secret is kept" in secretless
    assert "`wirewatch channels add` it first" in secretless


# -- what the flow makes of it


def test_a_group_is_written_out_when_the_alert_fires(desk):
    put_group(desk.ports, NewGroup(name="desk", members=(ANA,)))
    desk.alert("@desk", ANA)
    desk.publish("one")
    put_group(desk.ports, NewGroup(name="desk", members=(ANA, BOB)))
    desk.publish("one", "two")
    assert sorted(desk.postbox.recipients) == [ANA, ANA, BOB]


def test_a_digest_comes_at_its_hour_in_the_readers_zone_as_one_mail(desk, clock):
    desk.describe(zone="Europe/Kyiv", policy="daily 08:00")
    desk.alert(ANA, BOB)
    assert desk.publish("one", "two").sent == 2
    assert set(desk.postbox.recipients) == {BOB}
    eight = at("08:00", KYIV, clock.now())
    assert {(one.state.value, one.reason, one.due_at) for one in desk.rows() if one.recipient == ANA} == {
        ("held", "digest: daily 08:00", eight)
    }
    clock.at = eight - timedelta(seconds=1)
    desk.deliver()
    assert ANA not in desk.postbox.recipients
    clock.turn(1)
    desk.deliver()
    assert desk.postbox.recipients.count(ANA) == 1
    assert desk.states() == {("sent", "")}


def test_quiet_hours_hold_and_release_as_they_end_but_for_what_is_urgent(desk, clock):
    clock.at = at("23:00", KYIV, clock.now())
    desk.describe(zone="Europe/Kyiv", quiet="22:00-07:00")
    desk.alert()
    put_alert(desk.ports, NewAlert(name="alarm", query="villages", recipients=(ANA,), urgent=True))
    desk.publish("one", "two")
    assert [str(mail["Subject"])[:7] for mail in desk.postbox.mails] == ["[alarm]", "[alarm]"]
    seven = at("07:00", KYIV, clock.now())
    assert {(one.reason, one.due_at) for one in desk.rows() if one.state is DeliveryState.HELD} == {
        ("quiet hours, 22:00-07:00", seven)
    }
    clock.at = seven
    desk.deliver()
    assert desk.states() == {("sent", "")}


def test_a_throttle_lets_so_many_mails_through_and_holds_the_rest(desk, clock):
    desk.alert(throttle=2)
    desk.publish("one")
    desk.publish("one", "two")
    desk.publish("one", "two", "three", "four", "five")
    assert len(desk.postbox.mails) == 2
    assert ("held", "throttle: 2 mails an hour") in desk.states()
    clock.turn(3_600)
    desk.deliver()
    assert len(desk.postbox.mails) == 3
    assert desk.states() == {("sent", "")}


# -- bounces


def test_an_address_that_does_not_exist_is_given_up_at_once_and_can_be_reinstated(desk):
    desk.alert(ANA, BOB)
    desk.postbox.refused = {ANA: "550 5.1.1 no such user"}
    desk.publish("one")
    desk.publish("one", "two")
    assert desk.recipient().bounced == "550 5.1.1 no such user"
    assert desk.postbox.recipients == [BOB, BOB]
    assert ("suppressed", "its address was given up: 550 5.1.1 no such user") in desk.states()
    desk.postbox.refused = {}
    put_recipient(desk.ports, NewRecipient(address=ANA), reinstate=True)
    desk.publish("one", "two", "three")
    assert desk.postbox.recipients.count(ANA) == 1
    assert (desk.recipient().bounced, desk.recipient().bounces) == ("", 0)


def test_an_address_is_given_up_after_three_refusals_in_a_row(desk):
    desk.alert()
    desk.postbox.refused = {ANA: "550 no such user"}
    desk.publish("one")
    desk.publish("one", "two")
    assert (desk.recipient().bounces, desk.recipient().bounced) == (2, "")
    desk.postbox.refused = {}
    desk.publish("one", "two", "three")
    assert desk.recipient().bounces == 0
    desk.postbox.refused = {ANA: "550 no such user"}
    names = ["one", "two", "three"]
    for name in ("four", "five", "six", "seven"):
        names.append(name)
        desk.publish(*names)
    assert desk.recipient().bounced == "550 no such user"
    assert sum(one.state is DeliveryState.FAILED for one in desk.rows()) == 5
    assert sum(one.state is DeliveryState.SUPPRESSED for one in desk.rows()) == 1


@pytest.mark.parametrize("answer", ["552 5.2.2 mailbox full", "550 5.7.1 blocked", "553 5.1.8 unknown sender"])
def test_an_address_is_not_given_up_for_what_says_nothing_of_it(desk, answer):
    desk.alert()
    desk.postbox.refused = {ANA: answer}
    names: list[str] = []
    for name in ("one", "two", "three", "four"):
        names.append(name)
        desk.publish(*names)
    assert desk.states() == {("failed", answer)}
    assert desk.ports.stores.recipients.count() == 0


def test_a_server_that_refuses_our_sender_is_tried_again_and_bounces_nobody(desk):
    desk.alert()
    desk.postbox.sender_answer = "550 5.7.1 not yours to send"
    desk.publish("one")
    assert {one.state for one in desk.rows()} == {DeliveryState.PENDING}
    assert desk.ports.stores.recipients.count() == 0


def test_a_server_that_refuses_our_password_is_tried_again():
    refusing = {"authenticator": lambda *_: AuthResult(success=False, handled=False), "auth_require_tls": False}
    with open_postbox(**refusing) as postbox:
        mailer = SmtpMailer(load({}, mail=postbox.url.replace("//", "//us@"), mail_password="wrong"))
        with pytest.raises(DeliveryUnavailable, match="535"):
            mailer.send(mail_to(ANA))
        mailer.close()


# -- at once, from several places


def test_what_a_reader_and_an_operator_change_at_once_both_stand(desk):
    settings = dataclasses.replace(desk.ports.settings, public_url="https://w.example", links_secret="s" * 32)
    ports = dataclasses.replace(desk.ports, settings=settings)
    desk.alert()
    desk.publish("one")
    (row,) = desk.rows()
    change(ports, token(row, settings), Action.UNSUBSCRIBE)
    desk.describe(zone="Europe/Kyiv")
    change(ports, token(row, settings), Action.MUTE)
    one = desk.recipient()
    assert (one.zone, one.unsubscribed, list(one.muted)) == ("Europe/Kyiv", (row.alert_id,), [row.alert_id])


def test_refusals_that_a_mail_in_between_was_taken_after_are_not_in_a_row(desk):
    desk.alert()
    desk.postbox.answers = ["550 looks like spam", "250 taken"] * 4
    desk.publish(*(f"story{number}" for number in range(8)))
    assert len(desk.postbox.answers) < 8 - 3
    assert desk.recipient().bounced == ""
    assert {one.state for one in desk.rows()} == {DeliveryState.SENT, DeliveryState.FAILED}


def test_a_zone_that_this_machine_does_not_know_is_utc_and_stops_nothing(desk, caplog):
    desk.alert(policy="daily 08:00")
    desk.describe(zone="Europe/Kyiv")
    desk.ports.stores.recipients.update([recipient_id(ANA)], lambda one: replace(one, zone="Moved/Away"))
    desk.publish("one")
    assert {one.state for one in desk.rows()} == {DeliveryState.HELD}
    assert "gets times in UTC" in caplog.text


def test_one_address_is_one_recipient_however_it_is_spelt(desk):
    desk.alert("Ana@Example.org", ANA)
    (alert,) = desk.ports.stores.alerts.all()
    assert alert.recipients == (ANA,)
    assert [one.id for one in alerts_for(desk.ports, ANA)] == [alert.id]


def test_what_an_earlier_version_kept_under_capitals_is_kept_on(desk, clock):
    typed = "Ana.K@example.org"
    old = Recipient(id=identify("recipient", typed), address=typed, unsubscribed=(EVERY_ALERT,), updated_at=clock.now())
    desk.ports.stores.recipients.create([old])
    desk.alert(BOB)
    desk.ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, recipients=(typed, BOB)))
    assert respell(desk.ports) == 1
    assert respell(desk.ports) == 0
    desk.publish("one")
    assert desk.postbox.recipients == [BOB]
    assert ("suppressed", "unsubscribed") in desk.states()
