"""What every page has: its frame, its headers and who is looking. Each page has its room beside this one.

Pages are whole without scripts; htmx (static/htmx.min.js) fetches parts of them again. No other host is asked.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.outlets import outlet
from workers.console.access import visitor

TEMPLATES = Environment(
    loader=PackageLoader("workers.console"),
    autoescape=select_autoescape(["html", "xml"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["outlet"] = outlet
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
_STATIC = {"htmx.min.js": "text/javascript", "console.css": "text/css"}
_A_DAY = {"Cache-Control": "max-age=86400", "X-Content-Type-Options": "nosniff"}


def page(request: Request, template: str, status: int = 200, **facts: object) -> Response:
    """A page, or a part of one, out of a template that extends console.html or stands alone."""
    known = {"visitor": visitor(request), "here": request.url.path, "form_token": ""}
    return Response(TEMPLATES.get_template(template).render(known | facts), status, HEADERS, "text/html")


def make_static_router() -> APIRouter:
    """/static/: the style and the script."""
    router = APIRouter(prefix="/static")

    @router.get("/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            return Response(status_code=404)
        content = files("workers.console").joinpath("static", name).read_bytes()
        return Response(content, 200, _A_DAY, _STATIC[name])

    return router
