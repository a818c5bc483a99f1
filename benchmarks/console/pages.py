"""What a page costs."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from statistics import median, quantiles

from tests.browser import Browser

PAGE_MS, PREVIEW_MS, PAGE_KB = 150.0, 400.0, 100.0

Ask = tuple[str, dict[str, str] | None]
"""A path, and the fields of a form where it is a POST."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds until a page is there, and KB of it."""

    page: str
    ask: Ask
    p50_ms: float
    p95_ms: float
    cpu_ms: float  # of both sides, the median
    kb: float
    bar_ms: float

    @property
    def missed(self) -> bool:
        """Whether a bar is."""
        return self.p95_ms > self.bar_ms or self.kb > PAGE_KB

    def line(self) -> str:
        """For people."""
        sign = "  MISSED" if self.missed else ""
        return (
            f"{self.page:45} {self.p50_ms:7.1f} ms, 95th {self.p95_ms:7.1f} (bar {self.bar_ms:g}) {self.cpu_ms:7.1f} "
            f"of the processor {self.kb:6.1f} KB (bar {PAGE_KB:g}){sign}"
        )


def cost(name: str, browser: Browser, ask: Ask, rounds: int, bar_ms: float = PAGE_MS) -> Cost:
    """Ask for a page once, and then so many times; says so."""
    size = _asked(browser, ask)
    spent, worked = [], []
    for _ in range(rounds):
        began, at_work = time.perf_counter(), time.process_time()
        _asked(browser, ask)
        spent.append(1_000 * (time.perf_counter() - began))
        worked.append(1_000 * (time.process_time() - at_work))
    made = Cost(name, ask, median(spent), quantiles(spent, n=20)[-1], median(worked), size / 1_000, bar_ms)
    print(made.line(), file=sys.stderr)
    return made


def _asked(browser: Browser, ask: Ask) -> int:
    """How many bytes came."""
    path, form = ask
    page = browser.get(path) if form is None else browser.post(path, form)
    if page.status != 200:
        sys.exit(f"{path} is no page: {page.status}")
    return len(page.text.encode())
