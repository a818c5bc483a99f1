"""wirewatch feeds list"""

from __future__ import annotations

import click
from msgspec.structs import asdict

from pipeline.flow.feeds.overview import by_urgency
from pipeline.health import FeedHealth, Health
from pipeline.model import Feed
from workers import bootstrap
from workers.cli import show


@click.command("list")
@click.option("--limit", default=0, help="Show at most so many.")
@click.option("--health", type=click.Choice([one.value for one in FeedHealth]), help="Show only those that are so.")
@show.json_option
def list_command(*, limit: int, health: str | None, as_json: bool) -> None:
    """List the feeds and how they are: what needs a person first."""
    found = by_urgency(bootstrap.ports(), state=FeedHealth(health) if health else None, limit=limit)
    if as_json:
        show.as_json_list(_facts(feed, how) for feed, how in found)
        return
    show.table(
        ("HEALTH", "LAST SUCCESS", "LAST NEW STORY", "FEED", "POLLED", "WHAT IS WRONG, AND WHAT TO DO"),
        (_row(feed, how) for feed, how in found),
    )


def _row(feed: Feed, how: Health) -> tuple[str, ...]:
    wrong = " → ".join(part for part in (how.wrong, how.cure) if part)
    noted = "; ".join([wrong] * bool(wrong) + [f"note: {line}" for line in (how.pages, *feed.notes) if line])
    return how.state, show.when(feed.succeeded_at), show.when(feed.new_entry_at), feed.url, how.pace, noted


def _facts(feed: Feed, how: Health) -> dict[str, object]:
    return {
        "id": feed.id,
        "url": feed.url,
        "title": feed.title,
        "tags": list(feed.tags),
        "state": feed.state,
        "health": how.state,
        "wrong": how.wrong,
        "cure": how.cure,
        "pace": how.pace,
        "pages": feed.pages,
        "pages_barred": how.pages,
        "page_record": asdict(feed.page_record),
        "last_success": feed.succeeded_at,
        "last_new_entry": feed.new_entry_at,
        "next_poll": feed.next_poll_at,
        "interval": feed.interval,
        "failures": feed.failures,
        "error": feed.error,
        "notes": list(feed.notes),
    }
