"""What a person sees when a page can't be had: one clear line, and what to do. Programs get the status alone."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from pipeline.errors import BadInput, NotFound, Unavailable, WirewatchError
from workers.console.access import visitor
from workers.console.shell import HEADERS, TEMPLATES

log = logging.getLogger(__name__)

_LATER = {"Retry-After": "30"}
_SAID = {
    401: ("Sign in first", "This page is for users of the console."),
    403: ("Not for your role", "Your role does not allow this: ask an administrator for another."),
    404: ("Nothing here", "There is no such page: it may have been removed, or the address was cut."),
    405: ("Not in this way", "This address does not take that: go back and use the page's own buttons."),
    413: ("Too much", "What was sent is too large: send less at once."),
}


def answer_errors(app: FastAPI) -> None:
    """Have the errors of the tree, and those of the framework, answered by a page."""
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(BadInput, _bad_input)
    app.add_exception_handler(HTTPException, _refused)


async def _unavailable(request: Request, error: Exception) -> Response:
    # Without the address: it may hold a token.
    log.warning("console: %s of %s: %s", request.method, request.client and request.client.host, error)
    why = "The store does not answer. Nothing is lost: what was not confirmed was not done. Try again in a minute."
    # Who is looking is kept in the store too, so nobody is asked for.
    return _page(request, 503, "Away for a moment", why, known=False)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotFound)  # noqa: S101 -- as it is registered
    why = f"There is no {error.kind} {error.name!r}: it may have been removed, or the address was cut."
    return _page(request, 404, "Nothing here", why)


async def _bad_input(request: Request, error: Exception) -> Response:
    return _page(request, 422, "That can't be used", str(error))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- as it is registered
    title, why = _SAID.get(error.status_code, ("This did not work", str(error.detail)))
    return _page(request, error.status_code, title, why, headers=error.headers)


def _page(
    request: Request, status: int, title: str, why: str, *, known: bool = True, headers: object = None
) -> Response:
    extra = {**(_LATER if status == 503 else {}), **(headers if isinstance(headers, dict) else {})}
    if "text/html" not in request.headers.get("accept", ""):
        return Response(status_code=status, headers=extra)
    facts = {"visitor": _visitor(request) if known else None, "here": request.url.path, "form_token": ""}
    content = TEMPLATES.get_template("lost.html").render(facts, heading=title, why=why)
    return Response(content, status, HEADERS | extra, "text/html")


def _visitor(request: Request) -> object:
    try:
        return visitor(request)
    except WirewatchError:
        return None  # the page says what went wrong first
