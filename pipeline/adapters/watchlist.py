"""Lists of feeds and alerts taken in from files: OPML and TOML. A bad line is named and never stops the others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.adapters import alertfile
from pipeline.adapters.alertfile import USUAL, Lists
from pipeline.deliver.channel import shown
from pipeline.errors import BadInput
from pipeline.flow.alerts.manage import alert_id, checked_alert
from pipeline.flow.deeds.alerts import save_alert
from pipeline.flow.deeds.feeds import import_list
from pipeline.flow.deeds.people import put_group, put_recipient
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
    """Save recipients, groups and alerts, and say of each what it came to.

    Those that are there already are kept as they are unless `replace_existing`. With `dry_run` nothing is saved, and
    what would be is counted and told.
    """
    how = {"replace_existing": replace_existing, "dry_run": dry_run}
    return {
        "recipients": _import_recipients(ports, who, lists.recipients, **how),
        "groups": _import_groups(ports, who, lists.groups, **how),
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


def _names(ports: Ports, groups: Sequence[NewGroup]) -> list[str]:
    """The names of those groups that would be accepted."""
    names = []
    for one in groups:
        with suppress(BadInput):
            names.append(checked_group(ports, one).name)
    return names


def _import_alerts(ports: Ports, who: str, lists: Lists, *, replace_existing: bool, dry_run: bool) -> Imported:
    imported = Imported()
    groups = _names(ports, lists.groups) if dry_run else []
    known = ports.stores.alerts.get([alert_id(alert.name) for alert in lists.alerts])
    for new in lists.alerts:
        there = known.get(alert_id(new.name))
        if there and not replace_existing:
            imported.known += 1
            continue
        try:
            wanted = checked_alert(ports, new, groups=groups)
            if not dry_run and not (there and _same(there, wanted)):
                save_alert(ports, who, new, replace_existing=replace_existing)
        except BadInput as error:
            imported.refused.append(f"alert {new.name!r}: {str(error).removeprefix(f'alert {new.name!r}: ')}")
            continue
        same, before = there is not None and _same(there, wanted), f"{there.query} → " if there else ""
        _counts(imported, there, f"{new.name}: {before}{wanted.query}", same=same, replace_existing=True)
    return imported


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
