"""/api/v1: the API. An application of its own inside the console: tokens for sessions, problems for pages.

callers.py   who asks: tokens, scopes, how often
bodies.py    how much may be sent
problems.py  every error as problem+json (RFC 9457)
replies.py   Idempotency-Key: a POST that is sent twice is done once
paging.py    cursors
alerts.py, queries.py, stories.py, explain.py, trends.py                  for analysts
feeds.py, opml.py, quarantine.py, ledger.py, operations.py, takedowns.py  for operators
recipients.py, groups.py, channels.py, lists.py                           whom alerts and queries name
inbox.py, tokens.py                                                       of one's own
users.py                                                                  for administrators, with the audit log
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI

from pipeline.ports import Ports
from workers.console.api import (
    alerts,
    bodies,
    callers,
    channels,
    explain,
    feeds,
    groups,
    inbox,
    ledger,
    lists,
    operations,
    opml,
    problems,
    quarantine,
    queries,
    recipients,
    stories,
    takedowns,
    tokens,
    trends,
    users,
)
from workers.console.windows import Windows

PREFIX = "/api/v1"
_ROOMS = (
    alerts,
    queries,
    stories,
    explain,
    trends,
    opml,
    quarantine,
    ledger,
    operations,
    takedowns,
    recipients,
    groups,
    channels,
    lists,
    inbox,
    tokens,
    users,
)


def make_api(ports: Ports, queue_entries: Callable[[Sequence[str]], None]) -> FastAPI:
    """The application to mount at PREFIX."""
    api = FastAPI(
        title="Wirewatch",
        version="1",
        description="All that the console of Wirewatch does. How to use it: docs/api.md.",
        openapi_url="/openapi.json",
        docs_url=None,  # these pages load scripts from another host
        redoc_url=None,
        max_body_size=opml.MOST_BYTES,  # of all that it is sent the most; other rooms have less
    )
    api.state.ports = ports
    api.state.budget = callers.Budget(Windows(ports.settings))
    api.middleware("http")(bodies.within_bounds)
    api.middleware("http")(callers.with_budget)
    problems.install(api)
    routers = [*(room.make_router(ports) for room in _ROOMS), feeds.make_router(ports, queue_entries)]
    for router in routers:
        api.include_router(router, responses=problems.RESPONSES, max_body_size=bodies.MOST_BYTES)
    return api
