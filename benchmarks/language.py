"""How well languages are told: stretches of the corpus pages, without a claim, under the true one and under false ones.

    .venv/bin/python -m benchmarks.language

A table goes to stderr, JSON to stdout. The pages are those of ../shared/corpus/pages, in 17 languages, mostly English:
of one page at most 40 stretches of one length are taken, of an English one 12.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipeline.enrich.language import UNKNOWN, guess
from tests.servers import SHARED

LENGTHS = (40, 100, 300, 1_000)
"""Letters of a stretch."""
FALSE_CLAIMS = ("en", "de", "fr", "es", "it", "nl", "da", "sv", "no", "pt", "ru", "uk", "id", "ja", "zh", "pl")
"""Each stretch is tried under all of these but its own."""
SPACELESS = frozenset({"ja", "zh", "th"})


def main() -> None:
    """Measure, and print."""
    pages = json.loads((SHARED / "corpus" / "pages" / "expected.json").read_text()).values()
    guess("the first call loads the model, which is not measured here")
    results = {length: measured(list(stretches(list(pages), length))) for length in LENGTHS}
    table(results)
    print(json.dumps(results, indent=1))


def stretches(pages: list[dict[str, Any]], letters: int) -> Iterator[tuple[str, str]]:
    """Language and text."""
    chance = random.Random(1)
    for page in pages:
        language = page["language"]
        found = list(cut(f"{page['title'] or ''}\n{page['text'] or ''}", letters, language))
        most = 12 if language == "en" else 40
        yield from ((language, text) for text in (chance.sample(found, most) if len(found) > most else found))


def cut(text: str, letters: int, language: str) -> Iterator[str]:
    """Whole words of `text`, so many that they have `letters` letters; what is left over is dropped."""
    words: list[str] = []
    count = 0
    for word in list(text) if language in SPACELESS else re.findall(r"\S+\s*", text):
        words.append(word)
        count += sum(map(str.isalpha, word))
        if count >= letters:
            yield "".join(words)
            words, count = [], 0


def measured(texts: list[tuple[str, str]]) -> dict[str, Any]:
    began = time.process_time()
    unclaimed = [(language, guess(text)) for language, text in texts]
    took = time.process_time() - began
    claimed = [(language, guess(text, language)) for language, text in texts]
    lied_to = [
        (language, claim, guess(text, claim)) for language, text in texts for claim in FALSE_CLAIMS if claim != language
    ]
    return {
        "stretches": len(texts),
        "ms": took / len(texts) * 1e3,
        "unclaimed": told(unclaimed),
        "true_claim": told(claimed),
        "false_claims": len(lied_to),
        "false_believed": sum(found == claim for _, claim, found in lied_to),
        "false_else_wrong": sum(found not in (claim, language, UNKNOWN) for language, claim, found in lied_to),
    }


def told(found: list[tuple[str, str]]) -> dict[str, Any]:
    """How many were told wrongly or not at all, and what for what."""
    wrong = Counter(f"{language} as {other}" for language, other in found if other not in (language, UNKNOWN))
    unknown = Counter(language for language, other in found if other == UNKNOWN)
    return {"wrong": wrong.total(), "unknown": unknown.total(), "which": dict((wrong + unknown).most_common())}


def table(results: dict[int, dict[str, Any]]) -> None:
    note(
        "letters  stretches     ms   no claim: wrong, unknown   true claim: wrong   false claims: believed, else wrong"
    )
    for length, one in results.items():
        false = one["false_claims"]
        note(
            f"{length:>7}{one['stretches']:>11}{one['ms']:>7.3f}"
            f"{one['unclaimed']['wrong']:>18}{one['unclaimed']['unknown']:>9}{one['true_claim']['wrong']:>20}"
            f"{one['false_believed'] / false:>24.2%}{one['false_else_wrong'] / false:>12.2%}"
        )


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
