"""status: one screen for whoever is on call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from pipeline.flow.operations.queues import Queue
from pipeline.flow.operations.status import Status, Trouble, troubles
from pipeline.flow.operations.status import status as look
from pipeline.flow.watchdog import LEDGER
from pipeline.health import span
from pipeline.settings import Settings, in_force
from workers import bootstrap
from workers.cli import show

NEEDED = 1
"""The exit code when something needs a person."""
SHOWN_FEEDS = 5
MEGABYTE = 1_000_000
HEADINGS = ("queue", "waiting", "named", "taken", "abandoned", "since")


@click.command()
@show.json_option
def status(*, as_json: bool) -> int:
    """What a person on call asks, in one screen. Exits 1 when something needs a person."""
    ports = bootstrap.looking(bootstrap.ports())
    found = look(ports)
    broker = _broker(ports.settings)
    needed = [*troubles(found), *_of_broker(broker)]
    if as_json:
        show.as_json(_as_facts(found, needed, broker, ports.settings))
    else:
        _tell(found, needed, broker, ports.settings)
    return NEEDED if needed else 0


def _broker(settings: Settings) -> dict[str, Any] | None:
    """What Redis says, where there is one."""
    if settings.broker.startswith("memory"):
        return None
    from workers import broker  # noqa: PLC0415 -- Celery takes half a second

    found = broker.look(settings)
    return {"messages": found.lengths, "workers": list(found.workers), "trouble": found.trouble} if found else None


def _of_broker(broker: dict[str, Any] | None) -> Iterator[Trouble]:
    if broker and broker["trouble"]:
        yield Trouble(broker["trouble"], "see `docker-compose ps redis`; nothing is lost, the store has it all")


def _as_facts(
    found: Status, needed: list[Trouble], broker: dict[str, Any] | None, settings: Settings
) -> dict[str, Any]:
    """The keys of docs/cli.md."""
    ingest = next(one for one in found.queues if one.task == "ingest")
    return {
        "at": found.at,
        "troubles": [{"what": one.what, "cure": one.cure} for one in needed],
        "feeds": found.feeds.states,
        "feeds_health": found.feeds.health,
        "feeds_failing": found.feeds.failing,
        "feeds_polled_last_hour": found.feeds.polled_lately,
        "feeds_worst": [
            {"url": feed.url, "state": how.state, "wrong": how.wrong, "cure": how.cure}
            for feed, how in found.feeds.worst
        ],
        "newest_entry": found.feeds.newest_entry_at,
        "queues": [_queue(one) for one in found.queues],
        "entries": found.entries,
        "entries_waiting": ingest.waiting,
        "oldest_waiting": ingest.oldest,
        "polling_slowed": found.slowed,
        "quarantined": found.quarantined,
        "stories": found.stories,
        "alerts": found.alerts,
        "alerts_in_trouble": found.alerts_in_trouble,
        "matches": found.matches,
        "deliveries": dict(found.deliveries),
        "last_sent": found.last_sent and found.last_sent.updated_at,
        "failed_last_day": found.failed_lately,
        "not_taken_yet": len(found.postponed),
        "watchdogs": [
            {"name": one.name, "looks_next": one.look_at, "trouble_since": one.trouble_since} for one in found.watchdogs
        ],
        "looked": found.looked,
        "broker": broker,
        "store": _shown(settings, "store"),
        "store_bytes": dict(found.sizes),
        "mail": _shown(settings, "mail"),
    }


def _queue(one: Queue) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("task", "waiting", "named", "taken", "abandoned", "oldest", "more")}


def _tell(found: Status, needed: list[Trouble], broker: dict[str, Any] | None, settings: Settings) -> None:
    """The same for a person, what needs them first."""
    click.echo(f"{show.when(found.at)} UTC: {_in_a_word(needed)}")
    for one in needed:
        click.echo(f"  {one.what}\n    → {one.cure}")
    show.facts(
        {
            "news": _news(found),
            "mails": _mails(found),
            "ledger": _ledger(found),
            "workers": _workers(found, broker),
            "quarantine": f"{found.quarantined} entries wait for a person",
            "alerts": f"{found.alerts}, of which {len(found.alerts_in_trouble)} in trouble; {found.matches} matches",
            "store": f"{_shown(settings, 'store')} answers: {sum(found.sizes.values()) / MEGABYTE:.1f} MB, "
            f"{found.stories} stories of {found.entries} entries",
            "feeds": _counted(found.feeds.health),
        }
    )
    for feed, how in found.feeds.worst[:SHOWN_FEEDS]:
        click.echo(f"  {how.state}: {feed.url}: {how.wrong} → {how.cure}")
    show.table(HEADINGS, (_row(one, found.at) for one in found.queues))


def _in_a_word(needed: list[Trouble]) -> str:
    if not needed:
        return "nothing needs you"
    return f"{len(needed)} thing{'s' if len(needed) > 1 else ''} need{'' if len(needed) > 1 else 's'} somebody"


def _news(found: Status) -> str:
    feeds = found.feeds
    newest = f"the newest entry came: {_ago(feeds.newest_entry_at, found.at)}"
    return f"{newest}; {feeds.polled_lately} of {sum(feeds.states.values())} feeds were polled within the hour"


def _mails(found: Status) -> str:
    sent = f"the last was sent: {_ago(found.last_sent.updated_at if found.last_sent else None, found.at)}"
    return f"{sent}; {_counted(found.deliveries)}; {len(found.postponed)} not taken yet"


def _ledger(found: Status) -> str:
    watchdog = next((one for one in found.watchdogs if one.name == LEDGER), None)
    if watchdog is None:
        return "not looked at yet: a worker does so once a day, `wirewatch ledger --reconcile` now"
    looked = _ago(watchdog.look_at - timedelta(days=1), found.at)
    if watchdog.look_at <= found.at:
        return "about to be looked at"
    return f"{'does not add up' if watchdog.trouble_since else 'adds up'}, looked at {looked}"


def _workers(found: Status, broker: dict[str, Any] | None) -> str:
    looked = f"looked after the feeds: {_ago(found.looked, found.at)}"
    if broker is None:
        return looked
    messages = sum(broker["messages"].values())
    return f"{looked}; {len(broker['workers'])} answer: {', '.join(broker['workers']) or '–'}; {messages} messages"


def _counted(numbers: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "none"


def _row(one: Queue, at: datetime) -> tuple[object, ...]:
    waiting = f"{one.waiting}{'+' if one.more else ''}"
    return one.task, waiting, one.named, one.taken, one.abandoned, _ago(one.oldest, at) if one.oldest else "–"


def _ago(moment: datetime | None, at: datetime) -> str:
    return f"{span(max(0.0, (at - moment).total_seconds()))} ago" if moment else "never"


def _shown(settings: Settings, name: str) -> str:
    """A setting without a password that stands in it."""
    return next(one.value for one in in_force(settings) if one.name == name)


COMMANDS = (status,)
