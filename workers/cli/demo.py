"""wirewatch demo: the whole job on the sample newsroom, in a folder of its own, with the mails at the end."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import click

from pipeline import settings as settings_table
from pipeline.errors import WirewatchError
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import once
from pipeline.ports import Ports
from pipeline.settings import Settings
from workers import bootstrap
from workers.cli import show
from workers.newsroom import Newsroom, open_newsroom

RECIPIENT = "analyst@example.org"
ALERTS = {"kursk": "kursk", "mutual defence": '"mutual defence"'}


def run(*, keep: bool) -> None:
    """Show the job done. Nothing of the user's own settings or data is touched."""
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="wirewatch-demo-"))
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        newsroom = stack.enter_context(open_newsroom())
        show.note(f"a sample newsroom is open at {newsroom.base}: {newsroom.stories} stories in 3 feeds")
        ports = bootstrap.make_ports(_settings(folder))
        stack.callback(bootstrap.close, ports)
        _watch(ports, newsroom)
        outcome = once(ports, everything=True, progress=show.progress(), threads=2)
        if outcome.failed_feeds or outcome.failed_entries or not outcome.sent:
            raise WirewatchError(f"the demo did not come through: {outcome.failed_feeds} {outcome.failed_entries}")
        mails = _mails(folder)
        for mail in mails:
            _show(mail)
        again = once(ports, everything=True, progress=lambda *_: None, threads=2)
        click.echo("─" * 72)
        click.echo(f"{outcome.stories} stories read, {outcome.sent} mails for {len(ALERTS)} alerts.")
        click.echo(f"The feeds were polled a second time: {again.entries} new entries, {again.sent} more mails.")
        took = time.monotonic() - began
        click.echo(
            f"All in {took:.1f} s. For your own feeds: edit watch/feeds.opml and watch/alerts.toml, then make run."
        )
        if keep:
            click.echo(f"Kept in {folder}; look with: wirewatch --data {folder} ledger")


def _settings(folder: Path) -> Settings:
    return settings_table.load(
        environment={},
        data=str(folder),
        allow_private="127.0.0.1/32",
        host_spacing="0",
        host_parallel="8",
        pages="always",
    )


def _watch(ports: Ports, newsroom: Newsroom) -> None:
    ports.stores.prepare()
    add_feeds(ports, [NewFeed(url=url, title="", tags=()) for url in newsroom.feeds])
    for name, query in ALERTS.items():
        put_alert(ports, NewAlert(name=name, query=query, recipients=(RECIPIENT,)))


def _mails(folder: Path) -> list[EmailMessage]:
    parser = BytesParser(policy=policy.default)
    found = [parser.parsebytes(path.read_bytes()) for path in (folder / "mail" / "new").iterdir()]
    return sorted((mail for mail in found if isinstance(mail, EmailMessage)), key=lambda mail: str(mail["Subject"]))


def _show(mail: EmailMessage) -> None:
    text = mail.get_body(("plain",))
    click.echo("─" * 72)
    click.echo(f"To:      {mail['To']}")
    click.echo(f"Subject: {mail['Subject']}\n")
    lines = text.get_content().splitlines() if text else []
    click.echo("\n".join(lines).partition("\n-- \n")[0].strip())
