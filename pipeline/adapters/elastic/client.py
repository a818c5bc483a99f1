"""The connection: timeouts and retries set on purpose, and the one place where the client's errors become ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import elasticsearch
from elasticsearch import Elasticsearch

from pipeline.errors import SettingError, StoreError, StoreNotReady, StoreUnavailable, WirewatchError
from pipeline.settings import Settings

PASSING = frozenset({429, 502, 503, 504})
"""Answers that may be others next time."""
RETRIES = 3
WHOLE: dict[str, Any] = {"allow_partial_search_results": False}
"""For every search: by itself Elasticsearch leaves out what a shard that fails would have found, and says 200."""


def connect(settings: Settings, retries: int = RETRIES) -> Elasticsearch:
    """A client; nothing is sent yet. A write that is sent again after a timeout is harmless: ids are deterministic,
    updates carry if_seq_no, and whoever changes something knows it again (records.py).
    """
    parts = urlsplit(settings.store)
    host = parts.netloc.rpartition("@")[2]
    address = urlunsplit(parts._replace(netloc=host if parts.port else f"{host}:9200"))
    user = unquote(parts.username or "elastic")
    password = settings.store_password or unquote(parts.password or "")
    key = settings.store_api_key
    return Elasticsearch(
        address,
        api_key=key or None,
        basic_auth=(user, password) if password and not key else None,
        **(_trust(settings) if parts.scheme == "https" else {}),
        request_timeout=settings.store_timeout,
        max_retries=retries,
        retry_on_timeout=True,
        retry_on_status=tuple(PASSING),
        http_compress=True,
    )


def _trust(settings: Settings) -> dict[str, Any]:
    """Which authority must have signed: the public ones unless one is named. Raises SettingError for its file."""
    if not settings.store_ca:
        return {}
    try:
        ssl.create_default_context(cafile=settings.store_ca)
    except ssl.SSLError:
        raise SettingError("store_ca", settings.store_ca, "there is no certificate in it") from None
    except OSError as error:
        raise SettingError("store_ca", settings.store_ca, error.strerror or "can't be read") from None
    return {"ca_certs": settings.store_ca}


@contextmanager
def translated(client: Elasticsearch) -> Iterator[None]:
    """Errors of the client become StoreUnavailable or StoreError."""
    try:
        yield
    except WirewatchError:
        raise
    except elasticsearch.ApiError as error:
        raise of_status(client, error.status_code, _reason(error)) from error
    except elasticsearch.TransportError as error:
        raise StoreUnavailable(
            f"Elasticsearch at {_address(client)} does not answer ({_first_line(error)}): see that it runs, "
            "or set WIREWATCH_STORE"
        ) from error


def of_status(client: Elasticsearch, status: int, reason: str) -> StoreUnavailable | StoreError:
    """The error for an answer, of a request or of one item of a bulk."""
    where = f"Elasticsearch at {_address(client)}"
    if "flood-stage" in reason or "read-only-allow-delete" in reason:
        return StoreUnavailable(
            f"{where} writes and deletes nothing, its disk is nearly full: give it more, and it goes on by itself; "
            f"WIREWATCH_KEEP_SIZE prunes before it comes to that ({reason})"
        )
    if is_moving(reason):
        return StoreUnavailable(
            f"{where} has an index that is being replaced by `wirewatch reindex`, or dropped by a prune: tried again. "
            f"Should neither be running, `wirewatch setup` puts it right ({reason})"
        )
    if "circuit_breaking" in reason:
        return StoreUnavailable(f"{where} has too little memory for this: give it more heap ({status} {reason})")
    if "more than one write index" in reason:
        return StoreUnavailable(
            f"{where}: others have just put another index in the same place: tried again ({reason})"
        )
    if "shards open" in reason:
        return StoreNotReady(
            f"{where} takes no more indices, and a month begins: raise cluster.max_shards_per_node, add a node, or "
            f"keep less ({reason})"
        )
    if "index_not_found" in reason or "is not an alias" in reason:
        return StoreNotReady(f"{where} is not set up: run `wirewatch setup`")
    if status in PASSING:
        return StoreUnavailable(f"{where} has more to do than it can take, and is asked again: {status} {reason}")
    if status in (401, 403):
        return StoreNotReady(
            f"{where} refuses us ({status}): set WIREWATCH_STORE_API_KEY, or WIREWATCH_STORE_PASSWORD and the user in "
            f"WIREWATCH_STORE; docs/elasticsearch.md says what they must be allowed"
        )
    return StoreError(f"{where}: {status} {reason}")


def is_moving(reason: str) -> bool:
    """Whether a write was refused because its index is blocked while its alias moves (reindex.py)."""
    return "cluster_block_exception" in reason and "index write (api)" in reason


def _reason(error: elasticsearch.ApiError) -> str:
    """What went wrong in words: the root cause with its type."""
    body: Any = error.body
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        return str(error.message)
    return item_reason(body["error"])


def item_reason(error: Any) -> str:
    """An `error` object of Elasticsearch in words."""
    if not isinstance(error, dict):
        return str(error)
    causes = [*error.get("failed_shards", []), *error.get("root_cause", [])]
    cause = causes[0].get("reason", causes[0]) if causes else error
    cause = cause if isinstance(cause, dict) else error
    return f"{cause.get('type', error.get('type'))}: {cause.get('reason', error.get('reason'))}"


def _first_line(error: elasticsearch.TransportError) -> str:
    return str(error.message or type(error).__name__).splitlines()[0][:200]


def _address(client: Elasticsearch) -> str:
    return next(iter(client.transport.node_pool.all())).base_url
