"""Content codings undone piece by piece (RFC 9110, 8.4), so that a compression bomb stops at the cap.

HTTP clients decode whole chunks: 64 KB of zstd can be gigabytes before anybody has counted them.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli
from backports import zstd

ACCEPTED = "gzip, br, zstd"
MOST_PARTS = 10_000
"""Members or frames of a body: more of them are there to cost time, as one of nothing is 20 bytes."""
PIECE = 65_536
BROKE_OFF = "broke off (before the end of its compression)"
GZIP = b"\x1f\x8b"
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
            return _Zlib()
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
    raise UndecodableError(f"its coding {coding!r} is not one of {ACCEPTED}")


def _one_more(parts: int) -> int:
    if parts >= MOST_PARTS:
        raise UndecodableError(f"broken compression (more than {MOST_PARTS:,} pieces)")
    return parts + 1


class _Identity:
    ended = True  # whoever counts its bytes knows better

    def decode(self, data: bytes, limit: int) -> bytes:
        return data[: limit + 1]


class _Zlib:
    """gzip of any number of members (RFC 1952, 2.2), zlib, or deflate without a head, as some servers send it."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # tells gzip from zlib by its head
        self._rest = b""  # not taken by the stream yet
        self._headless = True  # as far as is known: nothing has come out
        self._padding = False  # what comes is behind the last member
        self._parts = 1

    @property
    def ended(self) -> bool:
        return self._stream.eof

    def decode(self, data: bytes, limit: int) -> bytes:
        self._rest += data
        out = b""
        while len(out) < limit and (not self._stream.eof or self._next()):
            piece = self._inflated(limit - len(out))
            out += piece
            if not piece and not self._stream.eof:
                break
        return out

    def _next(self) -> bool:
        """Begin with the next member, if there is one."""
        if self._rest.startswith(GZIP) and not self._padding:
            self._parts = _one_more(self._parts)
            self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            return True
        if self._padding or not GZIP.startswith(self._rest):
            self._padding, self._rest = True, b""
        return False

    def _inflated(self, limit: int) -> bytes:
        try:
            out = self._stream.decompress(self._rest, limit)
        except zlib.error as error:
            if not self._headless:
                raise UndecodableError(f"broken compression ({error})") from None
            self._headless = False
            self._stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            return self._inflated(limit)
        self._headless = self._headless and not out and not self._stream.eof
        self._rest = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return out


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
    """Any number of frames (RFC 8878, 3.1)."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor()
        self._rest = b""
        self._padding = False
        self._parts = 1

    @property
    def ended(self) -> bool:
        return self._stream.eof

    def decode(self, data: bytes, limit: int) -> bytes:
        self._rest += data
        out = b""
        while len(out) < limit and (not self._stream.eof or self._next()):
            try:
                piece = self._stream.decompress(self._rest, limit - len(out))
            except zstd.ZstdError as error:
                raise UndecodableError(f"broken compression ({error})") from None
            self._rest = self._stream.unused_data if self._stream.eof else b""  # it keeps what it has no room for
            out += piece
            if not piece and not self._stream.eof:
                break
        return out

    def _next(self) -> bool:
        """Begin with the next frame, if there is one."""
        if self._rest.startswith(_ZSTD) and not self._padding:
            self._parts = _one_more(self._parts)
            self._stream = zstd.ZstdDecompressor()
            return True
        if self._padding or not any(mark.startswith(self._rest) for mark in _ZSTD):
            self._padding, self._rest = True, b""
        return False


def unpack(body: bytes, most: int) -> bytes | None:
    """A body that is gzip in itself, unpacked; None when that is more than `most` bytes. Raises UndecodableError."""
    stream, out = _Zlib(), bytearray()
    for start in range(0, len(body), PIECE):  # each member copies what is behind it
        out += stream.decode(body[start : start + PIECE], most + 1 - len(out))
        if len(out) > most:
            return None
    if not stream.ended:
        raise UndecodableError(BROKE_OFF)
    return bytes(out)
