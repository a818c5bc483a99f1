"""Why an alert did or did not fire on a story, step by step."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from pipeline.errors import BadInput
from pipeline.flow.stories.explain import explain
from pipeline.ports import Ports
from workers.console.alerts import visible_alert
from workers.console.api.callers import Reader

Short = Annotated[str, Query(max_length=2_000)]


class StepOut(BaseModel):
    """One step on the way, and whether it was taken as it should be."""

    step: str
    ok: bool
    said: str


class Explanation(BaseModel):
    """The steps, in their order."""

    steps: list[StepOut]


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/explain", tags=["explain"])

    @router.get("")
    def explain_story(caller: Reader, url: Short, alert: Short = "", recipient: Short = "") -> Explanation:
        """`alert` is a name or an id; `recipient` is of an alert."""
        if recipient and not alert:
            raise BadInput("a recipient is of an alert: name it too")
        key = visible_alert(ports, caller.user, alert).id if alert else None
        steps = explain(ports, url.strip(), key, recipient)
        return Explanation(steps=[StepOut(step=one.name, ok=one.ok, said=one.said) for one in steps])

    return router
