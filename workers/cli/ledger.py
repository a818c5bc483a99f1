"""Commands on the accounts: ledger, quarantine."""

from __future__ import annotations

import click
from msgspec.structs import replace

from pipeline.deliver.channel import shown
from pipeline.errors import NotFound
from pipeline.flow.manage import find_alert
from pipeline.model import Entry, EntryState
from pipeline.ports import LedgerFilter
from workers import bootstrap
from workers.cli import show


@click.command()
@click.option("--alert", metavar="NAME", help="Only of this alert.")
@click.option("--recipient", default="", metavar="MAIL", help="Only to this recipient.")
@click.option("--since", metavar="TIME", help="Matched at or after: 7d, 12h, 2026-01-31.")
@show.json_option
def ledger(alert: str | None, recipient: str, since: str | None, *, as_json: bool) -> None:
    """Every delivery and what became of it, newest first."""
    ports = bootstrap.ports()
    alert_id = find_alert(ports, alert).id if alert else ""
    where = LedgerFilter(alert_id=alert_id, recipient=recipient, since=show.moment(since))
    found = list(ports.stores.deliveries.ledger(where))
    names = {one.id: one.name for one in ports.stores.alerts.all()}
    stories = ports.stores.stories.get(list({one.story_id for one in found}))
    if as_json:
        show.as_json(
            [
                {
                    "id": one.id,
                    "alert": names.get(one.alert_id, one.alert_id),
                    "story": stories[one.story_id].url if one.story_id in stories else one.story_id,
                    "recipient": one.recipient,
                    "state": one.state,
                    "reason": one.reason,
                    "answer": one.answer,
                    "message_id": one.message_id,
                    "repeated": one.repeated,
                    "attempts": one.attempts,
                    "history": [{"at": event.at, "state": event.state, "note": event.note} for event in one.history],
                }
                for one in found
            ]
        )
        return
    rows = [
        (
            show.when(one.updated_at),
            one.state + (" (repeated)" if one.repeated else ""),
            names.get(one.alert_id, "–"),
            shown(one.recipient),
            stories[one.story_id].title if one.story_id in stories else "–",
            one.reason or one.answer,
        )
        for one in found
    ]
    show.table(("AT", "STATE", "ALERT", "TO", "STORY", "ANSWER"), rows)


@click.group()
def quarantine() -> None:
    """Entries that failed again and again, kept apart until a person has looked."""


@quarantine.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List them with what went wrong."""
    found = list(bootstrap.ports().stores.entries.quarantined())
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
    now = ports.clock.now()

    def change(entry: Entry) -> Entry | None:
        if entry.state is not EntryState.QUARANTINED:
            return None
        return replace(entry, state=EntryState.PENDING, attempts=0, error="", failed_stage="", due_at=now)

    named = [one.id for one in ports.stores.entries.quarantined()] if entry_ids == ("all",) else list(entry_ids)
    changed = ports.stores.entries.update(named, change)
    missing = [] if entry_ids == ("all",) else sorted(set(named) - {one.id for one in changed})
    click.echo(f"{len(changed)} entries will be tried again")
    if missing:
        raise NotFound("quarantine", ", ".join(missing))


COMMANDS = (ledger, quarantine)
