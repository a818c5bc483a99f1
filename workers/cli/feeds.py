"""wirewatch feeds …"""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.adapters import watchlist
from pipeline.flow.deeds import feeds as deeds
from pipeline.flow.deeds.feeds import Deed
from pipeline.flow.feeds import discover, opml
from pipeline.flow.feeds.imports import Imported
from pipeline.model import Pages
from workers import bootstrap
from workers.cli import show
from workers.cli.adding import add
from workers.cli.checking import check
from workers.cli.listing import list_command
from workers.cli.who import who


@click.group()
def feeds() -> None:
    """The feeds that are polled."""


feeds.add_command(add)
feeds.add_command(check)
feeds.add_command(list_command)


@feeds.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@show.json_option
def import_command(file: Path, *, as_json: bool) -> None:
    """Add the feeds of an OPML file; folders become tags. Bad ones are named, the rest is added."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    outlines = opml.read(watchlist.read(file), str(file))
    with show.bar(len(outlines.feeds), "importing") as advance:
        imported = deeds.import_list(ports, who(), outlines, file.name, advance)
    report(imported, "feeds", as_json=as_json)


def report(imported: Imported, what: str, *, as_json: bool) -> None:
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
    click.echo(opml.write(bootstrap.ports().stores.feeds.all()), nl=False)


@feeds.command()
@click.argument("url")
def remove(url: str) -> None:
    """Remove the feed at URL (or with that id); its stories stay."""
    click.echo(f"removed {deeds.change_feed(bootstrap.ports(), who(), Deed.REMOVE, url).url}")


@feeds.command()
@click.argument("old")
@click.argument("new")
def replace(old: str, new: str) -> None:
    """Poll the feed at OLD (or with that id) at NEW from now on; what it has brought is not taken for new."""
    changed = deeds.replace_feed(bootstrap.ports(), who(), old, discover.completed(new))
    click.echo(f"{old} is polled at {changed.url} now")


@feeds.command()
@click.argument("url")
def pause(url: str) -> None:
    """Stop polling the feed at URL (or with that id)."""
    click.echo(f"paused {deeds.change_feed(bootstrap.ports(), who(), Deed.PAUSE, url).url}")


@feeds.command()
@click.argument("url")
def resume(url: str) -> None:
    """Poll the feed at URL (or with that id) again, from the next round on."""
    click.echo(f"resumed {deeds.change_feed(bootstrap.ports(), who(), Deed.RESUME, url).url}")


@feeds.command()
@click.argument("url")
@click.argument("policy", type=click.Choice([*(one.value for one in Pages), "default"]))
def pages(url: str, policy: str) -> None:
    """Say when the pages of the feed at URL (or with that id) are fetched; `default` is what the settings say."""
    feed = deeds.set_feed_pages(bootstrap.ports(), who(), url, None if policy == "default" else Pages(policy))
    click.echo(f"pages of {feed.url}: {policy}")


COMMANDS = (feeds,)
