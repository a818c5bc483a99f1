"""Reads texts with a model of spaCy's in place of the rules: the extra `wirewatch[spacy]`, and a model installed."""

from __future__ import annotations

from typing import Any

from pipeline.enrich.entities.rows import Reading
from pipeline.errors import SettingError
from pipeline.model import EntityKind

_KINDS = {
    "PERSON": EntityKind.PERSON,
    "PER": EntityKind.PERSON,
    "GPE": EntityKind.PLACE,
    "LOC": EntityKind.PLACE,
    "FAC": EntityKind.PLACE,
    "ORG": EntityKind.ORGANISATION,
}
"""As OntoNotes and WikiNER name them; of other labels (dates, sums, works) nothing is made."""


class SpacyReader:
    """Reads with `model`, an installed package or a folder. Raises SettingError where there is none."""

    def __init__(self, model: str) -> None:
        self._pipeline = _load(model)

    def __call__(self, text: str, language: str) -> list[Reading]:  # noqa: ARG002 -- a model is for one language
        """What the model finds named in `text`, from left to right."""
        return [
            Reading(found.text, found.start_char, found.end_char, _KINDS[found.label_])
            for found in self._pipeline(text).ents
            if found.label_ in _KINDS
        ]


def _load(model: str) -> Any:
    value = f"spacy:{model}"
    try:
        import spacy  # noqa: PLC0415 -- an extra
    except ImportError:
        raise SettingError("entities", value, "spaCy is not installed: pip install 'wirewatch[spacy]'") from None
    try:
        return spacy.load(model)
    except OSError as error:
        cure = f"there is no such model here: python -m spacy download {model} ({str(error).split('.')[0]})"
        raise SettingError("entities", value, cure) from None
