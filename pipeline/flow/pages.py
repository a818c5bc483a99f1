"""Pages are fetched as their sites allow: robots.txt is asked for once a day and host, and kept in this process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeGuard

from msgspec.structs import replace

from pipeline import fetch, robots
from pipeline.address import is_web, origin
from pipeline.errors import FetchRefused, FetchUnavailable, HostBusy
from pipeline.model import FetchResponse
from pipeline.ports import Ports

Outcome = FetchResponse | FetchUnavailable | FetchRefused

MOST_HOSTS = 20_000
"""Hosts whose rules a process keeps; those asked for longest ago go first."""
A_MOMENT = 0.1
MOST_SITES = 5
"""That one page leads through: from a shortener to http, https and www of the outlet are four."""


def fetch_pages(ports: Ports, urls: Sequence[str]) -> list[Outcome]:
    """Fetch them all and answer in their order; a page that robots.txt does not open is a FetchRefused that says so.

    What is led to another site is fetched as that one allows. All has the time of one request together, robots.txt
    too: who answers slowly, or leads on, holds the others of the batch up, whose lease runs meanwhile.
    """
    outcomes: dict[int, Outcome] = {}
    left = dict(enumerate(urls))
    until = ports.clock.now() + timedelta(seconds=ports.settings.fetch_timeout)
    for _ in range(MOST_SITES):
        came = dict(zip(left, _fetched(ports, list(left.values()), until), strict=True))
        left = {place: one.url for place, one in came.items() if _is_led_away(one)}
        outcomes |= {place: one for place, one in came.items() if place not in left}
        if not left or ports.clock.now() > until:
            break
    for place in left:
        outcomes[place] = FetchUnavailable(urls[place], f"leads through more than {MOST_SITES} sites, or too slowly")
    return [outcomes[place] for place in range(len(urls))]


def _is_led_away(outcome: Outcome) -> TypeGuard[FetchResponse]:
    return isinstance(outcome, FetchResponse) and outcome.status in fetch.REDIRECTS


def _fetched(ports: Ports, urls: Sequence[str], until: datetime) -> list[Outcome]:
    obeys = ports.settings.robots
    refused = _refusals(ports, urls, until) if obeys else {}
    wanted = [
        replace(fetch.page_request(url, ports.settings), stays=obeys, within=_left(ports, until))
        for url in urls
        if url not in refused
    ]
    fetched = iter(ports.fetcher.fetch(wanted))
    return [refused[url] if url in refused else next(fetched) for url in urls]


def _left(ports: Ports, until: datetime) -> float:
    """Seconds; a moment at the least, in which it is found that they do not do."""
    return max(A_MOMENT, (until - ports.clock.now()).total_seconds())


def _refusals(ports: Ports, urls: Sequence[str], until: datetime) -> dict[str, FetchRefused | HostBusy]:
    """Those of `urls` that may not be fetched, or not yet. What is no address at all is left to the fetcher."""
    asked = [url for url in dict.fromkeys(urls) if is_web(url)]
    rules = _rules(ports, asked, until)
    answers = {url: _refusal(url, rules[origin(url)]) for url in asked}
    return {url: answer for url, answer in answers.items() if answer}


def _refusal(url: str, rules: robots.Rules | HostBusy) -> FetchRefused | HostBusy | None:
    if isinstance(rules, HostBusy):
        return rules
    reason = rules.refusal(url)
    return FetchRefused(url, reason) if reason else None


def _rules(ports: Ports, urls: Sequence[str], until: datetime) -> dict[str, robots.Rules | HostBusy]:
    """The rules of each origin among `urls`: those known, and those that are asked for now, all at once."""
    now = ports.clock.now()
    pages = {origin(url): url for url in urls}
    known = {site: rules for site in pages if (rules := _known(ports, site, now))}
    missing = [site for site in pages if site not in known]
    asked = [replace(robots.request_for(pages[site]), within=_left(ports, until)) for site in missing]
    outcomes = ports.fetcher.fetch(asked)
    busy = {site: one for site, one in zip(missing, outcomes, strict=True) if isinstance(one, HostBusy)}
    found = {
        site: robots.rules(one, now)
        for site, one in zip(missing, outcomes, strict=True)
        if not isinstance(one, HostBusy)
    }
    ports.robots.update(found)
    _forget(ports)
    return {**known, **found, **busy}


def _known(ports: Ports, site: str, now: datetime) -> robots.Rules | None:
    rules = ports.robots.get(site)
    return rules if rules is not None and rules.until > now else None


def _forget(ports: Ports) -> None:
    for site in list(ports.robots)[: max(0, len(ports.robots) - MOST_HOSTS)]:
        ports.robots.pop(site, None)
