"""What is answered where a page can't be shown: one clear line, and no more of the store than its visitor may know."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from pipeline.errors import BadInput, NotFound, StoreError, Unavailable
from workers.console import sessions, shell
from workers.console.api import problems
from workers.console.forms import STALE
from workers.console.root import path_of
from workers.metrics.timing import count_error

log = logging.getLogger(__name__)

_SAID = {
    403: ("You may not do this", "Ask an administrator for another role."),
    404: ("There is no such page", "It was removed, or the address is incomplete."),
    413: ("This is too much", "Send less of it at once."),
    405: ("This page takes no such request", "Go back and try again."),
}

_SIGNED_OUT = (
    "You are signed out",
    "Nothing was changed. Sign in in another tab, and copy what you wrote from this page.",
)
_SECRET = ("token", "password", "again")
"""In the names of fields that are not shown again."""


def install(app: FastAPI, root: str = "") -> None:
    """Have the errors of the tree, of the framework and those that nobody foresaw answered by pages under `root`."""

    def unforeseen(request: Request, _error: Exception) -> Response:
        # Outside of all that is said of the request. uvicorn logs the error, with its traceback.
        under = Request({**request.scope, "root_path": root})
        return refusal(under, 500, "Something broke here", "It is in the console's log. Go back and try again.")

    app.add_exception_handler(Exception, unforeseen)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(BadInput, _bad)
    app.add_exception_handler(NotFound, _missing)
    app.add_exception_handler(Unavailable, _try_again)
    app.add_exception_handler(StoreError, _broken)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)  # noqa: S101 -- for mypy
    if path_of(request).startswith("/api/"):  # which its application did not get: a path with a line break, say
        return problems.of_framework(request, error)
    if error.status_code == 401:
        return await _to_sign_in(request)
    title, cure = _SAID.get(error.status_code, ("This did not work", ""))
    said = error.detail if isinstance(error, HTTPException) and error.status_code == 403 else ""
    sent = await _sent(request) if said == STALE else []
    return refusal(request, error.status_code, title, cure if said in ("", "Forbidden") else said, sent)


async def _to_sign_in(request: Request) -> Response:
    """A stranger goes to sign in, and then on to where they wanted; whoever was writing keeps what they wrote."""
    if "HX-Request" in request.headers:  # told in its place: the rest of the page, and what is written there, stays
        return refusal(request, 401, *_SIGNED_OUT)
    if request.method == "GET":
        return RedirectResponse(sessions.sign_in_path(request), 303)
    return refusal(request, 401, *_SIGNED_OUT, await _sent(request))


async def _sent(request: Request) -> list[tuple[str, str]]:
    """What a form that is not taken said, by field, for whoever wrote it to copy; no secrets."""
    fields = (await request.form()).multi_items()
    return [
        (name, said)
        for name, said in fields
        if isinstance(said, str) and said and not any(word in name for word in _SECRET)
    ]


def _unreadable(request: Request, _error: Exception) -> Response:
    return refusal(
        request, 422, "This can't be read", "A field is missing or is of another kind. Go back and try again."
    )


def _bad(request: Request, error: Exception) -> Response:
    return refusal(request, 422, "This did not work", _sentence(str(error)))


def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotFound)  # noqa: S101 -- for mypy
    return refusal(request, 404, f"There is no such {error.kind}", _SAID[404][1])


def _try_again(request: Request, error: Exception) -> Response:
    count_error(error)
    # Without the address: it may hold a token.
    log.warning("console: %s of %s: %s", request.method, request.client and request.client.host, error)
    answer = refusal(
        request,
        503,
        "Not now",
        "The store does not answer. Nothing is lost: what was not confirmed was not done. Try again in half a minute.",
    )
    answer.headers["Retry-After"] = "30"
    return answer


def _broken(request: Request, error: Exception) -> Response:
    count_error(error)
    log.error("console: %s: %s", request.method, error)
    return refusal(request, 500, "The store is in trouble", "What it said is in the console's log.")


def refusal(request: Request, status: int, title: str, cure: str, sent: Sequence[tuple[str, str]] = ()) -> Response:
    """The page that says what is wrong and what to do, with what was `sent` and not taken."""
    # Who looks, as far as that is known: the store, which may be what is wrong, is not asked again.
    known = getattr(request.state, "visitor", None)
    return shell.page(request, "refusal.html", status, visitor=known, title=title, cure=cure, sent=sent)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
