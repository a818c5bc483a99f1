"""Tokens of the caller's own. None gives more than the one that made it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from pipeline.flow.accounts.credentials import make_token, revoke_token, tokens_of
from pipeline.model import Scope
from pipeline.ports import Ports
from workers.console.api.callers import Oneself, Reader


class TokenBody(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, description="What uses it")]
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))


class TokenOut(BaseModel):
    """A token; its secret is kept nowhere."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime


class Tokens(BaseModel):
    """The caller's tokens, by name."""

    tokens: list[TokenOut]


class NewToken(BaseModel):
    """The secret of a new token, shown this once."""

    token: str


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/tokens", tags=["tokens"])

    @router.get("")
    def list_tokens(caller: Reader) -> Tokens:
        return Tokens(
            tokens=[
                TokenOut(
                    id=one.id,
                    name=one.name,
                    scopes=list(one.scopes),
                    created_at=one.created_at,
                    expires_at=one.expires_at,
                )
                for one in tokens_of(ports, caller.user)
            ]
        )

    @router.post("", status_code=201)
    def add_token(body: TokenBody, caller: Oneself) -> NewToken:
        """Without an Idempotency-Key: answers with a secret are kept nowhere."""
        if not set(body.scopes) <= set(caller.scopes):
            raise HTTPException(403, "A token can't make one that may do more than itself")
        return NewToken(token=make_token(ports, caller.user, body.name, body.scopes))

    @router.delete("/{token_id}", status_code=204)
    def remove_token(token_id: str, caller: Oneself) -> None:
        revoke_token(ports, caller.user, token_id)

    return router
