"""Where the console stands, at the root of its host or under the path of `public_url` behind a proxy; and HEAD."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class Under:
    """The application under a path: a proxy may take that path off or leave it, both come to the same."""

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it: `path` begins with `root_path`."""
        if scope["type"] == "http" and self._root:
            scope = {**scope, "root_path": self._root, "path": self._whole(scope)}
        await self._app(scope, receive, send)

    def _whole(self, scope: Scope) -> Any:
        path = scope["path"]
        return path if f"{path}/".startswith(f"{self._root}/") else self._root + path


class Heads:
    """HEAD is answered as GET, whose body the server leaves out (RFC 9110, 9.3.2): whoever watches us asks so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def root_of(request: Request) -> str:
    """What the addresses of our pages begin with; empty at the root of a host."""
    root: str = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    return root


def path_of(request: Request) -> str:
    """The path of a page of ours, wherever the console stands."""
    path: str = request.scope["path"]
    return path.removeprefix(root_of(request))
