"""Who is looking: the cookie of a session, signing in and out, and one-time links.

Strangers who sign in or use a link get a cookie of their own for the form: no other site's form signs anybody in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from pipeline.errors import BadInput
from pipeline.flow.accounts.credentials import SESSION_FOR, end_session, find_credential, holder, open_session
from pipeline.flow.accounts.users import link_user, sign_in, use_link
from pipeline.model import CredentialKind, User
from pipeline.ports import Ports
from workers.console import shell
from workers.console.forms import SESSION, STALE, form_field, is_ours
from workers.console.root import path_of, root_of
from workers.console.throttle import LATER, Throttle

_VISIT = "wirewatch_visit"
"""The cookie of somebody who has not signed in yet, for their form."""
_WRONG = "This address and password don't go together."


def recogniser(ports: Ports) -> Callable[[Request], User | None]:
    """Tells who is looking by the cookie of their session; asks the store once a request."""

    def recognise(request: Request) -> User | None:
        if not hasattr(request.state, "visitor"):
            request.state.visitor = _holder(ports, request.cookies.get(SESSION, ""))
        found: User | None = request.state.visitor
        return found

    return recognise


def make_router(ports: Ports, throttle: Throttle) -> APIRouter:
    """/sign-in, /sign-out, and /link/ where a one-time link is used."""
    router = APIRouter()

    @router.get("/sign-in")
    def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 -- the name in the address
        return _for_stranger(ports, request, "sign-in.html", next=local(next), address="", error="")

    @router.post("/sign-in")
    def enter(
        request: Request,
        address: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002
        form_token: Annotated[str, Form()] = "",
    ) -> Response:
        refused = _refused_stranger(request, form_token)
        if not refused and not throttle.admits(request, address):
            refused = (429, LATER)
        user = None if refused else sign_in(ports, address, password)
        if user is None:
            status, error = refused or (422, _WRONG)
            said = {"next": local(next), "address": address, "error": error}
            return _for_stranger(ports, request, "sign-in.html", status, **said)
        throttle.forget(address)
        return _signed_in(ports, request, user, local(next))

    @router.post("/sign-out")
    def leave(request: Request) -> Response:
        end_session(ports, request.cookies.get(SESSION, ""))
        answer = RedirectResponse(f"{root_of(request)}/sign-in", 303)
        answer.delete_cookie(SESSION)
        return answer

    @router.get("/link/{secret}")
    def choose(request: Request, secret: str) -> Response:
        _, user = link_user(ports, secret)
        return _for_stranger(ports, request, "link.html", user=user, address="", error="")

    @router.post("/link/{secret}")
    def use(
        request: Request,
        secret: str,
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
        address: Annotated[str, Form()] = "",
        form_token: Annotated[str, Form()] = "",
    ) -> Response:
        _, user = link_user(ports, secret)
        status, error = _refused_stranger(request, form_token) or (0, "")
        if not error:
            try:
                _refuse_slip(password, again)
                return _signed_in(ports, request, use_link(ports, secret, password, address=address), "/")
            except BadInput as refused:
                status, error = 422, str(refused)
        return _for_stranger(ports, request, "link.html", status, user=user, address=address, error=error)

    return router


def local(target: str) -> str:
    """`target` where it is a path of this console, else its front page: nobody is led to another site."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    there = target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    # A browser reads \ as /, and passes over tabs and line breaks.
    return target if there and target.isprintable() and "\\" not in target else "/"


def sign_in_path(request: Request) -> str:
    """Where a stranger is sent who asked for this page."""
    wanted = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    return f"{root_of(request)}/sign-in?next={quote(wanted, safe='')}"


def set_session(ports: Ports, answer: Response, user: User) -> None:
    """Open a session for a user who has just proved who they are."""
    answer.set_cookie(
        SESSION,
        open_session(ports, user),
        max_age=int(SESSION_FOR.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_is_secure(ports),
    )


def _signed_in(ports: Ports, request: Request, user: User, target: str) -> Response:
    answer = RedirectResponse(f"{root_of(request)}{target}", 303)
    set_session(ports, answer, user)
    answer.delete_cookie(_VISIT)
    return answer


def _for_stranger(ports: Ports, request: Request, template: str, status: int = 200, **facts: object) -> Response:
    """A page with a form for somebody who has not signed in, and the cookie that its token belongs to."""
    visit = request.cookies.get(_VISIT) or secrets.token_urlsafe()
    answer = shell.page(request, template, status, form_token=form_field(visit), **facts)
    answer.set_cookie(_VISIT, visit, httponly=True, samesite="lax", secure=_is_secure(ports))
    answer.headers["Referrer-Policy"] = "no-referrer"  # the address of a link is a key
    return answer


def _refused_stranger(request: Request, token: str) -> tuple[int, str] | None:
    return None if is_ours(request.cookies.get(_VISIT, ""), token) else (403, STALE)


def _refuse_slip(password: str, again: str) -> None:
    if password != again:
        raise BadInput("the two passwords differ: type the same twice")


def _holder(ports: Ports, secret: str) -> User | None:
    session = find_credential(ports, secret, CredentialKind.SESSION) if secret else None
    return holder(ports, session) if session else None


def _is_secure(ports: Ports) -> bool:
    return ports.settings.public_url.startswith("https://")
