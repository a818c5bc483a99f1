"""Who and where: people, places and organisations by rules that would rather miss a name than invent one.

`rows` reads what rows of capitalised words name, `cast` gives each name of a story all the aliases it goes by there,
`scan` finds where they stand. The operator's own aliases come first. docs/entities.md has the rules.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.enrich.entities import rows
from pipeline.enrich.entities.aliases import Aliases
from pipeline.enrich.entities.cast import cast
from pipeline.enrich.entities.gazetteer import known_in
from pipeline.enrich.entities.scan import Reader, entities, part
from pipeline.model import Story


class EntityTagger:
    """`own` are the operator's aliases, which come before all else; `read` the rules, or a model in their place."""

    def __init__(self, own: Aliases | None = None, read: Reader = rows.read) -> None:
        self._own = own or Aliases()
        self._read = read

    def enrich(self, story: Story, claim: str) -> Story:  # noqa: ARG002 -- the language is known by now
        """Return the story with its entities, most mentioned first."""
        known = known_in(story.language)
        texts = (("title", story.title), ("body", story.body))
        parts = [part(field, text, story.language, self._read) for field, text in texts]
        return replace(story, entities=entities(parts, self._own, cast(parts, known), known.sure))
