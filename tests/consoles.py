"""The console on a port of loopback, as a server in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from pipeline.model import User
from pipeline.ports import Ports
from tests.servers import wait_until
from workers.console import make_app


@contextmanager
def console(
    ports: Ports, port: int, queued: list[str], visitor: User | None = None, *, by_session: bool = False
) -> Iterator[None]:
    """The console for as long as the context lasts, for `visitor`, or `by_session` for those who sign in.

    Ids of entries end up in `queued`.
    """
    app = make_app(ports, queued.extend, None if by_session else lambda _request: visitor)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 10, "the console listens")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
