"""Commands that look: search, explain, status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import click

from pipeline.errors import BadInput
from pipeline.flow.explain import explain as explain_story
from pipeline.flow.language import understood
from pipeline.flow.search import search as search_stories
from pipeline.model import EntryState, FeedState, Story
from pipeline.ports import StoryFilter
from workers import bootstrap
from workers.cli import show

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | None) -> datetime | None:
    """A point in time: `7d` ago (m, h, d, w), or a date as ISO 8601 writes it. Raises BadInput."""
    if text is None:
        return None
    if found := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no time: give 7d, 12h, or 2026-01-31") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@click.command()
@click.argument("query")
@click.option("--since", metavar="TIME", help="Published at or after: 7d, 12h, 2026-01-31.")
@click.option("--until", metavar="TIME", help="Published before.")
@click.option("--limit", default=50, show_default=True, help="How many stories to show.")
@show.json_option
def search(query: str, since: str | None, until: str | None, limit: int, *, as_json: bool) -> None:
    """Stories that match QUERY, latest first: exactly those on which an alert would have fired."""
    ports = bootstrap.ports()
    where = StoryFilter(since=moment(since), until=moment(until))
    found = islice(search_stories(ports, understood(ports, query), where), limit)
    if as_json:
        show.as_json([_facts(story) for story in found])
        return
    _print(found)


def _facts(story: Story) -> dict[str, object]:
    return {
        "id": story.id,
        "url": story.url,
        "title": story.title,
        "published": story.published,
        "site": story.site,
        "language": story.language,
        "authors": list(story.authors),
        "body": story.body,
        "entities": [{"name": one.name, "kind": one.kind, "code": one.code} for one in story.entities],
        "text_from": story.text_from,
        "text_reason": story.text_reason,
        "version": story.version,
    }


def _print(found: Iterator[Story]) -> None:
    count = 0
    for count, story in enumerate(found, 1):  # noqa: B007 -- the last number is the count
        click.echo(f"{show.when(story.published)}  {story.site}  {story.title}\n    {story.url}")
    if not count:
        show.note("nothing found")


@click.command()
@click.argument("url")
@click.option("--alert", metavar="NAME", help="The alert that did or did not fire.")
@show.json_option
def explain(url: str, alert: str | None, *, as_json: bool) -> None:
    """Say step by step what became of the story at URL, and why an alert did or did not fire on it."""
    steps = explain_story(bootstrap.ports(), url, alert)
    if as_json:
        show.as_json([{"step": step.name, "ok": step.ok, "said": step.said} for step in steps])
        return
    for step in steps:
        click.echo(f"{'✓' if step.ok else '✗'} {step.name:8} {step.said}")


@click.command()
@show.json_option
def status(*, as_json: bool) -> None:
    """What a person on call asks, in one screen."""
    ports = bootstrap.ports()
    stores, now = ports.stores, ports.clock.now()
    feeds = list(stores.feeds.all())
    states = {state.value: sum(feed.state is state for feed in feeds) for state in FeedState}
    waiting = stores.entries.due(now, 100_000)
    facts = {
        "feeds": states,
        "feeds_failing": sum(bool(feed.error) for feed in feeds),
        "entries": stores.entries.count(),
        "entries_waiting": len(waiting),
        "oldest_waiting": min((entry.due_at for entry in waiting if entry.state is EntryState.PENDING), default=None),
        "quarantined": sum(1 for _ in stores.entries.quarantined()),
        "stories": stores.stories.count(),
        "alerts": stores.alerts.count(),
        "alerts_in_trouble": sorted(alert.name for alert in stores.alerts.all() if alert.health),
        "matches": stores.matches.count(),
        "deliveries": dict(stores.deliveries.counts()),
        "store": ports.settings.store,
        "mail": ports.settings.mail,
    }
    if as_json:
        show.as_json(facts)
        return
    for name, value in facts.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name.replace('_', ' '):18} {shown if shown not in (None, '', []) else '–'}")
    for feed in [feed for feed in feeds if feed.error][:10]:
        click.echo(f"  {feed.url}: {feed.error}")


COMMANDS = (search, explain, status)
