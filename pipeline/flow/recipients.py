"""Who is meant by the recipients of an alert: people, channels and groups; and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from pipeline.model import Recipient, identify
from pipeline.ports import Ports

GROUP = "@"
REFUSED_AT_MOST = 3
"""An address that is refused for good so often in a row is given up; one that does not exist (5.1.x, 410) at once."""


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


def bounced(ports: Ports, recipient: Recipient, answer: str) -> None:
    """Count a refusal, or that a message was taken (no `answer`); an address may be given up for it."""
    if not answer and not recipient.bounces:
        return
    ports.stores.recipients.create([recipient])

    def counted(one: Recipient) -> Recipient:
        if not answer:
            return replace(one, bounces=0)
        bounces = one.bounces + 1
        gives_up = bounces >= REFUSED_AT_MOST or _is_no_address(answer)
        return replace(one, bounces=bounces, bounced=answer if gives_up else "", updated_at=ports.clock.now())

    ports.stores.recipients.update([recipient.id], counted)


def _is_no_address(answer: str) -> bool:
    """Whether an answer says that there is no such address: enhanced status code (RFC 3463, 3.2), or Gone."""
    return answer.startswith("410 ") or any(word.startswith("5.1.") for word in answer.split()[:2])


def _by_default(ports: Ports, address: str) -> Recipient:
    return Recipient(id=recipient_id(address), address=address, updated_at=ports.clock.now())
