"""By what a story is known again: its addresses, strongest first. When two are one is said in pipeline/address.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pipeline.address import address_key, canonical_url
from pipeline.model import Article, Entry, identify
from pipeline.ports import Claim


def identity_keys(entry: Entry, article: Article | None) -> tuple[str, ...]:
    """By what a story is recognised, strongest first: the page's own address, where it was found, the feed's link.

    An address that is only a site's home page says nothing. An entry with no usable address stands for itself.
    """
    addresses = [article.canonical_url, article.url] if article else []
    keys = [f"url:{address_key(address)}" for address in (*addresses, entry.url) if address and not _is_home(address)]
    return tuple(dict.fromkeys(keys)) or (f"entry:{entry.id}",)


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
    """The address of the story that readers are sent to."""
    candidates = [article.canonical_url, article.url, entry.url] if article else [entry.url]
    usable = [address for address in candidates if address and not _is_home(address)]
    return canonical_url(usable[0]) if usable else entry.url


def story_id(entry: Entry, article: Article | None) -> str:
    """The id of the story that an entry is, if nobody knew its keys before."""
    return identify("story", identity_keys(entry, article)[0])


def _is_home(url: str) -> bool:
    try:
        parts = urlsplit(canonical_url(url))
    except ValueError:
        return True
    return parts.path in ("", "/") and not parts.query and not parts.fragment
