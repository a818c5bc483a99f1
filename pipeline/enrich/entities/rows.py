"""Reads a paragraph: rows of capitalised words, and what the words in and beside a row say that it names.

The rules are those of the English press. Of them, first names, titles, offices and the words that say what an
organisation is are read in German, French, Spanish, Italian, Portuguese and Russian too; see docs/entities.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pipeline.enrich.entities import words as said
from pipeline.enrich.entities.gazetteer import first_names
from pipeline.model import EntityKind
from pipeline.text import fold

BESIDE = 40
"""Characters before and behind a row that are looked at."""
NEXT = 24
"""Of those behind, the characters that hold the next two words."""
MOST_ALIKE = 3
"""Words of two names that are taken to be of one kind for the "and" between them."""
MOST_WORDS = 12
"""A row of more capitalised words than this is a headline or a list, and is left alone."""

_CAPITALS = r"A-ZÀ-ÖØ-ÞĀ-ŽА-ЯЁЇІЄҐΑ-Ω"
_CAPITAL = f"[{_CAPITALS}]"
_SHORTENED = r"(?:Dr|Mr|Mrs|Ms|St|Prof|Gen|Sen|Rep|Gov|Lt|Col|Sgt|[A-Z])\.(?=[ \u00a0][A-Z])"
_WORD = rf"(?:{_SHORTENED}|(?:[OD]['’]|al-|el-)?{_CAPITAL}(?:[\w-]|\.(?=\w))*)"
_LINK = r"(?:of|for|on|and|the|to|de|la|del|du|des|da|do|dos|di|della|delle|las|los|van|von|der|den|bin|ibn|al|ter|&)"
_ROW = re.compile(rf"{_WORD}(?:[ \u00a0](?:{_LINK}[ \u00a0]){{0,3}}{_WORD})*")
# Where a row may begin. It starts with one set of characters, which is searched for ten times as fast as a choice.
_BEGINS = re.compile(rf"[ae{_CAPITALS}](?:(?<![ae])|l-(?={_CAPITAL}))")
_PART = re.compile(r"[^ \u00a0]+")
_QUOTES = " \u00a0“‘\"'(«„"
_AGE = re.compile(r", (?:aged )?\d{1,3}\b")
_CAPITAL_BEHIND = re.compile(rf", {_CAPITAL}")
_ACRONYM = re.compile(r"(?:[A-Z]\.?){2,6}$")
_TOKEN = re.compile(r"[^\W_]+")
_OF = frozenset({"of", "for", "on", "to", "the"})


class Reading(NamedTuple):
    """A name as it stands in a paragraph. `kind` is None where nothing beside it says what it names."""

    text: str
    start: int
    end: int
    kind: EntityKind | None
    titled: bool = False  # a title or office stands before it
    placed: bool = False  # the words beside it may speak of a place

    @property
    def tokens(self) -> tuple[str, ...]:
        """Its tokens, folded."""
        return tokens(self.text)


class _Word(NamedTuple):
    text: str
    start: int
    end: int
    folded: str


@lru_cache(maxsize=4_000)
def tokens(name: str) -> tuple[str, ...]:
    """The folded tokens of a name: remembered, for the news names the same names all day."""
    plain = name.replace(".", "") if is_acronym(name) else name
    return tuple(fold(part) for part in _TOKEN.findall(plain))


def is_acronym(text: str) -> bool:
    """Whether `text` is an acronym: KCNA, N.I.S."""
    return _ACRONYM.match(text) is not None


def read(paragraph: str, language: str) -> list[Reading]:
    """What the rows of a paragraph name, from left to right."""
    found = [
        reading
        for row in _rows(paragraph)
        if row.group().lower() not in said.STRIPPED
        for piece in _pieces(_row_words(row))
        if (reading := _named(piece, paragraph, english=language in ("en", "unknown")))
    ]
    for place in range(1, len(found)):
        found[place - 1 : place + 1] = _alike(found[place - 1], found[place], paragraph)
    return found


def _rows(paragraph: str) -> Iterator[re.Match[str]]:
    end = 0
    for begin in _BEGINS.finditer(paragraph):
        row = _ROW.match(paragraph, begin.start()) if begin.start() >= end else None
        if row:
            yield row
            end = row.end()


def _alike(one: Reading, other: Reading, paragraph: str) -> tuple[Reading, Reading]:
    """Two names joined by "and", where one of them is told: Chelsea and Tottenham are of one kind."""
    if paragraph[one.end : other.start] not in (" and ", " and the ") or (one.kind and other.kind):
        return one, other
    kind = one.kind or other.kind
    if kind is EntityKind.PERSON or max(len(one.tokens), len(other.tokens)) > MOST_ALIKE:
        return one, other
    return one._replace(kind=kind), other._replace(kind=kind)


def _row_words(row: re.Match[str]) -> list[_Word]:
    start = row.start()
    return [
        _Word(part.group(), start + part.start(), start + part.end(), " ".join(tokens(part.group())))
        for part in _PART.finditer(row.group())
    ]


def _pieces(row: list[_Word]) -> Iterator[list[_Word]]:
    """A row cut where its small words join two names, not the parts of one: Shell and Maersk, Bank of England."""
    piece: list[_Word] = []
    links: list[_Word] = []
    for word in row:
        if not _is_capital(word):
            links.append(word)
            continue
        if piece and not _joined(piece, links, word):
            yield piece
            piece, links = [], []
        piece += [*links, word]
        links = []
    if piece:
        yield piece


def _is_capital(word: _Word) -> bool:
    return word.text[0].isupper() or word.text[:3] in ("al-", "el-")


def _joined(piece: list[_Word], links: list[_Word], word: _Word) -> bool:
    if not links:
        return True
    if any(link.text == "&" for link in links):
        return True
    if any(link.text == "and" for link in links):
        return (piece[-1].folded, word.folded) in said.PAIRS
    if links[0].text in _OF:
        return any(part.folded in _OF_FOLLOWS for part in piece)
    return True


_OF_FOLLOWS = (
    said.ORGANISATION_HEADS | said.ORGANISATION_TAILS | said.PLACE_TAILS | {"strait", "secretary", "republic"}
) - {"party", "group", "post", "times", "co"}


def _named(piece: list[_Word], paragraph: str, *, english: bool) -> Reading | None:
    """What a piece names, given the words in it and beside it."""
    piece = _without_lead(piece, english=english)
    if not piece or len(piece) > MOST_WORDS:
        return None
    name, titled = _behind_title(piece)
    if not name or all(part.folded in said.NO_NAMES or not part.folded for part in name):
        return None
    start, end = name[0].start, name[-1].end
    text = paragraph[start:end].replace("\u00a0", " ")
    if len(text) < 2:
        return None
    beside = _Beside(paragraph[max(0, start - BESIDE) : start], paragraph[end : end + BESIDE])
    titled = titled or beside.announces
    kind = _kind(name, text, beside, titled=titled, english=english)
    return Reading(text, start, end, kind, titled and kind is EntityKind.PERSON, beside.may_place)


def _without_lead(piece: list[_Word], *, english: bool) -> list[_Word]:
    """A piece without the small words of a sentence's beginning, and without adjectives of people."""
    passed_over = _LEADS[english, piece[-1].folded in said.ORGANISATION_TAILS]
    first = 0
    while first < len(piece) and (piece[first].folded in passed_over or not _is_capital(piece[first])):
        first += 1
    return piece[first:]


_LEADS = {
    (english, organisation): said.STRIPPED
    | (frozenset() if english else said.ARTICLES)
    | (frozenset() if organisation else said.ADJECTIVES)
    for english in (True, False)
    for organisation in (True, False)
}
"""What is passed over at the beginning: in English or not, of an organisation (South African Airways) or not."""


def _is_title(folded: str) -> bool:
    return folded in said.TITLES or (len(folded) > 8 and folded.endswith(said.TITLE_TAILS))


def _behind_title(piece: list[_Word]) -> tuple[list[_Word], bool]:
    """What stands behind the last title of a piece, and whether there is one."""
    if len(piece) > 1 and piece[-1].folded in said.ORGANISATION_TAILS:
        return piece, False
    last = max((place for place, word in enumerate(piece) if _is_title(word.folded)), default=-1)
    if last < 0:
        return piece, False
    name = piece[last + 1 :]
    if name and name[0].text == "of":  # Secretary of State Marco Rubio
        name = name[2:]
    return name, True


def _words_behind(behind: str) -> list[str]:
    """The next words of the same clause, folded, a possessive passed over."""
    if behind[:1] not in (" ", "’", "'", "\u00a0"):
        return []
    found = [fold(part) for part in _TOKEN.findall(behind, 0, NEXT)[:2]]
    return found[1:] if behind[:1] != " " and found[:1] == ["s"] else found


class _Beside:
    """The words beside a name."""

    def __init__(self, before: str, behind: str) -> None:
        bare = before.rstrip(_QUOTES)
        self.is_apposed = bare.endswith(",")
        last = bare.removesuffix(",").casefold().split()[-3:]
        self.before = " ".join(last)
        self.word_before = last[-1] if last else ""
        self.behind = behind
        self.words_behind = _words_behind(behind)

    @property
    def announces(self) -> bool:
        """Whether a title or an office stands right before."""
        return _is_title(fold(self.word_before)) or self.before.endswith(said.PRECEDES_OFFICE[:8])

    @property
    def may_place(self) -> bool:
        """Whether the words beside may speak of a place: "at Leeds", "Eugene, Oregon"."""
        return self.word_before in said.MAY_SPEAK_OF_PLACE or _CAPITAL_BEHIND.match(self.behind) is not None

    @property
    def speaks(self) -> bool:
        """Whether what is named says or does something, or has an age."""
        verb = self.words_behind[0] if self.words_behind else ""
        return verb in said.SPEAKS or verb.endswith("ed") or _AGE.match(self.behind) is not None

    @property
    def is_quoted_from(self) -> bool:
        """Whether what is named was just said to have spoken: "…, said Marta Zlatic"."""
        return self.word_before in ("said", "says", "wrote", "asked", "meet", "met", "beat", "told")

    def first_behind_in(self, some: frozenset[str]) -> bool:
        return bool(self.words_behind) and self.words_behind[0] in some


def _kind(name: list[_Word], text: str, beside: _Beside, *, titled: bool, english: bool) -> EntityKind | None:
    if _is_organisation(name, text, beside, english=english) and not (
        titled and len(name) == 1 and not is_acronym(text)
    ):
        return EntityKind.ORGANISATION
    if _is_place(name, beside):
        return EntityKind.PLACE
    if titled and len(name) <= 4 and (len(name) > 1 or not beside.is_apposed):
        return EntityKind.PERSON
    if _is_person(name, beside, english=english):
        return EntityKind.PERSON
    if english and beside.word_before in said.SPEAKS_OF_PLACE and len(name) <= 3 and not beside.is_apposed:
        return None if beside.behind.startswith(("’s ", "'s ")) else EntityKind.PLACE
    return None


def _is_organisation(name: list[_Word], text: str, beside: _Beside, *, english: bool) -> bool:
    if _says_organisation(name, text):
        return True
    if beside.word_before in said.DESCRIBES_ORGANISATION and english:
        return True
    return english and beside.first_behind_in(said.BEHIND_ORGANISATION) and not _has_first_name(name)


def _says_organisation(name: list[_Word], text: str) -> bool:
    """Whether the words of a name themselves are those of an organisation."""
    if len(name) == 1:
        return is_acronym(text) and name[0].folded not in said.NO_NAMES
    if name[-1].folded in said.ORGANISATION_TAILS or name[0].folded in said.ORGANISATION_HEADS or _has_acronym(name):
        return True
    return any(word.folded in _HEADED for word in name[:-1])


_HEADED = frozenset({"court", "university", "bank", "committee", "council", "institute", "organisation", "organization",
                     "association", "commission", "foundation", "society", "force", "federation"})  # fmt: skip


def _has_acronym(name: list[_Word]) -> bool:
    """IG Metall, AC Milan."""
    ends = (name[0], name[-1])
    return any(is_acronym(word.text) and "." not in word.text and word.folded not in said.NO_NAMES for word in ends)


def _is_place(name: list[_Word], beside: _Beside) -> bool:
    if len(name) > 1 and (name[-1].folded in said.PLACE_TAILS or name[0].folded in said.PLACE_HEADS):
        return True
    return beside.first_behind_in(said.BEHIND_PLACE)


def _has_first_name(name: list[_Word]) -> bool:
    return len(name) > 1 and name[0].folded.split(" ")[0] in first_names()


def _is_person(name: list[_Word], beside: _Beside, *, english: bool) -> bool:
    """Two to five words that begin with a first name, or of which something is said as of a person."""
    if not 2 <= len(name) <= 5 or any(is_acronym(word.text) and len(word.text) > 2 for word in name):
        return False
    if any(link.text in _OF or link.text == "and" for link in name):
        return False
    if _has_first_name(name) or (name[0].folded in said.CHINESE_AND_KOREAN and len(name) <= 3):
        return True
    return english and (beside.speaks or beside.is_quoted_from)
