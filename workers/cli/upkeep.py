"""Commands on what is kept: forget, reindex."""

from __future__ import annotations

from dataclasses import asdict

import click

from pipeline.flow.forget import forget as forget_story
from workers import bootstrap
from workers.cli import show


@click.command()
@click.argument("url")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@show.json_option
def forget(url: str, *, yes: bool, as_json: bool) -> None:
    """Erase the story at URL wherever it is kept, and keep it from coming back (takedown, privacy).

    Copies of it in other outlets are stories of their own: they are named, and stay.
    """
    if not yes:
        click.confirm(f"Erase the story at {url} for good?", abort=True, err=True)
    ports = bootstrap.ports()
    ports.stores.prepare()
    gone = forget_story(ports, url)
    if as_json:
        show.as_json(asdict(gone))
        return
    click.echo(
        f"erased: {gone.stories} story, {gone.entries} entries, the words of {gone.matches} matches; "
        f"{gone.deliveries} waiting mails are not sent"
    )
    for copy in gone.copies:
        show.note(f"a copy stands elsewhere: {copy}")


@click.command()
@click.option(
    "--kind", "also", multiple=True, metavar="KIND", help="Also this, though it is as it should be: stories, say."
)
@show.json_option
def reindex(*, also: tuple[str, ...], as_json: bool) -> None:
    """Bring what an earlier version has written into Elasticsearch up to date, while others go on working.

    Also gives the indices that grow as many shards as the setting store_shards says.
    """
    moved = bootstrap.ports().stores.reindex(also, show.progress())
    if as_json:
        show.as_json([one._asdict() for one in moved])
        return
    for one in moved:
        took = f"{one.copied} documents in {one.passes} passes; writers waited {one.waited:.2f} s"
        click.echo(f"{one.kind}: {took}; now {one.target}")
    if not moved:
        show.note("nothing to do: all is as this version writes it")


COMMANDS = (forget, reindex)
