"""wirewatch alerts … and wirewatch query …"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pipeline.adapters import alertfile, watchlist
from pipeline.deliver.channel import shown
from pipeline.deliver.render import in_text
from pipeline.flow.alerts import history, manage
from pipeline.flow.alerts.language import understood
from pipeline.flow.deeds import alerts as deeds
from pipeline.flow.feeds.imports import Imported
from pipeline.flow.readers.preferences import irrelevant_counts, irrelevant_stories
from pipeline.model import Alert, AlertState
from pipeline.query.presearch import filed_under
from pipeline.query.render import render
from pipeline.query.syntax import leaves, parse
from pipeline.query.variants import spellings
from workers import bootstrap
from workers.cli import show
from workers.cli.feeds import report
from workers.cli.who import who


@click.group()
def alerts() -> None:
    """The saved queries and who gets their mails."""


_variants = click.option(
    "--variants/--no-variants", default=True, help="Whether to look for other spellings of the words too."
)
_copies = click.option("--copies", is_flag=True, help="Mail every copy of a story, not only the first that is seen.")
_policy = click.option("--policy", default="immediate", show_default=True, help="When mails go (docs/delivery.md).")
_throttle = click.option(
    "--throttle", default=0, metavar="N", help="Mails an hour at the most, the rest in the next one."
)


@alerts.command()
@click.argument("name")
@click.argument("query")
@click.option(
    "--to", "recipients", multiple=True, required=True, metavar="MAIL", help="An address or a @group, once for each."
)
@_variants
@_copies
@click.option(
    "--updates", is_flag=True, help="Mail again when an edit brings another sentence or headline that matches."
)
@_policy
@_throttle
@click.option("--urgent", is_flag=True, help="Don't hold it in quiet hours.")
@click.option("--team", default="", metavar="NAME", help="Whose it is: other teams don't see it in the console.")
def add(**given: Any) -> None:
    """Save the alert NAME for QUERY; it fires on what is ingested from now on."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    new = manage.NewAlert(**given)
    alert = deeds.save_alert(ports, who(), new)
    click.echo(f"added {alert.name}: {alert.meaning}")
    for line in history.concerns(ports, new.query, parse(alert.meaning))[0]:
        show.note(f"warning: {line}")


@alerts.command("test")
@click.argument("query")
@click.option("--since", default="30d", show_default=True, metavar="TIME", help="Published at or after.")
@_variants
@_copies
@_policy
@_throttle
@show.json_option
def test_command(
    query: str, since: str, *, variants: bool, copies: bool, policy: str, throttle: int, as_json: bool
) -> None:
    """What QUERY would have fired on: how often, where, with examples, and how many mails that makes."""
    ports = bootstrap.ports()
    meant = understood(ports, query, variants=variants)
    outcome = history.trial(ports, meant, show.required_moment(since), copies=copies)
    mails = outcome.mails_a_day(policy, throttle)
    if as_json:
        show.as_json(
            {
                "stories": outcome.stories,
                "per_day": outcome.per_day,
                "mails_per_day": mails,
                "by_day": dict(sorted(outcome.by_day.items())),
                "by_site": dict(outcome.by_site.most_common()),
                "examples": [_example(one) for one in outcome.examples],
            }
        )
        return
    click.echo(f"{outcome.stories} stories since {show.when(outcome.since)}, {outcome.per_day:.1f} a day")
    click.echo(f"{mails:.1f} mails a day for each recipient, under “{policy}”")
    for day, count in sorted(outcome.by_day.items()):
        click.echo(f"  {day}  {count:5}  {'█' * min(60, count)}")
    for site, count in outcome.by_site.most_common(10):
        click.echo(f"  {count:5}  {site}")
    for one in outcome.examples:
        click.echo(f"\n{one.story.title}\n  {one.story.url}")
        for excerpt in one.excerpts:
            click.echo(f"  {in_text(excerpt)}")


def _example(example: history.Example) -> dict[str, object]:
    story = example.story
    return {"url": story.url, "title": story.title, "sentences": [in_text(one) for one in example.excerpts]}


@alerts.command()
@click.argument("name")
@click.argument("query")
@click.option("--since", default="30d", show_default=True, metavar="TIME", help="Published at or after.")
@show.json_option
def diff(name: str, query: str, since: str, *, as_json: bool) -> None:
    """What the alert NAME would add and lose if it became QUERY."""
    ports = bootstrap.ports()
    alert = manage.find_alert(ports, name)
    meant = understood(ports, query, variants=alert.variants)
    outcome = history.difference(ports, parse(alert.meaning), meant, show.required_moment(since))
    lost = {story.id for story in outcome.lost}
    irrelevant = irrelevant_stories(ports, alert.id)
    if as_json:
        sides = {"added": outcome.added, "lost": outcome.lost}
        listed = {side: [{"url": one.url, "title": one.title} for one in found] for side, found in sides.items()}
        unwanted = [{"url": one.url, "title": one.title, "lost": one.id in lost} for one in irrelevant]
        show.as_json({"kept": outcome.kept, **listed, "irrelevant": unwanted})
        return
    click.echo(f"+{len(outcome.added)} −{len(outcome.lost)}, {outcome.kept} as before")
    for sign, found in (("+", outcome.added), ("−", outcome.lost)):
        for story in found[: history.EXAMPLES]:
            click.echo(f"{sign} {story.title}\n    {story.url}")
    for story in irrelevant[: history.EXAMPLES]:
        click.echo(f"{'−' if story.id in lost else ' '} not relevant, said a reader: {story.title}\n    {story.url}")


@alerts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", "replace_existing", is_flag=True, help="Replace alerts of the same name.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@show.json_option
def import_command(file: Path, *, replace_existing: bool, dry_run: bool, as_json: bool) -> None:
    """Add the alerts, lists, recipients and groups of a TOML file (docs/cli.md). Bad ones are named, the rest added."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    lists = alertfile.read(watchlist.read(file), str(file))
    imported = watchlist.import_lists(ports, who(), lists, replace_existing=replace_existing, dry_run=dry_run)
    if as_json:
        facts = {what: asdict(one) for what, one in imported.items()}
        show.as_json(facts.pop("alerts") | facts)
        return
    if dry_run:
        changes = [line for one in imported.values() for line in one.changes]
        click.echo("\n".join(["nothing is changed; this would be:", *changes]))
    for what, one in imported.items():
        if one != Imported() or what == "alerts":
            report(one, what, as_json=False)
        for line in one.warnings:
            show.note(f"warning: {line}")


@alerts.command()
def export() -> None:
    """Print all alerts, lists, recipients and groups as TOML, for keeping in git."""
    stores = bootstrap.ports().stores
    written = alertfile.write(stores.recipients.all(), stores.groups.all(), stores.lists.all(), stores.alerts.all())
    click.echo(written, nl=False)


@alerts.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List the alerts."""
    ports = bootstrap.ports()
    found = sorted(ports.stores.alerts.all(), key=lambda alert: alert.name)
    irrelevant = irrelevant_counts(ports)
    if as_json:
        show.as_json([_facts(alert, irrelevant.get(alert.id, 0)) for alert in found])
        return
    show.table(
        ("STATE", "NAME", "QUERY", "TO", "WHEN", "TROUBLE"),
        (_row(alert, irrelevant.get(alert.id, 0)) for alert in found),
    )


def _row(alert: Alert, irrelevant: int) -> tuple[str, ...]:
    unwanted = f"{irrelevant} called not relevant" if irrelevant else ""
    trouble = "; ".join(filter(None, (alert.health, unwanted)))
    return alert.state, alert.name, alert.query, ", ".join(map(shown, alert.recipients)), alert.policy, trouble


def _facts(alert: Alert, irrelevant: int) -> dict[str, object]:
    return {
        "id": alert.id,
        "name": alert.name,
        "query": alert.query,
        "meaning": alert.meaning,
        "to": [shown(one) for one in alert.recipients],
        "policy": alert.policy,
        "throttle": alert.throttle,
        "urgent": alert.urgent,
        "team": alert.team,
        "irrelevant": irrelevant,
        "state": alert.state,
        "health": alert.health,
        "created": alert.created_at,
    }


@alerts.command()
@click.argument("name")
def pause(name: str) -> None:
    """Stop matching an alert."""
    click.echo(f"paused {deeds.set_alert_state(bootstrap.ports(), who(), name, AlertState.PAUSED).name}")


@alerts.command()
@click.argument("name")
def resume(name: str) -> None:
    """Match an alert again."""
    click.echo(f"resumed {deeds.set_alert_state(bootstrap.ports(), who(), name, AlertState.ACTIVE).name}")


@alerts.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove an alert; the ledger keeps what it sent, and for a week `alerts restore` puts it back."""
    click.echo(f"removed {deeds.remove_alert(bootstrap.ports(), who(), name).name}")


@alerts.command()
@click.argument("name")
def restore(name: str) -> None:
    """Put an alert back that was removed within a week."""
    click.echo(f"put back {deeds.restore_alert(bootstrap.ports(), who(), manage.alert_id(name)).name}")


@click.group("query")
def query_group() -> None:
    """The alert language."""


@query_group.command()
@click.argument("query")
@_variants
@show.json_option
def check(query: str, *, variants: bool, as_json: bool) -> None:
    """Say how QUERY is understood, or what is wrong with it."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    meant = understood(ports, query, variants=variants)
    typed = render(meant.root, variants=False)
    concerns, often = history.concerns(ports, query, meant)
    clauses = [{"clause": render(leaf, variants=False), "variants": spellings(leaf)} for leaf in leaves(meant.root)]
    if as_json:
        facts = {"query": query, "understood": typed, "meaning": meant.text, "clauses": clauses}
        show.as_json(facts | {"warnings": concerns, "per_day": often, "cost": filed_under(meant)})
        return
    click.echo(typed)
    for one in clauses:
        if one["variants"]:
            click.echo(f"  {one['clause']} also as {', '.join(one['variants'])}")
    click.echo(f"  is held against stories with: {', '.join(filed_under(meant)) or 'anything'}")
    click.echo(f"  would have fired {often:.1f} times a day, over the last {history.COUNTED_DAYS} days")
    for line in concerns:
        show.note(f"warning: {line}")


COMMANDS = (alerts, query_group)
