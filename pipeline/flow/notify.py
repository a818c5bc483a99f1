"""notify: what is due to a recipient is planned, rendered, sent and recorded, by one worker at a time.

A worker takes a recipient's outbox under a lease, so that throttles are exact and what is due together goes in one
mail. Who finds it taken says so and leaves: its deliveries stand in the store, and the holder looks for more before it
goes. A mail is written into the outbox before it is sent, so that it counts for the throttles though its worker dies.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from pipeline.coverage import Coverage, notes
from pipeline.deliver import decide
from pipeline.deliver.channel import shown
from pipeline.deliver.item import Item
from pipeline.deliver.language import language
from pipeline.deliver.plan import DIGEST, HOUR, mail_id, plan
from pipeline.deliver.policy import read_zone
from pipeline.errors import BadInput, DeliveryRefused, DeliveryUnavailable
from pipeline.flow.alerts.coverage import coverage_of
from pipeline.flow.cluster import elsewhere
from pipeline.flow.mail import mail_of
from pipeline.flow.readers.recipients import bounced, recipients_of
from pipeline.flow.send import send
from pipeline.ids import identify
from pipeline.model import UNSENT, Alert, Delivery, DeliveryState, Outbox, Recipient, Stage
from pipeline.ports import Ports

log = logging.getLogger(__name__)

SKEW = timedelta(minutes=1)
"""By how much the clocks of two workers may differ."""
MOST = 1_000
"""Deliveries to one recipient that are planned at once; the rest follows."""


class Waited(NamedTuple):
    """How long a delivery took that nothing held back, in seconds."""

    since_published: float  # by its publisher
    since_seen: float  # in any feed, for the first time


@dataclass(slots=True)
class NotifyReport:
    """What one notify came to, in deliveries; `mails` carried those that were sent."""

    mails: int = 0
    sent: int = 0
    held: int = 0
    postponed: int = 0
    failed: int = 0
    suppressed: int = 0
    waited: list[Waited] = field(default_factory=list)  # of those sent that no policy, throttle or quiet hour held
    left: list[str] = field(default_factory=list)  # ids for which there was no time


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a worker serves one recipient with."""

    ports: Ports
    recipient: Recipient
    report: NotifyReport
    until: datetime  # no mail is begun later
    refusals: list[str] = field(default_factory=list)  # answers of the server since it last took a mail

    @property
    def over(self) -> bool:
        return self.ports.clock.now() >= self.until


def notify(ports: Ports, delivery_ids: Sequence[str], *, seconds: float = 1_000_000) -> NotifyReport:
    """Deliver what is due to the recipients of these, and what else is due to them.

    After `seconds` no further mail is begun; what is left then of `delivery_ids` and beside it is in the report.
    """
    report, now = NotifyReport(), ports.clock.now()
    named: dict[tuple[str, str], list[str]] = {}
    for one in ports.stores.deliveries.get(delivery_ids).values():
        if decide.due(one, now):
            named.setdefault((one.channel, one.recipient), []).append(one.id)
    known = recipients_of(ports, [address for _, address in named])
    for (channel, address), ids in named.items():
        turn = _Turn(ports, known[address], report, now + timedelta(seconds=seconds))
        if turn.over:
            report.left += ids
            continue
        try:
            _serve(turn, channel)
        except BadInput as error:
            log.error("nothing can be sent to %s: %s", shown(address), error)  # noqa: TRY400 -- one line says it
    return report


def _serve(turn: _Turn, channel: str) -> None:
    """Send what is due to one recipient, and what comes meanwhile."""
    address = turn.recipient.address
    outbox = _take(turn.ports, channel, address)
    while outbox is not None:
        due = turn.ports.stores.deliveries.due_to(channel, address, turn.ports.clock.now(), MOST)
        outbox = _deliver(turn, _with_whole_mails(turn.ports, due), outbox)
        if outbox is not None:
            outbox = _let_go(turn, outbox, more=len(due) == MOST)
        if outbox is not None:  # what comes now goes as they want it by now
            turn = dataclasses.replace(turn, recipient=recipients_of(turn.ports, [address])[address])


def _with_whole_mails(ports: Ports, due: Sequence[Delivery]) -> Sequence[Delivery]:
    """What is due, with the rest of mails that may have gone out before and of which a page of MOST has only a part."""
    if len(due) < MOST:
        return due
    now, known = ports.clock.now(), {one.id for one in due}
    before = {one.mail_id: one for one in due if one.mail_id}
    rest = (other for one in before.values() for other in mail_of(ports, one))
    return [*due, *(one for one in rest if one.id not in known and decide.due(one, now))]


def _take(ports: Ports, channel: str, recipient: str) -> Outbox | None:
    """The outbox of a recipient, taken; None while somebody else has it, who is then asked to look again."""
    own, now = identify("outbox", channel, recipient), ports.clock.now()
    made = Outbox(id=own, lease_until=now + _lease(ports))

    def take(outbox: Outbox) -> Outbox | None:
        if (outbox.lease_until or now) > now:
            return None if outbox.asked else replace(outbox, asked=True)
        # What was sent later than now was sent by a clock that was ahead.
        lately = tuple((alert_id, at) for alert_id, at in outbox.sent if now - HOUR < at <= now + SKEW)
        return replace(made, sent=lately)

    for _ in range(2):  # again where somebody made it in between
        for taken in ports.stores.outboxes.update([own], take):
            return None if taken.asked else taken
        if ports.stores.outboxes.create([made])[0]:
            return made
    return None


def _let_go(turn: _Turn, outbox: Outbox, *, more: bool) -> Outbox | None:
    """Leave the outbox to others, unless there is `more` or somebody asked meanwhile: then it is kept, and returned."""

    def leave(now: Outbox) -> Outbox | None:
        if now.lease_until != outbox.lease_until:
            return None
        stays = (more or now.asked) and not turn.over
        return replace(outbox, asked=False, lease_until=outbox.lease_until if stays else None)

    left = turn.ports.stores.outboxes.update([outbox.id], leave)
    return left[0] if left and left[0].lease_until else None


def _renew(ports: Ports, outbox: Outbox, sent: Sequence[tuple[str, datetime]]) -> Outbox | None:
    """The outbox with what is sent, under a new lease; None when it was lost."""
    until = ports.clock.now() + _lease(ports)

    def renew(now: Outbox) -> Outbox | None:
        return replace(now, lease_until=until, sent=tuple(sent)) if now.lease_until == outbox.lease_until else None

    renewed = ports.stores.outboxes.update([outbox.id], renew)
    return renewed[0] if renewed else None


def _lease(ports: Ports) -> timedelta:
    return timedelta(seconds=ports.settings.lease)


def _deliver(turn: _Turn, due: Sequence[Delivery], outbox: Outbox) -> Outbox | None:
    """Send what is due as it is planned; the outbox as it is then, None when it was lost.

    What came of one mail is written with the claim of the next, before that is sent: one write to the disk for both.
    """
    alerts = turn.ports.stores.alerts.get(list({one.alert_id for one in due}))
    made = plan(due, alerts, turn.recipient, outbox.sent, turn.ports.clock.now())
    done: Sequence[Delivery] = made.changed
    _log(done, ())
    kept: Outbox | None = outbox
    for mail in made.mails:
        now = turn.ports.clock.now()
        alert_ids = list(dict.fromkeys(one.alert_id for one in mail))
        if turn.over or kept is None:
            turn.report.left += [one.id for one in mail]
            continue
        before = kept.sent
        kept = _renew(turn.ports, kept, [*before, *((one, now) for one in alert_ids)])
        if kept is not None:
            done = _sent(turn, _claim(turn, mail, done), alerts)
            # The hour of a throttle begins when the server has it; what it has not does not count.
            at = turn.ports.clock.now()
            kept = replace(kept, sent=(*before, *((one, at) for one in alert_ids if _may_be_there(done))))
    _record(turn, done)
    return kept


def _claim(turn: _Turn, mail: Sequence[Delivery], done: Sequence[Delivery]) -> list[Delivery]:
    """Claim the deliveries of one mail, and record what came of those before."""
    take = partial(decide.claim, mail_id=mail_id(mail), now=turn.ports.clock.now(), lease=_lease(turn.ports))
    changed = _record(turn, done, {one.id: take for one in mail})
    wanted = {one.id for one in mail}
    return [one for one in changed if one.id in wanted]


def _may_be_there(mail: Sequence[Delivery]) -> bool:
    """Whether the server took a mail, for all we know."""
    return any(one.state is DeliveryState.SENT or one.repeated for one in mail)


def _sent(turn: _Turn, claimed: Sequence[Delivery], alerts: Mapping[str, Alert]) -> list[Delivery]:
    """Send one mail; its deliveries as they are afterwards."""
    items, gone = _items(turn.ports, claimed, alerts)
    outcome = gone + (_answered(turn, items) if items else [])
    turn.report.waited += _waits(outcome, items)
    _log(outcome, items)
    turn.report.mails += any(one.state is DeliveryState.SENT for one in outcome)
    return outcome


def _waits(outcome: Sequence[Delivery], items: Sequence[Item]) -> Iterator[Waited]:
    stories = {one.delivery.id: one.story for one in items}
    for one in outcome:
        if one.state is DeliveryState.SENT and not any(event.state is DeliveryState.HELD for event in one.history):
            story = stories[one.id]
            began = (story.published, story.first_seen_at)
            yield Waited(*(max(0.0, (one.updated_at - moment).total_seconds()) for moment in began))


def _log(outcome: Sequence[Delivery], items: Sequence[Item]) -> None:
    """A line for each delivery with all ids: the last of those that follow a story."""
    entries = {one.delivery.id: one.story.entry_ids for one in items}
    for one in outcome:
        ids = {"delivery": one.id, "match": one.match_id, "alert": one.alert_id, "story": one.story_id}
        more = {"entry": entries.get(one.id, ()), "mail": one.mail_id}
        level = logging.WARNING if one.state in (DeliveryState.FAILED, DeliveryState.PENDING) else logging.INFO
        log.log(level, "deliver: %s to %s %s", one.state, shown(one.recipient), one.reason, extra={**ids, **more})


def _answered(turn: _Turn, items: Sequence[Item]) -> list[Delivery]:
    """Render and send these; their deliveries after the server's answer."""
    ports, recipient, deliveries = turn.ports, turn.recipient, [one.delivery for one in items]
    found = coverage_of(ports, _in_digest(items))
    try:
        notes = _notes(found, recipient, ports.clock.now())
        with ports.observer.stage(Stage.DELIVER, mail=deliveries[0].mail_id):
            taken = send(ports, items, recipient, notes)
    except DeliveryUnavailable as error:
        return _postponed(ports, deliveries, error.answer, uncertain=error.uncertain)
    except DeliveryRefused as error:
        turn.refusals.append(error.answer)
        bounced(ports, recipient, error.answer)
        return [decide.failed(one, error.answer, ports.clock.now()) for one in deliveries]
    except BadInput as error:
        return [decide.failed(one, str(error), ports.clock.now()) for one in deliveries]
    except Exception as error:
        # A fault of ours, which a fix or a setting may mend within the day: until then it is tried again. Nobody knows
        # how far the mail came; as one that may have been taken it stays by itself, and the rest goes on without it.
        log.exception("deliver: a mail failed", extra={"mail": deliveries[0].mail_id})
        return _postponed(ports, deliveries, f"{type(error).__name__}: {error}", uncertain=True)
    if recipient.bounces or turn.refusals:
        turn.refusals.clear()
        bounced(ports, recipient, "")
    return [decide.sent(one, taken.answer, taken.message_id, ports.clock.now()) for one in deliveries]


def _postponed(ports: Ports, mail: Sequence[Delivery], why: str, *, uncertain: bool) -> list[Delivery]:
    """The deliveries of one mail, to be tried again together."""
    now = ports.clock.now()
    until = decide.next_try(mail, now)
    return [decide.postponed(one, why, now, until=until, uncertain=uncertain) for one in mail]


def _notes(found: Mapping[str, Coverage], recipient: Recipient, now: datetime) -> list[str]:
    """What the recipient is told of the sources of alerts. Raises BadInput for a zone that there is not."""
    return notes(found, now, read_zone(recipient.zone), language(recipient.language)) if found else []


def _in_digest(items: Sequence[Item]) -> list[Alert]:
    """The alerts of which the mail is a digest. A mail that goes at once has no time to look at their sources."""
    held = {one.alert.id: one.alert for one in items if one.delivery.reason.startswith(DIGEST)}
    return list(held.values())


def _items(
    ports: Ports, deliveries: Sequence[Delivery], alerts: Mapping[str, Alert]
) -> tuple[list[Item], list[Delivery]]:
    """What the mail says of each delivery; and those of which nothing can be said any more, suppressed."""
    stories = ports.stores.stories.get(list({one.story_id for one in deliveries}))
    matches = ports.stores.matches.get([one.match_id for one in deliveries])
    items: list[Item] = []
    gone: list[Delivery] = []
    for one in deliveries:
        alert, story, match = alerts.get(one.alert_id), stories.get(one.story_id), matches.get(one.match_id)
        if alert is None or story is None or match is None:
            missing = "alert" if alert is None else "story" if story is None else "match"
            gone.append(decide.suppressed(one, f"the {missing} is gone", ports.clock.now()))
        else:
            items.append(Item(one, alert, story, match, tuple(elsewhere(ports, story))))
    return items, gone


Change = Callable[[Delivery], Delivery | None]


def _record(turn: _Turn, done: Sequence[Delivery], others: Mapping[str, Change] | None = None) -> list[Delivery]:
    """Write what became of `done`, and do with `others` what is to be done; what was changed."""
    changes = {one.id: partial(_fenced, one) for one in done} | dict(others or {})
    changed = turn.ports.stores.deliveries.update(list(changes), lambda one: changes[one.id](one))
    _tell(turn.report, done)
    return changed


def _fenced(after: Delivery, current: Delivery) -> Delivery | None:
    # The number of the attempt fences: who lost the lease in between does not overwrite what came after.
    return after if current.attempts == after.attempts and current.state in UNSENT else None


def _tell(report: NotifyReport, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        report.sent += delivery.state is DeliveryState.SENT
        report.held += delivery.state is DeliveryState.HELD
        report.failed += delivery.state is DeliveryState.FAILED
        report.suppressed += delivery.state is DeliveryState.SUPPRESSED
        report.postponed += delivery.state is DeliveryState.PENDING
