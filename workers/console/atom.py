"""/feeds/alerts/: the matches of an alert as an Atom feed, for whoever holds its secret address; and that address.

A reader of feeds has no session: the key in the address says whose it is. It is in no log, as no address is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import APIRouter, Request, Response

from pipeline.deliver.atom import MEDIA_TYPE
from pipeline.errors import NotFound
from pipeline.flow.alerts import syndicate
from pipeline.flow.alerts.syndicate import Document
from pipeline.ports import Ports
from workers.console.access import Viewer, sees
from workers.console.alerts import visible_alert
from workers.console.shell import page, seen

_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address is a key
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def make_router(ports: Ports) -> APIRouter:
    """The feed, and what a page of an alert does about its address."""
    router = APIRouter()

    @router.get("/feeds/alerts/{alert_id}.atom")
    def feed(request: Request, alert_id: str, key: str = "") -> Response:
        found = syndicate.reader(ports, alert_id, key)
        if found is None or not sees(*found):
            raise NotFound("feed", alert_id)
        return _answer(request, syndicate.document(ports, found[1], key))

    @router.post("/alerts/{alert_id}/feed")
    def renew(request: Request, user: Viewer, alert_id: str) -> Response:
        alert = visible_alert(ports, user, alert_id)
        # No redirect: the address is shown this once, and kept nowhere.
        return page(request, "alerts_feed.html", alert=alert, address=syndicate.renew_address(ports, user, alert))

    @router.post("/alerts/{alert_id}/feed/withdraw")
    def withdraw(request: Request, user: Viewer, alert_id: str) -> Response:
        alert = visible_alert(ports, user, alert_id)
        syndicate.withdraw_address(ports, user, alert)
        return seen(request, f"/alerts/{alert.id}", "withdrawn")

    return router


def _answer(request: Request, document: Document) -> Response:
    changed = document.changed_at.astimezone(UTC).replace(microsecond=0)
    headers = _HEADERS | {"ETag": document.etag, "Last-Modified": format_datetime(changed, usegmt=True)}
    if _stands(request, document.etag, changed):
        return Response(status_code=304, headers=headers)
    return Response(document.body, 200, headers, MEDIA_TYPE)


def _stands(request: Request, etag: str, changed: datetime) -> bool:
    """Whether the reader has it as it stands (RFC 9110, 13.1.2 and 13.1.3: the tag goes before the date)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in tags.split(","))
    try:
        had = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return changed <= (had if had.tzinfo else had.replace(tzinfo=UTC))
