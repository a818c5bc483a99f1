"""forget: a story is erased wherever it is kept, on demand, and a mark keeps it from coming back.

The mark comes first and everything after it may be done again. What stays is no content: the ids and keys by which the
story is known again, the digest of its text by which copies are told (dedupe/sketch.py), and the ledger's rows.
Mails that were sent are out of our hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from pipeline import dedupe
from pipeline.address import is_web
from pipeline.deliver import decide
from pipeline.errors import BadInput
from pipeline.flow.cluster import MOST_COPIES
from pipeline.flow.stories.explain import find_story
from pipeline.ids import match_id
from pipeline.ids import story_id as new_story_id
from pipeline.model import DeliveryState, Entry, EntryState, Match, Takedown
from pipeline.ports import Claim, LedgerFilter, Ports
from pipeline.retention import without_words

FORGOTTEN = "its story was taken down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased, and what was not: `copies` are the addresses of the same text elsewhere."""

    story_id: str
    stories: int
    entries: int
    matches: int
    deliveries: int  # that were waiting and are not sent
    copies: tuple[str, ...]


def forget(ports: Ports, url: str) -> Forgotten:
    """Erase the story at `url`, and mark it; a story that nobody has seen yet is marked. Raises BadInput."""
    story_id = _story_id(ports, url)
    ports.stores.takedowns.put([Takedown(id=story_id, url=url, at=ports.clock.now())])
    return erase(ports, story_id)


def erase(ports: Ports, story_id: str) -> Forgotten:
    """Erase what is kept of a story that is marked. Idempotent."""
    stores, now = ports.stores, ports.clock.now()
    story = stores.stories.get([story_id]).get(story_id)
    copies = stores.stories.copies(story_id, MOST_COPIES)
    ledger = list(stores.deliveries.ledger(LedgerFilter(story_id=story_id)))
    waiting = [one.id for one in ledger if one.state is DeliveryState.PENDING]
    suppressed = stores.deliveries.update(waiting, partial(decide.withdrawn, reason=FORGOTTEN, now=now))
    known = {match_id(alert.id, story_id) for alert in stores.alerts.all()} | {one.match_id for one in ledger}
    matches = stores.matches.update(sorted(known), _without_words)
    entries = stores.entries.update(story.entry_ids if story else (), blanked)
    return Forgotten(
        story_id=story_id,
        stories=stores.stories.delete([story_id]),
        entries=len(entries),
        matches=len(matches),
        deliveries=len(suppressed),
        copies=tuple(one.url for one in copies),
    )


def marked(ports: Ports, story_ids: Sequence[str]) -> set[str]:
    """Those of `story_ids` that are to be forgotten."""
    return set(ports.stores.takedowns.get(list(dict.fromkeys(story_ids))))


def blanked(entry: Entry) -> Entry:
    """An entry without what its feed said, which is done with."""
    return replace(
        without_words(entry),
        state=EntryState.DONE,
        error="",
        failed_stage="",
        lease_until=None,
        queued_until=None,
        notes=(FORGOTTEN,),
    )


def _without_words(match: Match) -> Match | None:
    return replace(match, evidence=()) if match.evidence else None


def _story_id(ports: Ports, url: str) -> str:
    story = find_story(ports, url)
    if story is not None:
        return story.id
    keys = dedupe.address_keys(url)
    if not keys or not is_web(url):
        raise BadInput(f"{url!r} is no address of a story: give the one that its mail or its search shows")
    return ports.stores.stories.resolve([Claim(keys, new_story_id(ports.clock.now(), keys[0]))])[0]
