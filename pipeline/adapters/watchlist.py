"""Lists of feeds and alerts taken in from files: OPML and TOML. A bad line is named and never stops the others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.adapters import alertfile
from pipeline.adapters.alertfile import USUAL, Lists, NewList
from pipeline.deliver.channel import shown
from pipeline.errors import BadInput, StoreError
from pipeline.flow.alerts.language import checked_members, lexicon, list_id
from pipeline.flow.alerts.manage import NewAlert, alert_id, checked_alert
from pipeline.flow.deeds.alerts import save_alert
from pipeline.flow.deeds.feeds import import_list
from pipeline.flow.deeds.people import put_group, put_recipient
from pipeline.flow.deeds.words import put_list
from pipeline.flow.feeds import opml
from pipeline.flow.feeds.imports import Imported
from pipeline.flow.readers.people import (
    DESCRIBED,
    NewGroup,
    NewRecipient,
    checked_group,
    checked_recipient,
    is_described,
)
from pipeline.model import Alert
from pipeline.ports import Ports
from pipeline.query.lint import warnings
from pipeline.query.meaning import Lexicon
from pipeline.query.syntax import parse


def take_in(ports: Ports, who: str, folder: Path) -> list[str]:
    """Take in feeds.opml and alerts.toml of `folder`, as far as they are there; what was done, in lines."""
    lines: list[str] = []
    feeds, alerts = folder / "feeds.opml", folder / "alerts.toml"
    if feeds.exists():
        lines += _told("feeds", feeds, import_list(ports, who, opml.read(read(feeds), str(feeds)), feeds.name))
    if alerts.exists():
        lists = import_lists(ports, who, alertfile.read(read(alerts), str(alerts)))
        lines += [line for what, imported in lists.items() for line in _told(what, alerts, imported)]
    if not lines:
        raise BadInput(f"{folder} has neither feeds.opml nor alerts.toml: give a folder that has")
    return lines


def _told(what: str, path: Path, imported: Imported) -> list[str]:
    if imported == Imported() and what != "alerts":
        return []
    return [
        *(f"{path}: {line}" for line in imported.refused),
        f"{path}: {imported.added} {what} added, {imported.known} known already",
    ]


def read(path: Path) -> bytes:
    """The bytes of a file. Raises BadInput naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None


def import_lists(
    ports: Ports, who: str, lists: Lists, *, replace_existing: bool = False, dry_run: bool = False
) -> dict[str, Imported]:
    """Save recipients, groups, lists and alerts, and say of each what it came to.

    Those that are there already are kept as they are unless `replace_existing`. With `dry_run` nothing is saved, and
    what would be is counted and told.
    """
    how = {"replace_existing": replace_existing, "dry_run": dry_run}
    return {
        "recipients": _import_recipients(ports, who, lists.recipients, **how),
        "groups": _import_groups(ports, who, lists.groups, **how),
        "lists": _import_words(ports, who, lists.lists, **how),
        "alerts": _import_alerts(ports, who, lists, **how),
    }


def _import_recipients(
    ports: Ports, who: str, recipients: Sequence[NewRecipient], *, replace_existing: bool, dry_run: bool
) -> Imported:
    imported = Imported()
    for new in recipients:
        try:
            wanted = checked_recipient(ports, new)
        except BadInput as error:
            imported.refused.append(f"recipient {shown(new.address)!r}: {error}")
            continue
        known = ports.stores.recipients.get([wanted.id]).get(wanted.id)
        there = known if known and is_described(known) else None
        same = there is not None and all(getattr(there, key) == getattr(wanted, key) for key in DESCRIBED)
        if (
            _counts(imported, there, shown(wanted.address), same=same, replace_existing=replace_existing)
            and not dry_run
        ):
            put_recipient(ports, who, new)
    return imported


def _import_groups(
    ports: Ports, who: str, groups: Sequence[NewGroup], *, replace_existing: bool, dry_run: bool
) -> Imported:
    imported = Imported()
    for new in groups:
        try:
            wanted = checked_group(ports, new)
        except BadInput as error:
            imported.refused.append(str(error))
            continue
        there = ports.stores.groups.get([wanted.id]).get(wanted.id)
        same = there is not None and there.members == wanted.members
        line = f"@{wanted.name}: {', '.join(map(shown, wanted.members))}"
        if _counts(imported, there, line, same=same, replace_existing=replace_existing) and not dry_run:
            put_group(ports, who, new)
    return imported


def _import_words(
    ports: Ports, who: str, lists: Sequence[NewList], *, replace_existing: bool, dry_run: bool
) -> Imported:
    imported = Imported()
    for new in lists:
        try:
            name, members = checked_members(new.name, new.members)
            there = ports.stores.lists.get([list_id(name)]).get(list_id(name))
            same = there is not None and there.members == members
            line = f"@{name}: {', '.join(members)}"
            if _counts(imported, there, line, same=same, replace_existing=replace_existing) and not dry_run:
                put_list(ports, who, name, members)
        except BadInput as error:
            imported.refused.append(str(error))
    return imported


def _names(ports: Ports, groups: Sequence[NewGroup]) -> list[str]:
    """The names of those groups that would be accepted."""
    names = []
    for one in groups:
        with suppress(BadInput):
            names.append(checked_group(ports, one).name)
    return names


def _words(ports: Ports, lists: Lists, *, replace_existing: bool) -> Lexicon:
    """The lexicon as it would be with the lists of the file that would be accepted."""
    known = lexicon(ports)
    added = {}
    for one in lists.lists:
        with suppress(BadInput):
            name, members = checked_members(one.name, one.members)
            if replace_existing or name not in known.lists:
                added[name] = members
    return Lexicon({**known.lists, **added}, known.variants)


def _import_alerts(ports: Ports, who: str, lists: Lists, *, replace_existing: bool, dry_run: bool) -> Imported:
    imported = Imported()
    groups = _names(ports, lists.groups) if dry_run else []
    words = _words(ports, lists, replace_existing=replace_existing) if dry_run else lexicon(ports)
    known = ports.stores.alerts.get([alert_id(alert.name) for alert in lists.alerts])
    taken: set[str] = set()
    for new in lists.alerts:
        there = known.get(alert_id(new.name))
        try:
            if alert_id(new.name) in taken:
                raise BadInput("the file has two of this name: rename one")
            taken.add(alert_id(new.name))
            if there and not replace_existing:
                imported.known += 1
                continue
            wanted = checked_alert(ports, new, groups=groups, words=words)
            if not dry_run and not (there and _same(there, wanted)):
                save_alert(ports, who, new, replace_existing=replace_existing)
        except (BadInput, StoreError) as error:
            imported.refused.append(f"alert {new.name!r}: {str(error).removeprefix(f'alert {new.name!r}: ')}")
            continue
        imported.warnings += (f"alert {new.name!r}: {one}" for one in _questionable(new, wanted, words))
        same = there is not None and _same(there, wanted)
        _counts(imported, there, _change(new.name, there, wanted), same=same, replace_existing=True)
    return imported


def _questionable(new: NewAlert, wanted: Alert, words: Lexicon) -> list[str]:
    return list(map(str, warnings(parse(new.query, words.lists), parse(wanted.meaning).root)))


def _change(name: str, there: Alert | None, wanted: Alert) -> str:
    """What is new of an alert, field by field."""
    if there is None:
        return f"{name}: {wanted.query}"
    keys = [key for key in ("query", "recipients", *USUAL) if getattr(there, key) != getattr(wanted, key)]
    return f"{name}: {'; '.join(f'{key} {_told_of(there, key)} → {_told_of(wanted, key)}' for key in keys)}"


def _told_of(alert: Alert, key: str) -> str:
    value = getattr(alert, key)
    if key == "recipients":
        return ", ".join(map(shown, value)) or "nobody"
    return str(value).lower() if isinstance(value, bool) else str(value) or "none"


def _counts(imported: Imported, there: object, line: str, *, same: bool, replace_existing: bool) -> bool:
    """Count something that is wanted, and tell of it; whether it is to be saved."""
    if there and (same or not replace_existing):
        imported.known += 1
        return False
    imported.added += not there
    imported.changed += bool(there)
    imported.changes.append(f"{'~' if there else '+'} {line}")
    return True


def _same(there: Alert, wanted: Alert) -> bool:
    return all(getattr(there, key) == getattr(wanted, key) for key in ("query", "recipients", *USUAL))
