"""wirewatch lists …: named lists of words that queries use as @name."""

from __future__ import annotations

import click

from pipeline.flow.deeds import words
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who


@click.group()
def lists() -> None:
    """Named lists that queries use as @name."""


@lists.command("set")
@click.argument("name")
@click.argument("members", nargs=-1, required=True)
def set_command(name: str, members: tuple[str, ...]) -> None:
    """Make or replace the list NAME of words and phrases; alerts that use it are understood anew."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    changed = words.put_list(ports, who(), name, members)
    click.echo(f"@{name.lower().removeprefix('@')} has {len(members)} members; {len(changed)} alerts changed")
    for alert in changed:
        click.echo(f"  {alert.name}: {alert.meaning}")


@lists.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """Show the lists."""
    found = sorted(bootstrap.ports().stores.lists.all(), key=lambda one: one.name)
    if as_json:
        show.as_json([{"name": one.name, "members": list(one.members), "updated": one.updated_at} for one in found])
        return
    show.table(("LIST", "MEMBERS"), [(f"@{one.name}", ", ".join(one.members)) for one in found])


@lists.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a list that no alert uses."""
    words.remove_list(bootstrap.ports(), who(), name)
    click.echo(f"removed @{name.lower().removeprefix('@')}")


COMMANDS = (lists,)
