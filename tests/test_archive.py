"""The archive of a backup: what is cut off, altered, foreign or made to cost is refused, and none of it is believed."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from backports import zstd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.adapters import archive
from pipeline.errors import BrokenArchive
from pipeline.kept import KINDS, Batch, Contents
from tests import builders
from tests.builders import NOON

ALERTS = [builders.alert(f"word{number}") for number in range(3)]


def written(batches: list[Batch], **at_most: int) -> bytes:
    file = io.BytesIO()
    counts = {kind.name: 0 for kind in KINDS} | {batch.kind: len(batch.things) for batch in batches} | at_most
    for _ in archive.write(file, Contents(counts, iter(batches)), NOON):
        pass
    return file.getvalue()


def read(data: bytes) -> list[Any]:
    return [thing for batch in archive.read(io.BytesIO(data)).batches for thing in batch.things]


WHOLE = written([Batch("alerts", ALERTS)])
LINES = zstd.decompress(WHOLE).splitlines(keepends=True)


def changed(number: int, change: Callable[[Any], Any]) -> bytes:
    """The archive with one of its lines changed, under checksums of Zstandard's that are right."""
    line = json.dumps(change(json.loads(LINES[number])), separators=(",", ":")).encode() + b"\n"
    return zstd.compress(b"".join([*LINES[:number], line, *LINES[number + 1 :]]))


def holding(line: bytes) -> bytes:
    """A batch of a takedown that is this line, with a digest that is right."""
    body = line + b"\n"
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    head = {"batch": "takedowns", "things": 1, "bytes": len(body), "blake2b": digest}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + body


def test_an_archive_is_lines_of_json_that_anybody_can_read():
    head, batch, *things, end = map(json.loads, zstd.decompress(WHOLE).splitlines())
    assert (head["wirewatch"], head["version"], head["at_most"]["alerts"]) == ("archive", 1, 3)
    assert (batch["batch"], batch["things"]) == ("alerts", 3)
    assert [thing["name"] for thing in things] == ["word0", "word1", "word2"]
    assert end["end"]["alerts"]["things"] == 3


def test_a_large_batch_is_written_in_pieces(monkeypatch):
    monkeypatch.setattr(archive, "USUAL_BATCH", 600)
    data = written([Batch("alerts", ALERTS)])
    assert read(data) == ALERTS
    assert zstd.decompress(data).count(b'{"batch":') > 1


@given(st.integers(0, len(WHOLE) - 1))
@example(0)
@example(len(WHOLE) - 1)
def test_an_archive_that_is_cut_off_anywhere_is_refused(length):
    with pytest.raises(BrokenArchive):
        read(WHOLE[:length])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_an_archive_of_which_a_byte_was_altered_is_refused_or_says_the_same(place, bits):
    data = bytearray(WHOLE)
    data[place] ^= bits
    with suppress(BrokenArchive):
        assert read(bytes(data)) == ALERTS  # a bit that means nothing


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_what_is_no_archive_is_refused(data):
    for given_ in (data, zstd.compress(data), zstd.compress(LINES[0] + data)):
        with pytest.raises(BrokenArchive):
            read(given_)


@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1))
def test_lines_that_were_left_out_or_changed_places_are_noticed(one, other):
    lines = LINES.copy()
    lines[one], lines[other] = lines[other], lines[one]
    if lines != LINES:
        with pytest.raises(BrokenArchive):
            read(zstd.compress(b"".join(lines)))
    with pytest.raises(BrokenArchive):
        read(zstd.compress(b"".join(LINES[:one] + LINES[one + 1 :])))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (WHOLE[:-20], "is cut off"),
        (b"PK\x03\x04 a zip", "can't be read"),
        (zstd.compress(b"{}\n"), "is no archive"),
        (changed(0, lambda head: head | {"version": 2}), "later Wirewatch.*form 2.*upgrade"),
        (changed(0, lambda head: head | {"fields": {"alerts": ["id", "colour"]}}), "later Wirewatch.*colour of alerts"),
        (changed(0, lambda head: head | {"fields": {"../../etc": ["id"]}}), "later Wirewatch"),
        (changed(1, lambda batch: batch | {"batch": "../../etc/passwd"}), "nothing that Wirewatch keeps"),
        (changed(1, lambda batch: batch | {"batch": "prepare"}), "nothing that Wirewatch keeps"),
        (changed(1, lambda batch: batch | {"batch": "feeds"}), "among its feeds what is none"),
        (changed(1, lambda batch: batch | {"bytes": -1}), "announces -1 bytes"),
        (changed(1, lambda batch: batch | {"bytes": 10**12}), "announces 1000000000000 bytes"),
        (changed(1, lambda batch: batch | {"things": 2}), "announces 2 alerts where 3 are"),
        (changed(2, lambda thing: thing | {"query": "everything"}), "was altered"),
        (changed(0, lambda head: head | {"at_most": {"alerts": 2}}), "more alerts than it announces"),
        (changed(5, lambda end: {"end": {}}), "holds 3 alerts and says 0"),
        (WHOLE + zstd.compress(b"more"), "goes on after its end"),
        (zstd.compress(LINES[0].replace(b"archive", b"arch\xff\xfeive")), "is no archive"),
        (zstd.compress(b"[" * 30_000 + b"\n"), "is no archive"),
        (zstd.compress(LINES[0].replace(b'{"wire', b'{"deep":' + b"[" * 30_000 + b',"wire')), "is no archive"),
        (zstd.compress(LINES[0] + b'{"batch":"\xff"}\n'), "can't be read"),
        (zstd.compress(LINES[0] + b'{"batch":' + b"[" * 30_000 + b"}\n"), "can't be read"),
        (zstd.compress(LINES[0] + holding(b'{"id":"a","url":"\xff","at":"2026-03-01T12:00:00Z"}')), "what is none"),
        (zstd.compress(LINES[0] + holding(b'{"deep":' + b"[" * 200_000 + b"}")), "what is none"),
        (changed(0, lambda head: head | {"version": 2, "by": "\x1b[2J\n9" + "x" * 9_000}), r"Wirewatch \(\[2J"),
        (changed(1, lambda batch: batch | {"things": 10**4_000}), "announces 1000"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said_in_a_line(data, said):
    with pytest.raises(BrokenArchive, match=said) as raised:
        read(data)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


def bomb(size: int, head: bytes) -> Iterator[bytes]:
    """`size` bytes of nothing after `head`, in a few hundred."""
    packer = zstd.ZstdCompressor()
    yield packer.compress(head)
    for _ in range(size >> 20):
        yield packer.compress(bytes(1 << 20))
    yield packer.flush()


@pytest.mark.parametrize(
    "head", [b"", LINES[0], LINES[0] + b'{"batch":"alerts","things":1,"bytes":60000000,"blake2b":"0"}\n']
)
def test_a_bomb_is_refused_in_little_memory(head):
    data = b"".join(bomb(300 << 20, head))
    assert len(data) < 100_000
    tracemalloc.start()
    with pytest.raises(BrokenArchive):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * archive.LARGEST_BATCH


def test_a_window_that_asks_for_much_memory_is_refused():
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=options)
    data = packer.compress(b"".join(LINES)) + packer.flush()
    with pytest.raises(BrokenArchive, match="can't be read"):
        read(data)
