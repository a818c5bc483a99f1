"""A TCP wire to a server that a test can cut, or answer on in the server's place."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """Forwards connections to `target` until it is cut; then closes them, and refuses new ones, until mended.

    While `instead` is set, it is the answer to whatever is sent, and the target hears nothing; where `only` is set too,
    to requests of HTTP whose first line holds it.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.instead = b""
        self.only = b""
        self.mend()

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.drop()

    def drop(self) -> None:
        """Close the connections that there are; new ones are taken at once, as where a proxy or a failover does so."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:  # the server is away: who called hears so, and may call again
                near.close()
                continue
            self._open += [near, far]
            for pump, one, other in ((self._ask, near, far), (_pump, far, near)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65_536):
                if self.instead and self.only in data.partition(b"\r\n")[0]:
                    near.sendall(self.instead)
                    near.shutdown(socket.SHUT_WR)
                    while near.recv(65_536):  # closed with something unread, it would be a reset and no answer
                        pass
                    break
                far.sendall(data)
        with suppress(OSError):
            far.shutdown(socket.SHUT_WR)


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(target: tuple[str, int]) -> Iterator[Wire]:
    made = Wire(target)
    try:
        yield made
    finally:
        made.cut()
