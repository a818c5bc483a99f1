"""The Fetcher: HTTP by httpx2, polite to each host, and closed to addresses that are nobody's business.

One event loop in a thread of its own serves all callers, so connections are reused from call to call.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import os
import socket
import threading
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpcore2
import httpx2

from pipeline.adapters.decoding import ACCEPTED, UndecodableError, decoder, unpack
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.model import FetchRequest, FetchResponse
from pipeline.settings import Network, Settings

MAX_REDIRECTS = 10
MAX_RETRY_AFTER = 8 * 3600.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
PIECE = 16_384

Outcome = FetchResponse | FetchUnavailable | FetchRefused
Result = TypeVar("Result")


class HttpFetcher:
    """ports.Fetcher. Safe to share between threads; started when first used, in whichever process that is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loop: _Loop | None = None

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Outcome]:
        """Get them all, concurrently, and answer in their order."""
        if not requests:
            return []
        loop = self._started()
        return loop.run(loop.client.fetch_all(requests))

    def close(self) -> None:
        """Let go of the connections and end the thread."""
        with self._lock:
            if self._loop is not None and self._loop.pid == os.getpid():
                self._loop.close()
            self._loop = None

    def _started(self) -> _Loop:
        with self._lock:
            if self._loop is None or self._loop.pid != os.getpid():
                self._loop = _Loop(self._settings)
            return self._loop


class _Loop:
    """An event loop in a thread, and the client that lives on it."""

    def __init__(self, settings: Settings) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetch", daemon=True)
        self._thread.start()
        self.client = _Client(settings)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self.run(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class _Client:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hosts: dict[str, _Host] = {}
        self._everybody = asyncio.Semaphore(settings.fetch_parallel)
        timeout = httpx2.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=settings.fetch_timeout)
        self._http = httpx2.AsyncClient(
            transport=_guarded_transport(settings),
            timeout=timeout,
            trust_env=False,
            headers={"user-agent": f"Wirewatch/0.1 (+{settings.contact})", "accept-encoding": ACCEPTED},
        )

    async def fetch_all(self, requests: Sequence[FetchRequest]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._fetch(request) for request in requests)))

    async def close(self) -> None:
        await self._http.aclose()

    async def _fetch(self, request: FetchRequest) -> Outcome:
        """Follow `request` to its end. Every failure is an answer."""
        redirects: list[tuple[int, str]] = []
        url = request.url
        try:
            while True:
                answer = await self._one(url, request)
                if isinstance(answer, FetchResponse):
                    return _with_redirects(answer, redirects)
                status, url = answer
                if len(redirects) == MAX_REDIRECTS or url in (request.url, *(to for _, to in redirects)):
                    raise FetchUnavailable(request.url, "sends in circles: too many redirects")
                redirects.append((status, url))
        except (FetchUnavailable, FetchRefused) as error:
            return error
        except Exception as error:
            return FetchUnavailable(request.url, f"failed ({type(error).__name__}: {error})")

    async def _one(self, url: str, request: FetchRequest) -> FetchResponse | tuple[int, str]:
        """One exchange: the answer, or the status and address of a redirect."""
        host = self._host(_checked(url))
        async with host.turn(), self._everybody:
            try:
                async with asyncio.timeout(self._settings.fetch_timeout):
                    return await self._exchange(url, request)
            except TimeoutError:
                raise FetchUnavailable(url, f"took longer than {self._settings.fetch_timeout:g} s") from None
            except httpx2.HTTPError as error:
                raise _translated(url, error) from error
            except httpx2.InvalidURL as error:
                raise FetchRefused(url, f"no usable address ({error})") from None

    def _host(self, name: str) -> _Host:
        if name not in self._hosts:
            self._hosts[name] = _Host(self._settings.host_parallel, self._settings.host_spacing)
        return self._hosts[name]

    async def _exchange(self, url: str, request: FetchRequest) -> FetchResponse | tuple[int, str]:
        headers = {"accept": request.accept}
        if request.etag:
            headers["if-none-match"] = request.etag
        if request.last_modified:
            headers["if-modified-since"] = request.last_modified
        async with self._http.stream("GET", url, headers=headers, follow_redirects=False) as response:
            status = response.status_code
            if status in REDIRECTS and "location" in response.headers:
                return status, urljoin(url, response.headers["location"])
            if status == 304:
                return FetchResponse(url=url, status=status, headers=_headers(response), body=b"")
            if not 200 <= status < 300:
                raise _refusal(url, response)
            body = await _body(url, response, request.max_bytes)
            return FetchResponse(url=url, status=status, headers=_headers(response), body=body)


def _with_redirects(response: FetchResponse, redirects: list[tuple[int, str]]) -> FetchResponse:
    if not redirects:
        return response
    return FetchResponse(
        url=response.url,
        status=response.status,
        headers=response.headers,
        body=response.body,
        redirects=tuple(redirects),
    )


def _headers(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _body(url: str, response: httpx2.Response, most: int) -> bytes:
    """The decoded body. Raises FetchRefused as soon as it is longer than `most`, however little came over the wire."""
    too_large = FetchRefused(url, f"larger than {most:,} bytes")
    body = bytearray()
    try:
        decode = decoder(response.headers.get("content-encoding", ""))
        async for chunk in response.aiter_raw(PIECE):
            piece = decode(chunk, most + 1 - len(body))
            while piece:
                body += piece
                if len(body) > most:
                    raise too_large
                piece = decode(b"", most + 1 - len(body))
        if body.startswith(b"\x1f\x8b"):
            unpacked = unpack(bytes(body), most)
            if unpacked is None:
                raise too_large
            return unpacked
    except UndecodableError as error:
        raise FetchUnavailable(url, str(error)) from None
    return bytes(body)


def _refusal(url: str, response: httpx2.Response) -> FetchUnavailable | FetchRefused:
    status = response.status_code
    reason = f"answers {status} {response.reason_phrase}".rstrip()
    if status in TRY_LATER or status >= 500:
        after = _retry_after(response.headers.get("retry-after", ""))
        return FetchUnavailable(url, reason, status=status, retry_after=after, headers=_headers(response))
    return FetchRefused(url, reason, status=status, headers=_headers(response))


def _retry_after(value: str) -> float | None:
    """Seconds or a date, RFC 9110 section 10.2.3; no longer than 8 hours."""
    if value.strip().isdigit():
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER)


def _translated(url: str, error: httpx2.HTTPError) -> FetchUnavailable | FetchRefused:
    """The one place where the client's errors become ours."""
    if isinstance(error, httpx2.ConnectTimeout):
        return FetchUnavailable(url, "does not answer: connecting took too long")
    if isinstance(error, httpx2.TimeoutException):
        return FetchUnavailable(url, "does not answer in time")
    if isinstance(error, httpx2.ConnectError):
        return FetchUnavailable(url, f"can't be connected to ({_words(error)})")
    if isinstance(error, httpx2.UnsupportedProtocol):
        return FetchRefused(url, "only http and https are fetched")
    return FetchUnavailable(url, f"broke off ({_words(error)})")


def _words(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return str(cause) if cause is not None else type(error).__name__


class _Host:
    """The budget of one host: so many requests at once, their starts so many seconds apart."""

    def __init__(self, parallel: int, spacing: float) -> None:
        self._places = asyncio.Semaphore(parallel)
        self._spacing = spacing
        self._next_start = 0.0

    @asynccontextmanager
    async def turn(self) -> Any:
        async with self._places:
            now = asyncio.get_running_loop().time()
            start = max(now, self._next_start)
            self._next_start = start + self._spacing
            if start > now:
                await asyncio.sleep(start - now)
            yield


# ---------------------------------------------------------------------------------------------------------
# Which addresses may be asked at all. Checked after the name is resolved, and it is the checked address that is
# connected to, so that a name which changes its mind in between gains nothing.


def _checked(url: str) -> str:
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


def _guarded_transport(settings: Settings) -> httpx2.AsyncHTTPTransport:
    transport = httpx2.AsyncHTTPTransport(http2=True, trust_env=False)
    # httpx2 has no parameter for the network backend of its pool; httpcore2 has, and it is public there.
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=httpx2.create_ssl_context(trust_env=False),
        max_connections=settings.fetch_parallel,
        max_keepalive_connections=settings.fetch_parallel,
        keepalive_expiry=30.0,
        http1=True,
        http2=True,
        network_backend=_GuardedBackend(settings.allow_private),
    )
    return transport


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolve(host, port, timeout)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or FetchUnavailable(host, "has no address", nameless=True)

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)

    async def _resolve(self, host: str, port: int, wait: float | None) -> list[str]:
        """The addresses of `host`, each of them allowed. Raises FetchRefused when none is."""
        try:
            async with asyncio.timeout(wait):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise FetchUnavailable(host, "the name of its host is not found", nameless=True) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in addresses if self._may(address)]
        if not allowed:
            raise FetchRefused(
                host,
                f"its address {addresses[0]} is private: open it with WIREWATCH_ALLOW_PRIVATE={addresses[0]}",
            )
        return allowed

    def _may(self, address: str) -> bool:
        ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if any(ip in network for network in self._allowed if network.version == ip.version):
            return True
        return ip.is_global and not ip.is_multicast
