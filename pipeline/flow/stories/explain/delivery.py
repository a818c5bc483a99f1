"""From a match to a mailbox: what is asked for, what was decided, which mail it was and what the server said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from pipeline.deliver.channel import channel_of, shown
from pipeline.deliver.plan import HOUR, unwanted
from pipeline.deliver.policy import next_digest, quiet_until, read_policy, read_quiet, read_zone
from pipeline.flow.mail import mail_of
from pipeline.flow.readers.recipients import members, recipients_of
from pipeline.flow.stories.explain.step import Step, at
from pipeline.ids import identify, match_id
from pipeline.model import Alert, Delivery, DeliveryState, Match, Recipient, Story
from pipeline.ports import LedgerFilter, Ports

MOST_NAMED = 10
_WELL = frozenset({DeliveryState.PENDING, DeliveryState.HELD, DeliveryState.SENDING, DeliveryState.SENT})


def of_policy(ports: Ports, alert: Alert, address: str) -> Iterator[Step]:
    """What this recipient gets of this alert now, when, and until when not."""
    now = ports.clock.now()
    recipient = recipients_of(ports, [address])[address]
    if address not in members(ports, alert.recipients):
        yield Step(
            "policy", ok=False, said=f"alert {alert.name!r} does not name {shown(address)}, nor does a group of its"
        )
        return  # what they want of other alerts is not for all to know who see this one
    if why := unwanted(alert, recipient, now):
        yield Step("policy", ok=False, said=why)
    yield Step("policy", ok=True, said=_pace(alert, recipient, now))
    if recipient.quiet:
        yield _quiet(alert, recipient, now)
    if alert.throttle:
        yield _throttle(ports, alert, address, now)


def _pace(alert: Alert, recipient: Recipient, now: datetime) -> str:
    policy = recipient.policy or alert.policy
    whose = "the recipient's" if recipient.policy else "the alert's"
    digest = read_policy(policy)
    if digest is None:
        return f"{policy}, {whose}"
    zone = read_zone(recipient.zone)
    return f"{policy} ({zone.key}), {whose}: the next digest goes {at(next_digest(digest, zone, now))}"


def _quiet(alert: Alert, recipient: Recipient, now: datetime) -> Step:
    hours = f"quiet hours {recipient.quiet} ({recipient.zone})"
    if alert.urgent:
        return Step("policy", ok=True, said=f"{hours}, which don't hold an urgent alert")
    quiet = read_quiet(recipient.quiet)
    until = quiet_until(quiet, read_zone(recipient.zone), now) if quiet else None
    return Step("policy", ok=until is None, said=f"{hours}, now until {at(until)}" if until else f"{hours}, not now")


def _throttle(ports: Ports, alert: Alert, address: str, now: datetime) -> Step:
    key = identify("outbox", channel_of(address), address)
    outbox = ports.stores.outboxes.get([key]).get(key)
    sent = (
        [moment for alert_id, moment in outbox.sent if alert_id == alert.id and moment > now - HOUR] if outbox else []
    )
    full = len(sent) >= alert.throttle
    until = f", so the next goes {at(sorted(sent)[-alert.throttle] + HOUR)}" if full else ""
    return Step("policy", ok=not full, said=f"{len(sent)} of {alert.throttle} mails an hour have gone{until}")


def of_delivery(ports: Ports, alert: Alert, story: Story, address: str) -> Iterator[Step]:
    """What became of the deliveries of this alert and story: all of them in a line each, one recipient's in full."""
    where = LedgerFilter(alert_id=alert.id, story_id=story.id, recipient=address)
    found = list(ports.stores.deliveries.ledger(where))
    for delivery in found:
        yield Step("deliver", ok=delivery.state is DeliveryState.SENT, said=_state(delivery))
        if address:
            yield from _in_full(ports, delivery)
    if address and not found:
        yield from _unwritten(ports, alert, story, address)


def _state(delivery: Delivery) -> str:
    until = f" until {at(delivery.due_at)}:" if delivery.state is DeliveryState.HELD else ""
    return f"{shown(delivery.recipient)}: {delivery.state}{until} {delivery.reason or delivery.answer}".rstrip()


def _in_full(ports: Ports, delivery: Delivery) -> Iterator[Step]:
    for event in delivery.history:
        said = f"{at(event.at)} {event.state} {event.note}".rstrip()
        yield Step("ledger", ok=event.state in _WELL, said=said)
    if not delivery.mail_id:
        return
    again = "; sent again, as an earlier one may have been lost" if delivery.repeated else ""
    named = delivery.message_id or f"mail {delivery.mail_id}"
    yield Step("mail", ok=True, said=f"{named}, {_company(ports, delivery)}{again}")
    if delivery.state in (DeliveryState.SENT, DeliveryState.FAILED):
        answer = delivery.answer or delivery.reason
        yield Step("answer", ok=delivery.state is DeliveryState.SENT, said=f"{at(delivery.updated_at)} {answer}")


def _company(ports: Ports, delivery: Delivery) -> str:
    """With what else it is in one mail. Stories of other alerts are counted: not all who see this one see those."""
    others = [one for one in mail_of(ports, delivery) if one.id != delivery.id]
    if not others:
        return "alone in it"
    own = dict.fromkeys(one.story_id for one in others if one.alert_id == delivery.alert_id)
    stories = ports.stores.stories.get(list(islice(own, MOST_NAMED)))
    named = ", ".join(story.url for story in stories.values())
    more = len(others) - len(stories)
    unnamed = f"{' and ' if named else ''}{more}{' more' if named else ' of other alerts'}" if more else ""
    return f"with {len(others)} other{'s' * (len(others) > 1)}: {named}{unnamed}"


def _unwritten(ports: Ports, alert: Alert, story: Story, address: str) -> Iterator[Step]:
    key = match_id(alert.id, story.id)
    match = ports.stores.matches.get([key]).get(key)
    if match is not None:
        yield Step("deliver", ok=False, said=_why_unwritten(match, address))


def _why_unwritten(match: Match, address: str) -> str:
    if match.recipients is not None and address not in match.recipients:
        return f"the alert did not name {shown(address)} when it fired"
    if not match.delivered:
        return f"the deliveries of match {match.id} are not written yet: the sweep completes them"
    return f"match {match.id} is for {shown(address)} and has no row: see `wirewatch ledger --reconcile`"
