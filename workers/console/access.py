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


def sees(user: User, alert: Alert) -> bool:
    """Whether an alert is shown to this user: it is their team's, or nobody's in particular. Administrators see all."""
    return is_of(user, alert.team)


def is_of(user: User, team: str) -> bool:
    """Whether a team's alerts are this user's to see and to make; so are those of no team."""
    return not team or team in user.teams or user.may(Role.ADMINISTRATOR)


Viewer = Annotated[User, Depends(at_least(Role.VIEWER))]
Analyst = Annotated[User, Depends(at_least(Role.ANALYST))]
Operator = Annotated[User, Depends(at_least(Role.OPERATOR))]
Administrator = Annotated[User, Depends(at_least(Role.ADMINISTRATOR))]
