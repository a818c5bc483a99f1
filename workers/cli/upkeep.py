"""Commands on what is kept: forget, reindex, prune."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

import click

from pipeline import settings as settings_table
from pipeline.errors import BadInput
from pipeline.flow.deeds.stories import forget as forget_story
from pipeline.flow.operations.prune import Bounds, prune
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who

LEAST_AGE = timedelta(days=1)


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


@click.command("prune")
@click.option("--older-than", metavar="AGE", help="Stories that were ingested last before so long: 90d, 12w.")
@click.option("--max-size", metavar="BYTES", help="As many of the oldest as the store is too large for: 50g.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--compact", is_flag=True, help="Give all free space back; others wait meanwhile.")
@show.json_option
def prune_command(*, older_than: str | None, max_size: str | None, dry_run: bool, compact: bool, as_json: bool) -> None:
    """Remove old stories, with their entries, matches and settled deliveries, and whatever has ended.

    What is not given is as the settings keep, keep_size and keep_audits say. What is unsent or in quarantine stays.
    """
    ports = bootstrap.ports()
    ports.stores.check()
    asked = Bounds.of(ports.settings)
    if older_than is not None or max_size is not None:
        age = _age(older_than) if older_than is not None else None
        asked = replace(asked, age=age, size=_size(max_size) if max_size is not None else None)
    done = prune(ports, asked, dry_run=dry_run, progress=show.progress())
    given_back = "" if dry_run else ports.stores.reclaim(compact)
    if as_json:
        show.as_json({"dry_run": dry_run, **asdict(done)})
        return
    counts = ", ".join(
        f"{count} {name}" for name, count in asdict(done).items() if name not in ("unfinished", "waiting")
    )
    click.echo(f"{'would be removed' if dry_run else 'removed'}: {counts}")
    if done.waiting:
        show.note(f"{done.waiting} stories are old and stay, since something of them is unsent or in quarantine")
    if asked.age is None and asked.size is None:
        show.note("no story was looked at: give --older-than or --max-size, or set WIREWATCH_KEEP")
    if given_back:
        show.note(given_back)


def _age(text: str) -> timedelta:
    age = show.span(text)
    if age < LEAST_AGE:
        raise BadInput(f"--older-than {text} would take what has just come: give a day at the least")
    return age


def _size(text: str) -> int:
    try:
        return settings_table.bytes_of(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no size: {error}") from None


COMMANDS = (forget, reindex, prune_command)
