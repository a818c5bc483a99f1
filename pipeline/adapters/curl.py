"""libcurl on an asyncio loop: one exchange of HTTP at a time, whatever comes back, as it was sent.

Redirects, politeness and what a status means are for adapters/http.py. Here is what has to be done at the wire: times,
the cap on what is unpacked, and which addresses may be connected to at all. The address is looked at after its name was
resolved, when its socket is opened, so that a name which changes its mind in between gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import certifi
import pycurl

from pipeline import walls
from pipeline.adapters.decoding import ACCEPTED, BROKE_OFF, GZIP, Decoder, UndecodableError, decoder, unpack
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.settings import Network, Settings

ANSWERED = frozenset(range(200, 300))
MOST_BESIDES = 65_536
"""Bytes that are read of the body of any other answer, which says little: redirects, refusals, failures."""
METADATA = tuple(map(ipaddress.IPv4Network, ("168.63.129.16/32", "192.0.0.0/24")))
"""What Azure and Oracle tell their machines, at addresses that count as public (the latter's, to some Pythons)."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(slots=True)
class Answer:
    """What came, decoded of its codings: header names in lower case, repeated ones joined (RFC 9110, 5.3)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes out in the body of a request."""

    method: str
    body: bytes


class Transfers:
    """Exchanges over connections that are kept and shared. Lives on one loop; `close` ends it."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._idle: list[pycurl.Curl] = []
        self._waiting: dict[pycurl.Curl, asyncio.Future[None]] = {}
        self._agent = f"Wirewatch/0.1 (+{settings.contact})".encode()
        self._certificates = ssl.get_default_verify_paths().cafile or certifi.where()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, settings.fetch_parallel)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    async def exchange(
        self,
        url: str,
        headers: Sequence[bytes],
        most: int,
        sent: Sent | None = None,
        *,
        seconds: float,
        whole: bool = True,
        cut: bool = False,
    ) -> Answer:
        """GET `url`, or have `sent` go to it, with `headers` (whole lines), unpacking at most `most` bytes.

        It takes at most so many `seconds`. What is larger than `most` is refused, or had `cut` to that.

        Unless the answer is to be had `whole`, a head that says 2xx is one, whatever comes after; a head that says
        anything else always is. Raises FetchUnavailable, or FetchRefused for what is too large or an address that may
        not be asked.
        """
        handle = self._idle.pop() if self._idle else pycurl.Curl()
        coming = _Coming(url, most, cut=cut)
        guard = _Guard(self._settings.allow_private)
        self._prepare(handle, url, headers, coming, guard, seconds)
        if sent:
            handle.setopt(pycurl.CUSTOMREQUEST, sent.method)
            handle.setopt(pycurl.POSTFIELDS, sent.body)
        done = self._waiting[handle] = self._loop.create_future()
        try:
            self._multi.add_handle(handle)
            await done
        except pycurl.error as error:
            if coming.was_cut:
                return coming.answer()
            if coming.is_enough(whole=whole):
                return coming.so_far()
            raise coming.error or guard.refusal(url) or self._translated(url, handle, error, seconds) from None
        finally:
            self._waiting.pop(handle, None)
            self._multi.remove_handle(handle)
            handle.reset()
            self._idle.append(handle)
        return coming.answer() if whole else coming.so_far()

    def close(self) -> None:
        """Let go of the connections."""
        for future in self._waiting.values():
            future.cancel()
        if self._timer:
            self._timer.cancel()
        self._multi.close()
        for handle in self._idle:
            handle.close()

    def _prepare(
        self,
        handle: pycurl.Curl,
        url: str,
        headers: Sequence[bytes],
        coming: _Coming,
        guard: _Guard,
        seconds: float,
    ) -> None:
        settings = self._settings
        options = {
            pycurl.URL: url,
            pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,  # HTTP/2 where TLS offers it
            pycurl.USERAGENT: self._agent,
            # No Expect: a server that does not know it costs a second of waiting.
            pycurl.HTTPHEADER: [f"Accept-Encoding: {ACCEPTED}".encode(), b"Expect:", *headers],
            pycurl.CAINFO: self._certificates,
            pycurl.PROXY: "",  # never that of the environment
            pycurl.NOSIGNAL: 1,
            pycurl.CONNECTTIMEOUT_MS: int(settings.connect_timeout * 1000),
            pycurl.TIMEOUT_MS: max(1, int(seconds * 1000)),
            pycurl.LOW_SPEED_LIMIT: 1,
            pycurl.LOW_SPEED_TIME: math.ceil(settings.read_timeout),
            pycurl.OPENSOCKETFUNCTION: guard.open,
            pycurl.HEADERFUNCTION: coming.header,
            pycurl.WRITEFUNCTION: coming.write,
        }
        for option, value in options.items():
            handle.setopt(option, value)

    # What libcurl asks of an event loop (curl_multi_socket_action(3)).

    def _watch(self, event: int, descriptor: int, _multi: Any, _data: Any) -> None:
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        if event in (pycurl.POLL_IN, pycurl.POLL_INOUT):
            self._loop.add_reader(descriptor, self._act, descriptor, pycurl.CSELECT_IN)
        if event in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            self._loop.add_writer(descriptor, self._act, descriptor, pycurl.CSELECT_OUT)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if milliseconds >= 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, events: int) -> None:
        self._multi.socket_action(descriptor, events)
        left = 1
        while left:
            left, finished, failed = self._multi.info_read()
            for handle in finished:
                self._end(handle, None)
            for handle, code, words in failed:
                self._end(handle, pycurl.error(code, words))

    def _end(self, handle: pycurl.Curl, error: pycurl.error | None) -> None:
        future = self._waiting.get(handle)
        if future is None or future.done():
            return
        if error:
            future.set_exception(error)
        else:
            future.set_result(None)

    def _translated(
        self, url: str, handle: pycurl.Curl, error: pycurl.error, seconds: float
    ) -> FetchUnavailable | FetchRefused:
        """The one place where libcurl's errors become ours."""
        code, words = error.args[0], str(error.args[1] or "no reason given")
        unasked = not handle.getinfo(pycurl.REQUEST_SIZE)
        match code:
            case pycurl.E_COULDNT_RESOLVE_HOST:
                return FetchUnavailable(url, "the name of its host is not found", nameless=True, unasked=True)
            case pycurl.E_URL_MALFORMAT:
                return FetchRefused(url, f"no usable address ({words})")
            case pycurl.E_OPERATION_TIMEDOUT:
                return FetchUnavailable(url, self._which_time(handle, seconds), unasked=unasked)
            case pycurl.E_COULDNT_CONNECT:
                return FetchUnavailable(url, f"can't be connected to ({words})", unasked=True)
            case pycurl.E_PEER_FAILED_VERIFICATION | pycurl.E_SSL_CONNECT_ERROR:
                return FetchUnavailable(url, f"its TLS can't be trusted ({words})", unasked=True)
        return FetchUnavailable(url, f"broke off ({words})", unasked=unasked)

    def _which_time(self, handle: pycurl.Curl, seconds: float) -> str:
        if handle.getinfo(pycurl.TOTAL_TIME) >= seconds:
            return f"took longer than {self._settings.fetch_timeout:g} s"
        if not handle.getinfo(pycurl.CONNECT_TIME):
            return "does not answer: connecting took too long"
        return "does not answer in time"


class _Coming:
    """An answer on its way. What goes wrong is kept in `error`: an exception would not get through libcurl."""

    def __init__(self, url: str, most: int, *, cut: bool = False) -> None:
        self.error: FetchUnavailable | FetchRefused | None = None
        self.was_cut = False  # and what has come is all that is wanted
        self._cut = cut
        self._url = url
        self._most = most
        self._status = 0
        self._headers: dict[str, str] = {}
        self._head_ended = False
        self._body = bytearray()
        self._raw = 0  # bytes of the body of another answer than 2xx, as they came
        self._decoder: Decoder | None = None  # made for the first piece of a body

    def header(self, line: bytes) -> None:
        """Take a line of the head. An interim answer (1xx) is followed by the head that counts."""
        text = line.decode("latin-1")
        if text.startswith("HTTP/"):
            self._status, self._headers, self._head_ended = int(text.split(maxsplit=2)[1]), {}, False
            return
        self._head_ended = self._head_ended or not text.strip()
        name, colon, value = text.partition(":")
        if colon:
            name, value = name.strip().lower(), value.strip(" \t\r\n")  # no more: "à" ends in A0 in UTF-8
            self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value

    def write(self, data: bytes) -> int | None:
        """Take a piece of the body; -1 ends the transfer."""
        try:
            self._take(data)
        except UndecodableError as error:
            self.error = FetchUnavailable(self._url, str(error))
        except Exception as error:
            self.error = FetchUnavailable(self._url, f"failed ({type(error).__name__}: {error})")
        return -1 if self.error else None

    def _take(self, data: bytes) -> None:
        if self._status in ANSWERED:
            self._unpack(data, self._most)
            if len(self._body) > self._most:
                self.error, self.was_cut = self._too_large(), self._cut
            return
        # Read to its end, so that the connection can be used again, unless that is too much.
        self._raw += len(data)
        if len(self._body) < walls.BEGINNING:
            self._unpack(data, walls.BEGINNING)
        if self._raw > MOST_BESIDES:
            self.error = self._too_large()  # for libcurl: the answer `is_enough`

    def _unpack(self, data: bytes, most: int) -> None:
        """Add what is in `data` to the body, until that is larger than `most`."""
        if self._decoder is None:
            self._decoder = decoder(self._headers.get("content-encoding", ""))
        piece = self._decoder.decode(data, most + 1 - len(self._body))
        while piece:
            self._body += piece
            if len(self._body) > most:
                return
            piece = self._decoder.decode(b"", most + 1 - len(self._body))

    def is_enough(self, *, whole: bool) -> bool:
        """Whether what has come is an answer, whatever comes after: only the body of a 2xx counts, where `whole`."""
        if not self._head_ended or self._status < 200:
            return False
        return not whole or self._status not in ANSWERED

    def so_far(self) -> Answer:
        """The head, and the beginning of the body, whatever became of its end."""
        if not self._head_ended:
            raise self._headless()
        return Answer(self._status, self._headers, bytes(self._body[: walls.BEGINNING]))

    def answer(self) -> Answer:
        """The whole of it. A body that is gzip in itself may be refused or broken even now."""
        if not self._head_ended or self._status not in ANSWERED:
            return self.so_far()
        if self.was_cut:
            return Answer(self._status, self._headers, bytes(self._body[: self._most]))
        if self._decoder and not self._decoder.ended:
            raise FetchUnavailable(self._url, BROKE_OFF)
        body = bytes(self._body)
        if body.startswith(GZIP):
            try:
                unpacked = unpack(body, self._most)
            except UndecodableError as error:
                raise FetchUnavailable(self._url, str(error)) from None
            if unpacked is None:
                raise self._too_large()
            body = unpacked
        return Answer(self._status, self._headers, body)

    def _headless(self) -> FetchUnavailable:
        return FetchUnavailable(self._url, "broke off (in the head of its answer)")

    def _too_large(self) -> FetchRefused:
        return FetchRefused(self._url, f"larger than {self._most:,} bytes")


class _Guard:
    """Opens sockets to public addresses, and to private ones that the operator opened. One for each exchange."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._refused = ""

    def open(self, _purpose: int, address: Any) -> socket.socket | int:
        """The socket for `address` (family, kind, protocol, (host, port …)), or libcurl's word for a refusal."""
        family, kind, protocol, where = address
        host = str(where[0])
        if not may_connect(host, self._allowed):
            self._refused = host
            return int(pycurl.SOCKET_BAD)
        return socket.socket(family, kind, protocol)

    def refusal(self, url: str) -> FetchRefused | None:
        """Why the exchange came to nothing, when it was us."""
        if not self._refused:
            return None
        return private(url, self._refused)


def private(url: str, address: str) -> FetchRefused:
    """The error that says that `url` is at an address which may not be asked."""
    return FetchRefused(url, f"its address {address} is private: open it with WIREWATCH_ALLOW_PRIVATE={address}")


def may_connect(address: str, allowed: tuple[Network, ...]) -> bool:
    """Whether an IP address may be asked: public, or in one of the ranges `allowed`.

    Not loopback, private, link-local (where cloud metadata is), multicast, reserved, nor any of these inside IPv6.
    """
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    inner = _embedded(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    if any(one in network for one in (ip, inner) if one for network in allowed if network.version == one.version):
        return True
    last = inner or ip
    if isinstance(last, ipaddress.IPv6Address) and last.is_site_local:
        return False
    if any(last in network for network in METADATA):
        return False
    return last.is_global and not last.is_multicast and not last.is_reserved


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, or NAT64 (RFC 6052)."""
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
