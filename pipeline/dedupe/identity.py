"""By what a story is known again. When two addresses are one is said in pipeline/address.py.

An address that leads elsewhere proves little: a link may end at a login or a consent page, and the canonical link of a
page may name its section, on every article alike. So where a redirect led is believed when the page's title is that of
the entry, and what a page calls its address, when that is another, only together with its title. The same text on the
same site is the same story, whatever its address, where a page gave it and it is long enough to be no phrase of the
site's. All else that is alike is for clusters to tell.

What several entries link to, as the posts of a live blog do, is the address of none of them: such an entry is known by
itself, by its anchor there, and by its title there; and the page is its own only where it has its title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from pipeline import ids
from pipeline.address import address_key, anchor, canonical_url, site_host
from pipeline.ids import identify
from pipeline.model import Article, Entry
from pipeline.ports import Claim
from pipeline.text import is_alike, words

LEAST_WORDS = 80
"""A shorter text is no proof that two pages are one story."""


def identity_keys(entry: Entry, article: Article | None) -> tuple[str, ...]:
    """By what a story is recognised, strongest first; an entry with nothing to go by stands for itself."""
    return tuple(dict.fromkeys(_keys(entry, article))) or (f"entry:{entry.id}",)


def address_keys(url: str) -> tuple[str, ...]:
    """By what the story at an address is known, an anchor's first; none for the home page of a site."""
    if not url or _is_home(url):
        return ()
    key, part = f"url:{address_key(url)}", anchor(url)
    return (f"{key}#{part}", key) if part else (key,)


def _keys(entry: Entry, article: Article | None) -> Iterator[str]:
    if _is_post(entry):
        yield from _keys_of_post(entry)
        return
    found = address_key(article.url) if article and _leads_to_it(entry, article) else ""
    yield from _titled(entry.url, entry.title)
    if article and found:
        yield from address_keys(article.url)
    yield from address_keys(entry.url)
    if article and found:
        yield from _page_keys(article)


def is_page_of(entry: Entry, article: Article) -> bool:
    """Whether the page of an entry tells of it: of one of several at an address, where it has its title."""
    return not _is_post(entry) or is_alike(entry.title, article.title)


def _is_post(entry: Entry) -> bool:
    """Whether an entry is one of several things at its address."""
    return entry.shares_address or bool(anchor(entry.url))


def _keys_of_post(entry: Entry) -> Iterator[str]:
    """By what one of several entries at an address is known: never by the address alone."""
    yield f"entry:{entry.id}"
    if entry.identity.startswith(f"{entry.url} {entry.title} "):
        return  # its link and title are those of others there, from which only its date or text tells it
    if anchor(entry.url):
        yield from address_keys(entry.url)[:1]
    yield from _titled(entry.url, entry.title)


def _titled(url: str, title: str) -> Iterator[str]:
    if url and title and not _is_home(url):
        yield f"titled:{address_key(url)} {_read(title)}"


def _page_keys(article: Article) -> Iterator[str]:
    own = article.canonical_url or article.url
    yield from _titled(own, article.title)
    text = " ".join(article.paragraphs)
    if len(words(text)) >= LEAST_WORDS:
        yield f"text:{site_host(article.url)} {_read(text)}"


def _leads_to_it(entry: Entry, article: Article) -> bool:
    """Whether the page that was found is the entry's: at its own address, or with its title (half of the words)."""
    if not entry.url or address_key(article.url) == address_key(entry.url):
        return True
    one, other = set(words(entry.title)), set(words(article.title))
    return bool(one and other) and 2 * len(one & other) >= min(len(one), len(other))


def _read(text: str) -> str:
    """What a reader reads in `text`, as a digest."""
    return identify(*words(text))


def settle(claims: Sequence[Claim], known: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The story of each claim, in turn, given the keys that are bound already; and the keys to be bound, to what."""
    owners: list[str] = []
    fresh: dict[str, str] = {}
    for claim in claims:
        bound = [known.get(key) or fresh.get(key) for key in claim.keys]
        owner = next(filter(None, bound), claim.story_id)
        fresh |= {key: owner for key, story in zip(claim.keys, bound, strict=True) if not story}
        owners.append(owner)
    return owners, fresh


def story_url(entry: Entry, article: Article | None) -> str:
    """The address of the story that readers are sent to: of a post, its anchor."""
    if anchor(entry.url):
        return f"{canonical_url(entry.url)}#{anchor(entry.url)}"
    candidates = [article.canonical_url, article.url, entry.url] if article else [entry.url]
    usable = [address for address in candidates if address and not _is_home(address)]
    return canonical_url(usable[0]) if usable else entry.url


def story_id(entry: Entry, article: Article | None) -> str:
    """The id of the story that an entry is, if nobody knew its keys before."""
    return ids.story_id(entry.first_seen_at, identity_keys(entry, article)[0])


def _is_home(url: str) -> bool:
    try:
        parts = urlsplit(canonical_url(url))
    except ValueError:
        return True
    return parts.path in ("", "/") and not parts.query and not parts.fragment
