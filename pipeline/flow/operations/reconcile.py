"""reconcile: the whole ledger is held to the matches, in pages, while others write to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import TypeVar

from pipeline.deliver.channel import shown
from pipeline.deliver.reconcile import Account
from pipeline.deliver.reconcile import reconcile as account_of
from pipeline.errors import StoreError
from pipeline.health import span
from pipeline.model import Delivery, Match
from pipeline.ports import Ports

PAGE = 500
PRUNING = 2.0
"""Seconds between the removal of matches and that of their deliveries, at the most."""
LATE = timedelta(minutes=5)
"""How much later than a sweep completes it a match may still be half-written, before that is a fault."""

Thing = TypeVar("Thing")


def reconcile(ports: Ports, within: timedelta = timedelta.max) -> Account:
    """Reconcile the ledger. Exact under writes: what is read second was written first.

    A match is marked when its deliveries stand, so of one read as marked all are found; and a delivery is written
    after its match. Only prune removes any, a match and then its deliveries: so what seems to be missing is looked for
    once more, after as long as that takes, and passed over where it has gone meanwhile.

    Raises StoreError when it is not through `within` that time.
    """
    settings, began = ports.settings, ports.clock.now()
    grace = timedelta(seconds=settings.lease + settings.sweep_every) + LATE

    def in_time(things: Iterable[Thing]) -> Iterator[Thing]:
        for thing in things:
            if ports.clock.now() - began > within:
                raise StoreError(
                    f"the ledger is too large to be looked over within {span(within.total_seconds())}: "
                    "`wirewatch ledger --reconcile` takes its time, and a shorter WIREWATCH_KEEP makes it smaller"
                )
            yield thing

    return account_of(in_time(_by_match(ports)), in_time(_by_delivery(ports)), began - grace)


def in_lines(ports: Ports, account: Account) -> Iterator[str]:
    """The account for a person: whether it adds up, and whom and what every fault concerns."""
    yield f"{account.matches} matches, of which {account.waiting} are just being written; {account.equation()}"
    if account.adds_up:
        yield "the ledger adds up"
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in account.faulty.items())
    yield f"the ledger does not add up: {counts}"
    alerts = ports.stores.alerts.get(list({fault.alert_id for fault in account.faults}))
    stories = ports.stores.stories.get(list({fault.story_id for fault in account.faults}))
    for fault in account.faults:
        alert = alerts[fault.alert_id].name if fault.alert_id in alerts else fault.alert_id
        story = stories[fault.story_id].url if fault.story_id in stories else fault.story_id
        whom = f", to {shown(fault.recipient)}" if fault.recipient else ""
        row = f", delivery {fault.delivery_id}" if fault.delivery_id else ""
        yield f"{fault.kind}: match {fault.match_id} of {alert!r} on {story}{whom}{row}"
    more = account.faulty.total() - len(account.faults)
    if more:
        yield f"and {more} more"


def _by_match(ports: Ports) -> Iterator[tuple[Match, Sequence[Delivery]]]:
    for page in _pages(ports.stores.matches.all()):
        rows: dict[str, list[Delivery]] = {}
        for row in ports.stores.deliveries.of_matches([match.id for match in page]):
            rows.setdefault(row.match_id, []).append(row)
        bare = [match.id for match in page if match.delivered and match.id not in rows]
        gone = set(bare) - set(ports.stores.matches.get(bare))
        yield from ((match, rows.get(match.id, ())) for match in page if match.id not in gone)


def _by_delivery(ports: Ports) -> Iterator[tuple[Delivery, Match | None]]:
    for page in _pages(ports.stores.deliveries.all()):
        owners = ports.stores.matches.get(list({row.match_id for row in page}))
        stray = [row.id for row in page if row.match_id not in owners]
        if stray:
            ports.clock.wait(PRUNING)
        gone = set(stray) - set(ports.stores.deliveries.get(stray))
        yield from ((row, owners.get(row.match_id)) for row in page if row.id not in gone)


def _pages(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    waiting = iter(things)
    while page := list(islice(waiting, PAGE)):
        yield page
