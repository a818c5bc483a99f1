"""The archive of a backup: JSON Lines under Zstandard, one stream that is written and read from its start to its end.

    {"wirewatch": "archive", "version": 1, "made_at": …, "by": …, "fields": {kind: [field …]}, "at_most": {kind: n}}
    {"batch": kind, "things": n, "bytes": n, "blake2b": hex}      and n lines, each a thing as `codec` writes it
    …
    {"end": {kind: {"things": n, "digest": hex}}}

It names no files, so it can't write any; kinds are looked up in `kept.KINDS`. Nothing is believed before it is checked:
a line has a longest length, a batch a largest size, a kind the number of things that the first line announces, and what
a batch holds is read when its digest is right. All this finds accidents: who may write archives may write any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from typing import IO, Any

import msgspec
from backports import zstd
from msgspec import Struct

from pipeline.adapters.codec import encode
from pipeline.deliver.line import one_line
from pipeline.errors import BrokenArchive, StoreError
from pipeline.kept import KIND_OF, KINDS, Batch, Contents, Tally

VERSION = 1
LONGEST_LINE = 1 << 16
"""Bytes of a line that is no thing."""
LARGEST_BATCH = 1 << 26
"""Bytes of a batch, decompressed; so much memory is needed at the most. Those we write are far smaller."""
USUAL_BATCH = 1 << 21
LONGEST_SAID = 120
"""Letters that are repeated of what an archive says."""
WINDOW = 23
"""Of Zstandard, as a power of two: what an archive may ask us to keep in memory. Level 3 asks for 2 MB."""
NO_JSON = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec raises at bytes that are no JSON of ours: those that are no UTF-8, or nested without end, too."""
OTHER_WAY = "make the backup again, or use another one"


class Head(Struct, kw_only=True):
    """The first line."""

    wirewatch: str
    version: int
    made_at: datetime
    by: str  # the version of Wirewatch that made it
    fields: dict[str, list[str]]  # of each kind
    at_most: dict[str, int]  # things of each kind


class BatchHead(Struct, kw_only=True):
    """The line before a batch."""

    batch: str  # kind
    things: int
    bytes: int
    blake2b: str


class Sum(Struct, frozen=True):
    """What there was of a kind."""

    things: int
    digest: str


class End(Struct, kw_only=True):
    """The last line."""

    end: dict[str, Sum]


# -- writing


def write(file: IO[bytes], contents: Contents, made_at: datetime) -> Iterator[Batch]:
    """Write an archive to `file`, batch by batch, as they are asked for; it is whole when there is no other."""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: 3,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    tallies = {kind.name: Tally() for kind in KINDS}
    with zstd.ZstdFile(file, "w", options=options) as packed:
        packed.write(_line(_head(contents, made_at)))
        for batch in contents.batches:
            for part in _parts(batch):
                packed.write(part)
            for thing in batch.things:
                tallies[batch.kind].add(thing)
            yield batch
        packed.write(_line(End(end={name: Sum(one.count, one.digest) for name, one in tallies.items()})))


def _head(contents: Contents, made_at: datetime) -> Head:
    return Head(
        wirewatch="archive",
        version=VERSION,
        made_at=made_at,
        by=version("wirewatch"),
        fields={kind.name: list(kind.type.__struct_fields__) for kind in KINDS},
        at_most=dict(contents.at_most),
    )


def _parts(batch: Batch) -> Iterator[bytes]:
    """The batch as it is written: in several, where it is large."""
    lines: list[bytes] = []
    size = 0
    for thing in batch.things:
        line = _line(thing)
        if lines and size + len(line) > USUAL_BATCH:
            yield _packed(batch.kind, lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield _packed(batch.kind, lines)


def _packed(kind: str, lines: Sequence[bytes]) -> bytes:
    body = b"".join(lines)
    if len(body) > LARGEST_BATCH:
        raise StoreError(f"one of the {kind} takes {len(body)} bytes, more than an archive may hold in one piece")
    return _line(BatchHead(batch=kind, things=len(lines), bytes=len(body), blake2b=_digest(body))) + body


def _line(content: object) -> bytes:
    return encode(content) + b"\n"


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


# -- reading


def read(file: IO[bytes]) -> Contents:
    """What the archive in `file` holds, checked batch by batch.

    Raises BrokenArchive, also out of `batches`: at what is not as it was written, and at the end where that is missing.
    """
    packed = zstd.ZstdFile(file, options={zstd.DecompressionParameter.window_log_max: WINDOW})
    with _translated():
        head = _read_head(packed)
    return Contents(head.at_most, _batches(packed, head))


def _read_head(packed: zstd.ZstdFile) -> Head:
    line = packed.readline(LONGEST_LINE)
    try:
        head = msgspec.json.decode(line, type=Head)
    except NO_JSON:
        raise BrokenArchive("is no archive of Wirewatch's") from None
    if head.wirewatch != "archive" or head.version < 1:
        raise BrokenArchive("is no archive of Wirewatch's")
    if head.version > VERSION or (unknown := _unknown(head.fields)):
        what = f"form {_shown(head.version)}" if head.version > VERSION else unknown
        raise BrokenArchive(f"was made by a later Wirewatch ({_shown(head.by)}, with {what}): upgrade this one")
    return head


def _unknown(fields: Mapping[str, Sequence[str]]) -> str:
    """What this version does not know, and would lose."""
    for kind, names in fields.items():
        if kind not in KIND_OF:
            return _shown(kind)
        more = set(names) - set(KIND_OF[kind].type.__struct_fields__)
        if more:
            return f"{_shown(min(more))} of {kind}"
    return ""


def _batches(packed: zstd.ZstdFile, head: Head) -> Iterator[Batch]:
    tallies = {name: Tally() for name in KIND_OF}
    while True:
        with _translated():
            line = _read_line(packed)
            if isinstance(line, End):
                _check_end(line, tallies, packed)
                return
            batch = _read_batch(packed, line)
            for thing in batch.things:
                tallies[batch.kind].add(thing)
            if tallies[batch.kind].count > head.at_most.get(batch.kind, 0):
                raise BrokenArchive(f"holds more {batch.kind} than it announces: {OTHER_WAY}")
        yield batch


def _read_line(packed: zstd.ZstdFile) -> BatchHead | End:
    line = packed.readline(LONGEST_LINE)
    if not line:
        raise EOFError
    kind: type[BatchHead | End] = End if line.startswith(b'{"end":') else BatchHead
    return msgspec.json.decode(line, type=kind)


def _read_batch(packed: zstd.ZstdFile, head: BatchHead) -> Batch:
    if head.batch not in KIND_OF:
        raise BrokenArchive(f"holds {_shown(head.batch)!r}, which is nothing that Wirewatch keeps: {OTHER_WAY}")
    if not 0 < head.bytes <= LARGEST_BATCH:
        size = _shown(head.bytes)
        raise BrokenArchive(f"announces {size} bytes in one piece, of {LARGEST_BATCH} at the most: {OTHER_WAY}")
    body = packed.read(head.bytes)
    if len(body) < head.bytes:
        raise EOFError
    if _digest(body) != head.blake2b:
        raise BrokenArchive(f"was altered: a batch of {head.batch} is not as it was written; {OTHER_WAY}")
    return Batch(head.batch, _things(head, body))


def _things(head: BatchHead, body: bytes) -> list[Any]:
    kind = KIND_OF[head.batch]
    try:
        things = [msgspec.json.decode(line, type=kind.type) for line in body.splitlines()]
    except NO_JSON as error:
        raise BrokenArchive(f"holds among its {head.batch} what is none ({_shown(error)}): {OTHER_WAY}") from error
    if len(things) != head.things:
        raise BrokenArchive(f"announces {_shown(head.things)} {head.batch} where {len(things)} are: {OTHER_WAY}")
    return things


def _check_end(line: End, tallies: Mapping[str, Tally], packed: zstd.ZstdFile) -> None:
    for name, tally in tallies.items():
        said = line.end.get(name, Sum(0, Tally().digest))
        if (tally.count, tally.digest) != (said.things, said.digest):
            raise BrokenArchive(f"holds {tally.count} {name} and says {_shown(said.things)}, or others: {OTHER_WAY}")
    if packed.read(1):
        raise BrokenArchive(f"goes on after its end: {OTHER_WAY}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise BrokenArchive(f"is cut off: {OTHER_WAY}") from None
    except (zstd.ZstdError, *NO_JSON, OSError) as error:
        raise BrokenArchive(f"can't be read ({_shown(error)}): {OTHER_WAY}") from error


def _shown(given: object) -> str:
    """What an archive says, as it may stand in a line of ours."""
    return one_line(str(given), LONGEST_SAID)
