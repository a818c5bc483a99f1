"""Every error as problem+json (RFC 9457): of the tree, of what was sent, and of what nobody foresaw.

`type` is `about:blank` where the status says all, else names the error of the tree. What was sent is never repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pipeline.errors import BadInput, NotFound, QueryError, Superseded, Unavailable, WirewatchError
from workers.metrics.timing import count_error

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Slip(BaseModel):
    """A field of the request that can't be used."""

    where: str = Field(description="Its place, such as body.query")
    why: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="about:blank, or urn:wirewatch:problem:NAME")
    title: str
    status: int
    detail: str = ""
    position: int | None = Field(None, description="0-based place in the query where the trouble begins")
    cure: str | None = Field(None, description="What to write instead")
    errors: list[Slip] | None = None


def _described(what: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": what, "model": Problem, "content": {MEDIA_TYPE: {"schema": schema}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _described("The body can't be read"),
    401: _described("No token, or one that has ended"),
    403: _described("The token or its user may not do this"),
    404: _described("There is no such thing, or it is another team's"),
    405: _described("Not a method of this address"),
    409: _described("A request under the same Idempotency-Key is under way"),
    412: _described("It was changed since the answer whose ETag If-Match has"),
    413: _described("More than is taken at once"),
    422: _described("What was sent can't be used"),
    429: _described("Too many requests"),
    503: _described("The store does not answer"),
}


def install(api: FastAPI) -> None:
    """Have every error answered by a problem."""
    api.add_exception_handler(HTTPException, of_framework)
    api.add_exception_handler(RequestValidationError, _of_validation)
    api.add_exception_handler(WirewatchError, _of_tree)
    api.add_exception_handler(Exception, _unforeseen)


def of_framework(_: Request, error: Exception) -> JSONResponse:
    """The problem of an HTTPException."""
    assert isinstance(error, HTTPException)  # noqa: S101 -- for mypy
    return _problem(error.status_code, error.detail, headers=error.headers)


def _of_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- for mypy
    slips = [Slip(where=".".join(map(str, one["loc"])), why=one["msg"]) for one in error.errors()]
    return _problem(422, "A field can't be used", name="fields", errors=slips)


def _of_tree(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, QueryError):
        facts: dict[str, Any] = {"detail": error.reason, "position": error.position, "cure": error.cure}
        return _problem(422, "The query is refused", name="query", **facts)
    if isinstance(error, Superseded):
        return _problem(412, "It was changed meanwhile", name="superseded", detail=str(error))
    if isinstance(error, BadInput):
        return _problem(422, "What was sent can't be used", name="bad-input", detail=str(error))
    if isinstance(error, NotFound):
        return _problem(404, f"There is no such {error.kind}", name="not-found")
    count_error(error)
    if isinstance(error, Unavailable):
        log.warning("api: %s", error)
        return _problem(503, "Not now: try again", name="unavailable", headers={"Retry-After": "30"})
    log.error("api: %s", error)
    return _problem(500, "The store is in trouble", name="store")


def _unforeseen(_request: Request, _error: Exception) -> JSONResponse:
    return _problem(500, "Something broke here", name="unforeseen")  # uvicorn logs it


def _problem(
    status: int, title: str, *, name: str = "", headers: Mapping[str, str] | None = None, **facts: Any
) -> JSONResponse:
    kind = f"urn:wirewatch:problem:{name}" if name else "about:blank"
    made = Problem(type=kind, title=title, status=status, **facts)
    # What the store or a query says may hold a lone surrogate, which no JSON can.
    content = made.model_dump(exclude_none=True)
    content["detail"] = content["detail"].encode("utf-8", "replace").decode()
    return JSONResponse(content, status, headers, MEDIA_TYPE)
