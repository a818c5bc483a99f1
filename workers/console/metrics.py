"""/metrics: for a Prometheus that has a token of scope `operate`, and for a signed-in operator."""

from __future__ import annotations

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from pipeline.flow.accounts.credentials import find_credential, holder
from pipeline.model import CredentialKind, Role, Scope
from pipeline.ports import Ports
from workers.console.access import visitor
from workers.metrics import serve
from workers.stock import Stock


def make_router(ports: Ports) -> APIRouter:
    """The one address."""
    router = APIRouter()
    shown = serve.registry(Stock(ports))

    def admitted(request: Request) -> None:
        if not (_is_operator(request) or _has_token(ports, request)):
            raise HTTPException(403, "The metrics are for operators, and for tokens of scope operate.")

    @router.get("/metrics", dependencies=[Depends(admitted)])
    def metrics(request: Request) -> Response:
        body, kind = serve.rendered(shown, request.headers.get("accept", ""))
        return Response(body, media_type=kind, headers={"Cache-Control": "no-store"})

    return router


def _is_operator(request: Request) -> bool:
    user = visitor(request)
    return user is not None and user.may(Role.OPERATOR)


def _has_token(ports: Ports, request: Request) -> bool:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    token = find_credential(ports, secret, CredentialKind.TOKEN) if scheme.lower() == "bearer" else None
    user = holder(ports, token) if token else None
    return bool(token and user and Scope.OPERATE in token.scopes and user.may(Role.OPERATOR))
