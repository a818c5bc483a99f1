"""Who asks: the user of a token, as far as its scopes go; and how often a token may ask.

The answer says what is left, as RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem, RateLimitItemPerMinute

from pipeline.flow.accounts.credentials import find_credential, holder
from pipeline.model import CredentialKind, Role, Scope, User
from pipeline.ports import Ports
from workers.console.access import is_of
from workers.console.throttle import client_of
from workers.console.windows import Windows

OF_TOKEN = RateLimitItemPerMinute(600)
OF_STRANGER = RateLimitItemPerMinute(60)
"""Requests a minute without a good token, from one client."""
ROLE_OF = {
    Scope.READ: Role.VIEWER,
    Scope.WRITE: Role.ANALYST,
    Scope.OPERATE: Role.OPERATOR,
    Scope.ADMINISTER: Role.ADMINISTRATOR,
}
"""What the user of a token must be for a scope."""

_bearer = HTTPBearer(auto_error=False, description="A token made on /account or by `wirewatch users token`.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who asks through a token."""

    user: User
    token_id: str
    scopes: tuple[Scope, ...]

    @property
    def who(self) -> str:
        """Their address, as the audit log has it."""
        return self.user.address

    def may(self, scope: Scope) -> bool:
        """Whether their token and their role allow what needs `scope`."""
        return scope in self.scopes and self.user.may(ROLE_OF[scope])

    def may_own(self, team: str) -> bool:
        """Whether they may make an alert of this team's, or leave one to it."""
        return is_of(self.user, team)


class Budget:
    """Counts requests in moving windows."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def spend(self, limit: RateLimitItem, who: str) -> tuple[bool, dict[str, str]]:
        """Count a request; whether it may be answered, and the headers that say what is left."""
        admitted = self._windows.hit(limit, who)
        left = self._windows.left(limit, who)
        wait = max(0, math.ceil(left.reset_time - time.time()))
        headers = {
            "RateLimit-Policy": f'"requests";q={limit.amount};w={limit.get_expiry()}',
            "RateLimit": f'"requests";r={left.remaining};t={wait}',
        }
        return admitted, headers if admitted else headers | {"Retry-After": str(wait)}


async def with_budget(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: each answer, an error too, says what is left of its caller's budget."""
    answer = await go_on(request)
    answer.headers.update(getattr(request.state, "budget", {}))
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def allowed(scope: Scope, role: Role | None = None) -> Callable[[Request, HTTPAuthorizationCredentials | None], Caller]:
    """What a resource depends on that needs `scope`, and a `role` if not that of the scope: its caller.

    401, 403 or 429 for others.
    """
    least = role or ROLE_OF[scope]

    def admitted(request: Request, bearer: Bearer) -> Caller:
        ports: Ports = request.app.state.ports
        token = find_credential(ports, bearer.credentials, CredentialKind.TOKEN) if bearer else None
        user = holder(ports, token) if token else None
        if token is None or user is None:
            _spend(request, OF_STRANGER, client_of(request))
            raise HTTPException(401, "A token is needed, and this is none", {"WWW-Authenticate": "Bearer"})
        _spend(request, OF_TOKEN, token.id)
        if scope not in token.scopes or not user.may(least):
            raise HTTPException(403, f"This needs a token with the scope {scope}, of a user with role {least}")
        return Caller(user, token.id, token.scopes)

    return admitted


def _spend(request: Request, limit: RateLimitItem, who: str) -> None:
    budget: Budget = request.app.state.budget
    admitted, request.state.budget = budget.spend(limit, who)
    if not admitted:
        raise HTTPException(429, "Too many requests: wait as long as Retry-After says")


Reader = Annotated[Caller, Depends(allowed(Scope.READ))]
Writer = Annotated[Caller, Depends(allowed(Scope.WRITE))]
Operator = Annotated[Caller, Depends(allowed(Scope.OPERATE))]
Administrator = Annotated[Caller, Depends(allowed(Scope.ADMINISTER))]
Oneself = Annotated[Caller, Depends(allowed(Scope.WRITE, Role.VIEWER))]
"""Who changes what is their own alone: their mails and their tokens. Any user may, by a token that may write."""
