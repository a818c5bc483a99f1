"""What every page has: its frame, its headers and who is looking. Each page has its room beside this one.

Pages are whole without scripts; htmx (static/htmx.min.js) fetches parts of them again, and console.js
tells where it could not. No other host is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.deliver.channel import shown
from pipeline.outlets import outlet
from workers.console.access import visitor
from workers.console.forms import SESSION, form_field
from workers.console.root import path_of, root_of

TEMPLATES = Environment(
    loader=PackageLoader("workers.console"),
    autoescape=select_autoescape(["html", "xml"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["outlet"] = outlet
TEMPLATES.filters["shown"] = shown
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_STATIC = {"htmx.min.js": "text/javascript", "console.js": "text/javascript", "console.css": "text/css"}
_FOR_LONG = {"Cache-Control": "max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


def _content(name: str) -> bytes:
    return files("workers.console").joinpath("static", name).read_bytes()


# In the addresses of style and script, so that no browser shows a page in the style of the release before.
TEMPLATES.globals["edition"] = hashlib.sha256(b"".join(map(_content, _STATIC))).hexdigest()[:12]


def page(request: Request, template: str, status: int = 200, **facts: object) -> Response:
    """A page, or a part of one, out of a template that extends console.html or stands alone."""
    known: dict[str, object] = {"here": path_of(request), "root": root_of(request)}
    known |= {"form_token": form_field(request.cookies.get(SESSION, ""))}
    if "visitor" not in facts:
        known["visitor"] = visitor(request)
    return Response(TEMPLATES.get_template(template).render(known | facts), status, HEADERS, "text/html")


@dataclass(frozen=True, slots=True)
class Done:
    """What a POST has done, as it says in the address it sends its visitor to (`seen`)."""

    done: str = ""
    count: int = 0

    def said(self, sentences: Mapping[str, str]) -> str:
        """The one of these sentences that says so; an address can't put other words on a page."""
        return sentences.get(self.done, "").format(count=self.count)


Finished = Annotated[Done, Depends()]


def seen(request: Request, path: str, done: str = "", count: int | None = None) -> Response:
    """What a POST answers: go and look at `path`, which says that this is done (and to how many)."""
    told = {"done": done} | ({} if count is None else {"count": count})
    query = f"{'&' if '?' in path else '?'}{urlencode(told)}" if done else ""
    return RedirectResponse(f"{root_of(request)}{path}{query}", 303, HEADERS)


def make_static_router() -> APIRouter:
    """/static/: the style and the scripts."""
    router = APIRouter(prefix="/static")

    @router.get("/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            return Response(status_code=404)
        return Response(_content(name), 200, _FOR_LONG, _STATIC[name])

    return router
