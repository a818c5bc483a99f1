"""Commands on the accounts: ledger, quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

import click

from pipeline.deliver.channel import one_spelling
from pipeline.errors import NotFound
from pipeline.flow.alerts.manage import find_alert
from pipeline.flow.deeds.entries import replay as replay_entries
from pipeline.flow.operations.quarantine import quarantine as in_quarantine
from pipeline.flow.operations.reconcile import PAGE, in_lines, reconcile
from pipeline.flow.stories import export
from pipeline.model import DeliveryState
from pipeline.ports import LedgerFilter, Ports
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who


@click.command()
@click.option("--alert", metavar="NAME", help="Only of this alert.")
@click.option("--recipient", default="", metavar="MAIL", help="Only to this recipient.")
@click.option("--state", type=click.Choice([one.value for one in DeliveryState]), help="Only in this state.")
@click.option("--since", metavar="TIME", help="Matched at or after: 7d, 12h, 2026-01-31.")
@click.option(
    "--reconcile", "asked_to_reconcile", is_flag=True, help="Say whether it adds up instead; 1 if it doesn't."
)
@show.json_option
@click.pass_context
def ledger(
    context: click.Context,
    alert: str | None,
    recipient: str,
    state: str | None,
    since: str | None,
    *,
    asked_to_reconcile: bool,
    as_json: bool,
) -> None:
    """Every delivery and what became of it, newest first; or with --reconcile whether all of them add up."""
    ports = bootstrap.ports()
    if asked_to_reconcile:
        if alert or recipient or state or since:
            raise click.UsageError("--reconcile is of the whole ledger: give it alone, or with --json")
        context.exit(0 if _reconciled(ports, as_json=as_json) else 1)
    alert_id = find_alert(ports, alert).id if alert else ""
    address, moment = one_spelling(recipient), show.moment(since)
    where = LedgerFilter(alert_id=alert_id, recipient=address, state=state or "", since=moment)
    rows = _rows(ports, where)
    if as_json:
        show.as_json_list(rows)
        return
    show.table(("AT", "STATE", "ALERT", "TO", "STORY", "ANSWER"), map(_shown, rows))


def _rows(ports: Ports, where: LedgerFilter) -> Iterator[dict[str, Any]]:
    """The rows of the ledger as `--json` has them, as they come: of a million none is kept."""
    names = {one.id: one.name for one in ports.stores.alerts.all()}
    found = ports.stores.deliveries.ledger(where)
    while page := list(islice(found, PAGE)):
        stories = ports.stores.stories.get(list({one.story_id for one in page}))
        for one in page:
            yield export.delivery(one, names.get(one.alert_id, one.alert_id), stories.get(one.story_id))


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    until = f" until {show.when(row['held_until'])}" if row["held_until"] else ""
    state = f"{row['state']}{until}{' (repeated)' if row['repeated'] else ''}"
    title = row["title"] or "–"
    return (show.when(row["updated"]), state, row["alert"], row["recipient"], title, row["reason"] or row["answer"])


def _reconciled(ports: Ports, *, as_json: bool) -> bool:
    """Reconcile and say what came of it; whether all adds up."""
    account = reconcile(ports)
    if as_json:
        show.as_json(
            {
                "adds_up": account.adds_up,
                "matches": account.matches,
                "waiting": account.waiting,
                "matched": account.matched,
                "states": {state.value: account.states[state.value] for state in DeliveryState},
                "faulty": dict(account.faulty),
                "faults": [asdict(fault) for fault in account.faults],
            }
        )
        return account.adds_up
    for line in in_lines(ports, account):
        click.echo(line)
    return account.adds_up


@click.group()
def quarantine() -> None:
    """Entries that failed again and again, kept apart until a person has looked."""


@quarantine.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List them with what went wrong, but for those that somebody has discarded."""
    found = in_quarantine(bootstrap.ports()).waiting
    if as_json:
        show.as_json(
            [
                {"id": one.id, "url": one.url, "title": one.title, "stage": one.failed_stage, "error": one.error}
                for one in found
            ]
        )
        return
    show.table(("ENTRY", "STAGE", "ERROR", "URL"), [(one.id, one.failed_stage, one.error, one.url) for one in found])


@quarantine.command()
@click.argument("entry_ids", nargs=-1, required=True)
def replay(entry_ids: tuple[str, ...]) -> None:
    """Try entries again, as if they were new; `all` names all of them."""
    ports = bootstrap.ports()
    named = [one.id for one in in_quarantine(ports).waiting] if entry_ids == ("all",) else list(entry_ids)
    changed = replay_entries(ports, who(), named)
    missing = [] if entry_ids == ("all",) else sorted(set(named) - {one.id for one in changed})
    click.echo(f"{len(changed)} entries will be tried again")
    if missing:
        raise NotFound("quarantine", ", ".join(missing))


COMMANDS = (ledger, quarantine)
