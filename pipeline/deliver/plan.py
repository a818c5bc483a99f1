"""Which deliveries of a recipient go now, and in which mails; which are held, until when, and which are not to be sent.

What an alert's policy asks for is decided when its match is written (`first`), and all else when it is due (`plan`): a
recipient may have unsubscribed since, or an hour have had its mails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.deliver.decide import held, stopped, suppressed
from pipeline.deliver.policy import next_digest, quiet_until, read_policy, read_quiet, read_zone
from pipeline.ids import identify
from pipeline.model import EVERY_ALERT, Alert, Delivery, DeliveryState, Recipient

HOUR = timedelta(hours=1)
BURST = 30
BURST_WINDOW = timedelta(minutes=5)
"""So many matches of an alert in this time are a burst, and go in one mail."""

DIGEST = "digest: "
"""How the reason begins of what is held for a digest."""
QUIET = "quiet hours, "
"""How it begins of what is held for quiet hours: what they release goes in one mail."""

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
    end = _quiet(alert, recipient, now)
    return held(delivery, end, f"{QUIET}{recipient.quiet}", now) if end else delivery


def unwanted(alert: Alert, recipient: Recipient, now: datetime) -> str:
    """Why a recipient is not to get what an alert matched; empty when it is."""
    if recipient.bounced:
        return f"its address was given up: {recipient.bounced}"
    if EVERY_ALERT in recipient.unsubscribed or alert.id in recipient.unsubscribed:
        return "unsubscribed"
    until = recipient.muted.get(alert.id)
    return f"muted until {until:%Y-%m-%d %H:%M} UTC" if until and until > now else ""


def plan(due: Sequence[Delivery], alerts: Mapping[str, Alert], recipient: Recipient, sent: Sent, now: datetime) -> Plan:
    """Plan what is due to one recipient on one channel. What may have been in a mail before goes in that mail again."""
    made = Plan()
    hours = {one: sorted(at for known, at in sent if known == one and at > now - HOUR) for one in alerts}
    again: dict[str, list[Delivery]] = {}
    digest: list[Delivery] = []
    released: list[Delivery] = []
    single: dict[str, list[Delivery]] = {}
    for delivery in due:
        why = _stopped(delivery, alerts.get(delivery.alert_id), recipient, now)
        if why:
            made.changed.append(stopped(delivery, why, now))
        elif delivery.mail_id:
            again.setdefault(delivery.mail_id, []).append(delivery)
        elif delivery.reason.startswith(DIGEST):
            digest.append(delivery)
        elif delivery.reason.startswith(QUIET):
            released.append(delivery)
        else:
            single.setdefault(delivery.alert_id, []).append(delivery)
    for mail in again.values():
        _whole(made, mail, alerts, recipient, hours, now)
    _together(made, digest, alerts, recipient, hours, now)
    _together(made, released, alerts, recipient, hours, now)
    for alert_id, waiting in single.items():
        _at_once(made, alerts[alert_id], waiting, recipient, hours[alert_id], now)
    return made


def mail_id(deliveries: Sequence[Delivery]) -> str:
    """The id of the mail that these are sent in: that of the mail they were in before, or one of their own."""
    return deliveries[0].mail_id or identify("mail", *sorted(one.id for one in deliveries))


Hours = Mapping[str, list[datetime]]
"""When each alert sent the recipient a mail in the last hour, with what is planned: the earliest first."""


def _stopped(delivery: Delivery, alert: Alert | None, recipient: Recipient, now: datetime) -> str:
    """Why a delivery is not to go any more; empty when it is. One that is in a worker's mail is seen through."""
    if alert is None:
        return "the alert is gone"
    return "" if delivery.state is DeliveryState.SENDING else unwanted(alert, recipient, now)


def _whole(
    made: Plan, mail: Sequence[Delivery], alerts: Mapping[str, Alert], recipient: Recipient, hours: Hours, now: datetime
) -> None:
    """A mail that may have gone out before, as a whole: a part of it under its Message-ID would hide the rest."""
    waits = [
        wait
        for one in mail
        if (wait := _not_yet(alerts[one.alert_id], recipient, hours[one.alert_id], now)) is not None
    ]
    if waits:
        until, why = max(waits)
        made.changed += [_held(one, until, why, now) for one in mail]
    else:
        _add(made, mail, hours, now)


def _together(
    made: Plan, due: Sequence[Delivery], alerts: Mapping[str, Alert], recipient: Recipient, hours: Hours, now: datetime
) -> None:
    """One mail of all that is due and may go: a digest, or what quiet hours held."""
    going: list[Delivery] = []
    for one in due:
        wait = _not_yet(alerts[one.alert_id], recipient, hours[one.alert_id], now)
        if wait is None:
            going.append(one)
        else:
            made.changed.append(_held(one, *wait, now))
    if going:
        _add(made, going, hours, now)


def _at_once(
    made: Plan, alert: Alert, waiting: Sequence[Delivery], recipient: Recipient, hour: list[datetime], now: datetime
) -> None:
    """A mail for each; one for all where some were held, they are a burst, or more than the throttle lets through."""
    burst = [at for at in hour if at > now - BURST_WINDOW]
    wait = _not_yet(alert, recipient, hour, now)
    if wait is None and len(burst) >= BURST:
        wait = burst[-BURST] + BURST_WINDOW, "a burst"
    if wait is not None:
        made.changed += [_held(one, *wait, now) for one in waiting]
    elif (
        any(one.state is DeliveryState.HELD for one in waiting)
        or len(burst) + len(waiting) > BURST
        or (alert.throttle and len(hour) + len(waiting) > alert.throttle)
    ):
        _add(made, waiting, {alert.id: hour}, now)
    else:
        for one in waiting:
            _add(made, (one,), {alert.id: hour}, now)


def _add(made: Plan, mail: Sequence[Delivery], hours: Hours, now: datetime) -> None:
    """Plan a mail, which counts from now on for the throttles of its alerts."""
    made.mails.append(tuple(mail))
    for alert_id in {one.alert_id for one in mail}:
        hours[alert_id].append(now)


def _not_yet(
    alert: Alert, recipient: Recipient, hour: Sequence[datetime], now: datetime
) -> tuple[datetime, str] | None:
    """Until when the recipient's quiet hours or the alert's throttle hold a mail, and why; None when they don't."""
    until = _quiet(alert, recipient, now)
    if until is not None:
        return until, f"{QUIET}{recipient.quiet}"
    if alert.throttle and len(hour) >= alert.throttle:
        return hour[-alert.throttle] + HOUR, f"throttle: {alert.throttle} mails an hour"
    return None


def _quiet(alert: Alert, recipient: Recipient, now: datetime) -> datetime | None:
    quiet = read_quiet(recipient.quiet)
    return None if quiet is None or alert.urgent else quiet_until(quiet, read_zone(recipient.zone), now)


def _held(delivery: Delivery, until: datetime, why: str, now: datetime) -> Delivery:
    """Held; what is for a digest stays so."""
    return held(delivery, until, delivery.reason if delivery.reason.startswith(DIGEST) else why, now)
