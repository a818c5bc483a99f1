"""/api/v1: the API. An application of its own inside the console: tokens for sessions, problems for pages.

callers.py   who asks: tokens, scopes, how often
problems.py  every error as problem+json (RFC 9457)
replies.py   Idempotency-Key: a POST that is sent twice is done once
paging.py    cursors
alerts.py, queries.py, stories.py, feeds.py   the resources
"""

from __future__ import annotations

from fastapi import FastAPI

from pipeline.ports import Ports
from workers.console.api import alerts, callers, feeds, problems, queries, stories

PREFIX = "/api/v1"
_ROOMS = (alerts, queries, stories, feeds)


def make_api(ports: Ports) -> FastAPI:
    """The application to mount at PREFIX."""
    api = FastAPI(
        title="Wirewatch",
        version="1",
        description="Alerts, queries, stories and feeds of Wirewatch. How to use it: docs/api.md.",
        openapi_url="/openapi.json",
        docs_url=None,  # these pages load scripts from another host
        redoc_url=None,
    )
    api.state.ports = ports
    api.state.budget = callers.Budget()
    api.middleware("http")(callers.with_budget)
    problems.install(api)
    for room in _ROOMS:
        api.include_router(room.make_router(ports), responses=problems.RESPONSES)
    return api
