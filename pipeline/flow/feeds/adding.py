"""adding: feeds taken in from where a person found them; each is read before it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.discover import FeedLink
from pipeline.errors import BadInput
from pipeline.flow.deeds.feeds import add_feeds
from pipeline.flow.feeds.discover import Document, Site, completed, look, read_feeds
from pipeline.flow.feeds.manage import NewFeed, checked_url, known_feeds, refuse_known
from pipeline.model import Pages
from pipeline.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of the feeds that were to be added: the addresses of those that were, and a line for each other."""

    added: list[str]
    refused: list[str]


def described(
    document: Document, *, title: str = "", tags: tuple[str, ...] = (), pages: Pages | None = None
) -> NewFeed:
    """The feed that `document` is, called `title` where one is given and else as it calls itself."""
    parsed = document.parsed
    return NewFeed(url=document.url, title=title or parsed.title, tags=tags, pages=pages, site_url=parsed.site_url)


def found_at(ports: Ports, text: str) -> Document | Site:
    """What stands at an address as people type it. Raises BadInput for one that is none, or is there already.

    Raises FetchUnavailable or FetchRefused where its server can't be had now.
    """
    url = completed(text)
    refuse_known(known_feeds(ports), url)
    return look(ports, url)


def add_unread(ports: Ports, who: str, text: str) -> str:
    """Add a feed as its address stands, without asking its server; that address. Raises BadInput."""
    url = completed(text)
    refuse_known(known_feeds(ports), url)
    add_feeds(ports, who, [NewFeed(url=url)])
    return url


def add_links(ports: Ports, who: str, urls: Sequence[str]) -> Taken:
    """Read the feeds at these addresses and add them; one that can't be read or is there already stops no other."""
    found = read_feeds(ports, [FeedLink(checked_url(url)) for url in urls])
    taken = add_documents(ports, who, [one for one in found if isinstance(one, Document)])
    taken.refused.extend(str(one) for one in found if not isinstance(one, Document))
    return taken


def add_documents(ports: Ports, who: str, documents: Sequence[Document]) -> Taken:
    """Add feeds that were read."""
    taken = Taken(added=[], refused=[])
    for document in documents:
        try:
            refuse_known(known_feeds(ports), document.url)
        except BadInput as error:
            taken.refused.append(str(error))
            continue
        add_feeds(ports, who, [described(document)])
        taken.added.append(document.url)
    return taken
