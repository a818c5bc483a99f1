"""OPML 1 and 2: lists of feeds as readers export them, and ours without loss.

A feed's tags are the folder it is in, written as a path (`World/Europe`), and the parts of its `category` (OPML 2.0).
Attributes that have no field of their own are kept in `Feed.outline` and written back. What plain attributes can't say
of a feed (a comma in a tag, a folder with a slash at its end) stands beside them as JSON, in `exact` of our own
namespace, so that reading what was written gives the same feeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from html import entities
from typing import Any

from lxml import etree

from pipeline.errors import BadInput
from pipeline.flow.feeds.manage import NewFeed
from pipeline.model import Feed, FeedState, Pages

NAMESPACE = "https://wirewatch.example/opml"
STATE, PAGES, EXACT = (f"{{{NAMESPACE}}}{name}" for name in ("state", "pages", "exact"))
MOST_FOLDERS = 32
"""Folders in each other that are written; libxml2 reads 256."""

_OWN = ("text", "xmlurl", "htmlurl", STATE, PAGES, EXACT)
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_AMPERSAND = re.compile(rb"&(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};)?")
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Outlines:
    """What a list holds, in its order: its feeds, and what could not be taken, each with its line."""

    feeds: tuple[NewFeed, ...]
    refused: tuple[str, ...] = ()


# ---------------------------------------------------------------------------------------------------------
# Reading


def read(content: bytes, name: str) -> Outlines:
    """The feeds of an OPML document called `name`. A feed in several folders is one, with a tag for each.

    Broken XML is mended as far as it goes, and the lines where it broke are named. Raises BadInput for what is no OPML.
    """
    root, refused = _tree(content)
    if root is None or _local(root) != "opml":
        why = refused[0] if refused else "its outermost element is not opml"
        raise BadInput(f"{name} is no OPML list of feeds ({why}): export one from your reader")
    found: dict[str, NewFeed] = {}
    for line, attributes, folder in _outlines(root, ""):
        where = f"line {line}"
        try:
            feed = replace(_feed(attributes, folder), where=where)
        except BadInput as error:
            refused.append(f"{where}: {error}")
            continue
        twin = found.get(feed.url)
        found[feed.url] = replace(twin, tags=_unique([*twin.tags, *feed.tags])) if twin else feed
    return Outlines(tuple(found.values()), tuple(refused))


def _tree(content: bytes) -> tuple[Any, list[str]]:
    """The outermost element, and the lines that are broken."""
    options: dict[str, bool] = {"resolve_entities": False, "no_network": True, "load_dtd": False}
    try:
        return etree.fromstring(content, etree.XMLParser(**options)), []
    except (etree.XMLSyntaxError, ValueError):
        parser = etree.XMLParser(**options, recover=True)
    try:
        root = etree.fromstring(_mended(content), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None  # nothing at all could be read
    broken = {error.line: error.message for error in reversed(parser.error_log)}
    return root, [f"line {line}: broken XML ({broken[line].strip()})" for line in sorted(broken)]


def _mended(content: bytes) -> bytes:
    """Ampersands as people leave them in addresses, and HTML's entities, made XML; the lines stay the lines."""
    return _AMPERSAND.sub(_reference, content)


def _reference(found: re.Match[bytes]) -> bytes:
    name = (found.group(1) or b"").decode("ascii").rstrip(";")
    if name.startswith("#") or name in _XML_ENTITIES:
        return found.group()
    meaning = entities.html5.get(f"{name};", "") if name else ""
    return "".join(f"&#{ord(char)};" for char in meaning).encode("ascii") or b"&amp;" + (found.group(1) or b"")


def _outlines(element: Any, folder: str) -> Iterator[tuple[int, dict[str, str], str]]:
    """Line, attributes and folder of each outline that is a feed, or says that it is one."""
    for child in element.iterchildren(tag=etree.Element):
        if _local(child) != "outline":
            yield from _outlines(child, folder)
            continue
        attributes = dict(child.attrib)
        names = {key.lower() for key in attributes}
        if "xmlurl" in names or attributes.get("type", "").lower() in ("rss", "atom"):
            yield child.sourceline, attributes, folder
        label = (attributes.get("text") or attributes.get("title") or "").strip()
        yield from _outlines(child, "/".join(part for part in (folder, label) if part))


def _local(element: Any) -> str:
    return str(etree.QName(element).localname).lower()


def _feed(attributes: Mapping[str, str], folder: str) -> NewFeed:
    """The feed of an outline's attributes. Raises BadInput when they name no address, or `exact` was tampered with."""
    plain = _plainly(attributes, folder)
    exact = attributes.get(EXACT)
    feed = replace(plain, **_exact(exact)) if exact else plain
    if not feed.url:
        raise BadInput("an outline without xmlUrl: it is no feed")
    return feed


def _plainly(attributes: Mapping[str, str], folder: str) -> NewFeed:
    """The feed as its attributes say in plain OPML; their names in any case."""
    lower = {key.lower() if not key.startswith("{") else key: value for key, value in attributes.items()}
    url = lower.get("xmlurl", "").strip()
    title = (lower.get("text") or lower.get("title") or "").strip()
    tags = _unique([folder, *_categories(lower.get("category", ""))])
    kept = {key: value for key, value in attributes.items() if key.lower() not in _OWN and value}
    if kept.get("type") == "rss":
        del kept["type"]
    if kept.get("category") == _category(tags):
        del kept["category"]
    return NewFeed(
        url=url,
        title=title if title != url else lower.get("title", "").strip(),
        tags=tags,
        site_url=lower.get("htmlurl", "").strip(),
        state=_state(lower.get(STATE, "")),
        pages=_pages(lower.get(PAGES, "")),
        outline=tuple(sorted(kept.items())),
    )


def _categories(value: str) -> list[str]:
    """The tags of a `category`: comma-separated, those with slashes are paths (OPML 2.0)."""
    return [part.strip().strip("/") for part in value.split(",")]


def _state(value: str) -> FeedState:
    return FeedState(value) if value in list(FeedState) else FeedState.ACTIVE


def _pages(value: str) -> Pages | None:
    return Pages(value) if value in list(Pages) else None


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _exact(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
        known = {name: given[name] for name in ("url", "title", "site_url") if isinstance(given.get(name), str)}
        if "tags" in given:
            known["tags"] = tuple(str(tag) for tag in given["tags"])
        if "outline" in given:
            known["outline"] = tuple((str(key), str(value)) for key, value in given["outline"])
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BadInput("its wirewatch:exact is no JSON of ours: take the attribute out, and the rest is read") from None
    return known


# ---------------------------------------------------------------------------------------------------------
# Writing


def write(feeds: Iterable[Feed]) -> str:
    """OPML 2.0 of the feeds, each in the folder of its first tag; made for keeping in git, so in a settled order."""
    root = etree.Element("opml", version="2.0", nsmap={"wirewatch": NAMESPACE})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "Wirewatch feeds"
    folders: dict[tuple[str, ...], Any] = {(): etree.SubElement(root, "body")}
    for feed in sorted(feeds, key=lambda one: (_path(one.tags), one.title.casefold(), one.url)):
        outline = etree.SubElement(_folder(folders, _path(feed.tags)), "outline")
        for name, value in _attributes(feed).items():
            outline.set(name, value)
    etree.indent(root)
    return str(etree.tostring(root, encoding="UTF-8", xml_declaration=True), "utf-8") + "\n"


def _folder(folders: dict[tuple[str, ...], Any], path: tuple[str, ...]) -> Any:
    if path not in folders:
        folders[path] = etree.SubElement(_folder(folders, path[:-1]), "outline", text=path[-1])
    return folders[path]


def _path(tags: Sequence[str]) -> tuple[str, ...]:
    """The folders of the first tag; none where they would not read back as that tag."""
    parts = tuple(tags[0].split("/")) if tags else ()
    usable = all(part and part == part.strip() and not _ILLEGAL.search(part) for part in parts)
    return parts if usable and len(parts) <= MOST_FOLDERS else ()


def _attributes(feed: Feed) -> dict[str, str]:
    """The attributes of a feed's outline: plain ones, and `exact` for what they would not give back."""
    plain = {
        "type": "rss",
        "text": feed.title or feed.url,
        "title": feed.title if feed.title == feed.url else "",
        **dict(feed.outline),
        "xmlUrl": feed.url,
        "htmlUrl": feed.site_url,
        STATE: feed.state if feed.state is not FeedState.ACTIVE else "",
        PAGES: feed.pages or "",
    }
    if not set(_categories(plain.get("category", ""))) - {""} <= set(feed.tags) or "category" not in plain:
        plain["category"] = _category(feed.tags)
    written = {name: _legal(value) for name, value in plain.items() if value}
    back = _plainly(written, "/".join(_path(feed.tags)))
    lost = {
        item.name: getattr(feed, item.name)
        for item in fields(NewFeed)
        if item.name not in ("state", "pages", "where") and getattr(back, item.name) != getattr(feed, item.name)
    }
    return written | ({EXACT: json.dumps(lost)} if lost else {})


def _category(tags: Sequence[str]) -> str:
    """`category` of a feed with these tags: empty where its folder says them all."""
    return ",".join(tags) if len(tags) > 1 or (tags and not _path(tags)) else ""


def _legal(value: str) -> str:
    """`value` without what no XML document can hold."""
    return _ILLEGAL.sub("\ufffd", value)
