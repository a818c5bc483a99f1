"""Who is meant by the recipients of an alert: people, channels and groups; and what is known of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from pipeline.deliver.bounce import Bounce, gives_up, read_bounce
from pipeline.deliver.channel import one_spelling, shown
from pipeline.deliver.policy import read_zone
from pipeline.errors import BadInput
from pipeline.ids import identify
from pipeline.model import Alert, Recipient
from pipeline.ports import Ports

log = logging.getLogger(__name__)

GROUP = "@"


def recipient_id(address: str) -> str:
    """The id of the recipient at `address`."""
    return identify("recipient", one_spelling(address))


def group_id(name: str) -> str:
    """The id of the group called `name`."""
    return identify("group", name.lower().removeprefix(GROUP))


def recipients_of(ports: Ports, addresses: Iterable[str]) -> dict[str, Recipient]:
    """The recipients at these addresses, by address; by default what nobody has said otherwise."""
    wanted = list(dict.fromkeys(addresses))
    known = ports.stores.recipients.get([recipient_id(one) for one in wanted])
    return {one: _as_asked(known.get(recipient_id(one)) or _by_default(ports, one), one) for one in wanted}


def _as_asked(recipient: Recipient, address: str) -> Recipient:
    """Under the spelling asked for, which rows of an earlier version have, and in a zone that this machine knows."""
    try:
        read_zone(recipient.zone)
    except BadInput as error:
        log.warning("%s gets times in UTC: %s", shown(address), error)
        recipient = replace(recipient, zone="UTC")
    return recipient if recipient.address == address else replace(recipient, address=address)


def members(ports: Ports, named: Sequence[str]) -> list[str]:
    """The addresses that an alert's recipients stand for: groups written out, each address once."""
    groups = ports.stores.groups.get([group_id(one) for one in named if one.startswith(GROUP)])
    found: list[str] = []
    for one in named:
        if not one.startswith(GROUP):
            found.append(one)
        elif group := groups.get(group_id(one)):
            found += group.members
    return list(dict.fromkeys(map(one_spelling, found)))


def alerts_for(ports: Ports, address: str) -> list[Alert]:
    """The alerts that go to `address`, by themselves or through a group; by name."""
    of_group = (one for one in ports.stores.groups.all() if address in map(one_spelling, one.members))
    names = {address} | {GROUP + one.name for one in of_group}
    found = (one for one in ports.stores.alerts.all() if not names.isdisjoint(map(one_spelling, one.recipients)))
    return sorted(found, key=lambda one: one.name.casefold())


def respell(ports: Ports) -> int:
    """Keep under their one spelling those whom an earlier version kept under another; how many.

    Whoever is known under both keeps the wishes of the one; what either wants no more is sent to neither.
    """
    old = [one for one in ports.stores.recipients.all() if one.id != recipient_id(one.address)]
    for one in old:
        kept = replace(one, id=recipient_id(one.address), address=one_spelling(one.address))
        if not ports.stores.recipients.create([kept])[0]:
            ports.stores.recipients.update([kept.id], partial(_refusing_too, other=one))
    ports.stores.recipients.delete([one.id for one in old])
    return len(old)


def _refusing_too(recipient: Recipient, other: Recipient) -> Recipient:
    unsubscribed = tuple(dict.fromkeys(recipient.unsubscribed + other.unsubscribed))
    return replace(recipient, unsubscribed=unsubscribed, muted=other.muted | recipient.muted)


def change_recipient(ports: Ports, address: str, change: Callable[[Recipient], Recipient]) -> Recipient:
    """Change what is known of the recipient at `address`, atomically; they are kept from now on. As they are then."""
    now = ports.clock.now()
    recipient = recipients_of(ports, [address])[address]
    ports.stores.recipients.create([recipient])  # of whom nothing was known but the address
    (changed,) = ports.stores.recipients.update([recipient.id], lambda one: replace(change(one), updated_at=now))
    return changed


def bounced(ports: Ports, recipient: Recipient, answer: str) -> None:
    """Count a refusal, or that a message was taken (no `answer`); an address may be given up for it.

    What says nothing of the address (deliver/bounce.py) leaves the count as it is.
    """
    if answer and read_bounce(answer) is Bounce.OTHER:
        return
    ports.stores.recipients.create([recipient])
    counted = partial(_counted, answer=answer, now=ports.clock.now())
    for one in ports.stores.recipients.update([recipient.id], counted):
        if one.bounced:
            log.warning("%s is given up: %s", shown(one.address), one.bounced)


def _counted(recipient: Recipient, answer: str, now: datetime) -> Recipient:
    if not answer:
        return replace(recipient, bounces=0)
    bounces = recipient.bounces + 1
    why = answer if gives_up(answer, bounces) else ""
    return replace(recipient, bounces=bounces, bounced=why, updated_at=now)


def _by_default(ports: Ports, address: str) -> Recipient:
    return Recipient(id=recipient_id(address), address=address, updated_at=ports.clock.now())
