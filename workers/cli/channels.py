"""wirewatch channels …: chats and webhooks that are told beside, or in place of, mail."""

from __future__ import annotations

from typing import TextIO

import click

from pipeline.deliver.channel import Channel, channel_of, shown
from pipeline.flow.deeds.people import put_channel
from pipeline.flow.readers.channels import try_channel
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who


@click.group()
def channels() -> None:
    """Chats and webhooks that alerts are sent to (docs/channels.md)."""


@channels.command()
@click.argument("address")
@click.option("--name", default="", help="What people call it.")
@click.option(
    "--secret-file",
    type=click.File(),
    help="File with the secret (- for standard input): a webhook's own, or the access token of a Matrix account.",
)
def add(address: str, name: str, secret_file: TextIO | None) -> None:
    """Check and keep ADDRESS; a webhook is given a secret to check our signatures with, and it is shown."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    secret = secret_file.read().strip() if secret_file else ""
    kept = put_channel(ports, who(), address, secret=secret, name=name)
    click.echo(f"kept {shown(address)}")
    if channel_of(address) is Channel.WEBHOOK:
        click.echo(f"its secret: {kept.secret}")


@channels.command("test")
@click.argument("address")
def test_command(address: str) -> None:
    """Send a message to ADDRESS that says it is a trial, and show what was answered."""
    taken = try_channel(bootstrap.ports(), address)
    click.echo(f"taken: {taken.answer} (message {taken.message_id})")


@channels.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List what is kept; addresses are cut, and secrets not shown."""
    kept = bootstrap.ports().stores.recipients.all()
    found = sorted((one for one in kept if channel_of(one.address) is not Channel.MAIL), key=lambda one: one.address)
    if as_json:
        show.as_json(
            [
                {
                    "id": one.id,
                    "channel": channel_of(one.address),
                    "address": shown(one.address),
                    "name": one.name,
                    "bounces": one.bounces,
                    "bounced": one.bounced,
                }
                for one in found
            ]
        )
        return
    rows = [(channel_of(one.address), shown(one.address), one.name, one.bounced) for one in found]
    show.table(("CHANNEL", "ADDRESS", "NAME", "GIVEN UP"), rows)


COMMANDS = (channels,)
