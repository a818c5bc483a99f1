"""Pages are fetched as their sites allow: robots.txt is asked for once a day and host, and kept in this process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline import fetch, robots
from pipeline.address import is_web, origin
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.model import FetchResponse
from pipeline.ports import Ports

Outcome = FetchResponse | FetchUnavailable | FetchRefused

MOST_HOSTS = 20_000
"""Hosts whose rules a process keeps; those asked for longest ago go first."""


def fetch_pages(ports: Ports, urls: Sequence[str]) -> list[Outcome]:
    """Fetch them all and answer in their order; a page that robots.txt does not open is a FetchRefused that says so."""
    refused = _refusals(ports, urls) if ports.settings.robots else {}
    wanted = [url for url in urls if url not in refused]
    fetched = iter(ports.fetcher.fetch([fetch.page_request(url, ports.settings) for url in wanted]))
    return [FetchRefused(url, refused[url]) if url in refused else next(fetched) for url in urls]


def _refusals(ports: Ports, urls: Sequence[str]) -> dict[str, str]:
    """Those of `urls` that may not be fetched, and why. What is no address at all is left to the fetcher."""
    asked = [url for url in dict.fromkeys(urls) if is_web(url)]
    rules = _rules(ports, asked)
    reasons = {url: rules[origin(url)].refusal(url) for url in asked}
    return {url: reason for url, reason in reasons.items() if reason}


def _rules(ports: Ports, urls: Sequence[str]) -> dict[str, robots.Rules]:
    """The rules of each origin among `urls`: those known, and those that are asked for now, all at once."""
    now = ports.clock.now()
    pages = {origin(url): url for url in urls}
    known = {site: rules for site in pages if (rules := _known(ports, site, now))}
    missing = [site for site in pages if site not in known]
    outcomes = ports.fetcher.fetch([robots.request_for(pages[site], ports.settings) for site in missing])
    found = {site: robots.rules(outcome, now) for site, outcome in zip(missing, outcomes, strict=True)}
    ports.robots.update(found)
    _forget(ports)
    return known | found


def _known(ports: Ports, site: str, now: datetime) -> robots.Rules | None:
    rules = ports.robots.get(site)
    return rules if rules is not None and rules.until > now else None


def _forget(ports: Ports) -> None:
    for site in list(ports.robots)[: max(0, len(ports.robots) - MOST_HOSTS)]:
        ports.robots.pop(site, None)
