"""A desk without feeds: matches come, time passes, mails go to a server that may fail; and what must hold of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from pipeline import flow
from pipeline.deliver.plan import BURST, BURST_WINDOW, HOUR
from pipeline.errors import DeliveryRefused, DeliveryUnavailable
from pipeline.flow.firing import write_deliveries
from pipeline.ids import delivery_id, identify, match_id
from pipeline.model import EVERY_ALERT, Alert, Delivery, DeliveryState, Match, Recipient
from pipeline.ports import Ports, Stores
from pipeline.query import variants
from pipeline.settings import load
from tests import builders
from tests.fakes import Clock

ENDS = (DeliveryState.SENT, DeliveryState.SUPPRESSED, DeliveryState.FAILED)


class Died(BaseException):
    """The worker was killed: nothing that it would have done after this is done."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that the server took, and the recipient as known then; `before`: it had been tried under that id."""

    at: datetime
    mail_id: str
    text: str
    recipient: Recipient
    before: bool


@dataclass(slots=True)
class Server:
    """ports.Mailer with faults; what it took is kept. `fault` stays until it is changed, but a death, which is one."""

    clock: Clock
    recipients: dict[str, Recipient]
    fault: str = ""
    seconds: float = 0.0  # that an answer takes
    taken: list[Taken] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)

    def send(self, message: EmailMessage) -> str:
        fault, address = self.fault, str(message["To"])
        mail_id = str(message["Message-ID"]).strip("<>").partition("@")[0]
        before = mail_id in self.tried
        self.tried.add(mail_id)
        if fault.startswith("dies"):
            self.fault = ""
        if fault == "dies before":
            raise Died
        if fault == "4xx":
            raise DeliveryUnavailable(address, "451 later")
        if fault == "5xx":
            raise DeliveryRefused(address, "554 no")
        if fault == "ours":
            raise ValueError("a fault of ours, at whatever point")
        if fault == "lost":
            raise DeliveryUnavailable(address, "connection lost", uncertain=True)
        text = message.get_body(("plain",))
        assert text is not None
        self.clock.turn(self.seconds)
        said = f"{message['Subject']} {text.get_content()}"
        self.taken.append(Taken(self.clock.now(), mail_id, said, self.recipients[address], before))
        if fault == "dies after":
            raise Died
        if fault == "taken, and lost":
            raise DeliveryUnavailable(address, "connection lost", uncertain=True)
        return "250 taken"


@dataclass(slots=True)
class Desk:
    """Alerts and recipients, of whom the test knows everything."""

    ports: Ports
    clock: Clock
    server: Server
    alerts: dict[str, Alert] = field(default_factory=dict)
    recipients: dict[str, Recipient] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)  # ids of deliveries
    titles: dict[str, str] = field(default_factory=dict)  # by id of the story

    def watch(self, alert: Alert) -> None:
        self.ports.stores.alerts.put([alert])
        self.alerts[alert.id] = alert

    def know(self, recipient: Recipient) -> None:
        """Somebody new, or as they are from now on."""
        self.ports.stores.recipients.create([recipient])
        bounces = ("bounces", "bounced")
        self.ports.stores.recipients.update(
            [recipient.id], lambda known: replace(recipient, **{name: getattr(known, name) for name in bounces})
        )
        self.recipients[recipient.address] = recipient

    def match(self, alert: Alert, count: int = 1) -> None:
        """So many stories come now that `alert` matches."""
        made = [self._match(alert) for _ in range(count)]
        self.ports.stores.matches.create(made)
        write_deliveries(self.ports, made, queued=False)

    def _match(self, alert: Alert) -> Match:
        title = f"Story no. {len(self.titles):06} of {alert.name}"
        story = builders.story(identify(title), title=title, body=f"Words of {title}.")
        self.ports.stores.stories.put([story])
        self.titles[story.id] = title
        found = builders.match(
            alert_id=alert.id, story_id=story.id, matched_at=self.clock.now(), id=match_id(alert.id, story.id)
        )
        self.expected |= {delivery_id(found.id, "mail", to) for to in alert.recipients}
        return found

    def work(self) -> None:
        """What a sweep finds is notified about; a worker that dies leaves the rest for later."""
        for batch in flow.sweep(self.ports).notifies:
            try:
                flow.notify(self.ports, batch)
            except Died:
                continue

    def pass_time(self, span: timedelta, step: timedelta) -> None:
        """A sweep at every step; time may have gone on in a slow mail."""
        end = self.clock.now() + span
        while self.clock.now() < end:
            self.clock.at = min(end, self.clock.now() + step)
            self.work()

    def settle(self, days: int, step: timedelta) -> None:
        """All is well for as long as the longest policy waits."""
        self.server.fault, self.server.seconds = "", 0.0
        self.pass_time(timedelta(days=days), step)

    def rows(self) -> list[Delivery]:
        """The deliveries that there should be, as far as there are."""
        return list(self.ports.stores.deliveries.get(sorted(self.expected)).values())

    def others(self) -> list[Delivery]:
        """Those to its recipients that there should not be."""
        rows = (one for one in self.ports.stores.deliveries.all() if one.recipient in self.recipients)
        return [one for one in rows if one.id not in self.expected]


def open_desk(stores: Stores, at: datetime) -> Desk:
    """A desk on real stores, with the flow's own notify."""
    clock, recipients = Clock(at), dict[str, Recipient]()
    server = Server(clock, recipients)
    # Neither fetched nor extracted is anything here.
    unused: dict[str, None] = dict.fromkeys(("fetcher", "extractor"))
    ports = Ports(
        stores=stores, mailer=server, clock=clock, settings=load({}), variants=variants.NONE, enrichers=(), **unused
    )
    return Desk(ports, clock, server, recipients=recipients)


def person(address: str, **fields: object) -> Recipient:
    return builders.recipient(address, **fields)


# ---------------------------------------------------------------------------------------------------------
# What must hold


def check(desk: Desk) -> None:
    """What holds at any time, whatever failed."""
    rows = desk.rows()
    assert {one.id for one in rows} == desk.expected, "matched = sent + held + suppressed + failed + pending"
    mails = mails_of(rows)
    for taken in desk.server.taken:
        _check_quiet(desk, taken, mails[taken.mail_id])
        _check_wanted(taken, mails[taken.mail_id])
    for alert_id, times in first_times(desk, mails):
        throttle = desk.alerts[alert_id].throttle
        if throttle:
            assert_spaced(times, throttle, HOUR)
        if desk.alerts[alert_id].policy == "immediate":
            assert_spaced(times, BURST, BURST_WINDOW)
    _check_repeated(desk, mails)
    _check_sent(desk, rows)


def check_settled(desk: Desk) -> None:
    """What holds when nothing is to be waited for any more: all has ended, and what may be had was had once."""
    check(desk)
    assert {one.state for one in desk.rows()} <= set(ENDS)
    assert desk.others() == []


def mails_of(rows: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    mails: dict[str, list[Delivery]] = defaultdict(list)
    for one in rows:
        mails[one.mail_id].append(one)
    return mails


def first_times(desk: Desk, mails: dict[str, list[Delivery]]) -> Iterator[tuple[str, list[datetime]]]:
    """For each alert and recipient, when the server took each mail for the first time."""
    times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for taken in {one.mail_id: one for one in reversed(desk.server.taken)}.values():
        for alert_id in {one.alert_id for one in mails[taken.mail_id]}:
            times[alert_id, taken.recipient.address].append(taken.at)
    return ((alert_id, sorted(found)) for (alert_id, _), found in times.items())


def assert_spaced(times: Sequence[datetime], most: int, span: timedelta) -> None:
    """No more than `most` in any stretch of `span`."""
    for early, late in zip(times, times[most:], strict=False):
        assert late - early >= span, f"more than {most} within {span} from {early}"


def in_quiet(recipient: Recipient, at: datetime) -> bool:
    """By the recipient's own clock on the wall."""
    if not recipient.quiet:
        return False
    start, end = (time.fromisoformat(part) for part in recipient.quiet.split("-"))
    wall = at.astimezone(ZoneInfo(recipient.zone)).time()
    return start <= wall < end if start < end else wall >= start or wall < end


def _check_quiet(desk: Desk, taken: Taken, mail: Sequence[Delivery]) -> None:
    begun = taken.at - timedelta(seconds=desk.server.seconds)
    if in_quiet(taken.recipient, taken.at) and in_quiet(taken.recipient, begun):
        assert all(desk.alerts[one.alert_id].urgent for one in mail), f"a mail in quiet hours at {taken.at}"


def _check_wanted(taken: Taken, mail: Sequence[Delivery]) -> None:
    # Only what a lost worker may have sent before they unsubscribed is seen through.
    if taken.before:
        return
    assert EVERY_ALERT not in taken.recipient.unsubscribed
    for one in mail:
        assert one.alert_id not in taken.recipient.unsubscribed
        assert taken.recipient.muted.get(one.alert_id, taken.at) <= taken.at


def _check_repeated(desk: Desk, mails: dict[str, list[Delivery]]) -> None:
    for mail_id, times in Counter(one.mail_id for one in desk.server.taken).items():
        if times > 1:
            assert all(one.repeated for one in mails[mail_id]), "sent twice, and not marked"


def _check_sent(desk: Desk, rows: Iterable[Delivery]) -> None:
    """Each delivery stands in a mail that went to its recipient if it is sent, and in one mail alone."""
    carried: dict[tuple[str, str], set[str]] = defaultdict(set)
    numbers = {title.partition(" of ")[0]: story_id for story_id, title in desk.titles.items()}
    for taken in desk.server.taken:
        for number in {f"Story no. {part[:6]}" for part in taken.text.split("Story no. ")[1:]}:
            carried[numbers[number], taken.recipient.address].add(taken.mail_id)
    for one in rows:
        found = carried.get((one.story_id, one.recipient), set())
        if one.state is DeliveryState.SENT:
            assert found == {one.mail_id}
        elif found:
            assert found == {one.mail_id}
            assert one.repeated or one.state is DeliveryState.SENDING, "taken, and the ledger does not know"
