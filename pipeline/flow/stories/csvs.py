"""CSV as spreadsheets read it (RFC 4180), in which no cell is a formula: what others wrote must not run there."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""Of OWASP's page on CSV injection."""


def lines(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file, a line at a time: of a million rows none is kept. By its BOM Excel knows it for UTF-8."""
    yield "\ufeff" + _line(heads)
    for row in rows:
        yield _line([_cell(str(value)) for value in row])


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) else text


def _line(cells: Sequence[str]) -> str:
    written = StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
