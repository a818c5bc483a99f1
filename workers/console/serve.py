"""The console as a server: uvicorn, in the foreground or beside other work."""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from pipeline.address import served_at
from pipeline.errors import SettingError
from pipeline.settings import Settings
from workers import bootstrap
from workers.console import make_app
from workers.tasks import queue_entries

STOP_SECONDS = 10
NICENESS = 10
"""Of the threads that make pages beside other work: where there is too little processor, news goes first."""
NOT_HERE = frozenset({errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL})
"""Errors of a host that this machine is not, or that nobody knows."""


def bound(settings: Settings) -> socket.socket:
    """A socket on the console's host and port. Raises SettingError."""
    family = socket.AF_INET6 if ":" in settings.console_host else socket.AF_INET
    try:
        return socket.create_server((settings.console_host, settings.console_port), family=family)
    except OSError as error:
        if error.errno in NOT_HERE:
            cure = f"{error.strerror}: give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all it has"
            raise SettingError("console_host", settings.console_host, cure) from None
        cure = f"{error.strerror}: choose another, or 0 for any free one"
        raise SettingError("console_port", str(settings.console_port), cure) from None


def address(listening: socket.socket) -> str:
    """The address of a bound console."""
    host, port = listening.getsockname()[:2]
    return served_at(host, port)


def serve(listening: socket.socket) -> None:
    """Serve until a signal says stop."""
    _server().run(sockets=[listening])


@contextmanager
def beside(listening: socket.socket) -> Iterator[None]:
    """Serve in a thread for as long as the context lasts."""
    server = _server()

    def run() -> None:
        if sys.platform == "linux":  # where a thread has a niceness of its own, which the threads it starts inherit
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        server.run(sockets=[listening])

    thread = threading.Thread(target=run, name="console", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)


def leave_to_stay() -> None:
    """What is there by now stays. Else the collector looks it over, for 50 ms, while somebody waits for a page."""
    gc.collect()
    gc.freeze()


def _server() -> uvicorn.Server:
    app = make_app(bootstrap.ports(), queue_entries)
    leave_to_stay()
    # What hubs ask for holds their tokens: it is not written into an access log.
    return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
