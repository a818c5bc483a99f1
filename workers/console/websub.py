"""/websub/: where hubs call (WebSub, W3C Recommendation of 2018, sections 5.3 and 7).

A stranger costs one look into the store: content is read only for a subscription that stands. What is beyond so many
pushes at once, of one subscription and of all, is answered 503 and sent again by its hub: a flood of one holds up no
other, and a body is never waiting in memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from pipeline.flow import push
from pipeline.flow.push import Reception
from pipeline.model import FetchResponse
from pipeline.ports import Ports
from workers.metrics import meter

log = logging.getLogger(__name__)

AT_ONCE_OF_ONE, AT_ONCE = 2, 16
"""Pushes under way at once of one subscription, and of all: each may hold a body of `feed_bytes`."""
STATUSES = {Reception.TAKEN: 202, Reception.IGNORED: 202, Reception.UNKNOWN: 404, Reception.OVER: 410}


def make_router(ports: Ports, queue_entries: Callable[[Sequence[str]], None]) -> APIRouter:
    """The two addresses that a hub knows of each subscription: it asks by GET and pushes by POST."""
    router = APIRouter(prefix="/websub")
    reader = _Reader(ports, queue_entries)

    @router.get("/{subscription_id}/{token}")
    def confirm(subscription_id: str, token: str, request: Request) -> Response:
        challenge = push.confirm(ports, subscription_id, token, request.query_params)
        # Plain text: what a hub sends is never a page of ours.
        return Response(challenge, 404 if challenge is None else 200, media_type="text/plain")

    @router.post("/{subscription_id}/{token}", max_body_size=2 * ports.settings.feed_bytes)  # less is read
    async def receive(subscription_id: str, token: str, request: Request) -> Response:
        return await reader.receive(subscription_id, token, request)

    return router


class _Reader:
    """Reads what hubs push, so much at once and no more."""

    def __init__(self, ports: Ports, queue_entries: Callable[[Sequence[str]], None]) -> None:
        self._ports, self._queue_entries = ports, queue_entries
        self._under_way: Counter[str] = Counter()

    async def receive(self, subscription_id: str, token: str, request: Request) -> Response:
        reception = await run_in_threadpool(push.expected, self._ports, subscription_id, token)
        if reception is not Reception.TAKEN:
            return Response(status_code=STATUSES[reception])
        if self._under_way[subscription_id] >= AT_ONCE_OF_ONE or self._under_way.total() >= AT_ONCE:
            return Response(status_code=503, headers={"Retry-After": "30"})
        self._under_way[subscription_id] += 1
        try:
            return await self._receive(subscription_id, token, request)
        finally:
            self._under_way -= Counter([subscription_id])  # and forgotten when none is left

    async def _receive(self, subscription_id: str, token: str, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._ports.settings.fetch_timeout):
                body = await _body(request, self._ports.settings.feed_bytes)
        except TimeoutError:
            return Response(status_code=408)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads
        if body is None:
            return Response(status_code=413)
        status = await run_in_threadpool(self._take_in, subscription_id, token, _content(request, body))
        return Response(status_code=status)

    def _take_in(self, subscription_id: str, token: str, content: FetchResponse) -> int:
        signature = content.headers.get("x-hub-signature", "")
        report = push.receive(self._ports, subscription_id, token, content, signature)
        meter.count_entries(report.new, report.changed)
        try:
            self._queue_entries(report.entry_ids)
        except Exception as error:  # the entries stand in the store: the sweep names them when nobody else does
            log.warning("entries of a push could not be queued: %s", error)
        return STATUSES[report.reception]


async def _body(request: Request, most: int) -> bytes | None:
    """What was pushed; None as soon as it is longer than `most`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


def _content(request: Request, body: bytes) -> FetchResponse:
    return FetchResponse(url=str(request.url), status=200, headers=dict(request.headers), body=body)
