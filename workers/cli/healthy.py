"""The command that health checks run: healthy."""

from __future__ import annotations

import socket

import click

from pipeline.errors import WirewatchError
from pipeline.flow.operations.queues import stuck, unswept
from workers import bootstrap

WORKERS = ("poll", "ingest", "notify")


@click.command()
@click.argument("part", type=click.Choice([*WORKERS, "beat"]))
@click.option("--host", default=socket.gethostname, help="Where the worker runs, as its name after the @ says.")
def healthy(part: str, host: str) -> None:
    """Exit 0 when PART does its work, else 1 with why not on stderr.

    A worker has to answer through the broker, and somebody to be at the work of its queue if any has waited for long.
    For beat, a sweep has to have come to its end lately.
    """
    trouble = unswept(bootstrap.ports()) if part == "beat" else _trouble_of(part, f"{part}@{host}")
    if trouble:
        raise WirewatchError(f"{part} is not healthy: {trouble}")
    click.echo(f"{part} is healthy")


def _trouble_of(task: str, worker: str) -> str:
    from workers import broker  # noqa: PLC0415 -- Celery takes half a second that other commands need not wait

    ports = bootstrap.ports()
    if not ports.settings.broker.startswith("memory") and not broker.answers(ports.settings, worker):
        return f"no worker {worker} answers"
    return stuck(ports, task)


COMMANDS = (healthy,)
