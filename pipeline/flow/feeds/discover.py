"""discover: what stands at an address a person gives, a feed or a site that has some; nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import discover as pure
from pipeline import fetch, parse, schedule
from pipeline.address import origin
from pipeline.discover import FeedLink
from pipeline.errors import BadInput, FetchRefused, FetchUnavailable, ParseError
from pipeline.flow.feeds.manage import checked_url
from pipeline.model import Feed, FetchRequest, FetchResponse, ParsedFeed
from pipeline.ports import Ports

Failure = FetchUnavailable | FetchRefused | ParseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed as it was fetched and read. `asked` is the address it was asked for at."""

    asked: str
    response: FetchResponse
    parsed: ParsedFeed

    @property
    def url(self) -> str:
        """Where to poll it: where permanent redirects alone have led, else where it was asked for."""
        return schedule.permanently_at(self.response) or self.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page, and the feeds that it names or that stand where feeds usually do, the best first."""

    url: str
    links: tuple[FeedLink, ...]


def look(ports: Ports, url: str) -> Document | Site:
    """What stands at `url`. Raises FetchUnavailable or FetchRefused, or BadInput for a page of a site without feeds."""
    response = _answer(ports, url)
    try:
        return _read(url, response)
    except ParseError as error:
        links = pure.feed_links(response) or tuple(_at_usual_addresses(ports, response.url))
        if not links:
            raise BadInput(f"{error}; the site names none, and none stands where feeds usually do") from None
        return Site(url=response.url, links=links)


def read_feed(ports: Ports, url: str) -> Document:
    """The feed at `url`. Raises FetchUnavailable, FetchRefused, or ParseError, which names a feed of a page's."""
    response = _answer(ports, url)
    try:
        return _read(url, response)
    except ParseError as error:
        links = pure.feed_links(response)
        if links:
            raise ParseError(url, f"{error.reason}, say {links[0].url}") from None
        raise


def read_feeds(ports: Ports, links: Sequence[FeedLink]) -> list[Document | Failure]:
    """Those links as feeds, in their order; what is none is an answer too."""
    outcomes = ports.fetcher.fetch([_request(ports, link.url) for link in links])
    return [_read_or_error(link.url, outcome) for link, outcome in zip(links, outcomes, strict=True)]


def readable(ports: Ports, links: Sequence[FeedLink], *, every: bool) -> tuple[list[Document], list[Failure]]:
    """The first of `links` that can be read (`every`: all that can), and why those before it can't."""
    documents: list[Document] = []
    failures: list[Failure] = []
    for batch in [links] if every else [[link] for link in links]:
        found = read_feeds(ports, batch)
        documents += [one for one in found if isinstance(one, Document)]
        failures += [one for one in found if not isinstance(one, Document)]
        if documents:
            break
    return documents, failures


def suggest(ports: Ports, feed: Feed) -> FeedLink | None:
    """The feed that the site of a dead `feed` names now, verified; None when there is none to be had."""
    site = feed.site_url or origin(feed.url)
    outcome = ports.fetcher.fetch([fetch.page_request(site, ports.settings)])[0]
    if not isinstance(outcome, FetchResponse):
        return None
    named = pure.replacement(feed.url, pure.feed_links(outcome))
    if named is None or not isinstance(read_feeds(ports, [named])[0], Document):
        return None
    return named


def completed(text: str) -> str:
    """An address as people type it: `example.org` is https://example.org. Raises BadInput."""
    text = text.strip()
    host = text.partition("/")[0]
    return checked_url(f"https://{text}" if "://" not in text and "." in host else text)


def _request(ports: Ports, url: str) -> FetchRequest:
    return FetchRequest(url=url, max_bytes=ports.settings.feed_bytes, accept=f"{fetch.ACCEPT_FEED}, text/html;q=0.6")


def _answer(ports: Ports, url: str) -> FetchResponse:
    outcome = ports.fetcher.fetch([_request(ports, url)])[0]
    if not isinstance(outcome, FetchResponse):
        raise outcome
    return outcome


def _read(asked: str, response: FetchResponse) -> Document:
    parsed = parse.parse(response.url, response.body, response.headers.get("content-type", ""))
    return Document(asked=asked, response=response, parsed=parsed)


def _read_or_error(asked: str, outcome: FetchResponse | FetchUnavailable | FetchRefused) -> Document | Failure:
    if not isinstance(outcome, FetchResponse):
        return outcome
    try:
        return _read(asked, outcome)
    except ParseError as error:
        return error


def _at_usual_addresses(ports: Ports, url: str) -> list[FeedLink]:
    """The feeds at the usual addresses of a site. Asked for one by one until one is there: most sites have one."""
    for address in pure.usual_addresses(url):
        found = read_feeds(ports, [FeedLink(address)])[0]
        if isinstance(found, Document):
            return [FeedLink(found.url, found.parsed.title)]
    return []
