"""Which deliveries of a recipient go now, and in which mails; which are held, until when, and which are not to be sent.

What an alert's policy asks for is decided when its match is written (`first`), and all else when it is due (`plan`): a
recipient may have unsubscribed since, or an hour have had its mails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.deliver.decide import held, suppressed
from pipeline.deliver.policy import next_digest, quiet_until, read_policy, read_quiet, read_zone
from pipeline.model import EVERY_ALERT, Alert, Delivery, DeliveryState, Recipient, identify

HOUR = timedelta(hours=1)
BURST = 30
BURST_WINDOW = timedelta(minutes=5)
"""So many matches of an alert in this time are a burst, and go in one mail."""

DIGEST = "digest: "
"""How the reason begins of what is held for a digest."""

Sent = Sequence[tuple[str, datetime]]
"""Ids of alerts, and when they sent the recipient a mail, within the last hour."""


@dataclass(slots=True)
class Plan:
    """What is to be done: `mails` are to be sent, each a row of deliveries; `changed` are held or suppressed."""

    mails: list[tuple[Delivery, ...]] = field(default_factory=list)
    changed: list[Delivery] = field(default_factory=list)


def first(delivery: Delivery, alert: Alert, recipient: Recipient, now: datetime) -> Delivery:
    """A delivery as it is written: pending, held for a digest or for quiet hours, or suppressed."""
    why = unwanted(alert, recipient, now)
    if why:
        return suppressed(delivery, why, now)
    digest = read_policy(recipient.policy or alert.policy)
    if digest is not None:
        until = next_digest(digest, read_zone(recipient.zone), now)
        return held(delivery, until, f"{DIGEST}{recipient.policy or alert.policy}", now)
    return _in_quiet(delivery, alert, recipient, now) or delivery


def unwanted(alert: Alert, recipient: Recipient, now: datetime) -> str:
    """Why a recipient is not to get what an alert matched; empty when it is."""
    if recipient.bounced:
        return f"its address was given up: {recipient.bounced}"
    if EVERY_ALERT in recipient.unsubscribed or alert.id in recipient.unsubscribed:
        return "unsubscribed"
    until = recipient.muted.get(alert.id)
    return f"muted until {until:%Y-%m-%d %H:%M} UTC" if until and until > now else ""


def plan(due: Sequence[Delivery], alerts: Mapping[str, Alert], recipient: Recipient, sent: Sent, now: datetime) -> Plan:
    """Plan what is due to one recipient on one channel. What was in a mail before goes in that mail again."""
    made = Plan()
    again: dict[str, list[Delivery]] = {}
    digest: list[Delivery] = []
    single: dict[str, list[Delivery]] = {}
    for delivery in due:
        alert = alerts.get(delivery.alert_id)
        stopped = _stopped(delivery, alert, recipient, now)
        if stopped is not None or alert is None:
            made.changed += [stopped] if stopped else []
        elif delivery.mail_id:
            again.setdefault(delivery.mail_id, []).append(delivery)
        elif delivery.reason.startswith(DIGEST):
            digest.append(delivery)
        else:
            single.setdefault(alert.id, []).append(delivery)
    made.mails += [tuple(one) for one in again.values()]
    made.mails += [tuple(digest)] if digest else []
    for alert_id, waiting in single.items():
        _at_once(made, alerts[alert_id], waiting, [at for one, at in sent if one == alert_id], now)
    return made


def mail_id(deliveries: Sequence[Delivery]) -> str:
    """The id of the mail that these are sent in: that of the mail they were in before, or one of their own."""
    return deliveries[0].mail_id or identify("mail", *sorted(one.id for one in deliveries))


def _stopped(delivery: Delivery, alert: Alert | None, recipient: Recipient, now: datetime) -> Delivery | None:
    """The delivery held or suppressed, if it must not go now. One that may have gone out already is seen through."""
    if delivery.state is DeliveryState.SENDING:
        return None if alert else suppressed(delivery, "the alert is gone", now)
    if alert is None:
        return suppressed(delivery, "the alert is gone", now)
    why = unwanted(alert, recipient, now)
    return suppressed(delivery, why, now) if why else _in_quiet(delivery, alert, recipient, now)


def _in_quiet(delivery: Delivery, alert: Alert, recipient: Recipient, now: datetime) -> Delivery | None:
    quiet = read_quiet(recipient.quiet)
    if quiet is None or alert.urgent:
        return None
    until = quiet_until(quiet, read_zone(recipient.zone), now)
    digest = delivery.reason if delivery.reason.startswith(DIGEST) else ""
    return held(delivery, until, digest or f"quiet hours, {recipient.quiet}", now) if until else None


def _at_once(made: Plan, alert: Alert, waiting: Sequence[Delivery], sent: Sequence[datetime], now: datetime) -> None:
    """A mail for each, but one for all where they are a burst or would be more than the throttle lets through."""
    hour = sorted(at for at in sent if at > now - HOUR)
    burst = [at for at in hour if at > now - BURST_WINDOW]
    if alert.throttle and len(hour) >= alert.throttle:
        until, why = hour[-alert.throttle] + HOUR, f"throttle: {alert.throttle} mails an hour"
        made.changed += [held(one, until, why, now) for one in waiting]
    elif len(burst) >= BURST:
        made.changed += [held(one, burst[-BURST] + BURST_WINDOW, "a burst", now) for one in waiting]
    elif len(burst) + len(waiting) > BURST or (alert.throttle and len(hour) + len(waiting) > alert.throttle):
        made.mails.append(tuple(waiting))
    else:
        made.mails += [(one,) for one in waiting]
