"""The console: what is served over HTTP. Each group of addresses has its room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request, Response

from pipeline.errors import BadInput, NotFound, Unavailable
from pipeline.model import User
from pipeline.ports import Ports
from workers.console import feeds, home, inbox, operations, preferences, shell, trends, websub

log = logging.getLogger(__name__)


def _nobody(_request: Request) -> User | None:
    return None


def make_app(
    ports: Ports,
    queue_entries: Callable[[Sequence[str]], None],
    recognise: Callable[[Request], User | None] = _nobody,
) -> FastAPI:
    """The application; `queue_entries` has entries of these ids ingested, `recognise` tells who is looking."""
    app = FastAPI(title="Wirewatch", openapi_url=None)
    app.state.recognise = recognise
    app.add_exception_handler(Unavailable, _try_again)
    app.add_api_route("/healthz", _health, methods=["GET"])
    app.add_exception_handler(NotFound, shell.say)
    app.add_exception_handler(BadInput, shell.say)
    app.include_router(shell.make_static_router())
    app.include_router(feeds.make_router(ports, queue_entries))
    app.include_router(operations.make_router(ports))
    app.include_router(inbox.make_router(ports))
    app.include_router(trends.make_router(ports))
    app.include_router(home.make_router(ports))
    if ports.settings.websub_callback:
        app.include_router(websub.make_router(ports, queue_entries))
    if ports.settings.public_url and ports.settings.links_secret:
        app.include_router(preferences.make_router(ports))
    return app


async def _try_again(request: Request, error: Exception) -> Response:
    # Without the address: it may hold a token.
    log.warning("console: %s of %s: %s", request.method, request.client and request.client.host, error)
    return Response(status_code=503, headers={"Retry-After": "30"})


def _health() -> dict[str, str]:
    """That this process answers."""
    return {"status": "ok"}
