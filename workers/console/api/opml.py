"""All feeds as OPML, and a list of feeds taken in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.flow.deeds.feeds import import_list
from pipeline.flow.feeds import opml
from pipeline.ports import Ports
from workers.console.api.callers import Operator
from workers.console.api.replies import IdempotencyKey, made_once

MOST_LETTERS = 20_000_000
"""As much as the console takes."""
MOST_BYTES = 2 * MOST_LETTERS
"""Of the JSON around them, which has more of some letters."""
MEDIA_TYPE = "text/x-opml"


class OpmlBody(BaseModel):
    """A list of feeds."""

    model_config = ConfigDict(extra="forbid")

    opml: Annotated[str, Field(max_length=MOST_LETTERS)]
    name: Annotated[str, Field(max_length=200, description="What it is called in the audit log")] = "the list"


class ImportOut(BaseModel):
    """What an import came to."""

    added: int
    known: int
    refused: list[str] = Field(description="What could not be taken, each with its line and why")


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/opml", tags=["feeds"])

    @router.get("", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}})
    def export_feeds(_: Operator) -> Response:
        return Response(opml.write(ports.stores.feeds.all()), media_type=MEDIA_TYPE)

    @router.post("", status_code=201, response_model=ImportOut, max_body_size=MOST_BYTES)
    def import_feeds(body: OpmlBody, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> ImportOut:
            content = body.opml.encode("utf-8", "replace")
            imported = import_list(ports, caller.who, opml.read(content, body.name), body.name)
            return ImportOut(added=imported.added, known=imported.known, refused=imported.refused)

        return made_once(ports, caller, key, body, make)

    return router
