"""The one analysis: fold and tokenise with offsets. Everything that compares words goes through here.

Rules, stated for analysts in docs/query.md:

- compatibility forms are one (NFKC) and case is folded; digits of every script are ASCII digits;
- marks are stripped from Latin and Greek letters, Hebrew points and Arabic harakat are dropped, ё is е;
  other marks stay, because they make other letters (バス is not パス, й is not и);
- letters that carry no separable mark are spelt out (ł is l, ø is o, æ is ae);
- a possessive ’s is dropped, any other apostrophe or hyphen separates;
- dotted acronyms are joined (U.S. is US), and so are thousands (10,000 is 10000);
- scripts written without spaces, and Hangul with its glued particles, are one token a character;
- a token is cut below 255 UTF-16 units, the most that Lucene's whitespace tokeniser keeps whole.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

import regex

MAX_TOKEN_UNITS = 250
_SURELY_WHOLE = MAX_TOKEN_UNITS // 2
"""Fewer characters than this are never cut."""

APOSTROPHES = "'’‘ʼ′`´"
# Written without spaces between words: every character, with the marks on it, is a token of its own.
_SOLID = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}"
    r"\p{Script=Khmer}\p{Script=Myanmar}\u30fc"
)
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{_SOLID}ʼ]]"
_INSIDE = rf"[[\p{{L}}\p{{N}}\p{{M}}\p{{Cf}}]--[{_SOLID}ʼ]]"
_WORD = r"[\p{L}\p{N}\p{M}]"
_POSSESSIVE = rf"(?!(?<=[\p{{L}}\p{{N}}\p{{M}}][{APOSTROPHES}])[sS](?!{_WORD}))"
_TOKEN = regex.compile(
    rf"(?<!{_WORD})[\p{{L}}--[{_SOLID}]](?:\.[\p{{L}}--[{_SOLID}]])+(?!{_WORD})"  # U.S.
    rf"|(?<!{_WORD})\d{{1,3}}(?:,\d{{3}})+(?!{_WORD})"  # 10,000
    rf"|[[\p{{L}}\p{{N}}]&&[{_SOLID}]][\p{{M}}\p{{Cf}}]*"
    rf"|{_POSSESSIVE}{_LETTER}{_INSIDE}*",
    regex.VERSION1,
)
# A character and all that may combine with it under normalisation: no composition crosses such a border.
_CLUSTER = regex.compile(r"(?s).[\p{M}\u1160-\u11ff\uff9e\uff9f]*")
_STRIPPED_MARKS = regex.compile(r"(?<=[\p{Latin}\p{Greek}])\p{M}+")
_DROPPED = regex.compile(r"[\p{Cf}\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u0640.,]")
_SPELT_OUT = str.maketrans(
    {
        "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th",
        "ё": "е",
    }
)  # fmt: skip

# Plain: nothing that combines, hides, is solid, or lies outside the Latin, Greek and Cyrillic of news.
_NOT_PLAIN = re.compile(r"[^\x00-\xac\xae-\u02b8\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u203b\u20a0-\u20bf]")
_WORD_PLAIN = re.compile(r"([^\W_]+)")
_WORD_ASCII = re.compile(r"([0-9A-Za-z]+)")  # the same in ASCII, in two thirds of the time
_POSSESSIVE_PLAIN = re.compile(rf"[{APOSTROPHES}](?<=[^\W_].)[sS](?![^\W_])")
_DOTTED_PLAIN = re.compile(r"\.[^\W\d_](?![^\W_])")
_ACRONYM_PLAIN = re.compile(r"(?<![^\W_])[^\W\d_](?:\.[^\W\d_])+(?![^\W_])")
_COMMA_PLAIN = re.compile(r",\d{3}")
_THOUSANDS_PLAIN = re.compile(r"(?<![^\W_])\d{1,3}(?:,\d{3})+(?![^\W_])")

Span = tuple[int, int]

_MEMO_LIMIT = 64_000


class _Memo(dict[str, str]):
    """Remembers what each raw token comes to: a language has few words and a story repeats them.

    Equal tokens are one string, so that a hundred thousand alerts hold each word once.
    """

    def __init__(self, work: Callable[[str], str]) -> None:
        self.work = work

    def __missing__(self, raw: str) -> str:
        if len(self) >= _MEMO_LIMIT:
            self.clear()
        done = self[raw] = sys.intern(self.work(raw))
        return done


class Tokens:
    """A text as tokens: `folded[i]` and `cased[i]` are the same token, `spans[i]` says where it stands."""

    __slots__ = ("__dict__", "_reading", "folded", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._reading = _read(text)
        self.folded = self._reading.folded

    def __len__(self) -> int:
        return len(self.folded)

    @cached_property
    def cased(self) -> tuple[str, ...]:
        """The same tokens with their case kept, for `=KCNA`."""
        # What is plain stays as it is, and need not be remembered: that would be as much again as is for folding.
        return tuple(
            raw if len(raw) < _SURELY_WHOLE and raw.isalnum() and raw.isascii() else _CASED[raw]
            for raw in self._reading.raw
        )

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Offsets `(start, end)` of each token in `text`, end exclusive; worked out when first asked for."""
        found = tuple(_raw_spans(self._reading))
        if self._reading.normal == self.text:
            return found
        return _spans_in_original(self.text, found)

    @cached_property
    def positions(self) -> dict[str, list[int]]:
        """Folded token to the ascending places where it stands."""
        places: dict[str, list[int]] = {}
        for place, token in enumerate(self.folded):
            if token in places:  # two looks at most, and in half the time of setdefault, which makes a list each time
                places[token].append(place)
            else:
                places[token] = [place]
        return places

    @cached_property
    def vocabulary(self) -> list[str]:
        """The folded tokens that occur, sorted."""
        return sorted(self.positions)

    def stretch(self, first: int, last: int) -> Span:
        """Offsets from the start of token `first` to the end of token `last`."""
        if self._borders:
            return self._borders[2 * first], self._borders[2 * last + 1]
        return self.spans[first][0], self.spans[last][1]

    @cached_property
    def _borders(self) -> list[int]:
        """Where each piece ends; empty where that is no place in `text`, since reading made it shorter or other."""
        reading = self._reading
        borders = list(accumulate(map(len, reading.pieces)))
        return borders if borders and borders[-1] == len(reading.normal) and reading.normal == self.text else []


class _Reading(NamedTuple):
    """A text as it was read."""

    normal: str
    pieces: list[str]  # as `_pieces` gives them
    raw: Sequence[str]  # the tokens as they stand in `normal`, but for the joining dots and commas
    folded: tuple[str, ...]


@lru_cache(maxsize=128)
def _read(text: str) -> _Reading:
    """Read a text into tokens.

    Remembered, for a batch of stories is hashed, indexed and matched in turn, on the same texts. Where the tokens stand
    is not: that is ten times as much, and only matching asks.
    """
    normal = normalise(text)
    pieces = _pieces(normal)
    raw = pieces[1::2] if pieces else _TOKEN.findall(normal)
    return _Reading(normal, pieces, raw, tuple(map(_FOLDED.__getitem__, raw)))


def normalise(text: str) -> str:
    """NFKC, cluster by cluster, so that every place in the outcome has a place in the original."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    return "".join(_normal_clusters(text))


def fold(token: str) -> str:
    """Fold one token as the index holds it. Idempotent; never empty for a token that `Tokens` gives."""
    return _FOLDED[normalise(token)]


def words(text: str) -> tuple[str, ...]:
    """The folded tokens of `text`."""
    return _read(text).folded


def is_alike(one: str, other: str) -> bool:
    """Whether two texts, of which one has words, have half of the words of the longer one in common."""
    said, again = set(words(one)), set(words(other))
    return bool(said) and 2 * len(said & again) >= max(len(said), len(again))


def is_solid(token: str) -> bool:
    """Whether `token` is of a script that is cut character by character, where one token is no whole word."""
    return bool(token) and regex.match(rf"[{_SOLID}]", token) is not None


def _normal_clusters(text: str) -> Iterator[str]:
    for match in _CLUSTER.finditer(text):
        yield unicodedata.normalize("NFKC", match.group())


def _pieces(normal: str) -> list[str]:
    """What a plain text is made of: a gap, a token, a gap, …, a gap. Empty for a text that is not plain.

    The tokens are those of `_TOKEN` 5 times faster, for the letters that most news is written in; a property test holds
    the two together.
    """
    is_ascii = normal.isascii()
    if not is_ascii and _NOT_PLAIN.search(normal):
        return []
    plain = normal
    if _DOTTED_PLAIN.search(plain):
        plain = _ACRONYM_PLAIN.sub(_without_joints, plain)
    if _COMMA_PLAIN.search(plain):
        plain = _THOUSANDS_PLAIN.sub(_without_joints, plain)
    if any(one in plain for one in APOSTROPHES):
        plain = _POSSESSIVE_PLAIN.sub("  ", plain)
    return (_WORD_ASCII if is_ascii else _WORD_PLAIN).split(plain)


def _raw_spans(reading: _Reading) -> Iterable[Span]:
    """Where the raw tokens stand: behind all pieces before them, unless joining made the text shorter."""
    borders = list(accumulate(map(len, reading.pieces)))
    if borders and borders[-1] == len(reading.normal):
        return zip(borders[::2], borders[1::2], strict=False)
    return [match.span() for match in _TOKEN.finditer(reading.normal)]


def _without_joints(match: re.Match[str]) -> str:
    return match.group().replace(".", "").replace(",", "")


def _fold(raw: str) -> str:
    if raw.isascii() and raw.isalnum():
        return _cut(raw.lower())
    folded = raw
    # Folding case can call for normalising again (and the other way round): repeat until nothing moves.
    for _ in range(4):
        step = _strip(unicodedata.normalize("NFKC", folded.casefold())).translate(_SPELT_OUT)
        if step in ("", folded):
            break
        folded = step
    return _cut(folded)


def _keep_case(raw: str) -> str:
    return _cut(_strip(raw) or raw)


def _strip(token: str) -> str:
    """`token` with ASCII digits, without dots, invisible characters and marks that make no other letter."""
    token = _DROPPED.sub("", token)
    if token.isascii():
        return token
    decomposed = unicodedata.normalize("NFD", token)
    bare = unicodedata.normalize("NFC", _STRIPPED_MARKS.sub("", decomposed))
    return "".join(str(unicodedata.decimal(char)) if not char.isascii() and char.isdecimal() else char for char in bare)


def _cut(token: str) -> str:
    if len(token) * 2 <= MAX_TOKEN_UNITS:
        return token
    token = token[:MAX_TOKEN_UNITS]  # at least: a character is one unit or two
    while len(token.encode("utf-16-le", "surrogatepass")) // 2 > MAX_TOKEN_UNITS:
        token = token[:-1]
    return token


def _spans_in_original(text: str, found: tuple[Span, ...]) -> tuple[Span, ...]:
    """Map spans in the normal form of `text` to the clusters of `text` that they touch."""
    normal_starts: list[int] = []
    original: list[Span] = []
    length = 0
    for match in _CLUSTER.finditer(text):
        normal_starts.append(length)
        original.append(match.span())
        length += len(unicodedata.normalize("NFKC", match.group()))
    return tuple(
        (
            original[bisect_right(normal_starts, start) - 1][0],
            original[bisect_right(normal_starts, end - 1) - 1][1],
        )
        for start, end in found
    )


_FOLDED = _Memo(_fold)
_CASED = _Memo(_keep_case)
