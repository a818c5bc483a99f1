"""What all tests share: real servers, ports on every backend, a clock that tests turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser

from pipeline import enrich
from pipeline.adapters import elastic, sqlite
from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.client import connect
from pipeline.adapters.extractor import ProcessExtractor
from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.maildir import MaildirMailer
from pipeline.ports import Ports, Stores
from pipeline.query import variants
from pipeline.settings import Settings, load
from tests import servers, web, windows
from tests.fakes import Clock

T = TypeVar("T")

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("long", settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def _serve(start: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """What `start` gives for as long as it is needed; without it, a skip, or a failure where REQUIRE_SERVERS is set."""
    try:
        context = start()
        given = context.__enter__()
    except servers.NoServer as reason:
        if os.environ.get("REQUIRE_SERVERS"):
            pytest.fail(f"REQUIRE_SERVERS is set, and: {reason}")
        pytest.skip(str(reason))
    yield given
    context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    yield from _serve(servers.redis)


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    yield from _serve(servers.elasticsearch)


@pytest.fixture(scope="session")
def elasticsearch9_url() -> Iterator[str]:
    yield from _serve(servers.elasticsearch9)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. Its driver keeps an event loop in this thread, so other modules must not meet it."""
    yield from _serve(windows.chromium)


BACKENDS = ("sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch))
"""Where everything is kept."""
NINE = pytest.param("elasticsearch9", marks=pytest.mark.elasticsearch)
"""Elasticsearch 9 as Maven Central has it: without a percolator, so with everything but alerts."""


def _with_indices(url: str, kinds: Iterable[indices.Kind]) -> Settings:
    """The settings of an Elasticsearch store of its own, with these indices."""
    chosen = load({}, store=url, store_prefix=f"test-{uuid4().hex[:8]}")
    with connect(chosen) as client:
        indices.prepare(client, indices.Names(chosen.store_prefix), kinds)
    return chosen


def wipe(client: Elasticsearch, prefix: str) -> None:
    """Delete a store."""
    # One by one: deleting by a pattern is refused, as it should be.
    client.indices.delete(index=[one.name for one in indices.existing(client, indices.Names(prefix))])
    client.indices.delete_index_template(name=prefix)


class Spares:
    """Stores on Elasticsearch, of which the next is made while a test has this one: each takes a second or two."""

    def __init__(self, url: str) -> None:
        self._make = partial(_with_indices, url, indices.Kind)
        self._pool = ThreadPoolExecutor(1)
        self._next = self._pool.submit(self._make)

    def take(self) -> Settings:
        """The settings of a prepared store, which is the taker's to delete."""
        made = self._next.result()
        self._next = self._pool.submit(self._make)
        return made

    def rest(self) -> None:
        """Wait for the next one to be made: for a test that changes how they are."""
        self._next.result()

    def close(self) -> None:
        chosen = self._next.result()
        with connect(chosen) as client:
            wipe(client, chosen.store_prefix)
        self._pool.shutdown()


@pytest.fixture(scope="session")
def spares(elasticsearch_url: str) -> Iterator[Spares]:
    made = Spares(elasticsearch_url)
    yield made
    made.close()


@contextmanager
def opened(
    backend: str, request: pytest.FixtureRequest, kinds: Iterable[str] = tuple(indices.Kind)
) -> Iterator[Stores]:
    """Prepared stores of their own on `backend`; on Elasticsearch with the indices of `kinds` only."""
    if backend == "sqlite":
        made = sqlite.open_stores(str(request.getfixturevalue("tmp_path") / "store.db"))
        made.prepare()
        yield made
        made.close()
        return
    url = request.getfixturevalue(f"{backend}_url")
    wanted = [indices.Kind(kind) for kind in kinds if backend == "elasticsearch" or kind != indices.Kind.ALERTS]
    if backend == "elasticsearch" and len(wanted) == len(indices.Kind):
        chosen = request.getfixturevalue("spares").take()
    else:
        chosen = _with_indices(url, wanted)
    client = connect(chosen)
    made = elastic.open_stores(chosen)
    try:
        yield made
    finally:
        made.close()
        wipe(client, chosen.store_prefix)
        client.close()


@pytest.fixture(params=BACKENDS)
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Prepared stores, on each backend in turn."""
    with opened(request.param, request) as made:
        yield made


@pytest.fixture
def shared() -> Path:
    """The folder of acceptance and corpus material, where there is one beside the project."""
    if not servers.SHARED.exists():
        pytest.skip("there is no ../shared beside this checkout: its stories and pages can't be tried")
    return servers.SHARED


@pytest.fixture
def site() -> Iterator[web.Site]:
    """A web site of the test's own."""
    with web.serve() as made:
        yield made


def world(stores: Stores, folder: Path, clock: Clock, **overrides: str) -> Ports:
    """Everything real but the clock: fetching from loopback, extracting in a child, mails into `folder`/mail."""
    chosen = load(
        {},
        **{
            "data": str(folder),
            "allow_private": "127.0.0.1/32",
            "host_spacing": "0",
            "poll_floor": "0",
            "pages": "always",
            **overrides,
        },
    )
    return Ports(
        stores=stores,
        fetcher=HttpFetcher(chosen),
        extractor=ProcessExtractor(chosen, children=1),
        mailer=MaildirMailer(folder / "mail"),
        clock=clock,
        settings=chosen,
        variants=variants.shipped(),
        enrichers=enrich.DEFAULT,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


@pytest.fixture
def ports(stores: Stores, tmp_path: Path, clock: Clock) -> Iterator[Ports]:
    """The whole world of the flow, on each backend in turn."""
    made = world(stores, tmp_path, clock)
    yield made
    made.fetcher.close()
    made.extractor.close()


@pytest.fixture
def mails(tmp_path: Path) -> Callable[[], list[EmailMessage]]:
    """The mails in the Maildir of `ports`, by subject."""

    def read() -> list[EmailMessage]:
        folder = tmp_path / "mail" / "new"
        found = [
            message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)
            for path in (folder.iterdir() if folder.exists() else ())
        ]
        return sorted(found, key=lambda mail: str(mail["Subject"]))

    return read
