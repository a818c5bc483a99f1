"""Content codings undone piece by piece (RFC 9110, 8.4), so that a compression bomb stops at the cap.

HTTP clients decode whole chunks: 64 KB of zstd can be gigabytes before anybody has counted them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
from backports import zstd

Decode = Callable[[bytes, int], bytes]
"""Given raw bytes and a limit, at most that many decoded bytes. Given b"", more of what is still inside."""

ACCEPTED = "gzip, br, zstd"


class UndecodableError(ValueError):
    """The body is not in the coding its header names."""


def decoder(coding: str) -> Decode:
    """The decoder of a Content-Encoding; several codings in a row are not used by anybody, and refused."""
    match coding.strip().lower():
        case "" | "identity":
            return lambda data, limit: data[: limit + 1]
        case "gzip" | "x-gzip" | "deflate":
            return _zlib()
        case "br":
            return _brotli()
        case "zstd":
            return _zstd()
    raise UndecodableError(f"its coding {coding!r} is not one of {ACCEPTED}")


def _zlib() -> Decode:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # tells gzip from zlib by its head
    first = True

    def decode(data: bytes, limit: int) -> bytes:
        nonlocal stream, first
        try:
            out = stream.decompress(stream.unconsumed_tail + data, limit)
        except zlib.error as error:
            if not first:
                raise UndecodableError(f"broken compression ({error})") from None
            stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)  # deflate without its head, as some servers send
            return _raw(stream, data, limit)
        first = first and not out
        return out

    return decode


def _raw(stream: zlib._Decompress, data: bytes, limit: int) -> bytes:
    try:
        return stream.decompress(data, limit)
    except zlib.error as error:
        raise UndecodableError(f"broken compression ({error})") from None


def _brotli() -> Decode:
    stream = brotli.Decompressor()

    def decode(data: bytes, limit: int) -> bytes:
        try:
            out: bytes = stream.process(data, output_buffer_limit=limit)
        except brotli.error as error:
            raise UndecodableError(f"broken compression ({error})") from None
        return out

    return decode


def _zstd() -> Decode:
    stream = zstd.ZstdDecompressor()

    def decode(data: bytes, limit: int) -> bytes:
        if stream.eof:
            return b""
        try:
            return stream.decompress(data, limit)
        except zstd.ZstdError as error:
            raise UndecodableError(f"broken compression ({error})") from None

    return decode


def unpack(body: bytes, most: int) -> bytes | None:
    """A body that is gzip in itself, unpacked; None when that is more than `most` bytes."""
    decode = _zlib()
    out = decode(body, most + 1)
    return out if len(out) <= most else None
