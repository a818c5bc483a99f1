"""Which deliveries went in one mail, as the ledger has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pipeline.model import Delivery
from pipeline.ports import LedgerFilter, Ports

LONGEST_DIGEST = timedelta(days=8)
"""What is in one mail was written within so long: a week, and a day for quiet hours and clocks that are set."""


def mail_of(ports: Ports, delivery: Delivery) -> Iterator[Delivery]:
    """The deliveries of the mail that `delivery` is in, itself among them."""
    lately = LedgerFilter(recipient=delivery.recipient, since=delivery.created_at - LONGEST_DIGEST)
    return (one for one in ports.stores.deliveries.ledger(lately) if one.mail_id == delivery.mail_id)
