"""Commands that run the pipeline: setup, up, once, console, demo."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.adapters import watchlist
from pipeline.errors import StoreUnavailable, WirewatchError, without_secrets
from pipeline.flow.accounts.users import first_link
from pipeline.flow.alerts import language
from pipeline.flow.once import Round, once
from pipeline.flow.readers import recipients
from pipeline.flow.sweep import forget_queue
from pipeline.ports import Ports
from workers import bootstrap
from workers.cli import demo as demo_room
from workers.cli import show
from workers.cli.who import who
from workers.crew import Crew, hire

if TYPE_CHECKING:
    from celery import Celery
    from celery.beat import Service

watch_option = click.option(
    "--watch",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with feeds.opml and alerts.toml to take in; what is known already is kept as it is.",
)


wait_option = click.option(
    "--wait", default=0.0, metavar="SECONDS", help="For how long to wait for a store that does not answer."
)


@click.command()
@watch_option
@wait_option
def setup(watch: Path | None, wait: float) -> None:
    """Prepare the store and probe it; may be done again at any time."""
    ports = bootstrap.ports()
    wait_for_store(ports, wait)
    for line in made_ready(ports, watch):
        show.note(line)


def wait_for_store(ports: Ports, seconds: float) -> None:
    """Prepare the store as soon as it answers, or go on after so many seconds, for whoever asks it next to say why."""
    until = ports.clock.now() + timedelta(seconds=seconds)
    while ports.clock.now() < until:
        try:
            ports.stores.prepare()
        except StoreUnavailable:
            ports.clock.wait(1)
        else:
            return


def made_ready(ports: Ports, watch: Path | None) -> list[str]:
    """All that is done once before work begins: also alerts understood anew, and a probe; what was done, in lines."""
    lines = prepare(ports, watch)
    anew = language.recheck_alerts(ports)
    lines += [f"understood anew, after a change of lists or spellings: alert {alert.name!r}" for alert in anew]
    return [*lines, ports.stores.probe()]


def prepare(ports: Ports, watch: Path | None) -> list[str]:
    """Prepare the store and take in the watch folder; what was done, in lines.

    Recipients are brought along too, also before a round of cron's: until then what they refuse would not be known.
    """
    lines = ports.stores.prepare()
    if respelt := recipients.respell(ports):
        lines.append(f"recipients kept in lower case from now on: {respelt}")
    if watch is not None:
        lines += watchlist.take_in(ports, who(), watch)
    return lines


@click.command("once")
@click.option("--all", "everything", is_flag=True, help="Poll every active feed now, due or not.")
@watch_option
@show.json_option
def once_command(*, everything: bool, watch: Path | None, as_json: bool) -> None:
    """Poll what is due, process and deliver all that is pending, and exit.

    Exits 0 though some feeds failed: they are named and counted.
    """
    if bootstrap.settings().log_format == "json":  # who reads that reads events, and no progress
        bootstrap.set_up_logging(bootstrap.settings().log_level)
    ports = bootstrap.ports()
    prepare(ports, watch)
    with closing(Crew(ports)) as crew:
        progress = show.progress()
        threads = os.cpu_count() or 2
        outcome = once(
            ports,
            everything=everything,
            progress=progress,
            threads=threads,
            ingesting=crew.ingest,
            get_ready=crew.get_ready,
        )
    if as_json:
        show.as_json(outcome.counts())
        return
    summarise(outcome)


def summarise(outcome: Round) -> None:
    """Tell a person what a round came to."""
    for url, why in outcome.failed_feeds.items():
        show.note(f"feed {url}: {why}")
    for entry, why in outcome.failed_entries.items():
        show.note(f"entry {entry}: {why}")
    click.echo(
        f"{outcome.feeds} feeds polled ({outcome.unchanged} unchanged, {len(outcome.failed_feeds)} failed), "
        f"{outcome.entries} new entries, {outcome.stories} stories, {outcome.matches} matches, "
        f"{outcome.sent} mails sent"
        + (f", {outcome.failed + outcome.postponed} mails not sent" if outcome.failed + outcome.postponed else "")
    )


@click.command()
@watch_option
@click.option("--threads", default=8, show_default=True, help="Tasks at once.")
def up(watch: Path | None, threads: int) -> None:
    """Run everything in this process until Ctrl-C."""
    # Celery warns root of pickled messages: we take none but JSON, and hear none but our own.
    warnings.filterwarnings("ignore", message=".*superuser privileges.*")
    # Celery takes half a second that other commands need not wait.
    from workers.app import QUEUES, app  # noqa: PLC0415
    from workers.console import serve  # noqa: PLC0415
    from workers.metrics import serve as metrics  # noqa: PLC0415
    from workers.stock import Stock  # noqa: PLC0415
    from workers.tasks import sweep  # noqa: PLC0415

    settings = bootstrap.settings()
    bootstrap.set_up_logging(settings.log_level, serving=True)
    listening = serve.bound(settings)
    ports = bootstrap.ports()
    bootstrap.begin_traces()
    metrics.expose(settings, Stock(ports))
    for line in made_ready(ports, watch):
        show.note(line)
    show.note(f"store   {without_secrets(settings.store)}")
    show.note(f"mail    {without_secrets(settings.mail)}")
    show.note(f"console {serve.address(listening)}")
    invite_first(ports, serve.address(listening))
    show.note("running; stop with Ctrl-C, look with `wirewatch status`")
    beat = _beat(app)
    worker = app.Worker(
        pool="threads",
        concurrency=threads,
        queues=",".join(QUEUES),
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        loglevel=logging.getLevelName(settings.log_level),
    )
    if settings.broker.startswith("memory"):
        forget_queue(ports)
    crew = Crew(ports, serving=True)
    hire(crew)
    sweep.delay()  # beat's first comes only after a whole interval
    try:
        with serve.beside(listening):
            worker.start()
    finally:
        beat.stop()
        crew.close()
        bootstrap.close(ports)


def _beat(app: Celery) -> Service:
    from celery import beat  # noqa: PLC0415

    service = beat.Service(app, scheduler_cls=app.conf.beat_scheduler)
    threading.Thread(target=service.start, name="beat", daemon=True).start()
    return service


@click.command()
def console() -> None:
    """Serve the console alone, until Ctrl-C: where workers run by themselves."""
    from workers.console import serve  # noqa: PLC0415 -- Celery and FastAPI take half a second
    from workers.metrics import serve as metrics  # noqa: PLC0415
    from workers.stock import Stock  # noqa: PLC0415

    settings = bootstrap.settings()
    bootstrap.set_up_logging(settings.log_level, serving=True)
    bootstrap.check_store()
    listening = serve.bound(settings)
    show.note(f"console {serve.address(listening)}")
    bootstrap.begin_traces()
    metrics.expose(settings, Stock(bootstrap.ports()))
    invite_first(bootstrap.ports(), serve.address(listening))
    serve.serve(listening)


def invite_first(ports: Ports, address: str) -> None:
    """Where there is no user yet, print the one-time link for the first administrator of the console at `address`."""
    try:
        link = first_link(ports, ports.settings.public_url or address)
    except WirewatchError as error:  # the console may well be started before its store
        show.note(f"whether there are users can't be told yet: {error}")
        return
    if link:
        show.note(f"nobody can sign in yet; the first administrator chooses a password, once: {link}")


@click.command()
@click.option("--keep", is_flag=True, help="Keep the demo's folder and name it.")
def demo(*, keep: bool) -> None:
    """The whole job on a sample newsroom served from loopback; shows the mails."""
    demo_room.run(keep=keep)


COMMANDS = (setup, once_command, up, console, demo)
