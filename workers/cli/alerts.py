"""wirewatch alerts … and wirewatch query …"""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.adapters import watchlist
from pipeline.flow import manage
from pipeline.flow.language import understood
from pipeline.model import Alert, AlertState
from pipeline.query.render import render
from pipeline.query.syntax import leaves
from pipeline.query.variants import spellings
from workers import bootstrap
from workers.cli import show
from workers.cli.feeds import report


@click.group()
def alerts() -> None:
    """The saved queries and who gets their mails."""


@alerts.command()
@click.argument("name")
@click.argument("query")
@click.option("--to", "recipients", multiple=True, required=True, metavar="MAIL", help="A recipient, once for each.")
@click.option("--no-variants", is_flag=True, help="Look for the words as typed, in no other spelling.")
def add(name: str, query: str, recipients: tuple[str, ...], *, no_variants: bool) -> None:
    """Save the alert NAME for QUERY; it fires on what is ingested from now on."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    new = manage.NewAlert(name=name, query=query, recipients=recipients, variants=not no_variants)
    alert = manage.put_alert(ports, new)
    click.echo(f"added {alert.name}: {alert.meaning}")


@alerts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", "replace_existing", is_flag=True, help="Replace alerts of the same name.")
@show.json_option
def import_command(file: Path, *, replace_existing: bool, as_json: bool) -> None:
    """Add the alerts of a TOML file ([[alert]] with name, query, to). Bad ones are named, the rest is added."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    new = watchlist.read_alerts(watchlist.read(file), str(file))
    report(watchlist.import_alerts(ports, new, replace_existing=replace_existing), "alerts", as_json=as_json)


@alerts.command()
def export() -> None:
    """Print all alerts as TOML, for keeping in git."""
    click.echo(watchlist.write_alerts(list(bootstrap.ports().stores.alerts.all())), nl=False)


@alerts.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List the alerts."""
    found = sorted(bootstrap.ports().stores.alerts.all(), key=lambda alert: alert.name)
    if as_json:
        show.as_json([_facts(alert) for alert in found])
        return
    rows = [(alert.state, alert.name, alert.query, ", ".join(alert.recipients), alert.health) for alert in found]
    show.table(("STATE", "NAME", "QUERY", "TO", "TROUBLE"), rows)


def _facts(alert: Alert) -> dict[str, object]:
    return {
        "id": alert.id,
        "name": alert.name,
        "query": alert.query,
        "meaning": alert.meaning,
        "to": list(alert.recipients),
        "state": alert.state,
        "health": alert.health,
        "created": alert.created_at,
    }


@alerts.command()
@click.argument("name")
def pause(name: str) -> None:
    """Stop matching an alert."""
    click.echo(f"paused {manage.set_alert_state(bootstrap.ports(), name, AlertState.PAUSED).name}")


@alerts.command()
@click.argument("name")
def resume(name: str) -> None:
    """Match an alert again."""
    click.echo(f"resumed {manage.set_alert_state(bootstrap.ports(), name, AlertState.ACTIVE).name}")


@alerts.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove an alert; the ledger keeps what it sent."""
    click.echo(f"removed {manage.remove_alert(bootstrap.ports(), name).name}")


@click.group("query")
def query_group() -> None:
    """The alert language."""


@query_group.command()
@click.argument("query")
@show.json_option
def check(query: str, *, as_json: bool) -> None:
    """Say how QUERY is understood, or what is wrong with it."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    meant = understood(ports, query)
    typed = render(meant.root, variants=False)
    clauses = [{"clause": render(leaf, variants=False), "variants": spellings(leaf)} for leaf in leaves(meant.root)]
    if as_json:
        show.as_json({"query": query, "understood": typed, "meaning": meant.text, "clauses": clauses})
        return
    click.echo(typed)
    for one in clauses:
        if one["variants"]:
            click.echo(f"  {one['clause']} also as {', '.join(one['variants'])}")


COMMANDS = (alerts, query_group)
