"""Who is meant by the recipients of an alert: people, channels and groups; and what is known of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from pipeline.deliver.bounce import Bounce, gives_up, read_bounce
from pipeline.deliver.channel import shown
from pipeline.model import Alert, Recipient, identify
from pipeline.ports import Ports

log = logging.getLogger(__name__)

GROUP = "@"


def recipient_id(address: str) -> str:
    """The id of the recipient at `address`."""
    return identify("recipient", address)


def group_id(name: str) -> str:
    """The id of the group called `name`."""
    return identify("group", name.lower().removeprefix(GROUP))


def recipients_of(ports: Ports, addresses: Iterable[str]) -> dict[str, Recipient]:
    """The recipients at these addresses, by address; by default what nobody has said otherwise."""
    wanted = list(dict.fromkeys(addresses))
    known = ports.stores.recipients.get([recipient_id(one) for one in wanted])
    return {one: known.get(recipient_id(one)) or _by_default(ports, one) for one in wanted}


def members(ports: Ports, named: Sequence[str]) -> list[str]:
    """The addresses that an alert's recipients stand for: groups written out, each address once."""
    groups = ports.stores.groups.get([group_id(one) for one in named if one.startswith(GROUP)])
    found: list[str] = []
    for one in named:
        if not one.startswith(GROUP):
            found.append(one)
        elif group := groups.get(group_id(one)):
            found += group.members
    return list(dict.fromkeys(found))


def alerts_for(ports: Ports, address: str) -> list[Alert]:
    """The alerts that go to `address`, by themselves or through a group; by name."""
    names = {address} | {GROUP + one.name for one in ports.stores.groups.all() if address in one.members}
    found = (one for one in ports.stores.alerts.all() if not names.isdisjoint(one.recipients))
    return sorted(found, key=lambda one: one.name.casefold())


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
    if not answer and not recipient.bounces:
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
