"""Content codings undone piece by piece (RFC 9110, 8.4), so that a compression bomb stops at the cap.

HTTP clients decode whole chunks: 64 KB of zstd can be gigabytes before anybody has counted them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import brotli
from backports import zstd

ACCEPTED = "gzip, br, zstd"
MOST_PARTS = 10_000
"""Members or frames of a body: more of them are there to cost time, as one of nothing is 20 bytes."""
PIECE = 65_536
BROKE_OFF = "broke off (before the end of its compression)"
GZIP = b"\x1f\x8b"
EITHER_HEAD, GZIP_HEAD = zlib.MAX_WBITS | 32, zlib.MAX_WBITS | 16
"""As zlib is told which heads to take: gzip's or its own, or gzip's alone."""
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes((skipped, 0x2A, 0x4D, 0x18)) for skipped in range(0x50, 0x60)))
"""How a frame begins: one of content, and those that are skipped (RFC 8878, 3.1)."""


class UndecodableError(ValueError):
    """The body is not in the coding its header names."""


class Decoder(Protocol):
    """What undoes a coding, for one body."""

    def decode(self, data: bytes, limit: int) -> bytes:
        """Given raw bytes and a limit, about that many decoded bytes at the most; given b"", more of what is inside."""
        ...

    @property
    def ended(self) -> bool:
        """Whether what came is whole. Codings know their end, also where a connection that ends says nothing."""
        ...


def decoder(coding: str) -> Decoder:
    """The decoder of a Content-Encoding; several codings in a row are not used by anybody, and refused."""
    match coding.strip().lower():
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip" | "deflate":
            return _gzip()
        case "br":
            return _Brotli()
        case "zstd":
            return _Parts(_Zstd(), _Zstd, _ZSTD)
    raise UndecodableError(f"its coding {coding!r} is not one of {ACCEPTED}")


class _Identity:
    ended = True  # whoever counts its bytes knows better

    def decode(self, data: bytes, limit: int) -> bytes:
        return data[: limit + 1]


class _Part(Protocol):
    """What undoes one part of a body that may have several, each compressed by itself."""

    def inflate(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        """At most so many bytes of what is in `data`, and what of it is to be given again: at the end, what follows."""
        ...

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        ...


class _Parts:
    """Any number of parts; each begins as `marks` say, and what begins otherwise behind one is padding."""

    def __init__(self, first: _Part, another: Callable[[], _Part], marks: tuple[bytes, ...]) -> None:
        self._part, self._another, self._marks = first, another, marks
        self._rest = b""  # not taken by the part yet
        self._padding = False  # what comes is behind the last
        self._begun = 1

    @property
    def ended(self) -> bool:
        return self._part.ended

    def decode(self, data: bytes, limit: int) -> bytes:
        self._rest += data
        out = b""
        while len(out) < limit and (not self._part.ended or self._next()):
            piece, self._rest = self._part.inflate(self._rest, limit - len(out))
            out += piece
            if not piece and not self._part.ended:
                break
        return out

    def _next(self) -> bool:
        """Begin with the next part, if there is one."""
        if not self._padding and self._rest.startswith(self._marks):
            if self._begun >= MOST_PARTS:
                raise UndecodableError(f"broken compression (more than {MOST_PARTS:,} pieces)")
            self._begun += 1
            self._part = self._another()
            return True
        if self._padding or not any(mark.startswith(self._rest) for mark in self._marks):
            self._padding, self._rest = True, b""
        return False


class _Zlib:
    """A member of gzip (RFC 1952, 2.2), or zlib, or deflate without a head, as some servers send it."""

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits=wbits)
        self._headless = wbits == EITHER_HEAD  # as far as is known: nothing has come out

    @property
    def ended(self) -> bool:
        return self._stream.eof

    def inflate(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        try:
            out = self._stream.decompress(data, limit)
        except zlib.error as error:
            if not self._headless:
                raise UndecodableError(f"broken compression ({error})") from None
            self._headless = False
            self._stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            return self.inflate(data, limit)
        self._headless = self._headless and not out and not self._stream.eof
        return out, self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._stream.is_finished())

    def decode(self, data: bytes, limit: int) -> bytes:
        try:
            out: bytes = self._stream.process(data, output_buffer_limit=limit)
        except brotli.error as error:
            raise UndecodableError(f"broken compression ({error})") from None
        return out


class _Zstd:
    """A frame (RFC 8878, 3.1)."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor()

    @property
    def ended(self) -> bool:
        return self._stream.eof

    def inflate(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        try:
            out = self._stream.decompress(data, limit)
        except zstd.ZstdError as error:
            raise UndecodableError(f"broken compression ({error})") from None
        return out, self._stream.unused_data if self._stream.eof else b""  # it keeps what it has no room for


def _gzip() -> _Parts:
    return _Parts(_Zlib(EITHER_HEAD), lambda: _Zlib(GZIP_HEAD), (GZIP,))


def unpack(body: bytes, most: int) -> bytes | None:
    """A body that is gzip in itself, unpacked; None when that is more than `most` bytes. Raises UndecodableError."""
    stream, out = _gzip(), bytearray()
    for start in range(0, len(body), PIECE):  # each member copies what is behind it
        out += stream.decode(body[start : start + PIECE], most + 1 - len(out))
        if len(out) > most:
            return None
    if not stream.ended:
        raise UndecodableError(BROKE_OFF)
    return bytes(out)
