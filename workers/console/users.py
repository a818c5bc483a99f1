"""/users: who signs in, what they may do, and the audit log. For administrators."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response

from pipeline.errors import BadInput
from pipeline.flow.accounts import users as people
from pipeline.flow.accounts.audit import audits
from pipeline.model import ROLES, Role
from pipeline.ports import Ports
from workers.console import shell
from workers.console.access import Administrator
from workers.console.api.paging import by_id

SHOWN = 200
"""Entries of the audit log on a page."""

Text = Annotated[str, Form()]


def make_router(ports: Ports) -> APIRouter:
    """The pages of users."""
    router = APIRouter(prefix="/users")

    @router.get("")
    def show(request: Request, _: Administrator, done: str = "") -> Response:
        return _list(ports, request, done=done)

    @router.post("")
    def invite(
        request: Request, who: Administrator, address: Text = "", name: Text = "", role: Text = "", teams: Text = ""
    ) -> Response:
        said = {"address": address, "name": name, "role": role, "teams": teams}
        try:
            made = people.invite(ports, who.address, address, name=name, role=_role(role), teams=_names(teams))
        except BadInput as error:
            return _list(ports, request, 422, said=said, error=str(error))
        return _link(ports, request, who.address, made.address)

    @router.get("/audit")
    def log(request: Request, _: Administrator, after: str = "") -> Response:
        found, following = by_id(audits(ports), after, SHOWN)
        return shell.page(request, "users-audit.html", audits=found, after=after, following=following)

    _add_one(router, ports)
    return router


def _add_one(router: APIRouter, ports: Ports) -> None:
    @router.get("/{user_id}")
    def one(request: Request, _: Administrator, user_id: str, done: str = "") -> Response:
        return _one(ports, request, user_id, done=done)

    @router.post("/{user_id}")
    def change(
        request: Request, who: Administrator, user_id: str, name: Text = "", role: Text = "", teams: Text = ""
    ) -> Response:
        try:
            people.change_user(ports, who.address, user_id, name=name, role=_role(role), teams=_names(teams))
        except BadInput as error:
            return _one(ports, request, user_id, 422, error=str(error))
        return shell.seen(request, f"/users/{quote(user_id)}", "saved")

    @router.post("/{user_id}/link")
    def link(request: Request, who: Administrator, user_id: str) -> Response:
        return _link(ports, request, who.address, user_id)

    @router.post("/{user_id}/remove")
    def remove(request: Request, who: Administrator, user_id: str) -> Response:
        try:
            people.remove_user(ports, who.address, user_id)
        except BadInput as error:
            return _one(ports, request, user_id, 422, error=str(error))
        return shell.seen(request, "/users", "removed")

    @router.post("/{user_id}/{turn}")
    def turn(request: Request, who: Administrator, user_id: str, turn: Literal["disable", "enable"]) -> Response:
        try:
            people.change_user(ports, who.address, user_id, disabled=turn == "disable")
        except BadInput as error:
            return _one(ports, request, user_id, 422, error=str(error))
        return shell.seen(request, f"/users/{quote(user_id)}", "saved")


def _list(
    ports: Ports,
    request: Request,
    status: int = 200,
    *,
    done: str = "",
    said: dict[str, str] | None = None,
    error: str = "",
) -> Response:
    blank = {"address": "", "name": "", "role": Role.VIEWER, "teams": ""}
    found = people.users(ports)
    return shell.page(
        request, "users.html", status, users=found, roles=ROLES, said=said or blank, error=error, done=done
    )


def _one(
    ports: Ports, request: Request, user_id: str, status: int = 200, *, error: str = "", done: str = ""
) -> Response:
    user = people.find_user(ports, user_id)
    return shell.page(request, "users-one.html", status, user=user, roles=ROLES, error=error, done=done)


def _link(ports: Ports, request: Request, who: str, name: str) -> Response:
    """The page that shows a new link: once, so there is no address to come back to."""
    user = people.find_user(ports, name)
    made = people.link_for(ports, who, user)
    return shell.page(request, "users-link.html", user=user, link=made, mailed=people.mail_link(ports, user, made))


def _role(name: str) -> Role:
    if name not in ROLES:
        raise BadInput(f"{name!r} is no role: choose one of {', '.join(ROLES)}")
    return Role(name)


def _names(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]
