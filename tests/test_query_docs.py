"""The examples of docs/query.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.meaning import Lexicon, understand
from pipeline.query.variants import shipped
from tests import builders

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "query.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| ([^|]+) \| ([^|]+) \|$", PAGE.partition("## Examples")[2], re.MULTILINE)


def test_there_are_examples():
    assert len(ROWS) >= 25


@pytest.mark.parametrize(("query", "found", "missed"), ROWS, ids=[row[0] for row in ROWS])
def test_an_example_of_the_docs_is_true(query, found, missed):
    meant = understand(query.replace("\\|", "|"), Lexicon({}, shipped()))
    assert matches(meant, Document(builders.story(title="", body=found)))
    assert not matches(meant, Document(builders.story(title="", body=missed)))
