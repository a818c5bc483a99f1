"""The TOML file of alerts: `[[recipient]]` and `[[group]]` (who gets mails), `[[list]]`, `[[alert]]`; read and written.

What it says is checked when it is saved (watchlist.py); here only that each table has its fields, of their kinds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from pipeline.errors import BadInput
from pipeline.flow.alerts.manage import NewAlert
from pipeline.flow.readers.people import DESCRIBED, NewGroup, NewRecipient, is_described
from pipeline.model import Alert, AlertState, Group, Recipient, WordList

USUAL: dict[str, Any] = {
    "variants": True,
    "copies": False,
    "updates": False,
    "policy": "immediate",
    "throttle": 0,
    "urgent": False,
    "team": "",
}
"""What an alert may say besides name, query and to; and what holds when it says nothing."""
_SAID = USUAL | {"state": AlertState.ACTIVE}
_TABLES = ("recipient", "group", "list", "alert")
_KINDS = {bool: "true or false", str: "a text in quotes", int: "a whole number"}
_UNDESCRIBED = {"name": "", "zone": "UTC", "language": "en", "policy": "", "quiet": ""}
"""What holds of a recipient of whom a file says no more than the address."""


@dataclass(frozen=True, slots=True)
class NewList:
    """A named list, as a file gives it."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """What a TOML file says of alerts, of the lists they use, and of who gets their mails."""

    recipients: tuple[NewRecipient, ...] = ()
    groups: tuple[NewGroup, ...] = ()
    lists: tuple[NewList, ...] = ()
    alerts: tuple[NewAlert, ...] = ()


def read(content: bytes, name: str) -> Lists:
    """The tables `[[recipient]]`, `[[group]]`, `[[list]]` and `[[alert]]` of a TOML document. Raises BadInput."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} is not TOML: {error}") from None
    _refuse_unknown(document, _TABLES, name)
    return Lists(
        tuple(_recipient(one, where) for one, where in _tables(document, "recipient", "address", name)),
        tuple(NewGroup(**_members(*one)) for one in _tables(document, "group", "name and members", name)),
        tuple(NewList(**_members(*one)) for one in _tables(document, "list", "name and members", name)),
        tuple(_alert(one, where) for one, where in _tables(document, "alert", "name, query and to", name)),
    )


def _tables(document: dict[str, Any], kind: str, needs: str, name: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The tables of a kind, each with where it stands."""
    tables = document.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise BadInput(f"{name}: write each {kind} as [[{kind}]] with {needs}")
    return ((one, f"{name}: {kind} {number}") for number, one in enumerate(tables, 1))


def _recipient(one: dict[str, Any], where: str) -> NewRecipient:
    _refuse_unknown(one, ("address", *DESCRIBED), where)
    for key in ("address", *DESCRIBED):
        if not isinstance(one.get(key, ""), str):
            raise BadInput(f"{where}: {key} is {_KINDS[str]}")
    if not one.get("address"):
        raise BadInput(f"{where} needs an address")
    return NewRecipient(**_UNDESCRIBED | one)


def _members(one: dict[str, Any], where: str) -> dict[str, Any]:
    """The name and the members of a group or a list."""
    _refuse_unknown(one, ("name", "members"), where)
    if not isinstance(one.get("name"), str):
        raise BadInput(f"{where} needs a name, in quotes")
    return {"name": one["name"], "members": _texts(one, "members", where)}


def _alert(one: dict[str, Any], where: str) -> NewAlert:
    _refuse_unknown(one, ("name", "query", "to", *USUAL, "state"), where)
    for key, usual in USUAL.items():
        if type(one.get(key, usual)) is not type(usual):
            raise BadInput(f"{where}: {key} is {_KINDS[type(usual)]}")
    if not isinstance(one.get("name"), str) or not isinstance(one.get("query"), str):
        raise BadInput(f"{where} needs a name and a query, each in quotes")
    if one.get("state", "active") not in tuple(AlertState):
        raise BadInput(f"{where}: state is one of {', '.join(AlertState)}")
    said = {key: one[key] for key in USUAL if key in one}
    if "state" in one:
        said["state"] = AlertState(one["state"])
    return NewAlert(name=one["name"], query=one["query"], recipients=_texts(one, "to", where), **said)


def _refuse_unknown(one: dict[str, Any], known: Sequence[str], where: str) -> None:
    unknown = sorted(one.keys() - set(known))
    if unknown:
        raise BadInput(f"{where} has {', '.join(unknown)}: only {', '.join(known)} are known")


def _texts(one: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    given = one.get(key, [])
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise BadInput(f"{where}: {key} is a text or a list of them")
    return tuple(texts)


def write(
    recipients: Iterable[Recipient], groups: Iterable[Group], lists: Iterable[WordList], alerts: Iterable[Alert]
) -> str:
    """TOML of recipients, groups, lists and alerts, a line a field, in the order of their names: for keeping in git.

    What readers did themselves (unsubscribed, muted) and what bounced is not in it.
    """
    blocks = [
        *(
            _table("recipient", {"address": one.address} | _unusual(one, _UNDESCRIBED))
            for one in sorted(recipients, key=attrgetter("address"))
            if is_described(one)
        ),
        *_with_members("group", groups),
        *_with_members("list", lists),
        *(
            _table("alert", {"name": one.name, "query": one.query, "to": one.recipients} | _unusual(one, _SAID))
            for one in sorted(alerts, key=attrgetter("name"))
        ),
    ]
    return "\n".join([_HEADING, *blocks])


def _with_members(kind: str, named: Iterable[Group | WordList]) -> Iterator[str]:
    for one in sorted(named, key=attrgetter("name")):
        yield _table(kind, {"name": one.name, "members": one.members})


def _unusual(one: Alert | Recipient, usual: Mapping[str, Any]) -> dict[str, Any]:
    return {key: getattr(one, key) for key, value in usual.items() if getattr(one, key) != value}


def _table(kind: str, fields: Mapping[str, Any]) -> str:
    return "".join([f"[[{kind}]]\n", *(f"{key} = {_value(value)}\n" for key, value in fields.items())])


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    return _quoted(value) if isinstance(value, str) else str(value).lower()


_HEADING = """\
# Alerts of Wirewatch. The language: docs/query.md. What a change would do:
# wirewatch alerts import THIS_FILE --replace --dry-run
"""


def _quoted(text: str) -> str:
    """A TOML string: literal where it can be, so that queries keep their quotes as typed."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = "".join(
        {"\\": "\\\\", '"': '\\"'}.get(char) or (char if char.isprintable() else f"\\U{ord(char):08X}") for char in text
    )
    return f'"{escaped}"'
