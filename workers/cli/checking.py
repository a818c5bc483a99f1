"""wirewatch feeds check: what a poll would see."""

from __future__ import annotations

import calendar

import click

from pipeline.flow.feeds import discover
from pipeline.flow.feeds.check import Check
from pipeline.flow.feeds.check import check as check_feed
from pipeline.model import ParsedFeed
from workers import bootstrap
from workers.cli import show


@click.command()
@click.argument("url")
@show.json_option
def check(url: str, *, as_json: bool) -> None:
    """Say what a poll of URL would see; nothing is kept."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    found = check_feed(ports, discover.completed(url))
    if as_json:
        show.as_json(_findings(found))
        return
    response, parsed = found.document.response, found.document.parsed
    counts = ", ".join(f"{count} {fate}" for fate, count in found.counts.items() if count)
    known = f"{found.feed.state}, feed {found.feed.id}" if found.feed else "not there yet: `wirewatch feeds add` it"
    show.facts(
        {
            "feed": parsed.title or response.url,
            "status": " → ".join(
                str(status) for status in (*(code for code, _ in response.redirects), response.status)
            ),
            "address": " → ".join((found.document.asked, *(to for _, to in response.redirects))),
            "format": ", ".join(
                part for part in (found.format, found.encoding, f"{len(response.body):,} bytes") if part
            ),
            "entries": f"{len(found.fates)}" + (f" ({counts})" if counts else ""),
            "newest": show.when(found.newest),
            "here": known,
            "next poll": f"{show.when(found.next_poll_at)}, if polled now",
            "asks for": _wishes(parsed),
            "hub": parsed.hub,
            "pages": found.pages,
            "note": "; ".join(parsed.notes),
        }
    )
    rows = [(show.when(one.published), fate, one.title, one.url) for one, fate in found.fates]
    show.table(("PUBLISHED", "", "TITLE", "LINK"), rows)


def _wishes(parsed: ParsedFeed) -> str:
    """What a feed asks of those who poll it, in words."""
    wishes = (
        f"{parsed.least_interval:.0f} s between polls" if parsed.least_interval else "",
        f"no polls in hours {', '.join(map(str, parsed.skip_hours))} UTC" if parsed.skip_hours else "",
        f"no polls on {', '.join(calendar.day_name[day] for day in parsed.skip_days)}" if parsed.skip_days else "",
    )
    return "; ".join(wish for wish in wishes if wish)


def _findings(found: Check) -> dict[str, object]:
    response, parsed = found.document.response, found.document.parsed
    return {
        "url": response.url,
        "asked": found.document.asked,
        "status": response.status,
        "redirects": [{"status": status, "url": url} for status, url in response.redirects],
        "format": found.format,
        "encoding": found.encoding,
        "bytes": len(response.body),
        "title": parsed.title,
        "site_url": parsed.site_url,
        "hub": parsed.hub,
        "least_interval": parsed.least_interval,
        "skip_hours": list(parsed.skip_hours),
        "skip_days": list(parsed.skip_days),
        "next_poll": found.next_poll_at,
        "feed": found.feed.id if found.feed else None,
        "state": found.feed.state if found.feed else None,
        "counts": found.counts,
        "newest": found.newest,
        "pages": found.pages,
        "notes": list(parsed.notes),
        "entries": [
            {"title": one.title, "url": one.url, "published": one.published, "fate": fate} for one, fate in found.fates
        ],
    }
