"""What becomes of a delivery: pure steps from state to state, each with a line in its history.

    pending | held → sending → sent | failed | pending again (postponed)
    pending | held → suppressed
    sent → failed (returned)

`sent`, `suppressed` and `failed` are ends, but for what was suppressed as old and then comes as news (it is pending
again), and for a mail that comes back. A delivery found `sending` after its lease ran out may have been accepted by the
server before its worker died; it is sent again in the same mail, under the same Message-ID, and marked `repeated`. So
is one whose connection broke before the server answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from pipeline.ids import delivery_id
from pipeline.model import UNSENT, Delivery, DeliveryState, Event, Match, unleased_at

GIVE_UP_AFTER = timedelta(days=1)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
OLD = "old: "
"""How the reason begins of what is suppressed for its age."""
COPY = "a copy of "
"""How it begins of what is suppressed since the alert fired on another copy of the same text."""


def delivery_for(match: Match, recipient: str, now: datetime, channel: str = "mail") -> Delivery:
    """The delivery that a match causes to a recipient, under an id that makes a second writing harmless."""
    return Delivery(
        id=delivery_id(match.id, channel, recipient),
        match_id=match.id,
        alert_id=match.alert_id,
        story_id=match.story_id,
        recipient=recipient,
        channel=channel,
        due_at=now,
        created_at=now,
        updated_at=now,
        history=(Event(at=now, state=DeliveryState.PENDING, note="matched"),),
    )


def revived(delivery: Delivery, anew: Delivery, now: datetime) -> Delivery | None:
    """What was suppressed as old, now that its story came as news: pending or held as `anew` is; None for all else."""
    if delivery.state is not DeliveryState.SUPPRESSED or not delivery.reason.startswith(OLD):
        return None
    changes = {"reason": anew.reason, "due_at": anew.due_at, "created_at": now, "queued_until": anew.queued_until}
    return _to(delivery, anew.state, now, "its story came as news", **changes)


def due(delivery: Delivery, now: datetime) -> bool:
    """Whether a delivery may be sent now: its time has come, and no worker has it."""
    return delivery.state in UNSENT and unleased_at(delivery) <= now


def claim(delivery: Delivery, mail_id: str, now: datetime, lease: timedelta) -> Delivery | None:
    """Take a delivery that is due, to send it in the mail `mail_id`; None when it is not due, or in other hands."""
    if not due(delivery, now):
        return None
    lost = delivery.state is DeliveryState.SENDING
    note = "its worker was lost: sent again under the same Message-ID" if lost else ""
    taken = {"attempts": delivery.attempts + 1, "lease_until": now + lease, "mail_id": mail_id}
    return _to(delivery, DeliveryState.SENDING, now, note, repeated=delivery.repeated or lost, **taken)


def held(delivery: Delivery, until: datetime, reason: str, now: datetime) -> Delivery:
    """Not before `until`. What is held while its worker is lost may have gone out, as at a claim."""
    repeated = _may_be_out(delivery)
    return _to(delivery, DeliveryState.HELD, now, reason, reason=reason, due_at=until, repeated=repeated)


def stopped(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """Not to be sent any more, found out before it was claimed: it may have gone out, as where it is held."""
    return replace(suppressed(delivery, reason, now), repeated=_may_be_out(delivery))


def _may_be_out(delivery: Delivery) -> bool:
    return delivery.repeated or delivery.state is DeliveryState.SENDING


def sent(delivery: Delivery, answer: str, message_id: str, now: datetime) -> Delivery:
    """The server took it."""
    return _to(delivery, DeliveryState.SENT, now, answer, answer=answer, message_id=message_id, reason="")


def failed(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """It will not be had."""
    return _to(delivery, DeliveryState.FAILED, now, reason, reason=reason)


def returned(delivery: Delivery, answer: str, now: datetime) -> Delivery | None:
    """A server took it, and sent it back; None for what was not sent, or has been returned before."""
    return failed(delivery, answer, now) if delivery.state is DeliveryState.SENT else None


def suppressed(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """It is not to be sent."""
    return _to(delivery, DeliveryState.SUPPRESSED, now, reason, reason=reason)


def withdrawn(delivery: Delivery, reason: str, now: datetime) -> Delivery | None:
    """Not to be sent after all; None for what is in a worker's hands or has ended."""
    return suppressed(delivery, reason, now) if delivery.state in (DeliveryState.PENDING, DeliveryState.HELD) else None


def postponed(
    delivery: Delivery, reason: str, now: datetime, *, until: datetime | None = None, uncertain: bool = False
) -> Delivery:
    """Not now: again at `until` (by default `next_try`), for a day since it was first tried.

    Where it is `uncertain` whether the server took the mail, it goes in that mail again, as after a worker was lost.
    Else it may go with others that have come meanwhile.
    """
    repeated = delivery.repeated or uncertain
    kept = {"repeated": repeated, "mail_id": delivery.mail_id if repeated else ""}
    if now - first_tried(delivery) > GIVE_UP_AFTER:
        return replace(failed(delivery, f"given up after a day: {reason}", now), repeated=repeated)
    note = f"it may have been taken: {reason}" if uncertain else reason
    return _to(delivery, DeliveryState.PENDING, now, note, due_at=until or next_try([delivery], now), **kept)


def next_try(mail: Sequence[Delivery], now: datetime) -> datetime:
    """When a mail is tried again, as a whole: each time twice as late, up to an hour."""
    attempts = max(one.attempts for one in mail)
    wait: timedelta = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 12))
    return now + wait * _jitter(mail[0].mail_id, attempts)


def first_tried(delivery: Delivery) -> datetime:
    """When a delivery first went out, or was to go at once: waiting for a digest or the morning is no trying."""
    return next((event.at for event in delivery.history if event.state is DeliveryState.SENDING), delivery.created_at)


def _to(delivery: Delivery, state: DeliveryState, now: datetime, note: str, **changes: object) -> Delivery:
    history = (*delivery.history, Event(at=now, state=state, note=note))
    kept: dict[str, object] = {"lease_until": None, "queued_until": None} | changes
    return replace(delivery, state=state, updated_at=now, history=history, **kept)


def _jitter(mail_id: str, attempts: int) -> float:
    """Between 0.8 and 1.2: what one outage postponed does not come back as one burst."""
    number = hashlib.blake2b(f"{mail_id} {attempts}".encode(), digest_size=2).digest()
    return 0.8 + 0.4 * int.from_bytes(number, "big") / 65_535
