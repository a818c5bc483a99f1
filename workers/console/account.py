"""/account: one's own password and tokens of the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from pipeline.errors import BadInput
from pipeline.flow.accounts.credentials import make_token, revoke_token, tokens_of
from pipeline.flow.accounts.users import change_password
from pipeline.model import Scope, User
from pipeline.ports import Ports
from workers.console import shell
from workers.console.access import Viewer
from workers.console.sessions import set_session
from workers.console.throttle import LATER, Throttle

Text = Annotated[str, Form()]


def make_router(ports: Ports, throttle: Throttle) -> APIRouter:
    """The page and what its buttons do."""
    router = APIRouter(prefix="/account")

    @router.get("")
    def show(request: Request, user: Viewer, done: str = "") -> Response:
        return _page(ports, request, user, done=done)

    @router.post("/password")
    def password(request: Request, user: Viewer, current: Text = "", new: Text = "", again: Text = "") -> Response:
        try:
            if new != again:
                raise BadInput("the two new passwords differ: type the same twice")
            if not throttle.admits(request, user.address):
                return _page(ports, request, user, 429, password_error=LATER)
            changed = change_password(ports, user, current, new)
        except BadInput as error:
            return _page(ports, request, user, 422, password_error=str(error))
        throttle.forget(user.address)
        answer = shell.seen(request, "/account", "password")
        set_session(ports, answer, changed)  # the old ones have ended, this one's too
        return answer

    @router.post("/tokens")
    def token(
        request: Request, user: Viewer, name: Text = "", scopes: Annotated[list[Scope] | None, Form()] = None
    ) -> Response:
        try:
            made = make_token(ports, user, name, scopes or [])
        except BadInput as error:
            return _page(ports, request, user, 422, token_error=str(error))
        return _page(ports, request, user, made=made)

    @router.post("/tokens/{token_id}/revoke")
    def revoke(request: Request, user: Viewer, token_id: str) -> Response:
        revoke_token(ports, user, token_id)
        return shell.seen(request, "/account", "revoked")

    return router


def _page(
    ports: Ports,
    request: Request,
    user: User,
    status: int = 200,
    *,
    done: str = "",
    made: str = "",
    password_error: str = "",
    token_error: str = "",
) -> Response:
    facts = {"done": done, "made": made, "password_error": password_error, "token_error": token_error}
    return shell.page(
        request, "account.html", status, user=user, tokens=tokens_of(ports, user), scopes=list(Scope), **facts
    )
