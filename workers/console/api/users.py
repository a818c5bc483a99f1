"""Users of the console, and the audit log. For administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.flow.accounts import users as people
from pipeline.flow.accounts.audit import audits
from pipeline.model import Role, User
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Administrator
from workers.console.api.replies import IdempotencyKey, made_once

Short = Annotated[str, Field(max_length=200)]
Teams = Annotated[list[Short], Field(max_length=100)]


class NewUserBody(BaseModel):
    """Somebody who is to sign in."""

    model_config = ConfigDict(extra="forbid")

    address: Annotated[str, Field(max_length=320)]
    name: Short = ""
    role: Role = Role.VIEWER
    teams: Teams = []


class UserBody(BaseModel):
    """What is to be changed; null leaves it as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Short | None = None
    role: Role | None = None
    teams: Teams | None = None
    disabled: bool | None = None


class UserOut(BaseModel):
    """A user."""

    id: str
    address: str
    name: str
    role: Role
    teams: list[str]
    disabled: bool
    has_password: bool


class UserPage(BaseModel):
    """Users in the order of their ids."""

    users: list[UserOut]
    next: paging.Next


class Link(BaseModel):
    """A one-time link with which a user chooses a password, shown this once."""

    link: str


class AuditOut(BaseModel):
    """That somebody changed something."""

    id: str
    at: datetime
    who: str
    did: str
    about: str
    before: dict[str, Any]
    after: dict[str, Any]


class AuditPage(BaseModel):
    """The audit log, the latest first."""

    audits: list[AuditOut]
    next: paging.Next


def make_router(ports: Ports) -> APIRouter:
    """The resources."""
    router = APIRouter(tags=["users"])

    @router.get("/users")
    def list_users(_: Administrator, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> UserPage:
        found, following = paging.by_id(ports.stores.users.all(), cursor, limit)
        return UserPage(users=[_out(one) for one in found], next=following)

    @router.post("/users", status_code=201, response_model=UserOut)
    def invite(body: NewUserBody, caller: Administrator, key: IdempotencyKey = "") -> Response:
        def make() -> UserOut:
            said = {"name": body.name, "role": body.role, "teams": body.teams}
            return _out(people.invite(ports, caller.who, body.address, **said))  # type: ignore[arg-type]

        return made_once(ports, caller, key, body, make)

    @router.get("/audits")
    def list_audits(_: Administrator, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> AuditPage:
        found, following = paging.by_id(audits(ports), cursor, limit)
        out = [
            AuditOut(
                id=one.id, at=one.at, who=one.who, did=one.did, about=one.about, before=one.before, after=one.after
            )
            for one in found
        ]
        return AuditPage(audits=out, next=following)

    _add_one(router, ports)
    return router


def _add_one(router: APIRouter, ports: Ports) -> None:
    @router.get("/users/{user_id}")
    def get_user(user_id: str, _: Administrator) -> UserOut:
        return _out(people.find_user(ports, user_id))

    @router.patch("/users/{user_id}")
    def change_user(user_id: str, body: UserBody, caller: Administrator) -> UserOut:
        return _out(people.change_user(ports, caller.who, user_id, **body.model_dump()))

    @router.post("/users/{user_id}/link", status_code=201)
    def make_link(user_id: str, caller: Administrator) -> Link:
        """Without an Idempotency-Key: answers with a secret are kept nowhere."""
        return Link(link=people.link_for(ports, caller.who, people.find_user(ports, user_id)))

    @router.delete("/users/{user_id}", status_code=204)
    def remove_user(user_id: str, caller: Administrator) -> None:
        people.remove_user(ports, caller.who, user_id)


def _out(one: User) -> UserOut:
    return UserOut(
        id=one.id,
        address=one.address,
        name=one.name,
        role=one.role,
        teams=list(one.teams),
        disabled=one.disabled,
        has_password=bool(one.password),
    )
