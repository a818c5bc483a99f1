"""Lists of feeds and alerts in files: OPML 1 and 2, and TOML. A bad line is named and never stops the others."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import listparser

from pipeline.errors import BadInput
from pipeline.flow.manage import NewAlert, NewFeed, add_feeds, alert_id, checked_alert, put_alert
from pipeline.model import Alert, Feed
from pipeline.ports import Ports


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
        lines += _told("feeds", feeds, import_feeds(ports, read_opml(read(feeds), str(feeds))))
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


def read_opml(content: bytes, name: str) -> list[NewFeed]:
    """The feeds of an OPML document, folders as tags. Raises BadInput for what is no OPML."""
    found = listparser.parse(content)
    if not found.feeds and (found.bozo or not found.meta):
        raise BadInput(
            f"{name} is no OPML list of feeds: {found.get('bozo_exception') or 'no outline with xmlUrl in it'}"
        )
    return [NewFeed(url=feed.url, title=feed.title, tags=_tags(feed)) for feed in found.feeds]


def _tags(feed: Any) -> tuple[str, ...]:
    folders = ["/".join(row) for row in feed.categories]
    return tuple(dict.fromkeys(name for name in [*folders, *feed.tags] if name))


def import_feeds(ports: Ports, feeds: list[NewFeed]) -> Imported:
    """Add feeds; those that are there already, or can't be polled, are counted and named."""
    imported = Imported()
    for feed in feeds:
        try:
            added = add_feeds(ports, [feed])[0]
        except BadInput as error:
            imported.refused.append(str(error))
            continue
        imported.added += added
        imported.known += not added
    return imported


def write_opml(feeds: list[Feed]) -> str:
    """OPML 2.0 of the feeds; tags as categories."""
    root = ET.Element("opml", version="2.0")
    ET.SubElement(ET.SubElement(root, "head"), "title").text = "Wirewatch feeds"
    body = ET.SubElement(root, "body")
    for feed in feeds:
        outline = ET.SubElement(body, "outline", type="rss", text=feed.title or feed.url, xmlUrl=feed.url)
        if feed.site_url:
            outline.set("htmlUrl", feed.site_url)
        if feed.tags:
            outline.set("category", ",".join(feed.tags))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


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
    unknown = one.keys() - {"name", "query", "to", "variants"}
    if unknown:
        raise BadInput(
            f"{name}: alert {number} has {', '.join(sorted(unknown))}: only name, query, to and variants are known"
        )
    if not isinstance(one.get("variants", True), bool):
        raise BadInput(f"{name}: alert {number}: variants is true or false")
    to = one.get("to", [])
    recipients = [to] if isinstance(to, str) else to
    if not isinstance(one.get("name"), str) or not isinstance(one.get("query"), str):
        raise BadInput(f"{name}: alert {number} needs a name and a query, each in quotes")
    if not isinstance(recipients, list) or not all(isinstance(item, str) for item in recipients):
        raise BadInput(f"{name}: alert {number}: to is a mail address or a list of them")
    return NewAlert(
        name=one["name"], query=one["query"], recipients=tuple(recipients), variants=one.get("variants", True)
    )


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
    return (there.query, there.recipients, there.variants) == (new.query, new.recipients, new.variants)


def write_alerts(alerts: list[Alert]) -> str:
    """TOML of the alerts, one line a field, in the order of their names: made for keeping in git."""
    blocks = []
    for alert in sorted(alerts, key=lambda one: one.name):
        to = ", ".join(_quoted(address) for address in alert.recipients)
        block = f"[[alert]]\nname = {_quoted(alert.name)}\nquery = {_quoted(alert.query)}\nto = [{to}]\n"
        blocks.append(block if alert.variants else f"{block}variants = false\n")
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
