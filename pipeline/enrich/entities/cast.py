"""Who is in a story: of all that was read, each name once, with every alias it goes by in this story.

Nothing here depends on the order of paragraphs: readings are taken as sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pipeline.enrich.entities import words as said
from pipeline.enrich.entities.aliases import Alias, Aliases, Name
from pipeline.enrich.entities.gazetteer import Gazetteer
from pipeline.enrich.entities.rows import Reading, is_acronym, tokens
from pipeline.enrich.entities.scan import Part
from pipeline.model import EntityKind

_SUFFIXES = ("jr", "sr", "ii", "iii")


def cast(parts: Sequence[Part], known: Gazetteer) -> Aliases:
    """The aliases of all that this story names by itself, over what every story knows."""
    readings = {reading.text: reading for reading in _strongest(parts)}
    cities = list(_small_cities(readings.values(), known))
    of_cities = {city.folded for city in cities}
    fresh = [reading for reading in readings.values() if _is_fresh(reading, known, of_cities)]
    return Aliases((*_people(fresh), *_organisations(fresh, parts, known), *_places(fresh), *cities))


def _strongest(parts: Sequence[Part]) -> Iterable[Reading]:
    """The readings, those last that say most, so that each name is taken as what it was told to be somewhere."""
    found = [reading for part in parts for reading in part.readings]
    return sorted(found, key=lambda one: (one.titled, one.kind is not None, one.kind or "", one.placed))


def _is_fresh(one: Reading, known: Gazetteer, cities: set[tuple[str, ...]]) -> bool:
    """Whether no table has it, or somebody of that name is introduced by a title."""
    return one.titled or not (one.tokens in cities or any(known.sure.named(one.tokens)))


def _people(readings: Sequence[Reading]) -> Iterator[Alias]:
    alone: set[tuple[str, ...]] = {
        one.tokens for one in readings if len(one.tokens) == 1 and one.kind in (None, EntityKind.PERSON)
    }
    full = {_without_suffix(one.text) for one in readings if _is_full_name(one, alone)}
    names = _one_each(full)
    by_alias: dict[tuple[str, ...], set[Name]] = defaultdict(set)
    for text, name in names.items():
        yield Alias(name, tokens(text), capital=True)
        for short in _short_forms(text):
            by_alias[short].add(name)
    titled = {one for one in readings if one.kind is EntityKind.PERSON and len(one.text.split()) == 1}
    for one in sorted(titled, key=lambda one: one.text):
        by_alias[one.tokens] = by_alias[one.tokens] or _by_first_name(one, names) or {_person(one.text)}
    for short, whose in by_alias.items():
        if len(whose) == 1:
            yield Alias(next(iter(whose)), short, capital=True)


def _is_full_name(one: Reading, alone: set[tuple[str, ...]]) -> bool:
    """Whether somebody is told by it: as a person, or by a surname that stands alone elsewhere in the story."""
    if len(one.text.split()) < 2:
        return False
    if one.kind is EntityKind.PERSON:
        return True
    looks = one.kind is None and 2 <= len(one.text.split()) <= 4 and not is_acronym(one.text.split()[-1])
    return looks and tokens(_surname(one.text)) in alone


def _one_each(full: set[str]) -> dict[str, Name]:
    """Each way to write a full name to the longest that begins and ends alike (Donald J. Trump) or ends in it."""
    names: dict[str, Name] = {}
    longest: dict[tuple[str, str], Name] = {}
    by_end: dict[tuple[str, ...], Name] = {}
    for text in sorted(full, key=lambda text: (-len(text), text)):
        parts = tokens(text)
        fuller = longest.get((parts[0], parts[-1])) or by_end.get(parts[-2:])
        names[text] = name = fuller or _person(text)
        longest.setdefault((parts[0], parts[-1]), name)
        if len(parts) > 2:
            by_end.setdefault(parts[-2:], name)
    return names


def _person(text: str) -> Name:
    return Name(text, EntityKind.PERSON)


def _without_suffix(text: str) -> str:
    head, _, last = text.rpartition(" ")
    return head if tokens(last) and tokens(last)[0] in _SUFFIXES else text


def _surname(text: str) -> str:
    first, *rest = text.split()
    family_first = tokens(first) and tokens(first)[0] in said.CHINESE_AND_KOREAN and len(rest) <= 2
    return first if family_first else rest[-1]


def _short_forms(text: str) -> Iterator[tuple[str, ...]]:
    """The ways in which the rest of a story names a person: surname, with its particles, or both surnames."""
    parts = text.split()
    yield tokens(_surname(text))
    particle = next((place for place, part in enumerate(parts) if place and part in said.PARTICLES), 0)
    if particle:
        yield tokens(" ".join(parts[particle:]))
    if len(parts) > 2:
        yield tokens(" ".join(parts[-2:]))


def _by_first_name(one: Reading, names: dict[str, Name]) -> set[Name]:
    """Dame Margaret is she whose full name begins so."""
    return {name for text, name in names.items() if tokens(text)[0] == one.tokens[0]}


def _organisations(readings: Sequence[Reading], parts: Sequence[Part], known: Gazetteer) -> Iterator[Alias]:
    here = sorted({one.text for one in readings if one.kind is EntityKind.ORGANISATION})
    acronyms = [text for text in here if is_acronym(text)]
    long = [Name(text, EntityKind.ORGANISATION) for text in here if not is_acronym(text)]
    for name in long:
        yield Alias(name, tokens(name.name), capital=True)
    by_initials = _by_initials([*long, *_known_organisations(parts, known)]) if acronyms else {}
    for text in acronyms:
        letters = text.replace(".", "")
        yield Alias(by_initials.get(letters, Name(letters, EntityKind.ORGANISATION)), tokens(text), (letters,))


def _known_organisations(parts: Sequence[Part], known: Gazetteer) -> set[Name]:
    found = {found.alias.name for part in parts for found in known.sure.within(part.tokens)}
    return {name for name in found if name.kind is EntityKind.ORGANISATION}


def _by_initials(names: Sequence[Name]) -> dict[str, Name]:
    return {initials: name for name in sorted(names, reverse=True) for initials in _initials(name.name)}


def _initials(text: str) -> Iterator[str]:
    """The acronyms that a name may have: with and without its small words."""
    parts = [part for part in text.replace("-", " ").split() if part[0].isalpha()]
    if len(parts) > 1:
        yield "".join(part[0] for part in parts if part[0].isupper())
        yield "".join(part[0] for part in parts).upper()


def _places(readings: Sequence[Reading]) -> Iterator[Alias]:
    for one in readings:
        if one.kind is EntityKind.PLACE:
            yield Alias(Name(one.text, EntityKind.PLACE), one.tokens, capital=True)


def _small_cities(readings: Iterable[Reading], known: Gazetteer) -> Iterator[Alias]:
    for one in readings:
        if one.placed and not one.titled and one.kind is not EntityKind.ORGANISATION:
            yield from known.small.named(one.tokens)
