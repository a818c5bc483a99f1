"""What is known beforehand: countries and cities, first names, and names that no rule tells. No download.

Countries and the cities of time zones come from CLDR (Babel), in the story's language and in English; cities from
100,000 people up from GeoNames, first names from Faker (tools/tables.py wrote both tables).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from pipeline.enrich.entities.aliases import Alias, Aliases, Name, alias, read
from pipeline.model import EntityKind

LARGE = 500
"""Thousands of people: the name of a smaller city counts only where the words beside it speak of a place."""
_NO_COUNTRIES = frozenset({"ZZ", "EU", "UN", "EZ", "XA", "XB", "QO"})
_SHORT = {"US": ("US", "USA", "America"), "GB": ("UK", "Britain", "Great Britain"), "AE": ("UAE", "Emirates"),
          "CD": ("Democratic Republic of Congo", "Democratic Republic of the Congo", "DR Congo", "DRC"),
          "CG": ("Republic of the Congo",), "MM": ("Burma",), "CZ": ("Czech Republic",), "HK": ("Hong Kong",),
          "PS": ("Palestine",), "MK": ("Macedonia",), "CI": ("Ivory Coast",), "TR": ("Turkey",),
          "BA": ("Bosnia",), "VA": ("Vatican",), "SZ": ("Swaziland",), "MO": ("Macau",), "TL": ("East Timor",),
          "CV": ("Cabo Verde",)}  # fmt: skip
"""How the English press has them where CLDR is formal."""


class Gazetteer(NamedTuple):
    """What is known for stories in one language. `sure` counts by itself, `small` beside words of place."""

    sure: Aliases
    small: Aliases


@cache
def known_in(language: str) -> Gazetteer:
    """The gazetteer for a language (ISO 639-1); English names are in each."""
    return Gazetteer(
        Aliases((*_known(), *_countries(language), *_zone_cities(language), *_large())),
        _small(),
    )


@cache
def _small() -> Aliases:
    return Aliases(_cities(large=False))


@cache
def _codes() -> dict[str, str]:
    return {alias.name.name: alias.name.code for alias in _countries("en")}


def code_of(name: str, kind: EntityKind) -> str:
    """ISO 3166-1 alpha-2 of a country by its name in English, else nothing."""
    return _codes().get(name, "") if kind is EntityKind.PLACE else ""


@cache
def first_names() -> frozenset[str]:
    """First names, folded. The table is folded already: 22,000 words need not be remembered to be folded again."""
    return frozenset(_lines("first_names.txt"))


@cache
def _known() -> tuple[Alias, ...]:
    return tuple(read(_lines("known.txt"), "known.txt", capital=True))


def _cities(*, large: bool) -> Iterator[Alias]:
    for thousands, names in _city_lines():
        if (thousands >= LARGE) is large:
            name = Name(names[0], EntityKind.PLACE)
            for text in names:
                yield alias(name, text, capital=True)


@cache
def _large() -> tuple[Alias, ...]:
    return tuple(_cities(large=True))


def _city_lines() -> Iterator[tuple[int, list[str]]]:
    for line in _lines("cities.txt"):
        thousands, _, names = line.partition("\t")
        yield int(thousands), names.split("|")


def _lines(table: str) -> list[str]:
    text = files("pipeline.enrich").joinpath("tables", table).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _countries(language: str) -> Iterator[Alias]:
    english = Locale("en")
    for locale in dict.fromkeys((*_locales(language), english)):
        for code, text in locale.territories.items():
            if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES:
                name = Name(english.territories.get(code, text), EntityKind.PLACE, code)
                yield alias(name, text, capital=True)
    for code, texts in _SHORT.items():
        for text in texts:
            yield alias(Name(english.territories[code], EntityKind.PLACE, code), text, capital=True)


def _zone_cities(language: str) -> Iterator[Alias]:
    """The cities after which time zones are named, nearly all capitals among them."""
    locales = _locales(language)
    for zone, territory in get_global("zone_territories").items():
        if "/" not in zone or zone.split("/")[0] in ("Etc", "SystemV"):
            continue
        name = Name(zone.rsplit("/", 1)[1].replace("_", " "), EntityKind.PLACE)
        yield alias(name, name.name, capital=True)
        for locale in locales:
            local = locale.time_zones.get(zone, {}).get("city")
            if local and territory:
                yield alias(name, str(local), capital=True)


def _locales(language: str) -> list[Locale]:
    try:
        return [Locale.parse(language)]
    except (UnknownLocaleError, ValueError):
        return []
