"""The console: what is served over HTTP. Each group of addresses has its room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request

from pipeline.model import User
from pipeline.ports import Ports
from workers.console import alerts, explain, preferences, shell, stories, trouble, websub


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
    trouble.answer_errors(app)
    app.add_api_route("/healthz", _health, methods=["GET"])
    app.include_router(shell.make_static_router())
    app.include_router(alerts.make_router(ports))
    app.include_router(stories.make_router(ports))
    app.include_router(explain.make_router(ports))
    if ports.settings.websub_callback:
        app.include_router(websub.make_router(ports, queue_entries))
    if ports.settings.public_url and ports.settings.links_secret:
        app.include_router(preferences.make_router(ports))
    return app


def _health() -> dict[str, str]:
    """That this process answers."""
    return {"status": "ok"}
