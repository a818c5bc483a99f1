"""What a reader does from a mail: unsubscribe, mute, call a match not relevant; and take it back.

Each step may be done again. What waits to be sent is held against it when it is due (deliver/plan.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from pipeline.deliver.links import Action, read_token
from pipeline.errors import BadInput
from pipeline.flow.readers.recipients import change_recipient, recipients_of
from pipeline.ids import feedback_id
from pipeline.model import EVERY_ALERT, Alert, Delivery, Feedback, Recipient, Story
from pipeline.ports import Ports

MUTED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a link leads to, and how things stand for its reader."""

    delivery: Delivery
    recipient: Recipient
    alert: Alert | None  # None: it is gone
    story: Story | None
    unsubscribed: bool  # from this alert
    unsubscribed_all: bool
    muted_until: datetime | None
    irrelevant: bool


def preferences(ports: Ports, token: str) -> Preferences:
    """How things stand for the reader of the mail that `token` comes from. Raises BadInput."""
    return _preferences(ports, _delivery(ports, token))


def change(ports: Ports, token: str, action: Action) -> Preferences:
    """Do what the reader of the mail that `token` comes from asks for; how things stand then. Raises BadInput."""
    return _preferences(ports, change_for(ports, _delivery(ports, token), action))


def change_for(ports: Ports, delivery: Delivery, action: Action) -> Delivery:
    """Do what the recipient of `delivery` asks for, of its alert or its match; it comes back as it is."""
    if action is Action.IRRELEVANT:
        ports.stores.feedback.create([_feedback(delivery, ports.clock.now())])
    elif action is Action.RELEVANT:
        ports.stores.feedback.delete([feedback_id(delivery.match_id, delivery.recipient)])
    else:
        change_alert_for(ports, delivery.recipient, delivery.alert_id, action)
    return delivery


def change_alert_for(ports: Ports, address: str, alert_id: str, action: Action) -> Recipient:
    """Subscribe or mute an alert for somebody who gets it, or undo that. Raises BadInput for an action on a match."""
    if action not in _CHANGES:
        raise BadInput(f"{action} is said of a story, not of an alert")
    changed, now = _CHANGES[action], ports.clock.now()
    return change_recipient(ports, address, lambda one: changed(one, alert_id, now))


def called_irrelevant(ports: Ports, deliveries: Sequence[Delivery]) -> set[str]:
    """The ids of those deliveries whose recipient called their match not relevant."""
    asked = {one.id: feedback_id(one.match_id, one.recipient) for one in deliveries}
    said = ports.stores.feedback.get(list(asked.values()))
    return {key for key, feedback in asked.items() if feedback in said}


def set_subscribed(ports: Ports, address: str, what: str = EVERY_ALERT, *, subscribed: bool) -> Recipient:
    """Subscribe or unsubscribe somebody who asks a person to, from an alert (`what` is its id) or from all."""
    return change_recipient(ports, address, lambda one: (_subscribe if subscribed else _unsubscribe)(one, what))


def irrelevant_counts(ports: Ports) -> Mapping[str, int]:
    """How often readers called a match of an alert not relevant, by alert id."""
    return Counter(one.alert_id for one in ports.stores.feedback.all())


def irrelevant_stories(ports: Ports, alert_id: str) -> list[Story]:
    """The stories that readers called not relevant to an alert, as far as they are kept; the latest call first."""
    said = [one for one in ports.stores.feedback.all() if one.alert_id == alert_id]
    ordered = dict.fromkeys(one.story_id for one in sorted(said, key=lambda one: one.at, reverse=True))
    stories = ports.stores.stories.get(list(ordered))
    return [stories[one] for one in ordered if one in stories]


def _delivery(ports: Ports, token: str) -> Delivery:
    delivery_id = read_token(token, ports.settings, ports.clock.now())
    found = ports.stores.deliveries.get([delivery_id])
    if not found:
        raise BadInput("what this link was about is kept no longer: take one from a newer mail")
    return found[delivery_id]


def _preferences(ports: Ports, delivery: Delivery) -> Preferences:
    recipient = recipients_of(ports, [delivery.recipient])[delivery.recipient]
    until = recipient.muted.get(delivery.alert_id)
    return Preferences(
        delivery=delivery,
        recipient=recipient,
        alert=ports.stores.alerts.get([delivery.alert_id]).get(delivery.alert_id),
        story=ports.stores.stories.get([delivery.story_id]).get(delivery.story_id),
        unsubscribed=delivery.alert_id in recipient.unsubscribed,
        unsubscribed_all=EVERY_ALERT in recipient.unsubscribed,
        muted_until=until if until and until > ports.clock.now() else None,
        irrelevant=bool(ports.stores.feedback.get([feedback_id(delivery.match_id, delivery.recipient)])),
    )


def _unsubscribe(recipient: Recipient, what: str) -> Recipient:
    return replace(recipient, unsubscribed=tuple(dict.fromkeys((*recipient.unsubscribed, what))))


def _subscribe(recipient: Recipient, what: str) -> Recipient:
    return replace(recipient, unsubscribed=tuple(one for one in recipient.unsubscribed if one != what))


def _mute(recipient: Recipient, alert_id: str, now: datetime) -> Recipient:
    return replace(recipient, muted=_still_muted(recipient, now) | {alert_id: now + MUTED_FOR})


def _unmute(recipient: Recipient, alert_id: str, now: datetime) -> Recipient:
    return replace(recipient, muted={one: at for one, at in _still_muted(recipient, now).items() if one != alert_id})


def _still_muted(recipient: Recipient, now: datetime) -> dict[str, datetime]:
    return {one: until for one, until in recipient.muted.items() if until > now}


Change = Callable[[Recipient, str, datetime], Recipient]
"""A recipient as they are after an action on an alert (by id) at a moment."""

_CHANGES: Mapping[Action, Change] = {
    Action.UNSUBSCRIBE: lambda one, alert_id, _: _unsubscribe(one, alert_id),
    Action.SUBSCRIBE: lambda one, alert_id, _: _subscribe(one, alert_id),
    Action.UNSUBSCRIBE_ALL: lambda one, _, __: _unsubscribe(one, EVERY_ALERT),
    Action.SUBSCRIBE_ALL: lambda one, _, __: _subscribe(one, EVERY_ALERT),
    Action.MUTE: _mute,
    Action.UNMUTE: _unmute,
}


def _feedback(delivery: Delivery, now: datetime) -> Feedback:
    return Feedback(
        id=feedback_id(delivery.match_id, delivery.recipient),
        match_id=delivery.match_id,
        alert_id=delivery.alert_id,
        story_id=delivery.story_id,
        recipient=delivery.recipient,
        at=now,
    )
