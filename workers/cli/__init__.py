"""The command line: `wirewatch …`. Each group of commands has its room; this one has what they share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pipeline import settings as settings_table
from pipeline.errors import BadInput, NotFound, SettingError, WirewatchError
from workers import bootstrap
from workers.cli import (
    alerts,
    backups,
    bounces,
    channels,
    feeds,
    healthy,
    ledger,
    lists,
    people,
    reading,
    running,
    status,
    subscriptions,
    upkeep,
    users,
)

DONE, FAILED, BAD_INPUT = 0, 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--data", metavar="DIR", help="Folder of the embedded store, the Maildir and the keys.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="WIREWATCH_CONFIG",
    help="TOML file with settings (docs/settings.md).",
)
@click.version_option(package_name="wirewatch")
def cli(data: str | None, config: Path | None) -> None:
    """Watch news feeds and mail keyword alerts, with a ledger that proves it.

    Begin with `wirewatch demo`, or `wirewatch up`. Every setting is WIREWATCH_<NAME> too.
    """
    chosen = settings_table.load(config=config, data=data)
    bootstrap.choose(chosen)
    bootstrap.set_up_logging("ERROR")


for group in (
    running,
    feeds,
    subscriptions,
    alerts,
    people,
    channels,
    bounces,
    users,
    lists,
    reading,
    status,
    ledger,
    upkeep,
    backups,
    healthy,
):
    for command in group.COMMANDS:
        cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command. Exit codes: 0 done, 1 failed, 2 usage or bad input; an error is one line on stderr."""
    try:
        code = cli.main(arguments, prog_name="wirewatch", standalone_mode=False)
    except click.exceptions.Abort:
        _leave("stopped", FAILED)
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and _takes_query(error.ctx):
            click.echo("A query that begins with a dash stands behind --, as in: -- '-sport kursk'", err=True)
        sys.exit(error.exit_code)
    except (BadInput, NotFound, SettingError) as error:
        _leave(str(error), BAD_INPUT)
    except WirewatchError as error:
        _leave(str(error), FAILED)
    except BrokenPipeError:
        # Whoever read has gone (`| head`): not our failure, and nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else DONE)


def _takes_query(context: click.Context | None) -> bool:
    return context is not None and any(one.name == "query" for one in context.command.params)


def _leave(message: str, code: int) -> None:
    click.echo(f"wirewatch: {' '.join(message.split())}", err=True)
    sys.exit(code)
