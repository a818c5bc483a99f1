"""Names of elements as feedparser tells them apart: by namespace and in lower case."""

from __future__ import annotations

import re

FOREIGN = "foreign"
"""An element of an extension that bears on nothing we keep."""
UNKNOWN = "unknown"
"""An element of which feedparser makes something that the fast path does not know."""

_PREFIXES = {
    "": "",
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/rss/1.0/modules/syndication/": "sy",
    "http://search.yahoo.com/mrss": "media",
    "http://search.yahoo.com/mrss/": "media",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
}
_TAKEN = frozenset(
    "admin cc content creativecommons dc dcterms feedburner georss gml itunes media psc sy svg xhtml xml "
    "author created link published summary title updated".split()
)
"""Prefixes that feedparser gives a meaning, or that would make a key of its own out of a foreign name."""
_MEANT = _PREFIXES | {
    "http://webns.net/mvcb/": "admin",
    "http://creativecommons.org/ns#license": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.georss.org/georss": "georss",
}
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9-]*")
_BARE = frozenset(
    "abstract author authors body category channel comments content contributor copyright created date description "
    "email enclosure enclosures entries entry feed fullitem generator geom guid height homepage href icon id image "
    "info issued item items keywords language lastbuilddate link links logo managingeditor modified name newlocation "
    "pubdate published publisher rights rss skipdays skiphours cloud docs rating day hour source subtitle summary "
    "tagline tags textinput title ttl updated uri url validity webmaster where width".split()
)
"""Names without a namespace that feedparser gives a meaning, or under which it keeps what we ask it for."""
_USERLAND = "backend.userland.com/rss"
# Old drafts of Atom and RSS, whose elements are read as if they had no namespace, and markup.
_NOT_ORDINARY = re.compile(
    r"blogs\.law\.harvard\.edu|cyber\.law\.harvard\.edu|backend\.userland\.com/creative|example\.com/ne"
    r"|example\.com/dtds|purl\.org/(?:echo|pie|atom)/|uri/of/echo|rss091#|www\.w3\.org/1999/xhtml|www\.w3\.org/2000/svg"
    r"|w3\.org/1998/math|opengis\.net/gml|podlove\.org"
)
_DECLARATION = re.compile(rb"xmlns(?::([\w.-]+))?\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def prefixes_mislead(document: bytes) -> bool:
    """Whether a prefix with a meaning is bound to another namespace than the one that everybody binds it to."""
    for prefix, double, single in set(_DECLARATION.findall(document)):
        uri = (double or single).decode("utf-8", "replace").lower()
        name = prefix.decode().lower()
        if name in _TAKEN and _MEANT.get(uri) != name:
            return True
    return False


class Names(dict[str, str]):
    """The names of one document's elements by their tags, each worked out once.

    `dc_creator` for Dublin Core's creator, `pubdate` for pubDate of RSS; else FOREIGN or UNKNOWN.
    """

    def __missing__(self, tag: str) -> str:
        name = self[tag] = _name(tag)
        return name


def _name(tag: str) -> str:
    uri, _, local = tag.rpartition("}")
    uri = uri.removeprefix("{").lower()
    if _NOT_ORDINARY.search(uri):
        return UNKNOWN
    prefix = "" if _USERLAND in uri else _PREFIXES.get(uri)
    name = local.lower()
    if prefix is None:
        return FOREIGN
    if prefix:
        return f"{prefix}_{name}"
    if name in _BARE:
        return name
    return FOREIGN if _PLAIN_NAME.fullmatch(name) else UNKNOWN
