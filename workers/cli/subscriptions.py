"""wirewatch subscriptions …: what hubs push to us."""

from __future__ import annotations

import click

from pipeline.model import Subscription
from workers import bootstrap
from workers.cli import show


@click.group()
def subscriptions() -> None:
    """The hubs that push what feeds publish (docs/websub.md)."""


@subscriptions.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List the subscriptions and how they stand; tokens and secrets are not shown."""
    found = sorted(bootstrap.ports().stores.subscriptions.all(), key=lambda one: (not one.error, one.topic))
    if as_json:
        show.as_json([_facts(one) for one in found])
        return
    rows = [
        (one.state, show.when(one.expires_at), show.when(one.pushed_at), one.hub, one.topic, one.error) for one in found
    ]
    show.table(("STATE", "LEASE UNTIL", "LAST PUSH", "HUB", "TOPIC", "ERROR"), rows)


def _facts(one: Subscription) -> dict[str, object]:
    return {
        "id": one.id,
        "feed_id": one.feed_id,
        "hub": one.hub,
        "topic": one.topic,
        "state": one.state,
        "lease_until": one.expires_at,
        "last_push": one.pushed_at,
        "next_asking": one.due_at,
        "attempts": one.attempts,
        "error": one.error,
    }


COMMANDS = (subscriptions,)
