"""wirewatch feeds …"""

from __future__ import annotations

from pathlib import Path

import click

from pipeline import fetch, parse
from pipeline.adapters import watchlist
from pipeline.errors import BadInput
from pipeline.flow.manage import NewFeed, add_feeds, feed_id, set_feed_state
from pipeline.model import Feed, FeedState, FetchResponse
from workers import bootstrap
from workers.cli import show
from workers.cli.listing import list_command


@click.group()
def feeds() -> None:
    """The feeds that are polled."""


feeds.add_command(list_command)


@feeds.command()
@click.argument("url")
@click.option("--title", default="", help="What to call it; by default what it calls itself.")
@click.option("--tag", "tags", multiple=True, help="A tag, once for each.")
def add(url: str, title: str, tags: tuple[str, ...]) -> None:
    """Add the feed at URL; it is polled at the next round."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    if not add_feeds(ports, [NewFeed(url=url, title=title, tags=tags)])[0]:
        raise BadInput(f"{url} is there already, as feed {feed_id(url)}")
    click.echo(f"added {url}")


@feeds.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@show.json_option
def import_command(file: Path, *, as_json: bool) -> None:
    """Add the feeds of an OPML file; folders become tags. Bad ones are named, the rest is added."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    imported = watchlist.import_feeds(ports, watchlist.read_opml(watchlist.read(file), str(file)))
    report(imported, "feeds", as_json=as_json)


def report(imported: watchlist.Imported, what: str, *, as_json: bool) -> None:
    """Tell what an import came to."""
    if as_json:
        counts = {"added": imported.added, "changed": imported.changed, "known": imported.known}
        show.as_json(counts | {"refused": imported.refused, "changes": imported.changes})
        return
    for line in imported.refused:
        show.note(line)
    changed = f"{imported.changed} changed, " if imported.changed else ""
    click.echo(
        f"{imported.added} {what} added, {changed}{imported.known} known already, {len(imported.refused)} refused"
    )


@feeds.command()
def export() -> None:
    """Print all feeds as OPML 2.0."""
    click.echo(watchlist.write_opml(list(bootstrap.ports().stores.feeds.all())), nl=False)


@feeds.command()
@click.argument("url")
@show.json_option
def check(url: str, *, as_json: bool) -> None:
    """Say what a poll of URL would see; nothing is kept."""
    ports = bootstrap.ports()
    now = ports.clock.now()
    feed = Feed(id=feed_id(url), url=url, added_at=now, next_poll_at=now)
    outcome = ports.fetcher.fetch([fetch.request_for(feed, ports.settings)])[0]
    if not isinstance(outcome, FetchResponse):
        raise outcome
    parsed = parse.parse(outcome.url, outcome.body, outcome.headers.get("content-type", ""))
    entries = [{"title": one.title, "url": one.url, "published": one.published} for one in parsed.entries]
    if as_json:
        facts = {"url": outcome.url, "title": parsed.title, "notes": list(parsed.notes), "entries": entries}
        show.as_json(facts)
        return
    click.echo(f"{parsed.title or outcome.url}: {len(entries)} entries")
    for line in parsed.notes:
        click.echo(f"note: {line}")
    show.table(
        ("PUBLISHED", "TITLE", "LINK"), [(show.when(one.published), one.title, one.url) for one in parsed.entries]
    )


@feeds.command()
@click.argument("url")
def pause(url: str) -> None:
    """Stop polling the feed at URL (or with that id)."""
    click.echo(f"paused {set_feed_state(bootstrap.ports(), url, FeedState.PAUSED).url}")


@feeds.command()
@click.argument("url")
def resume(url: str) -> None:
    """Poll the feed at URL (or with that id) again, from the next round on."""
    click.echo(f"resumed {set_feed_state(bootstrap.ports(), url, FeedState.ACTIVE).url}")


COMMANDS = (feeds,)
