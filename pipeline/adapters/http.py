"""The Fetcher: what may be asked of whom and when, redirects, and what an answer means. The wire is adapters/curl.py.

One event loop in a thread of its own serves all callers, so connections are reused from call to call.
"""

from __future__ import annotations

import asyncio
import email.utils
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from w3lib.url import safe_url_string

from pipeline.adapters.budget import HostBudget, LocalBudget, TurnTooFar
from pipeline.adapters.curl import Answer, Sent, Transfers, may_connect, private
from pipeline.address import origin
from pipeline.errors import FetchRefused, FetchUnavailable, HostBusy
from pipeline.fetch import REDIRECTS
from pipeline.model import FetchRequest, FetchResponse
from pipeline.settings import Settings

MAX_REDIRECTS = 10
MAX_RETRY_AFTER = 8 * 3600.0
REDIRECTS_OF_A_FORM = frozenset({307, 308})  # the others would have it sent by GET (RFC 9110, 15.4)
TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

Outcome = FetchResponse | FetchUnavailable | FetchRefused
Result = TypeVar("Result")
MakeBudget = Callable[[], HostBudget]


class HttpFetcher:
    """ports.Fetcher. Safe to share between threads; started when first used, in whichever process that is."""

    def __init__(self, settings: Settings, budget: MakeBudget | None = None) -> None:
        self._settings = settings
        self._budget = budget or (lambda: LocalBudget(settings))
        self._lock = threading.Lock()
        self._loop: _Loop | None = None

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Outcome]:
        """Get them all, concurrently, and answer in their order."""
        outcomes = dict(one for group in self.fetch_as_they_come(requests) for one in group)
        return [outcomes[place] for place in range(len(requests))]

    def fetch_as_they_come(self, requests: Sequence[FetchRequest]) -> Iterator[list[tuple[int, Outcome]]]:
        """Get them all, and give what has come since the last look, each with its place in `requests`."""
        if not requests:
            return
        come: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()
        self._started().begin(requests, come)
        left = len(requests)
        while left:
            group = [come.get()]
            while True:
                try:
                    group.append(come.get_nowait())
                except Empty:
                    break
            left -= len(group)
            yield group

    def check(self, url: str) -> None:
        """Look the host of `url` up, and raise FetchRefused where it may not be asked. One not found may be yet."""
        with suppress(OSError, UnicodeError):
            for *_, where in socket.getaddrinfo(_host(url), None, type=socket.SOCK_STREAM):
                if not may_connect(str(where[0]), self._settings.allow_private):
                    raise private(url, str(where[0]))

    def close(self) -> None:
        """Let go of the connections and end the thread."""
        with self._lock:
            if self._loop is not None and self._loop.pid == os.getpid():
                self._loop.close()
            self._loop = None

    def _started(self) -> _Loop:
        with self._lock:
            if self._loop is None or self._loop.pid != os.getpid():
                self._loop = _Loop(self._settings, self._budget)
            return self._loop


class _Loop:
    """An event loop in a thread, and the client that lives on it."""

    def __init__(self, settings: Settings, budget: MakeBudget) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetch", daemon=True)
        self._thread.start()
        self._client = self._run(_client(settings, budget))

    def begin(self, requests: Sequence[FetchRequest], come: SimpleQueue[tuple[int, Outcome]]) -> None:
        """Start on `requests`; each outcome is put into `come`."""
        self._loop.call_soon_threadsafe(self._client.begin, requests, come)

    def close(self) -> None:
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _client(settings: Settings, budget: MakeBudget) -> _Client:
    return _Client(settings, budget(), Transfers(settings, asyncio.get_running_loop()))


class _Client:
    def __init__(self, settings: Settings, budget: HostBudget, transfers: Transfers) -> None:
        self._settings = settings
        self._budget = budget
        self._transfers = transfers
        self._everybody = asyncio.Semaphore(settings.fetch_parallel)
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds them only weakly

    def begin(self, requests: Sequence[FetchRequest], come: SimpleQueue[tuple[int, Outcome]]) -> None:
        for place, request in enumerate(requests):
            task = asyncio.ensure_future(self._answer(place, request, come))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        self._transfers.close()
        await self._budget.close()

    async def _answer(self, place: int, request: FetchRequest, come: SimpleQueue[tuple[int, Outcome]]) -> None:
        """Follow `request` to its end. Every failure is an answer: whoever waits would wait for ever without."""
        try:
            outcome: Outcome = await self._follow(request)
        except (FetchUnavailable, FetchRefused) as error:
            outcome = error
        except asyncio.CancelledError:
            outcome = FetchUnavailable(request.url, "given up: this process stops")
        except Exception as error:
            outcome = FetchUnavailable(request.url, f"failed ({type(error).__name__}: {error})")
        come.put((place, outcome))

    async def _follow(self, request: FetchRequest) -> FetchResponse:
        redirects: list[tuple[int, str]] = []
        url = request.url
        followed = _followed(request)
        # For all of them: a server that leads on and on holds its batch up.
        left = min(self._settings.fetch_timeout, request.within)
        while True:
            answer, took = await self._one(url, request, left)
            left = max(0.0, left - took)
            if answer.status not in followed or "location" not in answer.headers:
                break
            redirects.append((answer.status, _led_to(url, answer.headers["location"])))
            url = redirects[-1][1]
            if len(redirects) > MAX_REDIRECTS or url in (request.url, *(to for _, to in redirects[:-1])):
                raise FetchUnavailable(request.url, "sends in circles: too many redirects")
            if request.stays and origin(url) != origin(request.url):
                return FetchResponse(
                    url=url, status=answer.status, headers=answer.headers, body=b"", redirects=tuple(redirects)
                )
        if not 200 <= answer.status < 300 and (answer.status != 304 or request.body):
            raise await self._refusal(url, answer)
        return FetchResponse(
            url=url, status=answer.status, headers=answer.headers, body=answer.body, redirects=tuple(redirects)
        )

    async def _one(self, url: str, request: FetchRequest, seconds: float) -> tuple[Answer, float]:
        """One exchange, in its host's turn, in at most so many seconds; and how many it took."""
        host = _host(url)
        try:
            async with self._budget.turn(host), self._everybody:
                began = time.monotonic()
                answer = await self._transfers.exchange(
                    safe_url_string(url),
                    _headers(request),
                    request.max_bytes,
                    _sent(request),
                    seconds=seconds,
                    whole=not request.body,
                    cut=request.cut,
                )
                return answer, time.monotonic() - began
        except TurnTooFar as turn:
            raise HostBusy(url, f"its host is left alone for another {turn.seconds:.0f} s", turn.seconds) from None

    async def _refusal(self, url: str, answer: Answer) -> FetchUnavailable | FetchRefused:
        status = answer.status
        reason = f"answers {status} {_phrase(status)}".rstrip()
        if status not in TRY_LATER and status < 500:
            return FetchRefused(url, reason, status=status, headers=answer.headers, body=answer.body)
        after = _retry_after(answer.headers.get("retry-after", ""))
        if after:
            await self._budget.leave_alone(_host(url), after)
        return FetchUnavailable(url, reason, status=status, retry_after=after, headers=answer.headers, body=answer.body)


def _host(url: str) -> str:
    """The host of `url`. Raises FetchRefused for what is not http or https."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise FetchRefused(url, f"no usable address ({error})") from None
    if parts.scheme not in ("http", "https") or not host:
        raise FetchRefused(url, "only http and https are fetched")
    return host


def _led_to(url: str, location: str) -> str:
    """The address that a Location at `url` names. Headers are read as latin-1; letters in it are mostly UTF-8's."""
    with suppress(UnicodeDecodeError):
        location = location.encode("latin-1").decode()
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchRefused(url, f"sends to no usable address ({error})") from None


def _headers(request: FetchRequest) -> list[bytes]:
    """The lines that make a request what it is. What a server once sent can't add lines of its own.

    They go out in latin-1, as those of answers are read, so that validators go back byte by byte. One that can't be had
    from an answer, as it holds other letters, is left out: asked without it, the server sends all.
    """
    lines = [f"Accept: {request.accept}", *(f"{name}: {value}" for name, value in request.headers)]
    if request.etag and _fits_a_header(request.etag):
        lines.append(f"If-None-Match: {request.etag}")
    if request.last_modified and _fits_a_header(request.last_modified):
        lines.append(f"If-Modified-Since: {request.last_modified}")
    return [line.replace("\r", " ").replace("\n", " ").encode("latin-1") for line in lines]


def _fits_a_header(value: str) -> bool:
    return all(ord(letter) < 256 for letter in value)


def _followed(request: FetchRequest) -> frozenset[int]:
    """The redirects that a request follows. A body is for whom it was signed, and nobody else is told the secret."""
    if request.body:
        return frozenset()
    return REDIRECTS_OF_A_FORM if request.form else REDIRECTS


def _sent(request: FetchRequest) -> Sent | None:
    body = request.body or urlencode(request.form).encode()
    return Sent(request.method, body) if body else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(value: str) -> float | None:
    """Seconds or a date, RFC 9110 section 10.2.3; no longer than 8 hours."""
    if value.strip().isdecimal():
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER)
