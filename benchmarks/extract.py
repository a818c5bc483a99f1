"""What comes out of real pages, and what it costs: ours beside trafilatura alone and others, on the pages of ../shared.

    .venv/bin/python -m benchmarks.extract

Peers are measured where they are installed: pip install readability-lxml 'newspaper4k[all]' resiliparse. F1 is that
of 4-token shingles (the ScrapingHub benchmark's measure), over pages whose whole text is known; a title is right
when it is the expected one up to case, punctuation and what stands behind a dash or bar; authors are right when
they are the same people; a moment is right to the minute, or to the day where no more is known. A page on which an
extractor fails is empty. ms are processor time, the best of three. A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import trafilatura
from trafilatura.meta import reset_caches
from trafilatura.metadata import extract_metadata

from pipeline.errors import ExtractError
from pipeline.extract.page import extract
from tests.servers import SHARED
from tests.test_extract import f1

KIND = "text/html; charset=utf-8"
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What an extractor makes of a page; None where it does not look for that."""

    text: str
    title: str | None = None
    authors: tuple[str, ...] | None = None
    published: datetime | None = None


Extract = Callable[[bytes, str], Found]


def ours(html: bytes, url: str) -> Found:
    try:
        article = extract(html, url, KIND)
    except ExtractError:
        return Found("", "", ())
    return Found("\n\n".join(article.paragraphs), article.title, article.authors, article.published)


FURNITURE = ["//figcaption", "//aside", "//nav", "//footer", "//*[contains(@class, 'newsletter')]"]
"""What a person who knows news pages has trafilatura prune."""
SETTINGS: dict[str, dict[str, Any]] = {
    "text alone": {},
    "favor_precision": {"favor_precision": True},
    "favor_recall": {"favor_recall": True},
    "fast": {"fast": True},
    "fast, favor_precision": {"fast": True, "favor_precision": True},
    "deduplicate": {"deduplicate": True},
    "no tables": {"include_tables": False},
    "prune_xpath": {"prune_xpath": FURNITURE},
    "no tables, prune_xpath": {"include_tables": False, "prune_xpath": FURNITURE},
}
"""trafilatura's own settings that change the text; `fast` is what was `no_fallback`. None of them makes metadata."""


def trafilatura_text(settings: dict[str, Any]) -> Extract:
    """trafilatura with these of its settings, its memory of texts emptied before each page where it has one."""

    def extracted(html: bytes, url: str) -> Found:
        if "deduplicate" in settings:
            reset_caches()
        return Found(trafilatura.extract(html, url=url, include_comments=False, **settings) or "")

    return extracted


def trafilatura_whole(html: bytes, url: str) -> Found:
    tree = trafilatura.load_html(html)
    text = trafilatura.extract(tree, url=url, include_comments=False) or ""
    stated = extract_metadata(tree, default_url=url)
    authors = tuple(one.strip() for one in (stated.author or "").split(";") if one.strip())
    return Found(text, stated.title or "", authors, moment(stated.date))


def readability(html: bytes, _url: str) -> Found:
    import lxml.html  # noqa: PLC0415
    from readability import Document  # noqa: PLC0415 -- a peer, where it is installed

    document = Document(html.decode("utf-8", "replace"))
    return Found(str(lxml.html.fromstring(document.summary()).text_content()), document.short_title())


def newspaper(html: bytes, url: str) -> Found:
    from newspaper import Article  # noqa: PLC0415 -- a peer, where it is installed

    article = Article(url, fetch_images=False)
    article.download(input_html=html.decode("utf-8", "replace"))
    article.parse()
    published = article.publish_date
    return Found(
        article.text, article.title, tuple(article.authors), published if isinstance(published, datetime) else None
    )


def resiliparse(html: bytes, _url: str) -> Found:
    from resiliparse.extract.html2text import extract_plain_text  # noqa: PLC0415 -- a peer, where it is installed

    return Found(extract_plain_text(html.decode("utf-8", "replace"), main_content=True))


EXTRACTORS: dict[str, tuple[Extract, str]] = {
    "wirewatch": (ours, "trafilatura"),
    "trafilatura with metadata": (trafilatura_whole, "trafilatura"),
    **{f"trafilatura, {name}": (trafilatura_text(chosen), "trafilatura") for name, chosen in SETTINGS.items()},
    "readability-lxml": (readability, "readability"),
    "newspaper4k": (newspaper, "newspaper"),
    "resiliparse": (resiliparse, "resiliparse"),
}


def main() -> None:
    """Measure, and print."""
    folder = SHARED / "corpus" / "pages"
    if not folder.exists():
        raise SystemExit("no pages: put shared/ beside the project")
    wanted = json.loads((folder / "expected.json").read_text())
    pages = {name: gzip.decompress((folder / name).read_bytes()) for name in wanted}
    results: dict[str, Any] = {"pages": len(pages), "extractors": {}}
    for name, (work, needs) in EXTRACTORS.items():
        if importlib.util.find_spec(needs) is None:
            note(f"{name}: not installed")
            continue
        results["extractors"][name] = measured(work, pages, wanted)
        row(name, results["extractors"][name])
    best = max((name for name in results["extractors"] if name.startswith("trafilatura, ")), key=f1_of(results))
    results["trafilatura_best"] = best
    results["hostile_s"] = {name: timed(html) for name, html in hostile().items()}
    for name, seconds in results["hostile_s"].items():
        note(f"{name}: {seconds:.2f} s")
    results["bars"] = bars(results)
    for name, met in results["bars"].items():
        note(f"{'met    ' if met else 'NOT MET'} {name}")
    print(json.dumps(results, indent=1))


def f1_of(results: dict[str, Any]) -> Callable[[str], float]:
    return lambda name: float(results["extractors"][name]["f1"])


def bars(results: dict[str, Any]) -> dict[str, bool]:
    """The bars of issue 7, and whether each is met in this run."""
    ours, best = results["extractors"]["wirewatch"], results["trafilatura_best"]
    whole = results["extractors"]["trafilatura with metadata"]
    return {
        f"mean F1 at least that of trafilatura's best setting ({best})": ours["f1"] >= f1_of(results)(best),
        "title right on 95%": ours["title"] >= 0.95,
        "authors right on 85%": ours["authors"] >= 0.85,
        "published right on 90%": ours["published"] >= 0.90,
        "mean CPU at most that of trafilatura with metadata": ours["ms"] <= whole["ms"],
        "hostile pages within 2 s": max(results["hostile_s"].values()) <= 2.0,
    }


def measured(work: Extract, pages: dict[str, bytes], wanted: dict[str, Any]) -> dict[str, float]:
    """Mean F1, shares that are right of what is known, and mean ms."""
    work = forgiven(work)
    found = {name: work(html, wanted[name]["url"]) for name, html in pages.items()}
    return {
        "f1": mean(f1(found[name].text, one["text"]) for name, one in wanted.items() if one["text"]),
        "title": share(right_title(found[name].title, one["title"]) for name, one in wanted.items() if one["title"]),
        "authors": share(right_authors(found[name].authors, one["authors"]) for name, one in wanted.items()),
        "published": share(right_moment(found[name].published, one["published"]) for name, one in wanted.items()),
        "ms": mean(min(cost(work, html, wanted[name]["url"]) for _ in range(ROUNDS)) for name, html in pages.items()),
    }


def forgiven(work: Extract) -> Extract:
    """`work`, with an empty answer for a page that it fails on: one page must not end the others' figures."""

    def forgiving(html: bytes, url: str) -> Found:
        try:
            return work(html, url)
        except Exception as error:
            note(f"  fails on {url[:70]}: {type(error).__name__}")
            return Found("")

    return forgiving


def cost(work: Extract, html: bytes, url: str) -> float:
    began = time.process_time()
    work(html, url)
    return (time.process_time() - began) * 1000


def share(answers: Iterable[bool | None]) -> float:
    known = [answer for answer in answers if answer is not None]
    return sum(known) / len(known)


def right_title(found: str | None, wanted: str) -> bool:
    heads = {squeezed(re.split(r"\s+[|–—·-]\s+", title)[0]) for title in (found or "",)}
    return squeezed(found or "") == squeezed(wanted) or squeezed(re.split(r"\s+[|–—·-]\s+", wanted)[0]) in heads


def right_authors(found: tuple[str, ...] | None, wanted: list[str] | None) -> bool | None:
    if not wanted:  # unknown, or none are stated
        return None
    return {squeezed(one) for one in found or ()} == {squeezed(one) for one in wanted}


def right_moment(found: datetime | None, wanted: str | None) -> bool | None:
    if not wanted:
        return None
    stated = moment(wanted)
    if found is None or stated is None:
        return False
    if len(wanted) == len("2026-03-01"):
        return found.date() == stated.date()
    return abs(aware(found) - aware(stated)) < timedelta(minutes=1)


def moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def squeezed(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def hostile() -> dict[str, bytes]:
    """Pages made to cost: 5 MB of paragraphs, 10,000 tags in each other."""
    paragraph = "<p>Two villages near the border were left in the night, said an official who gave no name.</p>\n"
    body = paragraph * (5_000_000 // len(paragraph))
    nested = "<div>" * 10_000 + paragraph * 5 + "</div>" * 10_000
    return {
        "a page of 5 MB": f"<html><body><article>{body}</article></body></html>".encode(),
        "10,000 tags in each other": f"<html><body>{nested}</body></html>".encode(),
    }


def timed(html: bytes) -> float:
    began = time.perf_counter()
    ours(html, "https://a.example/x")
    return time.perf_counter() - began


def row(name: str, figures: dict[str, float]) -> None:
    shares = "  ".join(f"{key} {figures[key]:5.0%}" for key in ("title", "authors", "published"))
    note(f"{name:26} F1 {figures['f1']:.4f}  {shares}  {figures['ms']:6.1f} ms")


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
