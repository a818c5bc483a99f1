"""What all tests share: real servers, ports on every backend, a clock that tests turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser

from pipeline import enrich
from pipeline.adapters import elastic, sqlite
from pipeline.adapters.elastic import mappings
from pipeline.adapters.extractor import ProcessExtractor
from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.maildir import MaildirMailer
from pipeline.ports import Ports, Stores
from pipeline.query import variants
from pipeline.settings import load
from tests import servers, web, windows
from tests.fakes import Clock
from tests.spares import Spares

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


@pytest.fixture(scope="session")
def elasticsearch_spares(elasticsearch_url: str) -> Iterator[Spares]:
    with closing(Spares(elasticsearch_url)) as made:
        yield made


@pytest.fixture(scope="session")
def elasticsearch9_spares(elasticsearch9_url: str) -> Iterator[Spares]:
    with closing(Spares(elasticsearch9_url)) as made:
        yield made


@contextmanager
def opened(
    backend: str, request: pytest.FixtureRequest, kinds: Iterable[str] = tuple(mappings.Kind), *, new: bool = False
) -> Iterator[Stores]:
    """Prepared stores of their own on `backend`; on Elasticsearch with the indices of `kinds` only.

    `new` ones were never another test's, whose deleted documents take room until Elasticsearch merges them away.
    """
    if backend == "sqlite":
        made = sqlite.open_stores(str(request.getfixturevalue("tmp_path") / "store.db"))
        made.prepare()
        yield made
        made.close()
        return
    spares: Spares = request.getfixturevalue(f"{backend}_spares")
    wanted = [mappings.Kind(kind) for kind in kinds if backend == "elasticsearch" or kind != mappings.Kind.ALERTS]
    chosen = spares.new() if new else spares.take(wanted)
    made = elastic.open_stores(chosen)
    try:
        yield made
    finally:
        made.close()
        if new:
            spares.drop(chosen)
        else:
            spares.give_back(chosen, wanted)


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
