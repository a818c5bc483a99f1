"""How long a text is for its reader: words, and the time they take."""

from __future__ import annotations

import re
from itertools import filterfalse

import regex

WORDS_A_MINUTE = 238
"""Silent reading of English non-fiction (Brysbaert 2019, a review of 190 studies); other languages are near."""
# Characters that a word has on average where no spaces part words.
_HAN_A_WORD, _THAI_A_WORD = 2, 4

_HAN = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+")
_THAI = regex.compile(r"[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+")
# Nothing else can be of those scripts; a search for it costs a tenth of one by script.
_PERHAPS_SOLID = re.compile("[\u0e00-\u1fff\u2e80-\U0010ffff]")
_LETTER_OR_DIGIT = regex.compile(r"[\p{L}\p{N}]")


def word_count(text: str) -> int:
    """The words of `text`, as a person counts: what white space parts and has a letter or a digit.

    Chinese and Japanese count a word for every two characters of a run, Thai and its neighbours for every four, rounded
    up; Korean has spaces.
    """
    if not _PERHAPS_SOLID.search(text):
        return _words_in(text.split())
    parted, han = _taken_out(_HAN, text, _HAN_A_WORD)
    parted, thai = _taken_out(_THAI, parted, _THAI_A_WORD)
    return han + thai + _words_in(parted.split())


def _words_in(parts: list[str]) -> int:
    rest = list(filterfalse(str.isalnum, parts))
    return len(parts) - len(rest) + sum(map(_is_word, rest))


def _is_word(part: str) -> bool:
    return part[0].isalnum() or _LETTER_OR_DIGIT.search(part) is not None


def _taken_out(script: regex.Pattern[str], text: str, a_word: int) -> tuple[str, int]:
    """`text` without the runs of `script`, and how many words these are."""
    runs = script.findall(text)
    return (script.sub(" ", text) if runs else text), sum(-(-len(run) // a_word) for run in runs)


def minutes(words: int) -> int:
    """Whole minutes that so many words take to read, rounded up; 0 for none."""
    return -(-words // WORDS_A_MINUTE)
