"""Stories are matched, an alert fires on a cluster once, and what it is to send is written as deliveries."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from pipeline import match
from pipeline.deliver import decide
from pipeline.deliver.channel import channel_of
from pipeline.deliver.plan import first
from pipeline.flow.readers.recipients import members, recipients_of
from pipeline.ids import firing_id
from pipeline.model import Alert, Delivery, DeliveryState, Firing, Match, Stage, Story
from pipeline.outlets import cluster_of
from pipeline.ports import Ports
from pipeline.query.document import Document

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fired:
    """Matches that were new, and their deliveries."""

    matches: Sequence[Match] = ()
    deliveries: Sequence[Delivery] = ()


def match_stories(ports: Ports, stories: Sequence[Story], news: AbstractSet[str]) -> Fired:
    """Match `stories`; of those that came as `news` (ids), what was suppressed as old is delivered after all."""
    if not stories:
        return Fired()
    with ports.observer.stage(Stage.MATCH):
        documents = [Document(story) for story in stories]
        verdict = match.judge(ports.stores.alerts.narrow(documents), documents, ports.clock.now())
    mark_unhealthy(ports, verdict.unhealthy)
    matches = with_recipients(ports, verdict.matches)
    created = ports.stores.matches.create(matches)
    fresh = [one for one, new in zip(matches, created, strict=True) if new]
    repeated = {one.id: one for one, new in zip(matches, created, strict=True) if not new}
    woken = ports.stores.matches.update(
        [one.id for one in repeated.values() if one.story_id in news],
        lambda known: _woken(known, repeated[known.id]) if known.old else None,
    )
    told = {one.id for one in woken}
    updates = _updates(
        ports, [one for one in repeated.values() if one.id not in told], {one.id: one for one in stories}
    )
    fired = Fired([*fresh, *updates], write_deliveries(ports, [*fresh, *woken, *updates]))
    _log(fired, {one.id: one for one in stories})
    return fired


def _log(fired: Fired, stories: Mapping[str, Story]) -> None:
    """A line for each match and delivery, with the entries too: a search for one id finds the way to the mail."""
    for one in fired.matches:
        log.info("match: alert fires", extra=_ids(one, stories) | {"match": one.id})
    for delivery in fired.deliveries:
        ids = _ids(delivery, stories) | {"delivery": delivery.id, "match": delivery.match_id}
        log.info("deliver: %s %s", delivery.state, delivery.reason, extra=ids)


def _ids(one: Match | Delivery, stories: Mapping[str, Story]) -> dict[str, object]:
    return {"alert": one.alert_id, "story": one.story_id, "entry": stories[one.story_id].entry_ids}


def mark_unhealthy(ports: Ports, unhealthy: Mapping[str, str]) -> None:
    """Say of alerts why they could not be judged; it stands until they are saved again."""
    for alert_id, why in unhealthy.items():
        log.warning("match: an alert could not be judged: %s", why, extra={"alert": alert_id})
        ports.stores.alerts.update([alert_id], partial(replace, health=why))


def with_recipients(ports: Ports, matches: Sequence[Match]) -> list[Match]:
    """The matches with whom each is for. It is kept with them: the ledger is held to it when the alert has changed."""
    alerts = ports.stores.alerts.get(list({one.alert_id for one in matches}))
    named = {alert_id: tuple(members(ports, alert.recipients)) for alert_id, alert in alerts.items()}
    return [replace(one, recipients=named.get(one.alert_id, ())) for one in matches]


def _woken(known: Match, again: Match) -> Match:
    """A match that was old and comes as news: also for those who have a row of it in the ledger already."""
    return replace(again, recipients=_all(known.recipients, again.recipients))


def _all(known: tuple[str, ...] | None, more: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if known is None or more is None else tuple(dict.fromkeys((*known, *more)))


def _updates(ports: Ports, repeated: Sequence[Match], stories: Mapping[str, Story]) -> list[Match]:
    """Updates, for alerts that ask for them, of stories they had fired on in an earlier version; those that are new."""
    later = [one for one in repeated if one.story_version > 1]
    alerts = ports.stores.alerts.get(list({one.alert_id for one in later}))
    asked = [one for one in later if one.alert_id in alerts and alerts[one.alert_id].updates]
    known = ports.stores.matches.get([one.id for one in asked])
    earlier = [one for one in asked if one.id in known and known[one.id].story_version < one.story_version]
    made = [made for one in earlier if (made := match.update(one, stories[one.story_id]))]
    return [one for one, new in zip(made, ports.stores.matches.create(made), strict=True) if new]


def complete_deliveries(ports: Ports) -> list[Delivery]:
    """Write what somebody who died left half-written, a lease ago or more."""
    grace = timedelta(seconds=ports.settings.lease)
    return write_deliveries(ports, ports.stores.matches.undelivered(ports.clock.now() - grace), queued=False)


def write_deliveries(ports: Ports, matches: Sequence[Match], *, queued: bool = True) -> list[Delivery]:
    """Write the deliveries of `matches`, then mark the matches: a set left half-written is completed by the sweep.

    `queued` says that the caller queues them; the next sweep does so otherwise.
    """
    now = ports.clock.now()
    queued_until = now + timedelta(seconds=ports.settings.lease) if queued else None
    alerts = ports.stores.alerts.get(list({one.alert_id for one in matches}))
    deliveries = [
        replace(one, queued_until=queued_until) if one.state is DeliveryState.PENDING else one
        for one in _deliveries(ports, matches, alerts)
    ]
    created = ports.stores.deliveries.create(deliveries)
    anew = {
        delivery.id: delivery
        for delivery, new in zip(deliveries, created, strict=True)
        if not new and delivery.state in (DeliveryState.PENDING, DeliveryState.HELD)
    }
    revived = ports.stores.deliveries.update(list(anew), lambda known: decide.revived(known, anew[known.id], now))
    ports.stores.matches.update([one.id for one in matches], lambda one: replace(one, delivered=True))
    return [*(delivery for delivery, new in zip(deliveries, created, strict=True) if new), *revived]


def _deliveries(ports: Ports, matches: Sequence[Match], alerts: Mapping[str, Alert]) -> Iterator[Delivery]:
    """The deliveries of `matches`, one for each recipient, as they are written first."""
    now = ports.clock.now()
    silent = _why_silent(ports, [one for one in matches if one.alert_id in alerts], alerts)
    silent |= {one.id: "the alert is gone" for one in matches if one.alert_id not in alerts}
    unknown = {one.id: one for one in with_recipients(ports, [one for one in matches if one.recipients is None])}
    named = {one.id: unknown.get(one.id, one).recipients or () for one in matches}
    known = recipients_of(ports, [address for addresses in named.values() for address in addresses])
    for one in matches:
        for address in named[one.id]:
            delivery = decide.delivery_for(one, address, now, channel_of(address))
            if why := silent.get(one.id, ""):
                yield decide.suppressed(delivery, why, now)
            else:
                yield first(delivery, alerts[one.alert_id], known[address], now)


def _why_silent(ports: Ports, matches: Sequence[Match], alerts: Mapping[str, Alert]) -> dict[str, str]:
    """Why matches mail nobody, by match id: their stories are old, or copies of one that their alert fired on."""
    why = {one.id: decide.OLD + one.old for one in matches if one.old}
    firing = [one for one in matches if not one.old and not alerts[one.alert_id].copies]
    first = _fire(ports, firing)
    copies = [one for one in firing if first[one.id].match_id != one.id and not _goes_on(first[one.id], one)]
    originals = ports.stores.stories.get(list({first[one.id].story_id for one in copies}))
    for one in copies:
        original = originals.get(first[one.id].story_id)
        why[one.id] = decide.COPY + (original.url if original else "a story that is gone")
    return why


def _goes_on(first: Firing, one: Match) -> bool:
    """Whether `one` is an update of the very story that the alert fired on, and not of a copy."""
    return one.update and first.story_id == one.story_id


def _fire(ports: Ports, matches: Sequence[Match]) -> dict[str, Firing]:
    """For each match (by id), how its alert fired first on the cluster of its story: by this match or by another."""
    firings = {
        one.id: Firing(
            id=firing_id(one.alert_id, cluster_of(one)), match_id=one.id, story_id=one.story_id, at=one.matched_at
        )
        for one in matches
    }
    created = ports.stores.firings.create(list(firings.values()))
    late = [firing.id for firing, new in zip(firings.values(), created, strict=True) if not new]
    known = ports.stores.firings.get(late)
    return {match_id: known.get(firing.id, firing) for match_id, firing in firings.items()}
