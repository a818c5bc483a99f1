"""The language of a mail: its words (gettext catalogues) and its dates (CLDR), by Babel.

English is what stands in the code and the templates. Another language is a catalogue in locale/, of which
tests/test_mails.py sees that it is whole; who reads a language that has none gets English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.dates import format_date, format_skeleton, format_time, get_day_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

_LOCALES: Mapping[str, str] = {"en": "en_GB", "de": "de_DE"}
"""The languages there are, each with the region whose dates are written: the clock has 24 hours in both."""
LANGUAGES = tuple(_LOCALES)


@dataclass(frozen=True, slots=True)
class Language:
    """How a mail speaks. `gettext` and `ngettext` are named as the tools that collect messages expect them."""

    code: str
    catalogue: NullTranslations

    def gettext(self, text: str, **values: object) -> str:
        """`text` in this language, with %(name)s filled in."""
        return self.catalogue.gettext(text) % values

    def ngettext(self, one: str, many: str, num: int, **values: object) -> str:
        """The form that goes with `num`, which is %(num)s in it."""
        return self.catalogue.ngettext(one, many, num) % {"num": num, **values}

    def moment(self, when: datetime, zone: tzinfo = UTC) -> str:
        """A time as a reader in `zone` takes it in: Sunday, 1 March 2026, 12:00 UTC."""
        when, locale = when.astimezone(zone), _LOCALES[self.code]
        return f"{format_date(when, 'full', locale=locale)}, {format_time(when, 'short', locale=locale)} {when:%Z}"

    def day_of_year(self, day: date) -> str:
        """A day without its year, as it stands there: 28 February."""
        return str(format_skeleton("MMMMd", day, locale=_LOCALES[self.code]))

    def time(self, at: time) -> str:
        """A time of the day."""
        return str(format_time(at, "short", locale=_LOCALES[self.code]))

    def day(self, number: int) -> str:
        """A day of the week; 0 is Monday."""
        return str(get_day_names("wide", locale=_LOCALES[self.code])[number])


ENGLISH = Language("en", NullTranslations())


@cache
def language(code: str) -> Language:
    """The language that a recipient reads (ISO 639-1, a region is passed over), or English."""
    known = code.lower().replace("_", "-").partition("-")[0]
    return Language(known, _catalogue(known)) if known in _LOCALES and known != "en" else ENGLISH


def _catalogue(code: str) -> GNUTranslations:
    """The catalogue as translators write it, compiled in memory: no second file that can lag behind."""
    with files("pipeline.deliver").joinpath("locale", f"{code}.po").open("rb") as source:
        catalogue = read_po(source, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def moment(when: datetime, zone: tzinfo = UTC) -> str:
    """A time as a reader of English in `zone` takes it in."""
    return ENGLISH.moment(when, zone)
