"""Reads what a process shows of its metrics, as Prometheus does, and what a query asks of them."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import promql_parser

import workers.metrics  # before prometheus_client is imported by anybody

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by name and labels."""


def series(text: str) -> Series:
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def scraped(port: int) -> Series:
    """What a process shows there; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return series(answer.read().decode())
    except OSError:
        return {}


def value(found: Series, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), -1.0)


def environment(**settings: str) -> dict[str, str]:
    """That of a process with metrics of its own: those of this one are none of its business."""
    own = {name: one for name, one in os.environ.items() if name != workers.metrics.FOLDER}
    return own | {f"WIREWATCH_{name.upper()}": one for name, one in settings.items()}


def selectors(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric that a query of Prometheus reads, with the labels that it wants to be equal to something."""
    yield from _selectors(promql_parser.parse(query))


def _selectors(part: Any) -> Iterator[tuple[str, dict[str, str]]]:
    if isinstance(part, promql_parser.VectorSelector):
        wanted = part.matchers.matchers
        yield part.name, {one.name: one.value for one in wanted if one.op == promql_parser.MatchOp.Equal}
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (inner := getattr(part, name, None)) is not None:
            yield from _selectors(inner)
    for inner in getattr(part, "args", ()):
        yield from _selectors(inner)
