"""Who and where: people, places and organisations by rules that would rather miss a name than invent one.

Places come from CLDR (Babel): the names of countries in the story's language and in English, and the cities after
which time zones are named, nearly all capitals among them. People are known by the title or office beside the name,
organisations by the word that says so (Ministry, Service, Agency …).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from pipeline.model import Entity, EntityKind, Story
from pipeline.text import words

MOST = 60
"""Entities of one story that are kept, most mentioned first."""

_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-ŽА-ЯЁЇІЄҐΑ-Ω]"
_WORD = rf"{_CAPITAL}(?:[\w-]|\.(?=\w))*"
_RUN = re.compile(rf"{_WORD}(?:[ \u00a0](?:(?:of|for|on|and|the|de|la|van|von|der|bin|al)[ \u00a0]){{0,2}}{_WORD})*")
_TITLES = frozenset(
    """
    president prime premier minister chancellor secretary general king queen prince princess pope senator
    governor mayor ambassador spokesman spokeswoman spokesperson leader chairman chairwoman chief commander
    judge justice professor dr mr mrs ms sir lord lady dame colonel captain admiral marshal congressman
    congresswoman representative director oligarch dictator founder analyst
    """.split()
)
_OFFICES = (
    "administration of",
    "government of",
    "presidency of",
    "led by",
    "presided over by",
    "headed by",
    "chaired by",
)
_ORGANISATION_TAILS = frozenset(
    """
    service agency ministry council committee commission party union bank group corporation company inc ltd
    plc university institute association federation organisation organization authority office bureau
    department court parliament congress senate assembly army navy police guard alliance front movement fund
    foundation forum broadcaster times post tribune airlines airways industries
    """.split()
)
_ORGANISATION_HEADS = re.compile(
    r"^(?:Ministry|Department|Bank|University|Institute|Council|Office|House|Court) (?:of|for)\b"
)
_AGENCY_BESIDE = re.compile(r"^(?:news agency|agency|newspaper|broadcaster|television)\b")
_REGION_BEHIND = re.compile(r"^(?:region|oblast|province|district|peninsula|county|prefecture|valley|desert|airport)\b")
_BEFORE = re.compile(r"([\w-]+(?: [\w-]+){0,2})[ \u00a0]?$")


@dataclass(frozen=True, slots=True)
class _Mention:
    name: str
    kind: EntityKind
    code: str = ""


class EntityTagger:
    """Rules and gazetteers; nothing is downloaded."""

    def enrich(self, story: Story, claim: str) -> Story:  # noqa: ARG002 -- the language is known by now
        """Return the story with its entities, most mentioned first."""
        text = f"{story.title}.\n{story.body}"
        return replace(story, entities=tuple(_merged(_mentions(text, _places(story.language)), text)))


def _mentions(text: str, places: dict[str, tuple[str, str]]) -> Iterator[_Mention]:
    for found in _RUN.finditer(text):
        yield from _in_run(
            found.group().replace("\u00a0", " "),
            text[max(0, found.start() - 40) : found.start()],
            text[found.end() : found.end() + 30].lstrip(),
            places,
        )


def _in_run(run: str, before: str, behind: str, places: dict[str, tuple[str, str]]) -> Iterator[_Mention]:
    """What one row of capitalised words names, given the words beside it."""
    if place := _place(run, places):
        yield place
    elif run.rsplit(None, 1)[-1].casefold() in _ORGANISATION_TAILS and " " in run:
        yield _Mention(_without_article(run), EntityKind.ORGANISATION)
    elif _ORGANISATION_HEADS.match(run):
        yield _Mention(run, EntityKind.ORGANISATION)
    elif _AGENCY_BESIDE.match(behind):
        yield _Mention(_without_article(run), EntityKind.ORGANISATION)
    elif _REGION_BEHIND.match(behind):
        yield _Mention(_without_article(run), EntityKind.PLACE)
    elif person := _person(run, before):
        yield person
    else:
        yield from _places_within(run, places)


def _place(run: str, places: dict[str, tuple[str, str]]) -> _Mention | None:
    known = places.get(_folded(run))
    return _Mention(known[0], EntityKind.PLACE, known[1]) if known else None


@lru_cache(maxsize=10_000)
def _folded(name: str) -> str:
    """Remembered: the news names the same names all day."""
    return " ".join(words(name))


def _without_article(run: str) -> str:
    return run.removeprefix("The ")


def _person(run: str, before: str) -> _Mention | None:
    """A name behind a title or an office: "Russian President Vladimir Putin", "leader Kim Jong Un"."""
    parts = run.split()
    titled = [place for place, part in enumerate(parts) if part.casefold().rstrip(".") in _TITLES]
    name = parts[titled[-1] + 1 :] if titled else parts
    if not 2 <= len(name) <= 4 or any(part.islower() for part in name):
        return None
    return _Mention(" ".join(name), EntityKind.PERSON) if titled or _announces(before) else None


def _announces(before: str) -> bool:
    """Whether the words right before a name are a title or an office."""
    found = _BEFORE.search(before)
    said = found.group(1).casefold() if found else ""
    return said.rpartition(" ")[2] in _TITLES or said.endswith(_OFFICES)


def _places_within(run: str, places: dict[str, tuple[str, str]]) -> Iterator[_Mention]:
    """Places in a row joined by "and": Russia and North Korea."""
    parts = re.split(r" (?:and|of|on|for|the) ", run)
    if len(parts) > 1:
        for part in parts:
            if place := _place(part, places):
                yield place


def _merged(mentions: Iterator[_Mention], text: str) -> list[Entity]:
    """One entity a name; a surname alone counts for the person whose full name the story has."""
    counts: dict[_Mention, int] = {}
    for mention in mentions:
        counts[mention] = counts.get(mention, 0) + 1
    entities = []
    for mention, count in counts.items():
        total = count
        if mention.kind is EntityKind.PERSON:
            total = max(count, len(re.findall(rf"\b{re.escape(mention.name.split()[-1])}\b", text)))
        entities.append(Entity(name=mention.name, kind=mention.kind, code=mention.code, mentions=total))
    return sorted(entities, key=lambda entity: (-entity.mentions, entity.name))[:MOST]


@cache
def _places(language: str) -> dict[str, tuple[str, str]]:
    """Folded name to (name in English, ISO code or ""): countries and the cities of time zones."""
    english, locales = Locale("en"), _locales(language)
    places: dict[str, tuple[str, str]] = {}
    for zone, territory in get_global("zone_territories").items():
        if zone.split("/")[0] in ("Etc", "SystemV") or "/" not in zone:
            continue
        city = zone.rsplit("/", 1)[1].replace("_", " ")
        places.setdefault(_folded(city), (city, ""))
        for locale in locales:
            local = locale.time_zones.get(zone, {}).get("city")
            if local and territory:
                places.setdefault(_folded(str(local)), (city, ""))
    for locale in (*locales, english):
        for code, name in locale.territories.items():
            if len(code) == 2 and code.isalpha() and code not in ("ZZ", "EU", "UN", "EZ", "XA", "XB", "QO"):
                places[_folded(name)] = (english.territories.get(code, name), code)
    return places


def _locales(language: str) -> list[Locale]:
    try:
        return [Locale.parse(language)]
    except (UnknownLocaleError, ValueError):
        return []
