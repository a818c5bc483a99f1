"""notify: what is due to a recipient is planned, rendered, sent and recorded, by one worker at a time.

A worker takes a recipient's outbox under a lease, so that throttles are exact and what is due together goes in one
mail. Who finds it taken leaves: its deliveries stand in the store, and the holder looks for more before it goes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from pipeline.deliver import decide, render
from pipeline.deliver.channel import shown
from pipeline.deliver.plan import HOUR, mail_id, plan
from pipeline.errors import BadInput, DeliveryRefused, DeliveryUnavailable
from pipeline.flow.cluster import elsewhere
from pipeline.flow.recipients import bounced, recipients_of
from pipeline.flow.send import send
from pipeline.model import Delivery, DeliveryState, Outbox, Recipient, identify
from pipeline.ports import Ports

log = logging.getLogger(__name__)

MOST = 1_000
"""Deliveries to one recipient that are planned at once; the rest follows."""


@dataclass(slots=True)
class NotifyReport:
    """What one notify came to, in deliveries; `mails` carried those that were sent."""

    mails: int = 0
    sent: int = 0
    held: int = 0
    postponed: int = 0
    failed: int = 0
    suppressed: int = 0


def notify(ports: Ports, delivery_ids: Sequence[str]) -> NotifyReport:
    """Deliver what is due to the recipients of these, and what else is due to them."""
    report = NotifyReport()
    named = ports.stores.deliveries.get(delivery_ids).values()
    for channel, recipient in dict.fromkeys((one.channel, one.recipient) for one in named):
        while _serve(ports, channel, recipient, report):
            pass
    return report


def _serve(ports: Ports, channel: str, recipient: str, report: NotifyReport) -> bool:
    """Send what is due to one recipient; whether there was anything, so that it is worth a second look.

    The second look is after the outbox was let go: whoever found it taken has left its deliveries by then.
    """
    now = ports.clock.now()
    due = ports.stores.deliveries.due_to(channel, recipient, now, MOST)
    if not due:
        return False
    outbox = _take(ports, channel, recipient, now)
    if outbox is None:
        return False
    try:
        # Once more: the holder before may have sent some of it.
        due = ports.stores.deliveries.due_to(channel, recipient, now, MOST)
        _deliver(ports, due, recipients_of(ports, [recipient])[recipient], outbox, report)
    finally:
        ports.stores.outboxes.update([outbox.id], lambda one: replace(one, lease_until=None))
    return bool(due)


def _take(ports: Ports, channel: str, recipient: str, now: datetime) -> Outbox | None:
    """The outbox of a recipient, taken; None while somebody else has it."""
    own = identify("outbox", channel, recipient)
    until = now + timedelta(seconds=ports.settings.lease)

    def take(outbox: Outbox) -> Outbox | None:
        if (outbox.lease_until or now) > now:
            return None
        lately = tuple((alert_id, at) for alert_id, at in outbox.sent if at > now - HOUR)
        return replace(outbox, lease_until=until, sent=lately)

    taken = ports.stores.outboxes.update([own], take)
    if not taken and ports.stores.outboxes.create([Outbox(id=own, lease_until=until)])[0]:
        return Outbox(id=own, lease_until=until)
    return taken[0] if taken else None


def _deliver(ports: Ports, due: Sequence[Delivery], recipient: Recipient, outbox: Outbox, report: NotifyReport) -> None:
    alerts = ports.stores.alerts.get(list({one.alert_id for one in due}))
    made = plan(due, alerts, recipient, outbox.sent, ports.clock.now())
    for delivery in made.changed:
        _record(ports, [delivery], report)
    for mail in made.mails:
        _send(ports, mail, recipient, outbox, report)


def _send(ports: Ports, mail: Sequence[Delivery], recipient: Recipient, outbox: Outbox, report: NotifyReport) -> None:
    """Claim the deliveries of one mail, send it, and record what came of it."""
    lease = timedelta(seconds=ports.settings.lease)
    take = partial(decide.claim, mail_id=mail_id(mail), now=ports.clock.now(), lease=lease)
    claimed = ports.stores.deliveries.update([one.id for one in mail], take)
    if not claimed:
        return
    outcome = _sent(ports, claimed, recipient)
    _record(ports, outcome, report)
    if outcome[0].state is DeliveryState.SENT:
        report.mails += 1
        now = ports.clock.now()
        alert_ids = dict.fromkeys(one.alert_id for one in claimed)
        ports.stores.outboxes.update(
            [outbox.id], lambda one: replace(one, sent=(*one.sent, *((alert_id, now) for alert_id in alert_ids)))
        )


def _sent(ports: Ports, claimed: Sequence[Delivery], recipient: Recipient) -> list[Delivery]:
    """Send one mail; its deliveries as they are afterwards."""
    now = ports.clock.now
    items, gone = _items(ports, claimed)
    if not items:
        return gone
    deliveries = [one.delivery for one in items]
    try:
        taken = send(ports, items, recipient)
    except DeliveryUnavailable as error:
        return gone + _each(deliveries, partial(decide.postponed, reason=error.answer, now=now()))
    except DeliveryRefused as error:
        bounced(ports, recipient, error.answer)
        return gone + _each(deliveries, partial(decide.failed, reason=error.answer, now=now()))
    except BadInput as error:
        return gone + _each(deliveries, partial(decide.failed, reason=str(error), now=now()))
    except Exception as error:
        # A template or an address that fails is this mail's own trouble: recorded, and the rest goes on.
        log.exception("mail %s", claimed[0].mail_id)
        return gone + _each(deliveries, partial(decide.failed, reason=f"{type(error).__name__}: {error}", now=now()))
    bounced(ports, recipient, "")
    sent = partial(decide.sent, answer=taken.answer, message_id=taken.message_id, now=now())
    return _each(deliveries, sent) + gone


def _each(deliveries: Sequence[Delivery], change: Callable[[Delivery], Delivery]) -> list[Delivery]:
    return [change(one) for one in deliveries]


def _items(ports: Ports, deliveries: Sequence[Delivery]) -> tuple[list[render.Item], list[Delivery]]:
    """What the mail says of each delivery; and those of which nothing can be said any more, suppressed."""
    alerts = ports.stores.alerts.get(list({one.alert_id for one in deliveries}))
    stories = ports.stores.stories.get(list({one.story_id for one in deliveries}))
    matches = ports.stores.matches.get([one.match_id for one in deliveries])
    items: list[render.Item] = []
    gone: list[Delivery] = []
    for one in deliveries:
        alert, story, match = alerts.get(one.alert_id), stories.get(one.story_id), matches.get(one.match_id)
        if alert is None or story is None or match is None:
            missing = "alert" if alert is None else "story" if story is None else "match"
            gone.append(decide.suppressed(one, f"the {missing} is gone", ports.clock.now()))
        else:
            items.append(render.Item(one, alert, story, match, tuple(elsewhere(ports, story))))
    return items, gone


def _record(ports: Ports, deliveries: Sequence[Delivery], report: NotifyReport) -> None:
    # The number of the attempt fences: who lost the lease in between does not overwrite what came after.
    by_id = {one.id: one for one in deliveries}
    ports.stores.deliveries.update(
        list(by_id), lambda current: by_id[current.id] if current.attempts == by_id[current.id].attempts else None
    )
    for delivery in deliveries:
        report.sent += delivery.state is DeliveryState.SENT
        report.held += delivery.state is DeliveryState.HELD
        report.failed += delivery.state is DeliveryState.FAILED
        report.suppressed += delivery.state is DeliveryState.SUPPRESSED
        report.postponed += delivery.state is DeliveryState.PENDING
        if delivery.state in (DeliveryState.FAILED, DeliveryState.PENDING):
            to, state = shown(delivery.recipient), delivery.state
            log.warning("delivery %s to %s: %s %s", delivery.id, to, state, delivery.reason)
