"""wirewatch feeds add: a feed, or those of a site."""

from __future__ import annotations

import sys

import click

from pipeline.discover import FeedLink, choices
from pipeline.errors import BadInput, FetchRefused, FetchUnavailable
from pipeline.flow.deeds.feeds import add_feeds
from pipeline.flow.feeds import discover
from pipeline.flow.feeds.adding import described
from pipeline.flow.feeds.discover import Document, Site
from pipeline.flow.feeds.manage import KnownFeeds, NewFeed, known_feeds, refuse_known
from pipeline.model import Pages
from pipeline.ports import Ports
from workers import bootstrap
from workers.cli import show
from workers.cli.who import who


@click.command()
@click.argument("url")
@click.option("--title", default="", help="What to call it; by default what it calls itself.")
@click.option("--tag", "tags", multiple=True, help="A tag, once for each.")
@click.option("--all", "every", is_flag=True, help="Add every feed that the site names.")
@show.pages_option
@click.option("--force", is_flag=True, help="Add URL as it stands, without asking its server.")
def add(url: str, title: str, tags: tuple[str, ...], pages: str | None, *, every: bool, force: bool) -> None:
    """Add the feed at URL, or the feed of the site at URL; it is polled at the next round.

    A server that can't be had now is no hindrance: URL is added as it stands, and that is said.
    """
    ports = bootstrap.ports()
    ports.stores.prepare()
    known, policy = known_feeds(ports), Pages(pages) if pages else None
    url = discover.completed(url)
    refuse_known(known, url)
    documents = [] if force else _looked_up(ports, url, every=every)
    if not documents:
        _add(ports, NewFeed(url=url, title=title, tags=tags, pages=policy))
    for document in documents:
        tell_twin(known, document, every=every)
        if known.at(document.url) is None:
            _add(ports, described(document, title="" if every else title, tags=tags, pages=policy))


def tell_twin(known: KnownFeeds, document: Document, *, every: bool) -> None:
    """Say that a feed is there already, or seems to be. Raises BadInput when it is the only one that was asked for."""
    if not every:
        refuse_known(known, document.url)
    topic = document.parsed.topic
    if twin := known.at(document.url):
        show.note(f"{document.url} is there already, as {twin.url}")
    elif topic and (twin := known.at(topic)):
        show.note(f"warning: {document.url} calls itself {topic}, which is there already, as {twin.url}")


def _add(ports: Ports, feed: NewFeed) -> None:
    if add_feeds(ports, who(), [feed])[0]:
        click.echo(f"added {feed.url}" + (f" ({feed.title})" if feed.title else ""))
    else:  # somebody was faster
        show.note(f"{feed.url} is there already")


def _looked_up(ports: Ports, url: str, *, every: bool) -> list[Document]:
    """The feed at `url`, or those chosen of its site; none when its server can't be had now. Raises BadInput."""
    try:
        found = discover.look(ports, url)
    except (FetchUnavailable, FetchRefused) as error:
        show.note(f"warning: added unchecked, as it stands: {error}")
        return []
    if isinstance(found, Document):
        return [found]
    documents, unreadable = discover.readable(ports, found.links if every else _preferred(found), every=every)
    for failure in unreadable:
        show.note(f"passed over {failure}")
    if not documents:
        raise BadInput(f"none of the feeds that {found.url} names can be read: give the address of its feed")
    return documents


def _preferred(site: Site) -> tuple[FeedLink, ...]:
    """The links of a site, first the one to take: that which a person chooses, where only a person can choose."""
    unclear = len(choices(site.links, site.url)) > 1
    if unclear and sys.stdin.isatty():
        chosen = _asked(site.links)
        return (chosen, *(link for link in site.links if link is not chosen))
    if len(site.links) > 1:
        doubt = "several seem as good; " if unclear else ""
        show.note(f"{doubt}of these the first is taken, and all with --all:")
        _show(site.links)
    return site.links


def _asked(links: tuple[FeedLink, ...]) -> FeedLink:
    _show(links)
    number = click.prompt("which one", type=click.IntRange(1, len(links)), default=1, err=True)
    return links[number - 1]


def _show(links: tuple[FeedLink, ...]) -> None:
    for number, link in enumerate(links, 1):
        show.note(f"{number:3}  {link.url}  {link.title}".rstrip())
