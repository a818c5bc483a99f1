"""The only place that wires adapters to the flow, and the one that knows this process's settings."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from pipeline import enrich
from pipeline import settings as settings_table
from pipeline.adapters import sqlite
from pipeline.adapters.budget import HostBudget, LocalBudget
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.extractor import ProcessExtractor
from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.keyfile import kept_key
from pipeline.adapters.maildir import MaildirMailer
from pipeline.adapters.redis_address import redis_address
from pipeline.adapters.smtp import SmtpMailer
from pipeline.enrich.entities import EntityTagger, aliases
from pipeline.errors import SettingError, StoreUnavailable
from pipeline.model import Stage
from pipeline.ports import Enricher, Mailer, Observer, Ports, Stores, Unobserved
from pipeline.query import variants
from pipeline.query.variants import Variants
from pipeline.settings import Settings
from workers import logs

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""For which who only looks waits for an answer of the store: Prometheus waits 10 s for the whole of ours."""

_chosen: list[Settings] = []
_lock = Lock()


def choose(settings: Settings) -> None:
    """Use these settings in this process, as the command line gave them; before the first use of `settings()`."""
    _chosen[:] = [settings]


def settings() -> Settings:
    """The settings of this process: those chosen, else those of the environment. Raises SettingError."""
    if not _chosen:
        choose(settings_table.load())
    return _chosen[0]


@cache
def _shared() -> Ports:
    made = make_ports(settings())
    atexit.register(close, made)
    return made


def ports() -> Ports:
    """The ports of this process, made when first asked for (in a Celery child: after the fork)."""
    with _lock:
        return _shared()


def forget() -> None:
    """Drop the ports of a parent process after a fork; connections must not be shared between processes."""
    _shared.cache_clear()


def make_ports(settings: Settings) -> Ports:
    """Wire everything. Nothing is connected or started yet but the store's file or client."""
    settings = with_links_secret(settings)
    return Ports(
        stores=make_stores(settings),
        fetcher=HttpFetcher(settings, lambda: make_budget(settings)),
        extractor=ProcessExtractor(settings),
        mailer=make_mailer(settings),
        clock=SystemClock(),
        settings=settings,
        variants=make_variants(settings),
        enrichers=enrich.all_with(make_tagger(settings)),
        observer=make_observer(settings),
    )


@dataclass(frozen=True, slots=True)
class Observers:
    """Several that watch at once."""

    all: Sequence[Observer]

    def stage(self, stage: Stage, **ids: str) -> AbstractContextManager[object]:
        """All of them stand around it."""
        stack = ExitStack()
        for one in self.all:
            stack.enter_context(one.stage(stage, **ids))
        return stack


def make_observer(settings: Settings) -> Observer:
    """Who watches the stages of this process: metrics where it keeps any, and traces where they are sent somewhere."""
    watching: list[Observer] = []
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # set by workers/metrics, in this process or the one it comes from
        from workers.metrics.meter import Meter  # noqa: PLC0415 -- commands that only look keep no metrics

        watching.append(Meter())
    if settings.traces:
        _need_tracing(settings.traces)
        from workers.tracing import Tracer  # noqa: PLC0415 -- an extra

        watching.append(Tracer())
    return watching[0] if len(watching) == 1 else Observers(watching) if watching else Unobserved()


def begin_traces() -> None:
    """Send the spans of this process where the settings say, if they do; in a Celery child after the fork."""
    address = settings().traces
    if not address:
        return
    _need_tracing(address)
    from workers import tracing  # noqa: PLC0415

    tracing.begin(tracing.to_collector(address))


def _need_tracing(address: str) -> None:
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.instrumentation.celery") is None:
        raise SettingError("traces", address, "this needs the extra: pip install wirewatch[otel]")


def make_tagger(settings: Settings) -> Enricher:
    """Who finds the entities. Raises BadInput for a file of the operator's, SettingError for a model, not to be had."""
    own = aliases.own(Path(settings.entities_file)) if settings.entities_file else aliases.Aliases()
    kind, _, model = settings.entities.partition(":")
    if kind == "rules":
        return EntityTagger(own)
    from pipeline.enrich.entities.spacy import SpacyReader  # noqa: PLC0415 -- an extra, and it takes a second to import

    return EntityTagger(own, SpacyReader(model))


def make_variants(settings: Settings) -> Variants:
    """The spellings in force. Raises BadInput for a file of the operator's that can't be used."""
    if not settings.variants:
        return variants.NONE
    return variants.with_own(Path(settings.variants_file)) if settings.variants_file else variants.shipped()


def with_links_secret(settings: Settings) -> Settings:
    """The settings with a key for the links in mails, where there are any. Raises SettingError.

    On SQLite all workers have the data folder in common, and the key is made there.
    """
    if not settings.public_url or settings.links_secret:
        return settings
    if urlsplit(settings.store).scheme != "sqlite":
        raise SettingError("links_secret", "", "all workers need the same one for links in mails: openssl rand -hex 32")
    return replace(settings, links_secret=kept_key(settings.data / "links.key"))


def preload(settings: Settings) -> None:
    """Import what `make_ports` would, and connect to nothing: before a process forks."""
    if urlsplit(settings.store).scheme != "sqlite":
        from pipeline.adapters import elastic  # noqa: F401, PLC0415 -- as in make_stores
    if urlsplit(settings.broker).scheme != "memory":
        from pipeline.adapters import redis_budget  # noqa: F401, PLC0415 -- as in make_budget


def make_stores(settings: Settings) -> Stores:
    """The store that `settings.store` names."""
    if urlsplit(settings.store).scheme == "sqlite":
        return sqlite.open_stores(_path_of("store", settings.store))
    from pipeline.adapters import elastic  # noqa: PLC0415 -- its client takes half a second to import

    return elastic.open_stores(settings)


def looking(ports: Ports) -> Ports:
    """The ports for who only looks how all is: a store that says nothing is one that does not answer, after one try."""
    settings = ports.settings
    if urlsplit(settings.store).scheme == "sqlite":
        return ports
    from pipeline.adapters import elastic  # noqa: PLC0415 -- as in make_stores

    hasty = replace(settings, store_timeout=min(LOOK_SECONDS, settings.store_timeout))
    return replace(ports, stores=elastic.open_stores(hasty, retries=0))


def stores_at(address: str, *, new: bool = False) -> Stores:
    """The store at `address`, by the other settings of this process; a file is there already, or `new`.

    Raises SettingError.
    """
    given = settings_table.changed(settings(), store=address)
    parts = urlsplit(given.store)
    if parts.scheme == "sqlite" and not new and not Path(parts.path).exists():
        raise SettingError("store", address, "there is no such file")
    return make_stores(given)


def check_store() -> None:
    """Raise StoreError, with the cure, where the store is not as this version wants it, before any work is taken.

    One that does not answer is none of that: work waits for it.
    """
    stores = make_stores(settings())
    try:
        stores.check()
    except StoreUnavailable as error:
        log.warning("the store is not looked at: %s", error)
    finally:
        stores.close()


def make_budget(settings: Settings) -> HostBudget:
    """The budget of hosts: shared through the broker's Redis where there is one."""
    if urlsplit(settings.broker).scheme == "memory":
        return LocalBudget(settings)
    from pipeline.adapters.redis_budget import RedisBudget  # noqa: PLC0415 -- nobody else needs its client

    return RedisBudget(redis_address(settings), settings)


def make_mailer(settings: Settings) -> Mailer:
    """The way out that `settings.mail` names."""
    if urlsplit(settings.mail).scheme == "maildir":
        return MaildirMailer(Path(_path_of("mail", settings.mail)))
    return SmtpMailer(settings)


def close(made: Ports) -> None:
    """Stop what was started and let go of what is open."""
    for part in (made.fetcher, made.extractor, made.mailer):
        stop = getattr(part, "close", None)
        if stop:
            stop()
    made.stores.close()


def set_up_logging(level: str, *, serving: bool = False) -> None:
    """Log one line an event, in the form that the settings say: to stdout where this process is `serving`."""
    logs.set_up(level, settings().log_format, sys.stdout if serving else sys.stderr)


def _path_of(name: str, address: str) -> str:
    """The file or folder of `sqlite:///…` or `maildir:///…`: absolute after three slashes, as in RFC 8089."""
    parts = urlsplit(address)
    if parts.netloc or not parts.path:
        scheme = parts.scheme
        raise SettingError(name, address, f"give {scheme}:///FOLDER/FILE with three slashes before the path")
    path = Path("/" + parts.path.lstrip("/"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        cure = f"{path.parent} can't be made ({error.strerror}): set WIREWATCH_DATA, or this, to a folder that can"
        raise SettingError(name, address, cure) from None
    return str(path)
