"""wirewatch bounces …: mails that a server took and then returned."""

from __future__ import annotations

from typing import BinaryIO

import click

from pipeline.flow.readers.returned import take_returned
from workers import bootstrap


@click.group()
def bounces() -> None:
    """Mails that came back (docs/delivery.md)."""


@bounces.command()
@click.argument("files", nargs=-1, required=True, type=click.File("rb"), metavar="FILE…")
def read(files: tuple[BinaryIO, ...]) -> None:
    """Take in delivery status notifications, a mail a FILE (- for standard input); others are passed over."""
    ports = bootstrap.ports()
    for file in files:
        failed = take_returned(ports, file.read())
        said = f"{len(failed)} failed, to {failed[0].recipient}: {failed[0].reason}" if failed else "nothing new"
        click.echo(f"{file.name}: {said}")


COMMANDS = (bounces,)
