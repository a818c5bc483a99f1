"""/healthz and /readyz, for whoever restarts this process or sends it work."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from pipeline.errors import WirewatchError
from pipeline.ports import Ports
from workers import bootstrap

log = logging.getLogger(__name__)


def make_router(ports: Ports) -> APIRouter:
    """The two addresses."""
    router = APIRouter()
    stores = bootstrap.looking(ports).stores

    @router.get("/healthz")
    def health() -> dict[str, str]:
        """That this process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    def ready() -> JSONResponse:
        """Whether its store answers too: 200, else 503."""
        try:
            stores.users.count()
        except WirewatchError as error:
            log.warning("not ready: %s", error)
            return JSONResponse({"status": "the store does not answer"}, 503, {"Retry-After": "30"})
        return JSONResponse({"status": "ready"})

    return router
