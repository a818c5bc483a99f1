"""Mails that came back after the server had taken them: their deliveries have failed, and the address has bounced."""

from __future__ import annotations

from functools import partial

from pipeline.deliver import decide
from pipeline.deliver.returned import read_returned
from pipeline.flow.mail import mail_of
from pipeline.flow.readers.recipients import bounced, recipients_of
from pipeline.model import Delivery
from pipeline.ports import Ports


def take_returned(ports: Ports, content: bytes) -> list[Delivery]:
    """Record what a delivery status notification (RFC 3464) says; the deliveries that have failed by it.

    None for what is no such notification, is about no mail of ours, or was taken in before.
    """
    found = read_returned(content)
    first = ports.stores.deliveries.get([found.delivery_id]).get(found.delivery_id) if found else None
    if found is None or first is None:
        return []
    ids = [one.id for one in mail_of(ports, first)]
    failed = ports.stores.deliveries.update(ids, partial(decide.returned, answer=found.answer, now=ports.clock.now()))
    if failed:
        bounced(ports, recipients_of(ports, [first.recipient])[first.recipient], found.answer)
    return failed
