"""The console: what is served over HTTP. Each group of addresses has its room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI

from pipeline.ports import Ports
from workers.console import websub


def make_app(ports: Ports, queue_entries: Callable[[Sequence[str]], None]) -> FastAPI:
    """The application; `queue_entries` has entries of these ids ingested."""
    app = FastAPI(title="Wirewatch", openapi_url=None)
    app.add_api_route("/healthz", _health, methods=["GET"])
    if ports.settings.websub_callback:
        app.include_router(websub.make_router(ports, queue_entries))
    return app


def _health() -> dict[str, str]:
    """That this process answers."""
    return {"status": "ok"}
