"""/explain: why an alert did or did not fire on a story, and where its mail is, step by step."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pipeline.errors import NotFound
from pipeline.flow.stories.explain import Step, explain
from pipeline.model import User
from pipeline.ports import Ports
from workers.console.access import Viewer
from workers.console.alerts import visible, visible_alert
from workers.console.shell import page

MOST_OFFERED = 500
"""Alerts whose names are offered while one is typed; any other can be typed all the same."""


def make_router(ports: Ports) -> APIRouter:
    """The page that explains."""
    router = APIRouter(prefix="/explain")

    @router.get("")
    def show(request: Request, user: Viewer, url: str = "", alert: str = "", recipient: str = "") -> Response:
        asked = {"url": url.strip(), "alert": alert.strip(), "recipient": recipient.strip()}
        steps, wrong = _steps(ports, user, **asked) if asked["url"] else ([], "")
        offered = [one.name for one in visible(ports, user)[:MOST_OFFERED]]
        return page(
            request, "explain.html", 422 if wrong else 200, asked=asked, steps=steps, wrong=wrong, offered=offered
        )

    return router


def _steps(ports: Ports, user: User, *, url: str, alert: str, recipient: str) -> tuple[list[Step], str]:
    """The steps, or none and what is wrong with what was asked."""
    if recipient and not alert:
        return [], "A recipient is of an alert: name it too."
    try:
        key = visible_alert(ports, user, alert).id if alert else None
    except NotFound:
        return [], f"There is no alert {alert!r}: see the list of alerts."
    return explain(ports, url, key, recipient), ""
