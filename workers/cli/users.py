"""wirewatch users …: who signs in to the console, and what they may do."""

from __future__ import annotations

import click

from pipeline.flow.accounts import users as people
from pipeline.flow.accounts.credentials import make_token
from pipeline.model import Role, Scope, User
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who

role_choice = click.Choice([one.value for one in Role])
team_option = click.option(
    "--team", "teams", multiple=True, metavar="NAME", help="Whose alerts they see; may be given several times."
)


@click.group()
def users() -> None:
    """Who signs in to the console: roles, teams, one-time links, tokens of the API."""


@users.command()
@click.argument("address")
@click.option("--name", default="", help="What they are called.")
@click.option("--role", type=role_choice, default=Role.VIEWER.value, show_default=True)
@team_option
def add(address: str, name: str, role: str, teams: tuple[str, ...]) -> None:
    """Make a user, and print the one-time link with which they choose a password."""
    ports = bootstrap.ports()
    ports.stores.prepare()
    user = people.invite(ports, who(), address, name=name, role=Role(role), teams=teams)
    click.echo(people.link_for(ports, who(), user))


@users.command("list")
@show.json_option
def list_command(*, as_json: bool) -> None:
    """List the users."""
    found = people.users(bootstrap.ports())
    if as_json:
        show.as_json([_facts(one) for one in found])
        return
    rows = [(one.address, one.name, one.role, ", ".join(one.teams), _state(one)) for one in found]
    show.table(("ADDRESS", "NAME", "ROLE", "TEAMS", "STATE"), rows)


def _state(user: User) -> str:
    if user.disabled:
        return "disabled"
    return "active" if user.password else "invited"


def _facts(user: User) -> dict[str, object]:
    return {
        "address": user.address,
        "name": user.name,
        "role": user.role,
        "teams": list(user.teams),
        "has_password": bool(user.password),
        "disabled": user.disabled,
    }


@users.command()
@click.argument("address")
@click.option("--mail", is_flag=True, help="Mail it to them too.")
def link(address: str, *, mail: bool) -> None:
    """Print a new one-time link for ADDRESS, for a password that is forgotten or was never chosen."""
    ports = bootstrap.ports()
    user = people.find_user(ports, address)
    made = people.link_for(ports, who(), user)
    click.echo(made)
    if mail:
        show.note(people.mail_link(ports, user, made))


@users.command("role")
@click.argument("address")
@click.argument("role", type=role_choice)
def role_command(address: str, role: str) -> None:
    """Give the user at ADDRESS another role; their sessions end."""
    user = people.change_user(bootstrap.ports(), who(), address, role=Role(role))
    click.echo(f"{user.address}: {user.role}")


@users.command("teams")
@click.argument("address")
@click.argument("teams", nargs=-1)
def teams_command(address: str, teams: tuple[str, ...]) -> None:
    """Put the user at ADDRESS into these teams and no others."""
    user = people.change_user(bootstrap.ports(), who(), address, teams=teams)
    click.echo(f"{user.address}: {', '.join(user.teams) or 'no team'}")


@users.command()
@click.argument("address")
def disable(address: str) -> None:
    """Let the user at ADDRESS in no more: sessions end, and tokens are refused; all that is theirs stays."""
    click.echo(f"disabled {people.change_user(bootstrap.ports(), who(), address, disabled=True).address}")


@users.command()
@click.argument("address")
def enable(address: str) -> None:
    """Let the user at ADDRESS in again."""
    click.echo(f"enabled {people.change_user(bootstrap.ports(), who(), address, disabled=False).address}")


@users.command()
@click.argument("address")
def remove(address: str) -> None:
    """Remove the user at ADDRESS with their sessions and tokens; their alerts stay."""
    click.echo(f"removed {people.remove_user(bootstrap.ports(), who(), address).address}")


@users.command()
@click.argument("address")
@click.option("--name", required=True, help="What uses it, such as newsroom wall.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice([one.value for one in Scope]), default=(Scope.READ.value,)
)
def token(address: str, name: str, scopes: tuple[str, ...]) -> None:
    """Print a new token of the API that acts for ADDRESS (docs/api.md). It is shown this once."""
    ports = bootstrap.ports()
    user = people.find_user(ports, address)
    click.echo(make_token(ports, user, name, [Scope(one) for one in scopes], who()))


COMMANDS = (users,)
