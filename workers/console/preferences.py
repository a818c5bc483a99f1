"""/preferences/: where the links of mails lead. GET shows a page and changes nothing, POST does what its button says.

Link scanners follow links and press no buttons. Mail programs post at once (RFC 8058), and get the same page: no
redirect, no cookie, no login. Who holds the link may do what it says; the token is checked before the store is asked.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from fastapi import APIRouter, Response

from pipeline.deliver.channel import shown
from pipeline.deliver.links import Action
from pipeline.deliver.policy import read_zone
from pipeline.deliver.render import moment
from pipeline.errors import BadInput
from pipeline.flow.readers.preferences import Preferences, change, preferences
from pipeline.ports import Ports
from workers.console.shell import TEMPLATES


def make_router(ports: Ports) -> APIRouter:
    """The addresses that `pipeline.deliver.links` gives out."""
    router = APIRouter(prefix="/preferences")

    @router.get("/{token}/{action}")
    def show(token: str, action: Action) -> Response:
        try:
            return _page("preferences.html", 200, _facts(preferences(ports, token), asked=action))
        except BadInput as error:
            return _page("refused.html", 403, {"why": str(error)})

    @router.post("/{token}/{action}")
    def do(token: str, action: Action) -> Response:
        try:
            return _page("preferences.html", 200, _facts(change(ports, token, action), done=action))
        except BadInput as error:
            return _page("refused.html", 403, {"why": str(error)})

    return router


def _facts(found: Preferences, asked: Action | None = None, done: Action | None = None) -> dict[str, object]:
    until = found.muted_until
    return {
        "alert": found.alert.name if found.alert else "an alert that is gone",
        "address": shown(found.recipient.address),
        "story": found.story.title if found.story else "",
        "muted_until": moment(until, read_zone(found.recipient.zone)) if until else "",
        "offers": [_offer(held, undone, stands) for held, undone, stands in _standing(found)],
        "asked": asked,
        "done": done,
    }


def _standing(found: Preferences) -> list[tuple[Action, Action, bool]]:
    """Each thing that a reader may do, its undoing, and whether it is done."""
    return [
        (Action.UNSUBSCRIBE, Action.SUBSCRIBE, found.unsubscribed),
        (Action.UNSUBSCRIBE_ALL, Action.SUBSCRIBE_ALL, found.unsubscribed_all),
        (Action.MUTE, Action.UNMUTE, found.muted_until is not None),
        (Action.IRRELEVANT, Action.RELEVANT, found.irrelevant),
    ]


def _offer(action: Action, undoing: Action, stands: bool) -> dict[str, object]:
    """What can be pressed now."""
    return {"about": action, "stands": stands, "button": undoing if stands else action}


def _page(name: str, status: int, facts: Mapping[str, object]) -> Response:
    return Response(TEMPLATES.get_template(name).render(facts), status, _HEADERS, "text/html")


def _style_hash() -> str:
    """The style of our pages, as a policy names it (CSP 3, hashes): no other style holds, and no script."""
    digest = hashlib.sha256(TEMPLATES.get_template("style.css").render().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_style_hash()}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address is a key
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
