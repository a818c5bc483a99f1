"""watchdog: standing looks at whether all is well, of which the operators hear by mail.

    ledger    once a day: whether the ledger adds up; a mail for each day on which it doesn't
    expiry    once a day: what has an end (sessions, links, kept replies, and what the setting `keep` says) is pruned
    coverage  once a minute: whether too many feeds are silent or down; a mail when that begins and one when it is over

A watchdog is one record. What it has to say is written into it in one step with what it saw, so a mail can't be lost.
Who has got it is taken out when all were tried: only a worker that dies before that has one sent twice, and under the
same Message-ID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from msgspec.structs import replace

from pipeline.coverage import Coverage, coverage
from pipeline.deliver.notice import notice_mail
from pipeline.errors import DeliveryRefused, DeliveryUnavailable, StoreError
from pipeline.flow.deeds.alerts import forget_removed
from pipeline.flow.feeds.overview import by_urgency
from pipeline.flow.operations.prune import Bounds, prune
from pipeline.flow.operations.reconcile import in_lines, reconcile
from pipeline.ids import identify
from pipeline.model import POLLED, Feed, Notice, Watchdog, ready_at
from pipeline.ports import Ports

log = logging.getLogger(__name__)

LEDGER, COVERAGE, EXPIRY = "ledger", "coverage", "expiry"
MINUTE = timedelta(minutes=1)
AGAIN = MINUTE
"""After which a mail is tried again that the server did not take."""
LONGEST = timedelta(hours=1)
"""For which one worker may look at the ledger: a million deliveries on Elasticsearch take a quarter of an hour."""
LEDGER_PART = 0.9
"""Of it, after which it is said that the ledger is too large: a worker that is ended says nothing, and begins anew."""
AHEAD = timedelta(days=7)
"""For so long before it is needed the store is asked for room."""
PRUNE_PART = 0.5
"""Of it, in which stories are pruned; the rest is for giving the space back. What is left is gone on with at once."""
CLEAR = 0.8
"""Of the share that alarms: below that much of it an outage is over, so that one at the edge is not a mail a minute."""
MOST_NAMED = 20


def watchdog_id(name: str) -> str:
    """The id of the watchdog called `name`."""
    return identify("watchdog", name)


def due_watchdogs(ports: Ports, until: datetime) -> list[str]:
    """The names of those that have something to do, marked as queued `until` then; they are made when first asked."""
    now = ports.clock.now()
    ids = [watchdog_id(name) for name in LOOKS]
    known = ports.stores.watchdogs.get(ids)
    if len(known) < len(ids):
        ports.stores.watchdogs.create(
            [Watchdog(id=watchdog_id(name), name=name, due_at=now, look_at=now) for name in LOOKS]
        )
    elif all(ready_at(one) > now for one in known.values()):
        return []  # as mostly: nothing is written
    marked = ports.stores.watchdogs.update(
        ids, lambda one: replace(one, queued_until=until) if ready_at(one) <= now else None
    )
    return [one.name for one in marked]


def watch(ports: Ports, name: str) -> None:
    """Look, if it is time, and tell the operators what there is to tell; nothing when somebody else is at it."""
    taken = _take(ports, name)
    if taken is None:
        return
    if taken.look_at <= ports.clock.now():
        seen = LOOKS[name](ports, taken)
        (taken,) = ports.stores.watchdogs.update([taken.id], lambda _: seen)
    left = tuple(filter(None, (_tell(ports, notice) for notice in taken.notices)))
    due_at = min(taken.look_at, ports.clock.now() + AGAIN) if left else taken.look_at
    ports.stores.watchdogs.update([taken.id], lambda one: replace(one, notices=left, due_at=due_at, lease_until=None))


def _take(ports: Ports, name: str) -> Watchdog | None:
    now = ports.clock.now()
    lease = LONGEST if name in (LEDGER, EXPIRY) else timedelta(seconds=ports.settings.lease)

    def take(one: Watchdog) -> Watchdog | None:
        if one.due_at > now or (one.lease_until or now) > now:
            return None
        return replace(one, lease_until=now + lease, queued_until=None)

    return next(iter(ports.stores.watchdogs.update([watchdog_id(name)], take)), None)


def _look_at_ledger(ports: Ports, before: Watchdog) -> Watchdog:
    after = replace(before, look_at=ports.clock.now() + timedelta(days=1))
    since = before.trouble_since or ports.clock.now()
    try:
        account = reconcile(ports, within=LEDGER_PART * LONGEST)
    except StoreError as error:
        return _with_notice(ports, after, "the ledger can't be read", str(error), since)
    log.log(logging.INFO if account.adds_up else logging.ERROR, "ledger: %s", account.equation())
    if account.adds_up:
        return replace(after, trouble_since=None)
    lines = [*in_lines(ports, account), "", "`wirewatch ledger --reconcile` looks again; docs/ledger.md explains."]
    return _with_notice(ports, after, "the ledger does not add up", "\n".join(lines), since)


def _look_at_coverage(ports: Ports, before: Watchdog) -> Watchdog:
    now = ports.clock.now()
    alarm = ports.settings.coverage_alarm
    after = replace(before, look_at=now + MINUTE)
    found = coverage((feed for feed in ports.stores.feeds.all() if feed.state in POLLED), now)
    since = f", all of these since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else ""
    share = f"{found.silent} of {found.sources} feeds are silent or down"
    if before.trouble_since is None and found.share > alarm:
        log.error("coverage: %s", share)
        text = f"{share}{since}: more than {alarm:.0%}. The worst, of `wirewatch feeds list`:\n\n{_worst(ports)}"
        return _with_notice(ports, after, share, text, now)
    if before.trouble_since is not None and _is_over(found, alarm):
        text = f"It was told {before.trouble_since:%Y-%m-%d %H:%M} UTC; now {share}{since}."
        return _with_notice(ports, after, "the feeds are back", text, None)
    return after


def _look_for_expired(ports: Ports, before: Watchdog) -> Watchdog:
    bounds = Bounds.of(ports.settings)
    gone = prune(ports, bounds, seconds=PRUNE_PART * LONGEST.total_seconds())
    if gone.stories:
        log.info("expiry: %s", ports.stores.reclaim(False))
    log.info("expiry: %d stories, %d credentials and replies removed", gone.stories, gone.expired)
    log.info("expiry: %d removed alerts let go of", forget_removed(ports))
    if gone.unfinished:
        return replace(before, look_at=ports.clock.now())
    return _looked_ahead(ports, replace(before, look_at=ports.clock.now() + timedelta(days=1)))


def _looked_ahead(ports: Ports, after: Watchdog) -> Watchdog:
    """Have the store make what it needs next week; the operators are told where it can't, while there is time."""
    now = ports.clock.now()
    try:
        ports.stores.look_ahead(now + AHEAD)
    except StoreError as error:
        return _with_notice(ports, after, "the store has no room for what comes next week", str(error), now)
    return replace(after, trouble_since=None)


def _is_over(found: Coverage, alarm: float) -> bool:
    return found.share <= alarm * CLEAR


def _worst(ports: Ports) -> str:
    wrong = ((feed, how) for feed, how in by_urgency(ports) if feed.state in POLLED and how.wrong)
    return "\n".join(f"{how.state}: {_called(feed)}: {how.wrong}" for feed, how in islice(wrong, MOST_NAMED))


def _called(feed: Feed) -> str:
    return f"{feed.title} ({feed.url})" if feed.title else feed.url


def _with_notice(ports: Ports, after: Watchdog, subject: str, text: str, trouble_since: datetime | None) -> Watchdog:
    now = ports.clock.now()
    if not ports.settings.operators:
        log.error("%s: nobody is told, as the setting `operators` names none", subject)
        return replace(after, trouble_since=trouble_since)
    notice = Notice(
        id=identify("notice", after.name, now.isoformat()),
        at=now,
        subject=subject,
        text=text,
        to=ports.settings.operators,
    )
    return replace(after, trouble_since=trouble_since, notices=(*after.notices, notice))


def _tell(ports: Ports, notice: Notice) -> Notice | None:
    """Send a notice; what is left of it for those who could not be told now, None when nobody is."""
    left = tuple(operator for operator in notice.to if not _told(ports, notice, operator))
    return replace(notice, to=left) if left else None


def _told(ports: Ports, notice: Notice, operator: str) -> bool:
    """Send a notice to one operator; False when it is to be tried again."""
    try:
        ports.mailer.send(notice_mail(notice, operator, ports.settings))
    except DeliveryUnavailable as error:
        log.warning("notice to %s: %s; tried again", operator, error)
        return False
    except DeliveryRefused as error:
        log.error("notice to %s refused: %s: it was %r", operator, error, notice.subject)  # noqa: TRY400 -- foreseen
    except Exception:
        # Tried again it would fail again, and others would get theirs twice.
        log.exception("notice to %s: it was %r", operator, notice.subject)
    return True


LOOKS: dict[str, Callable[[Ports, Watchdog], Watchdog]] = {
    LEDGER: _look_at_ledger,
    COVERAGE: _look_at_coverage,
    EXPIRY: _look_for_expired,
}
"""What each watchdog does, by name."""
