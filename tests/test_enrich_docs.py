"""docs/add-a-stage.md: what it shows is run, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.enrich import DEFAULT, enrich
from tests import builders

PAGE = (Path(__file__).parent.parent / "docs" / "add-a-stage.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
HEADLINE, TAG, OTHER = re.findall(
    r"headline `(.+?)` comes out with the tag `(.+?)`.+?with `(.+?)` comes out as", PAGE, re.DOTALL
)[0]


@pytest.fixture
def shown():
    defined: dict[str, object] = {"__name__": "shown"}
    exec(EXAMPLE, defined)
    (found,) = [thing for name, thing in defined.items() if name.endswith("Tagger")]
    return found()


def test_the_enricher_that_the_docs_show_does_what_they_say(shown):
    assert TAG in enrich(builders.story(title=HEADLINE), enrichers=(*DEFAULT, shown)).tags
    plain = builders.story(title=OTHER)
    assert enrich(plain, enrichers=(shown,)) == plain


def test_it_is_as_short_as_promised():
    assert len(EXAMPLE.strip().splitlines()) <= 20
