"""How things are shown: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

import click

from pipeline.errors import BadInput
from pipeline.model import Pages

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
"""For every command that lists, checks or counts; the keys are in docs/cli.md."""

pages_option = click.option(
    "--pages",
    type=click.Choice([one.value for one in Pages]),
    help="When the pages of its entries are fetched; else as the settings say.",
)


MEASURED = 500


def as_json(value: Any) -> None:
    """Print `value` as JSON: times in RFC 3339."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=_plain))


def as_json_list(values: Iterable[Any]) -> None:
    """Print `values` as a JSON array, one a line, as they come: a list of a million needs no memory."""
    click.echo("[", nl=False)
    for number, value in enumerate(values):
        click.echo(",\n " if number else "\n ", nl=False)
        click.echo(json.dumps(value, ensure_ascii=False, default=_plain), nl=False)
    click.echo("\n]")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not for JSON")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns as wide as the first MEASURED rows need: of a million none is kept."""
    waiting = ([str(cell) for cell in row] for row in rows)
    first = [list(headings), *islice(waiting, MEASURED)]
    widths = [max(map(len, column)) for column in zip(*first, strict=True)]
    for line in chain(first, waiting):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def facts(named: Mapping[str, object]) -> None:
    """Print facts, one a line under its name; those that are empty are left out."""
    width = max(map(len, named))
    for name, fact in named.items():
        if fact:
            click.echo(f"{name:{width}}  {fact}")


def note(line: str) -> None:
    """A remark to the person who waits; never on stdout."""
    click.echo(line, err=True)


def progress() -> Callable[[str, int, int], None]:
    """A line on stderr that counts each stage up: rewritten on a terminal, at most ten lines a stage elsewhere."""
    terminal = sys.stderr.isatty()
    shown: dict[str, int] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if total == 0:
            return
        tenth = done * 10 // total
        if terminal:
            click.echo(f"\r{stage:8} {done}/{total} ", err=True, nl=done == total)
        elif shown.get(stage) != tenth:
            click.echo(f"{stage:8} {done}/{total}", err=True)
        shown[stage] = tenth

    return tell


@contextmanager
def bar(total: int, label: str) -> Iterator[Callable[[int], object]]:
    """A bar on stderr that advances by what it is called with; on a terminal only."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=total, label=label, file=sys.stderr, hidden=hidden) as shown:
        yield shown.update


def when(moment: datetime | None) -> str:
    """A moment as operators read it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else "–"


_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | None) -> datetime | None:
    """A point in time: `7d` ago (m, h, d, w), or a date as ISO 8601 writes it. Raises BadInput."""
    if text is None:
        return None
    try:
        if found := _AGO.fullmatch(text):
            return datetime.now(UTC) - span(found.group())
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadInput(f"{text!r} is no time: give 7d, 12h, or 2026-01-31") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def span(text: str) -> timedelta:
    """How long: `90d` (m, h, d, w). Raises BadInput."""
    found = _AGO.fullmatch(text)
    if found is None:
        raise BadInput(f"{text!r} is no time span: give 90d, 12w or 36h")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def required_moment(text: str) -> datetime:
    """As `moment`, for an option that has a default."""
    found = moment(text)
    assert found is not None  # noqa: S101 -- only None gives None
    return found
