"""wirewatch recipients … and wirewatch groups …: who gets the messages, and when."""

from __future__ import annotations

from typing import Any

import click

from pipeline.deliver.channel import shown
from pipeline.flow.alerts.manage import find_alert
from pipeline.flow.deeds import people as deeds
from pipeline.flow.readers.people import NewGroup, NewRecipient
from pipeline.model import EVERY_ALERT, Group, Recipient
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who


@click.group()
def recipients() -> None:
    """Who gets mails: their zone, when their mails go, what they unsubscribed from, what bounced."""


@recipients.command("set")
@click.argument("address")
@click.option("--name", help="What they are called.")
@click.option("--zone", help="Their time zone as IANA names it, such as Europe/Kyiv; UTC by default.")
@click.option("--language", help="Of their mails, two letters; en by default.")
@click.option("--policy", help="When their mails go, in place of the alerts' own (docs/delivery.md); '' for theirs.")
@click.option("--quiet", help="Hours in which nothing comes that is not urgent: 22:00-07:00; '' for none.")
@click.option("--reinstate", is_flag=True, help="Send to the address again that was given up for bounces.")
def set_command(*, reinstate: bool, **said: Any) -> None:
    """Describe the recipient at ADDRESS; what is not named stays as it is."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    one = deeds.put_recipient(ports, who(), NewRecipient(**said), reinstate=reinstate)
    click.echo(f"{shown(one.address)}: {one.policy or 'as the alerts say'}, {one.zone}, quiet {one.quiet or 'never'}")


@recipients.command()
@click.argument("address")
@click.option("--alert", metavar="NAME", help="From this alert; by default from all.")
def unsubscribe(address: str, alert: str | None) -> None:
    """Send no more to ADDRESS, for somebody who asked you instead of following a link."""
    _set_subscribed(address, alert, subscribed=False)


@recipients.command()
@click.argument("address")
@click.option("--alert", metavar="NAME", help="To this alert; by default lift what holds for all.")
def subscribe(address: str, alert: str | None) -> None:
    """Send to ADDRESS again, for somebody who has unsubscribed and asked you."""
    _set_subscribed(address, alert, subscribed=True)


def _set_subscribed(address: str, alert: str | None, *, subscribed: bool) -> None:
    ports = bootstrap.ports()
    what = find_alert(ports, alert).id if alert else EVERY_ALERT
    one = deeds.set_subscribed(ports, who(), address, what, subscribed=subscribed)
    names = {known.id: known.name for known in ports.stores.alerts.all()}
    click.echo(f"{shown(one.address)}: unsubscribed from {', '.join(_unsubscribed(one, names)) or 'nothing'}")


@recipients.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List who was described, has unsubscribed or muted, or bounced."""
    ports = bootstrap.ports()
    found = sorted(ports.stores.recipients.all(), key=lambda one: one.address)
    names = {alert.id: alert.name for alert in ports.stores.alerts.all()}
    if as_json:
        show.as_json([_facts(one, names) for one in found])
        return
    headings = ("ADDRESS", "NAME", "ZONE", "POLICY", "QUIET", "UNSUBSCRIBED", "MUTED", "BOUNCED")
    show.table(headings, (_row(one, names) for one in found))


def _row(one: Recipient, names: dict[str, str]) -> tuple[str, ...]:
    muted = [f"{names.get(alert_id, alert_id)} until {show.when(until)}" for alert_id, until in one.muted.items()]
    bounced = one.bounced or (f"{one.bounces} in a row" if one.bounces else "")
    unsubscribed = ", ".join(_unsubscribed(one, names))
    return shown(one.address), one.name, one.zone, one.policy, one.quiet, unsubscribed, ", ".join(muted), bounced


def _facts(one: Recipient, names: dict[str, str]) -> dict[str, object]:
    return {
        "address": shown(one.address),
        "name": one.name,
        "zone": one.zone,
        "language": one.language,
        "policy": one.policy,
        "quiet": one.quiet,
        "unsubscribed": _unsubscribed(one, names),
        "muted": [{"alert": names.get(alert_id, alert_id), "until": until} for alert_id, until in one.muted.items()],
        "bounces": one.bounces,
        "bounced": one.bounced,
        "updated": one.updated_at,
    }


def _unsubscribed(one: Recipient, names: dict[str, str]) -> list[str]:
    """Names of alerts; `*` for all."""
    return sorted(names.get(alert_id, alert_id) for alert_id in one.unsubscribed)


@click.group()
def groups() -> None:
    """Recipients under one name, which alerts use as --to @NAME."""


@groups.command("set")
@click.argument("name")
@click.argument("members", nargs=-1, required=True)
def set_group(name: str, members: tuple[str, ...]) -> None:
    """Make or replace the group NAME of addresses."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    group = deeds.put_group(ports, who(), NewGroup(name=name, members=members))
    click.echo(f"@{group.name}: {', '.join(map(shown, group.members))}")


@groups.command("list")
@show.json_option
def list_groups(*, as_json: bool) -> None:
    """List the groups."""
    found = sorted(bootstrap.ports().stores.groups.all(), key=lambda one: one.name)
    if as_json:
        show.as_json([{"name": one.name, "members": _members(one), "updated": one.updated_at} for one in found])
        return
    show.table(("GROUP", "MEMBERS"), [(f"@{one.name}", ", ".join(_members(one))) for one in found])


def _members(group: Group) -> list[str]:
    return [shown(address) for address in group.members]


@groups.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a group that no alert names."""
    deeds.remove_group(bootstrap.ports(), who(), name)
    click.echo(f"removed @{name.lower().removeprefix('@')}")


COMMANDS = (recipients, groups)
