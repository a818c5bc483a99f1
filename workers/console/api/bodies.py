"""How much the API is sent at the most: what says that it is more is a problem (413), and none of it is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request, Response

from workers.console.api import opml, problems
from workers.console.root import path_of

MOST_BYTES = 2_000_000
"""Of what the API is sent, and of a form of the console; lists of feeds may have more."""


async def within_bounds(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: 413 for what is more. The framework's own bound, for what doesn't say, answers in plain text."""
    most = opml.MOST_BYTES if path_of(request).endswith("/opml") else MOST_BYTES
    sent = int(request.headers.get("content-length", 0))
    if sent <= most:
        return await go_on(request)
    if sent <= opml.MOST_BYTES:
        async for _ in request.stream():
            pass  # who is still sending hears no answer
    return problems.of_framework(request, HTTPException(413, f"More than {most:,} bytes: send less at once"))
