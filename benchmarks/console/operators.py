"""The pages of operators, the inbox and the trends.

One match is one delivery, to one of a thousand recipients, over 30 days, on one of 10,000 stories. One visitor, an
administrator who sees every alert.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.console.pages import Cost, cost
from pipeline.ids import delivery_id
from pipeline.model import Alert, Delivery, Entity, EntityKind, Entry, EntryState, Feed, Match, Role, Story
from pipeline.polls import KEPT, Polled, with_poll
from pipeline.ports import LedgerFilter, Ports
from pipeline.settings import load
from tests import builders
from tests.browser import browsing
from tests.builders import NOON, user
from tests.fakes import Clock
from workers import bootstrap
from workers.console.cursors import place_of, write
from workers.console.serve import leave_to_stay

BATCH = 5_000
STORIES = 10_000
RECIPIENTS = 1_000
DEEP = 10_000
PAGES = (
    "/",
    "/feeds",
    "/feeds?start=9950",
    "/feeds?text=feed+99",
    "/operations",
    "/operations/quarantine",
    "/operations/ledger",
    "/operations/ledger?state=failed&days=",
    "/operations/settings",
    "/alerts",
    "/inbox",
    "/inbox/preferences",
    "/trends",
    "/trends?days=90",
)


def measured(feeds: int, matches: int, alerts: int, rounds: int) -> list[Cost]:
    """What each costs."""
    with TemporaryDirectory() as folder:
        ports = filled(Path(folder), feeds, matches, alerts)
        with browsing(ports, user(Role.ADMINISTRATOR, "r1@example.org")) as browser:
            leave_to_stay()  # as in any process that serves the console
            made = [cost(path, browser, (path, None), rounds) for path in (*PAGES, _deep(ports))]
        bootstrap.close(ports)
    return made


def _deep(ports: Ports) -> str:
    """A page of the ledger behind its first DEEP rows."""
    last = next(islice(ports.stores.deliveries.ledger(LedgerFilter()), DEEP - 1, None))
    return f"/operations/ledger?days=&after={write(place_of(last))}"


def filled(folder: Path, feeds: int, matches: int, alerts: int) -> Ports:
    """A console's world with so much in it."""
    ports = bootstrap.make_ports(load({}, data=str(folder), store=f"sqlite:///{folder}/store.db"))
    ports = replace(ports, clock=Clock(NOON))
    ports.stores.prepare()
    ports.stores.feeds.create([_feed(number) for number in range(feeds)])
    ports.stores.alerts.create([_alert(number) for number in range(alerts)])
    ports.stores.stories.put([_story(number) for number in range(STORIES)])
    ports.stores.entries.create([_entry(number) for number in range(200)])
    for start in range(0, matches, BATCH):
        numbers = range(start, min(start + BATCH, matches))
        made = [_match(number, alerts, matches) for number in numbers]
        ports.stores.matches.create(made)
        ports.stores.deliveries.create([_delivery(number, one) for number, one in zip(numbers, made, strict=True)])
    return ports


def _feed(number: int) -> Feed:
    error = "answers 503 Service Unavailable" if number % 10 == 0 else ""
    polls = ""
    for at in range(KEPT):
        polls = with_poll(polls, Polled(NOON - timedelta(minutes=10 * at), at % 3))
    known = {"polls": polls, "polled_at": NOON, "succeeded_at": NOON, "new_entry_at": NOON, "interval": 600.0}
    return builders.feed(f"f{number}", title=f"Feed {number}", error=error, failures=3.0 * bool(error), **known)


def _alert(number: int) -> Alert:
    return builders.alert(f"word{number}", name=f"Alert {number}", recipients=(f"r{number % RECIPIENTS}@example.org",))


def _story(number: int) -> Story:
    who = Entity(name=f"Person {number % 50}", kind=EntityKind.PERSON)
    return builders.story(f"s{number}", title=f"Story {number}", site=f"site{number % 40}.example", entities=(who,))


def _entry(number: int) -> Entry:
    known = {"state": EntryState.QUARANTINED, "error": "the page killed its extractor", "failed_stage": "extract"}
    return builders.entry(f"e{number}", summary="<p>words " * 40, **known)


def _match(number: int, alerts: int, matches: int) -> Match:
    at = NOON - timedelta(days=30) * (number / matches)
    # The busiest alert has a tenth of all, as it is where people write alerts.
    alert = builders.alert(name=f"Alert {0 if number % 10 == 0 else number % alerts}").id
    story = builders.story(f"s{number % STORIES}").id
    return builders.match(str(number), alert_id=alert, story_id=story, matched_at=at, delivered=True)


def _delivery(number: int, match: Match) -> Delivery:
    state = "failed" if number % 1000 == 0 else "sent"
    to = f"r{number % RECIPIENTS}@example.org"
    return builders.delivery(
        str(number),
        id=delivery_id(match.id, "mail", to),
        match_id=match.id,
        alert_id=match.alert_id,
        story_id=match.story_id,
        recipient=to,
        state=state,
        created_at=match.matched_at,
        updated_at=match.matched_at,
        answer="250 Ok",
    )
