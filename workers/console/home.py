"""/: what a visitor wants first: the newest matches, what needs an operator, and the next steps of a newcomer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from pipeline.flow.feeds.overview import overview
from pipeline.flow.operations.quarantine import quarantine
from pipeline.flow.operations.queues import looked_at
from pipeline.flow.operations.status import LATE
from pipeline.model import Alert, AlertState, Match, Role, Story
from pipeline.ports import Ports
from workers.console.access import Viewer, sees
from workers.console.shell import page
from workers.console.times import times_of

NEWEST = 10
WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Fired:
    """A match as the page has it."""

    match: Match
    alert: Alert
    story: Story


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done before mails come, and whether it is."""

    done: bool
    says: str
    path: str = ""  # where it is done; empty where the visitor can't


def make_router(ports: Ports) -> APIRouter:
    """The first page."""
    router = APIRouter()

    @router.get("/")
    def home(request: Request, who: Viewer) -> Response:
        alerts = [one for one in ports.stores.alerts.all() if sees(who, one)]
        facts = {
            "steps": _steps(ports, who, alerts),
            "newest": _newest(ports, alerts),
            "ill": [one for one in alerts if one.health],
            "paused": sum(one.state is AlertState.PAUSED for one in alerts),
            "number": len(alerts),
            "needs": _needs(ports) if who.may(Role.OPERATOR) else None,
        }
        return page(request, "home.html", 200, **facts, times=times_of(ports, who))

    return router


def _steps(ports: Ports, who: Viewer, alerts: list[Alert]) -> list[Step]:
    """The first three, while any of them is to be done; else none."""
    fed, read = bool(ports.stores.feeds.count()), bool(ports.stores.stories.count())
    steps = [
        Step(
            fed, "Add feeds: by the address of a site, or as an OPML list", "/feeds/new" if who.may("operator") else ""
        ),
        Step(read, "Have them polled: `wirewatch up` does so by itself, and the first stories come within minutes"),
        Step(bool(alerts), "Make an alert, and have it mail you", "/alerts/new" if who.may("analyst") else ""),
    ]
    return [] if all(one.done for one in steps) else steps


def _newest(ports: Ports, alerts: list[Alert]) -> list[Fired]:
    by_id = {one.id: one for one in alerts}
    found = ports.stores.matches.latest(list(by_id), ports.clock.now() - WITHIN, NEWEST)
    stories = ports.stores.stories.get(list({one.story_id for one in found}))
    return [Fired(one, by_id[one.alert_id], stories[one.story_id]) for one in found if one.story_id in stories]


def _needs(ports: Ports) -> dict[str, object]:
    """What needs an operator."""
    feeds, looked = overview(ports), looked_at(ports)
    return {
        "feeds": feeds,
        "quarantined": len(quarantine(ports).waiting),
        "failed": ports.stores.deliveries.counts().get("failed", 0),
        "looked": looked,
        "late": looked is None or ports.clock.now() - looked > LATE,
        "watchdogs": [one for one in ports.stores.watchdogs.all() if one.trouble_since],
    }
