"""Lists of feeds and alerts taken in from files: OPML and TOML. A bad line is named and never stops the others."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.adapters import opml
from pipeline.adapters.opml import Outlines
from pipeline.address import address_key
from pipeline.errors import BadInput
from pipeline.flow.manage import (
    KnownFeeds,
    NewAlert,
    NewFeed,
    add_feeds,
    alert_id,
    checked_alert,
    checked_url,
    feed_id,
    known_feeds,
    put_alert,
)
from pipeline.model import Alert
from pipeline.ports import Ports

_FLAGS = {"variants": True, "copies": False, "updates": False}
"""What an alert may say by true or false, and what it is when it says nothing."""
BATCH = 500
"""Feeds that are written at once."""


@dataclass(slots=True)
class Imported:
    """What an import came to."""

    added: int = 0
    changed: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)  # a line for each, as a diff has them


def take_in(ports: Ports, folder: Path) -> list[str]:
    """Take in feeds.opml and alerts.toml of `folder`, as far as they are there; what was done, in lines."""
    lines: list[str] = []
    feeds, alerts = folder / "feeds.opml", folder / "alerts.toml"
    if feeds.exists():
        lines += _told("feeds", feeds, import_feeds(ports, opml.read(read(feeds), str(feeds))))
    if alerts.exists():
        lines += _told("alerts", alerts, import_alerts(ports, read_alerts(read(alerts), str(alerts))))
    if not lines:
        raise BadInput(f"{folder} has neither feeds.opml nor alerts.toml: give a folder that has")
    return lines


def _told(what: str, path: Path, imported: Imported) -> list[str]:
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


def import_feeds(ports: Ports, outlines: Outlines, progress: Callable[[int], object] = lambda _: None) -> Imported:
    """Add feeds; those that are there already, or can't be polled, are counted and named.

    Nothing is fetched. `progress` hears after each batch how many feeds it had.
    """
    imported = Imported(refused=list(outlines.refused))
    known = known_feeds(ports)
    taken: dict[str, NewFeed] = {}
    for start in range(0, len(outlines.feeds), BATCH):
        batch = outlines.feeds[start : start + BATCH]
        fresh = [feed for feed in batch if _is_fresh(feed, known, taken, imported)]
        added = sum(add_feeds(ports, fresh))
        imported.added += added
        imported.known += len(fresh) - added  # somebody else was faster
        progress(len(batch))
    return imported


def _is_fresh(feed: NewFeed, known: KnownFeeds, taken: dict[str, NewFeed], imported: Imported) -> bool:
    """Whether to add `feed`; otherwise it is counted or named."""
    try:
        there = known.at(checked_url(feed.url))
        if there is not None and feed.url != there.url and feed_id(feed.url) != there.id:
            raise BadInput(f"{feed.url} is there already, as {there.url}")
        twin = taken.setdefault(address_key(feed.url), feed)
        if twin is not feed:
            raise BadInput(f"{feed.url} is the same as {twin.url} ({twin.where})")
    except BadInput as error:
        imported.refused.append(f"{feed.where}: {error}" if feed.where else str(error))
        return False
    imported.known += there is not None
    return there is None


def read_alerts(content: bytes, name: str) -> list[NewAlert]:
    """The alerts of a TOML document: `[[alert]]` with name, query and to. Raises BadInput."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} is not TOML: {error}") from None
    alerts = document.get("alert", [])
    if not isinstance(alerts, list) or not all(isinstance(one, dict) for one in alerts):
        raise BadInput(f"{name}: write each alert as [[alert]] with name, query and to")
    return [_alert(one, number, name) for number, one in enumerate(alerts, 1)]


def _alert(one: dict[str, Any], number: int, name: str) -> NewAlert:
    unknown = one.keys() - {"name", "query", "to", *_FLAGS}
    if unknown:
        known = f"name, query, to, {', '.join(_FLAGS)}"
        raise BadInput(f"{name}: alert {number} has {', '.join(sorted(unknown))}: only {known} are known")
    for flag in _FLAGS:
        if not isinstance(one.get(flag, True), bool):
            raise BadInput(f"{name}: alert {number}: {flag} is true or false")
    to = one.get("to", [])
    recipients = [to] if isinstance(to, str) else to
    if not isinstance(one.get("name"), str) or not isinstance(one.get("query"), str):
        raise BadInput(f"{name}: alert {number} needs a name and a query, each in quotes")
    if not isinstance(recipients, list) or not all(isinstance(item, str) for item in recipients):
        raise BadInput(f"{name}: alert {number}: to is a mail address or a list of them")
    flags = {flag: one[flag] for flag in _FLAGS if flag in one}
    return NewAlert(name=one["name"], query=one["query"], recipients=tuple(recipients), **flags)


def import_alerts(
    ports: Ports, alerts: list[NewAlert], *, replace_existing: bool = False, dry_run: bool = False
) -> Imported:
    """Save alerts; those that are there already are kept as they are unless `replace_existing`.

    With `dry_run` nothing is saved, and what would be is counted and told.
    """
    known = ports.stores.alerts.get([alert_id(alert.name) for alert in alerts])
    imported = Imported()
    for alert in alerts:
        there = known.get(alert_id(alert.name))
        if there and (not replace_existing or _same(there, alert)):
            imported.known += 1
            continue
        try:
            checked = checked_alert(ports, alert)
            if not dry_run:
                put_alert(ports, alert, replace_existing=replace_existing)
        except BadInput as error:
            imported.refused.append(f"alert {alert.name!r}: {error}")
            continue
        imported.added += not there
        imported.changed += there is not None
        sign, before = ("~", f"{there.query} → ") if there else ("+", "")
        imported.changes.append(f"{sign} {alert.name}: {before}{checked.query}")
    return imported


def _same(there: Alert, new: NewAlert) -> bool:
    flags = [getattr(there, flag) == getattr(new, flag) for flag in _FLAGS]
    return (there.query, there.recipients) == (new.query, new.recipients) and all(flags)


def write_alerts(alerts: list[Alert]) -> str:
    """TOML of the alerts, one line a field, in the order of their names: made for keeping in git."""
    blocks = []
    for alert in sorted(alerts, key=lambda one: one.name):
        to = ", ".join(_quoted(address) for address in alert.recipients)
        block = f"[[alert]]\nname = {_quoted(alert.name)}\nquery = {_quoted(alert.query)}\nto = [{to}]\n"
        flags = [
            f"{flag} = {str(not usual).lower()}\n" for flag, usual in _FLAGS.items() if getattr(alert, flag) != usual
        ]
        blocks.append("".join([block, *flags]))
    return "\n".join([_HEADING, *blocks])


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
