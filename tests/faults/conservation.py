"""The conservation check: nothing that was published is lost on its way, and nobody is told twice without a mark.

Every published entry is a story, a recorded duplicate of one or in quarantine; every match that must be is made, and
the ledger adds up; what the ledger calls sent has come, and what came stands in it. The rule is issue 10's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage

from pipeline.flow.operations.reconcile import reconcile
from pipeline.ids import identify, match_id
from pipeline.model import Delivery, DeliveryState, Entry, EntryState, Match, Story
from pipeline.ports import Ports
from tests import builders
from tests.press import Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Conservation:
    """What became of all that was published. `broken` says in words what does not add up."""

    entries: int
    stories: int
    duplicates: int  # entries of a story that another entry brought before
    quarantined: int
    matches: int
    sent: int  # deliveries
    mails: int
    repeated: int  # mails that came once more, each marked in the ledger
    broken: tuple[str, ...]


def conservation(ports: Ports, published: Sequence[Published], mails: Sequence[EmailMessage]) -> Conservation:
    """Hold the stores and the mails that came to what was published. Exact when nothing is under way."""
    entries = ports.stores.entries.get([entry_id(one) for one in published])
    stories = ports.stores.stories.get(list({one.story_id for one in entries.values() if one.story_id}))
    matches = {one.id: one for one in ports.stores.matches.all()}
    rows = list(ports.stores.deliveries.all())
    done = [one for one in entries.values() if one.story_id in stories]
    broken = (
        *_unaccounted(published, entries, stories),
        *_unmatched(published, entries, stories, matches),
        *_unbalanced(ports),
        *untold(rows, mails),
    )
    return Conservation(
        entries=len(entries),
        stories=len(stories),
        duplicates=len(done) - len(stories),
        quarantined=sum(one.state is EntryState.QUARANTINED for one in entries.values()),
        matches=len(matches),
        sent=sum(one.state is DeliveryState.SENT for one in rows),
        mails=len(mails),
        repeated=len(mails) - len({str(mail["Message-ID"]) for mail in mails}),
        broken=broken,
    )


def entry_id(published: Published) -> str:
    return identify("entry", identify("feed", published.feed), published.link)


def _unaccounted(
    published: Iterable[Published], entries: Mapping[str, Entry], stories: Mapping[str, Story]
) -> Iterator[str]:
    """Entries that are neither story nor duplicate nor in quarantine."""
    for one in published:
        entry = entries.get(entry_id(one))
        if entry is None:
            yield f"{one.link} of {one.feed}: no entry"
        elif entry.state is EntryState.QUARANTINED:
            continue
        elif entry.story_id not in stories:
            yield f"{one.link} of {one.feed}: {entry.state}, and no story"
        elif entry.id not in stories[entry.story_id].entry_ids:
            yield f"{one.link} of {one.feed}: not recorded with its story"


def _unmatched(
    published: Iterable[Published],
    entries: Mapping[str, Entry],
    stories: Mapping[str, Story],
    matches: Mapping[str, Match],
) -> Iterator[str]:
    """Stories on which the alert that watches their zone has not fired."""
    for one in published:
        entry = entries.get(entry_id(one))
        alert = builders.alert(f"zone{one.zone}")
        if entry and entry.story_id in stories and match_id(alert.id, entry.story_id) not in matches:
            yield f"{one.link}: a story, and no match of {alert.name}"


def _unbalanced(ports: Ports) -> Iterator[str]:
    """Why the ledger does not add up, and whether somebody still writes to it."""
    account = reconcile(ports)
    if account.waiting:
        yield f"{account.waiting} matches whose deliveries are not all written"
    yield from (f"ledger: {count} {kind}" for kind, count in account.faulty.items())


def untold(rows: Iterable[Delivery], mails: Iterable[EmailMessage]) -> Iterator[str]:
    """Deliveries that are not at their end, and where ledger and postbox differ. What is held waits rightly."""
    taken = Counter(str(mail["Message-ID"]) for mail in mails)
    told: dict[str, list[Delivery]] = defaultdict(list)
    for row in rows:
        if row.state in (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED):
            yield f"delivery {row.id}: {row.state} {row.reason}"
        elif row.state is DeliveryState.SENT:
            told[row.message_id].append(row)
    yield from (f"mail {one}: sent by the ledger, and did not come" for one in told.keys() - taken.keys())
    yield from (f"mail {one}: came, and is not in the ledger" for one in taken.keys() - told.keys())
    for message_id, count in taken.items():
        if count > 1 and not all(row.repeated for row in told[message_id]):
            yield f"mail {message_id}: came {count} times, and is not marked"
