"""Commands on what is kept: forget."""

from __future__ import annotations

from dataclasses import asdict

import click

from pipeline.flow.deeds.stories import forget as forget_story
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who


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
    gone = forget_story(ports, who(), url)
    if as_json:
        show.as_json(asdict(gone))
        return
    click.echo(
        f"erased: {gone.stories} story, {gone.entries} entries, the words of {gone.matches} matches; "
        f"{gone.deliveries} waiting mails are not sent"
    )
    for copy in gone.copies:
        show.note(f"a copy stands elsewhere: {copy}")


COMMANDS = (forget,)
