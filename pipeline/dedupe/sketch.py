"""Whether two texts are copies of one, told from a sketch of each that is small enough to be stored with every story.

A sketch holds the MinHash signature of a text's shingles (Broder 1997), their number, and a sample of its particulars:
the names and figures in it. Texts are copies when the longer has most of the shorter, in shingles *and* in particulars.
Shingles alone can't tell: two closures of roads announced in one form share four fifths of them, a wire story cut
and under a new opening shares half with what was sent. But what the form's stories share holds few names.

Bands find the few stored sketches worth comparing. A band is one place of the signature with its value, and only those
with the least values of all count: so texts that have shingles in common choose the same places, as they choose the
same values, and a dozen bands find what locality-sensitive hashing (Indyk and Motwani 1998) needs 42 bands of three
places for. Copies share several of theirs, strangers one at the most.

What was decided:
- the headline is each outlet's own and takes no part, but to lengthen a body that is too short alone;
- a text cut to half is a copy, one cut below two fifths is not: a feed's 60 words are no copy of a page's 600;
- under 40 words, or 80 signs of a script without spaces, nothing is concluded.

Shingles, and so bands, do not depend on case, punctuation, white space or quotes. Names are told by their capitals: a
text all in capitals has more of them, which contain the other's.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from zlib import crc32

from rensa import RMinHash

from pipeline.text import fold, normalise, words

SEED = 7
PERMUTATIONS = 128
BANDS = 12
BANDS_SHARED = 2
"""Copies have so many of their bands in common; one alone may be a common phrase."""

_SHINGLE = 5  # tokens: long enough that strangers share none, short enough that a changed word costs little
_SOLID_SHINGLE = 10  # where a token is one character
_LEAST_WIDTHS = 7  # distinct shingles that a text must have, in units of their length
_LEAST_RATIO = 0.4  # of the shorter text's shingles to the longer's
_PARTICULARS_KEPT = 64
# Tuned on one half of the labelled stories, the other half was measured (benchmarks/cluster.py).
_LEAST_SHINGLES_SHARED = 0.45
_LEAST_PARTICULARS_SHARED = 0.65
_LEAST_PARTICULARS = 2  # fewer say nothing, and more of the shingles must be shared
_LEAST_SHINGLES_SHARED_ALONE = 0.65

# Sketches made in another way are no copies of these: that of this module, and the version of rensa's algorithm.
_MADE = bytes([2, RMinHash.ALGORITHM_VERSION])
_HEAD = struct.Struct("<2sI")
_SIGNATURE = struct.Struct(f"<{PERMUTATIONS}H")
_BANDS = struct.Struct(f"<{BANDS}Q")
_BANDS_AT = _HEAD.size + _SIGNATURE.size
_PARTICULARS_AT = _BANDS_AT + _BANDS.size

# A capital after a word or a comma, not at the beginning of a sentence; and what holds a digit, but for times of day,
# which forms have in their fixed parts. Each can only begin where a run does: 300 KB of one cost their length once.
# The name's begins with one set of characters, which is searched for three times as fast as a look behind each.
_NAME = re.compile(r"[^\W\d_a-z](?:(?<=[^\W\d_] .)|(?<=[^\W\d_], .))\w+")
_FIGURE = re.compile(r"(?<![A-Za-z\d:])[A-Za-z]*\d+(?:[.,]\d+)*(?!\d|:\d)")


def sketch(title: str, body: str) -> bytes:
    """The sketch of a text, at most 486 bytes; b"" when it is too short to conclude anything from.

    The same in every process and on every machine, for one version of rensa's algorithm, which it names.
    """
    shingles = _shingles(words(body)) or _shingles((*words(title), *words(body)))
    if not shingles:
        return b""
    minhash = RMinHash(PERMUTATIONS, SEED)
    minhash.update(shingles)
    digest = minhash.digest()
    signature = [value & 0xFFFF for value in digest]
    least = sorted(zip(digest, range(PERMUTATIONS), strict=True))[:BANDS]
    particulars = sorted({crc32(one.encode("utf-8", "surrogatepass")) & 0xFFFF for one in _particulars(body)})
    kept = particulars[:_PARTICULARS_KEPT]
    return b"".join(
        [
            _HEAD.pack(_MADE, len(shingles)),
            _SIGNATURE.pack(*signature),
            _BANDS.pack(*(place << 32 | value for value, place in least)),
            struct.pack(f"<{len(kept)}H", *kept),
        ]
    )


def bands(sketch: bytes) -> tuple[int, ...]:
    """The bands of a sketch, each a positive number below 2^63 that holds its own place; () for b""."""
    return _BANDS.unpack_from(sketch, _BANDS_AT) if sketch else ()


def is_copy(one: bytes, other: bytes) -> bool:
    """Whether one text is a copy of the other, whole or cut, edited or under a new opening; False for b""."""
    if not one or not other or one[: len(_MADE)] != other[: len(_MADE)]:
        return False
    if one[:_PARTICULARS_AT] == other[:_PARTICULARS_AT]:
        return True  # the same words, whatever their case
    shingles_shared = _shingles_shared(one, other)
    if shingles_shared < _LEAST_SHINGLES_SHARED:
        return False
    particulars_shared = _particulars_shared(one, other)
    if particulars_shared is None:
        return shingles_shared >= _LEAST_SHINGLES_SHARED_ALONE
    return particulars_shared >= _LEAST_PARTICULARS_SHARED


def _shingles(tokens: Sequence[str]) -> set[str]:
    """The distinct shingles of a text; none when they are too few."""
    # Scripts without spaces have one token a character, all others words of several.
    solid = sum(map(len, tokens)) < 2 * len(tokens)
    width = _SOLID_SHINGLE if solid else _SHINGLE
    shingles = set(map(" ".join, zip(*(tokens[start:] for start in range(width)), strict=False)))
    return shingles if len(shingles) >= _LEAST_WIDTHS * width else set()


def _particulars(body: str) -> Iterator[str]:
    """The names and figures of a text, folded."""
    text = " ".join(normalise(body).split())
    yield from (fold(name) for name in _NAME.findall(text) if name[0].isupper())
    yield from map(fold, _FIGURE.findall(text))


def _shingles_shared(one: bytes, other: bytes) -> float:
    """The estimated share of the shorter text's shingles that the longer has; 0 where one is much the longer."""
    (_, size), (_, other_size) = _HEAD.unpack_from(one), _HEAD.unpack_from(other)
    shorter, longer = sorted((size, other_size))
    if shorter < _LEAST_RATIO * longer:
        return 0.0
    jaccard = _equal_places(one, other) / PERMUTATIONS
    return float(jaccard * (shorter + longer) / (1 + jaccard) / shorter)


def _particulars_shared(one: bytes, other: bytes) -> float | None:
    """The share of one text's particulars that the other has, of whichever has fewer; None where these say nothing."""
    mine, others = _sample(one), _sample(other)
    # Each keeps its smallest hashes: up to the end of the shorter sample both are complete.
    ends = [sample[-1] for sample in (mine, others) if len(sample) == _PARTICULARS_KEPT]
    end = min(ends, default=0xFFFF)
    left, right = ({value for value in sample if value <= end} for sample in (mine, others))
    fewer = min(len(left), len(right))
    return len(left & right) / fewer if fewer >= _LEAST_PARTICULARS else None


def _equal_places(one: bytes, other: bytes) -> int:
    """In how many places the signatures are equal: those of 16 bits that are zero when one is taken from the other."""
    mine, others = (int.from_bytes(sketch[_HEAD.size : _BANDS_AT]) for sketch in (one, other))
    return memoryview((mine ^ others).to_bytes(_SIGNATURE.size)).cast("H").tolist().count(0)


def _sample(sketch: bytes) -> tuple[int, ...]:
    return struct.unpack_from(f"<{(len(sketch) - _PARTICULARS_AT) // 2}H", sketch, _PARTICULARS_AT)
