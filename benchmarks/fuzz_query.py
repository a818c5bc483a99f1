"""Throw bytes at the parser and the evaluator, guided by coverage, for a bounded time.

    pip install atheris; .venv/bin/python -m benchmarks.fuzz_query -max_total_time=60

What is found becomes a named test in tests/test_query.py. Atheris is no dependency: it has no build for every Python.
"""

from __future__ import annotations

import sys
import time

import atheris

with atheris.instrument_imports(include=["pipeline.query", "pipeline.text"]):
    from pipeline.errors import QueryError
    from pipeline.query.document import Document
    from pipeline.query.evaluate import evaluate
    from pipeline.query.lint import warnings
    from pipeline.query.meaning import Lexicon, understand
    from pipeline.query.miss import miss
    from pipeline.query.render import render
    from pipeline.query.syntax import parse
    from pipeline.query.variants import shipped, without
from tests import builders

LEXICON = Lexicon({"nato": ("NATO", "north atlantic")}, shipped())
BOUND = 2.0
"""Seconds that reading and judging a query of 10,000 characters may take at the most."""
STORY = builders.story(title="Kursk the the", body="the kursk U.S. 10,000 北京 of the NATO ‘and’ " * 50)


def one(data: bytes) -> None:
    """One query: read or refused, and if read then judged, explained and rendered, within the bound."""
    typed = data.decode("utf-8", "ignore")
    began = time.monotonic()
    try:
        query = understand(typed, LEXICON)
    except QueryError:
        return
    document = Document(STORY)
    assert (evaluate(query, document) is None) == bool(miss(query.root, document))
    assert parse(render(query.root)).root == query.root
    warnings(query)
    without(query, shipped(), query.text.find("kursk"), "курск")
    took = time.monotonic() - began
    assert took < BOUND, f"{took:.1f} s: {typed!r}"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
