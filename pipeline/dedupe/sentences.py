"""The sentences of a text, and what each says apart from dates and furniture.

Split by rule, since no well-kept splitter comes without a model or a binary: pysbd had its last release in 2021,
nupunkt loads a model, sentencex is compiled. The rule's limits do no harm where versions of one story are compared:
both are split alike, and `versions.changes` looks for a sentence's words wherever they stand. It does not split
- after initials (J. Smith, the U.S. Congress) and the abbreviations below, nor after ordinals of one or two digits
  (am 3. März), even where a sentence ends with one;
- where no space follows, but for CJK stops;
- before a small letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from babel import Locale

from pipeline.text import words

_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof St Sen Rep Gov Gen Col Capt Lt Sgt Hon Rev Jr Sr vs No Nos Inc Ltd Co Corp Mt Ft ca "
    "Hr Fr Nr bzw Abs Mme Mlle MM Sra Srta Sig г ул им"
).split()
_STOP = r"[.!?…؟।]{1,5}[\"'”’»“)\]]{0,3} (?![a-zà-öø-ÿа-яё])"
# Repetition is bounded everywhere, so that no text costs more than its length.
_END = re.compile(
    r"[。！？｡]{1,5}[」』”’）]{0,3} ?"
    r"|(?<!\b[^\W\d_])(?<!\b\d)(?<!\b\d\d)"  # an initial, an ordinal
    + "".join(rf"(?<!\b{one})" for one in _ABBREVIATIONS)
    + _STOP
    + r"|(?!\.)"
    + _STOP
)
_PARAGRAPH = re.compile(r"\n\s*\n")

# Languages whose months and days of the week are known as such, in the forms that CLDR has for dates; English first.
_LANGUAGES = "en de fr es it pt nl sv da nb fi pl cs ru uk tr".split()
_FURNITURE = frozenset(
    words(
        "updated update last first published posted modified created on at by the time date edited correction "
        "comment comments share print advertisement advertising sponsored ad photo "
        "aktualisiert zuletzt stand veröffentlicht erstellt am um uhr von anzeige werbung "
        "mis à jour le publié modifié publicité actualizado publicado el a las publicidad "
        "aggiornato pubblicato pubblicità обновлено опубликовано реклама 更新 发布 公開 広告"
    )
)
_AD = re.compile(
    r"^\W*(?:sign up (?:for|to|now)|subscribe (?:to|now|here|for)|read (?:more|also)|also read|see also|follow us"
    r"|click here|download (?:our|the) .{0,40}app|get (?:our|the) .{0,40}newsletter|you can unsubscribe"
    r"|support our journalism|listen to this article|advertisement|sponsored|anzeige|lesen sie (?:auch|mehr)"
    r"|lire aussi|abonnez-vous|lea también|suscríb|leggi anche|читайте также|подписывайтесь)",
    re.IGNORECASE,
)
_MOST_WORDS_OF_AN_AD = 30


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text as they stand in it, white space squeezed. A blank line ends one."""
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        squeezed, start = " ".join(paragraph.split()), 0
        for end in _END.finditer(squeezed):
            found.append(squeezed[start : end.end()].rstrip())
            start = end.end()
        found.append(squeezed[start:])
    return tuple(filter(None, found))


def substance(sentence: str) -> tuple[str, ...]:
    """The words of a sentence that a reader would miss; () for what is only a date, a counter, a label or an ad.

    Left out are dates, days of the week, times of day, how long ago, how many comments, views, shares or minutes of
    reading. Any other figure stays: fourteen dead are not twelve.
    """
    said = words(_passing().sub(" ", sentence.lower()))
    if _FURNITURE.issuperset(said) or (len(said) <= _MOST_WORDS_OF_AN_AD and _AD.match(sentence)):
        return ()
    return said


@cache
def _passing() -> re.Pattern[str]:
    """What passes with the day, in small letters. Built when first asked for, since CLDR takes 0.2 s to read."""
    locales = [Locale.parse(language) for language in _LANGUAGES]
    written = [name for one in locales for name in _names(one.months, "wide")]
    # Of English alone: in other languages short names of months are English words (set, out, ago).
    short = _names(locales[0].months, "abbreviated")
    months = _any([*written, *short])
    days = _any(name for one in locales for name in _names(one.days, "wide"))
    number = r"\b\d{1,2}(?:st|nd|rd|th|er|\.|º|ª)?"
    return re.compile(
        r"\b\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d)?)?(?:z\b|[+-]\d\d:?\d\d\b)?"
        r"|\b\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d\d)\b"
        rf"|{number}\s?(?:of |de )?(?:{months})\b\.?(?:,?\s(?:de )?\d{{4}}\b)?"
        rf"|\b(?:{months})\b\.?\s{number}(?!\d)(?:,?\s\d{{4}}\b)?"
        rf"|\b(?:{days})\b"
        r"|(?:\d{4}年)?\d{1,2}月\d{1,2}日|\d{1,2}[时時点]\d{1,2}分?"
        r"|\b\d{1,2}(?:[:.h]\d\d)?(?::\d\d)?\s?(?:a\.?m\b\.?|p\.?m\b\.?|uhr\b)(?:\s(?:gmt|utc|[a-z]{1,3}t)\b)?"
        r"|\b\d{1,2}:\d\d(?::\d\d)?(?:\s(?:gmt|utc|[a-z]{1,3}t)\b)?|\b\d{1,2}h\d\d\b"
        r"|\b\d{1,4}\s(?:second|sec|minute|min|hour|hr|day|week)s?\sago\b|\bvor \d{1,4} (?:minute|stunde|tag)(?:e?n)?\b"
        r"|\bil y a \d{1,4} (?:minute|heure|jour)s?\b|\bhace \d{1,4} (?:minuto|hora|día)s?\b"
        r"|\b\d[\d,.]{0,12}\s?[km]?\s?(?:comment|view|share|like|read|kommentar|commentaire|comentario)(?:s|e)?\b"
        r"|\bcomments? \(\d{1,7}\)|\b\d{1,3}[ -]min(?:ute)?s?[ -]read\b"
    )


def _names(table: object, form: str) -> Iterable[str]:
    named: dict[int, str] = table["format"][form]  # type: ignore[index]  # babel's tables have no types
    return named.values()


def _any(names: Iterable[str]) -> str:
    """A pattern for any of `names`, the longest first."""
    return "|".join(
        re.escape(name) for name in sorted({name.lower().rstrip(".") for name in names}, key=len, reverse=True)
    )
