"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a POST that is sent twice is done once.

The key is kept for a day with what was answered, of its token alone. What failed is forgotten, and may be tried again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Header, HTTPException, Response
from msgspec.structs import replace
from pydantic import BaseModel

from pipeline.ids import identify
from pipeline.model import Reply
from pipeline.ports import Ports
from workers.console.api.callers import Caller

KEPT = timedelta(days=1)
UNDER_WAY = timedelta(minutes=1)
"""After which work is taken for dead that never answered."""
CREATED = 201

IdempotencyKey = Annotated[
    str, Header(alias="Idempotency-Key", max_length=200, description="Unguessable, one for each thing to be made")
]


class Nothing(BaseModel):
    """The body of a request that says all in its address."""


def made_once(
    ports: Ports,
    caller: Caller,
    key: str,
    asked: BaseModel,
    make: Callable[[], BaseModel],
    *,
    about: str = "",
    status: int = CREATED,
) -> Response:
    """Answer with what `make` makes, or with the same answer as before, if `key` was seen with the same request.

    `about` is what the request says beside `asked`: what is done, and to which thing. The answer is kept as it is, so
    that nothing secret may stand in it.

    Raises HTTPException: 409 while the first one is under way, 422 where another thing was asked under that key.
    """
    if not key:
        return _answer(make().model_dump_json(), status)
    now, replies = ports.clock.now(), ports.stores.replies
    place = identify("reply", caller.token_id, key)
    mine = Reply(id=place, request=_fingerprint(asked, about), expires_at=now + UNDER_WAY)
    if known := replies.get([place]).get(place):
        if known.expires_at > now:
            return _again(known, mine)
        replies.delete([place])
    if not replies.create([mine])[0]:
        raise HTTPException(409, "A request under this Idempotency-Key is under way")
    try:
        body = make().model_dump_json()
    except BaseException:
        replies.delete([place])
        raise
    replies.put([replace(mine, status=status, body=body, expires_at=now + KEPT)])
    return _answer(body, status)


def _again(known: Reply, mine: Reply) -> Response:
    if known.request != mine.request:
        raise HTTPException(422, "This Idempotency-Key was used for another request: take a new one")
    if not known.status:
        raise HTTPException(409, "A request under this Idempotency-Key is under way")
    return _answer(known.body, known.status)


def _answer(body: str, status: int) -> Response:
    return Response(body, status, media_type="application/json")


def _fingerprint(asked: BaseModel, about: str) -> str:
    return hashlib.sha256(f"{type(asked).__name__} {about} {asked.model_dump_json()}".encode()).hexdigest()
