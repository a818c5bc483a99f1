"""Processes that ingest beside this one: the embedded backend has no Celery workers, and Python one core a process.

A batch whose process dies or runs out of time fails alone. Its entries keep the attempt that was counted, and the sweep
finds them when their lease has run out, as it does after any worker that died.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from multiprocessing import forkserver

from pebble import ProcessExpired, ProcessPool

from pipeline import flow
from pipeline.flow.ingest import IngestReport
from pipeline.ports import Ports
from pipeline.settings import TASK_PART, Settings
from workers import bootstrap

log = logging.getLogger(__name__)

WORTH_IT = 100
"""Entries that must wait for others to be started: fewer are not worth the second and the memory that they take."""
TASKS_PER_PROCESS = 5_000
"""A process is replaced after so many batches, whatever its libraries have leaked by then."""
ARENAS = 2
"""Heaps of a process whose threads poll. By itself glibc makes up to eight a core, and what one thread has freed is of
no use to another: with two, the process held 10 MB less, as fast."""
_M_ARENA_MAX = -8  # malloc.h of glibc


class Crew:
    """Safe to share between threads, each of which waits for its own batch."""

    def __init__(self, ports: Ports, processes: int | None = None, *, serving: bool = False) -> None:
        self._ports = ports
        self._serving = serving  # how this process logs, and so do those beside it
        self._processes = processes or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._waiting = 0  # threads, for batches that the processes have
        _bound_arenas()

    def get_ready(self) -> None:
        """Start the processes if what waits is worth them. Who asks waits for the first; nobody else who asks does."""
        if self._processes == 1 or not self._lock.acquire(blocking=False):
            return
        try:
            if self._pool is None and self._is_worth_it():
                self._pool = self._made()
                self._pool.schedule(_nothing)  # it starts them for the first thing
        finally:
            self._lock.release()

    def ingest(self, entry_ids: Sequence[str]) -> IngestReport:
        """As `flow.ingest`; the report is empty when the process died."""
        pool = self._joined()
        if pool is None:
            return flow.ingest(self._ports, entry_ids)
        try:
            return self._by(pool, entry_ids)
        finally:
            with self._lock:
                self._waiting -= 1

    def _by(self, pool: ProcessPool, entry_ids: Sequence[str]) -> IngestReport:
        limit = self._ports.settings.lease * TASK_PART  # before others may take its entries
        try:
            report: IngestReport = pool.schedule(_ingest, args=(list(entry_ids),), timeout=limit).result()
        except FutureTimeout:
            log.warning("ingest: %d entries took longer than %g s, they are tried again", len(entry_ids), limit)
            return IngestReport()
        except (ProcessExpired, BrokenProcessPool) as error:
            log.warning("ingest: a process died (%s), its entries are tried again", error)
            return IngestReport()
        return report

    def rest(self) -> None:
        """Let go of the processes, and of their memory, if nothing is left that is worth them."""
        with self._lock:
            if self._pool is not None and not self._waiting and not self._is_worth_it():
                self._end()

    def close(self) -> None:
        """End the processes; what they were at is found by the next sweep."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._pool is None:
            return
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        self._pool = None
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # it keeps 45 MB, and nobody else of ours uses it

    def _joined(self) -> ProcessPool | None:
        """The pool while it is worth it, with the caller waiting for it; once it is not, its memory is let go of."""
        with self._lock:
            if self._processes == 1:
                return None
            if not self._waiting and not self._is_worth_it():
                self._end()
                return None
            if self._pool is None or not self._pool.active:  # it breaks when a process dies in the wrong moment
                self._pool = self._made()
            self._waiting += 1
            return self._pool

    def _made(self) -> ProcessPool:
        # Not fork: this process has threads. A fork server has none, and its children share what it loaded.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["workers.crew_base"])
        return ProcessPool(
            max_workers=self._processes,
            max_tasks=TASKS_PER_PROCESS,
            initializer=_begin,
            initargs=(self._ports.settings, self._serving),
            context=context,
        )

    def _is_worth_it(self) -> bool:
        soon = self._ports.clock.now() + timedelta(seconds=self._ports.settings.lease)
        ready = self._ports.stores.entries.ready
        return ready(soon, backfill=False) + ready(soon, backfill=True) >= WORTH_IT


_hired: list[Crew] = []


def hire(crew: Crew) -> None:
    """Let `ingest` of this process be done by `crew`."""
    _hired[:] = [crew]


def ingest(entry_ids: Sequence[str]) -> IngestReport:
    """Ingest as this process does it: by the crew that was hired, else here (a Celery worker is one of many)."""
    return _hired[0].ingest(entry_ids) if _hired else flow.ingest(bootstrap.ports(), entry_ids)


def rest() -> None:
    """Have the crew that was hired rest, if any was."""
    for crew in _hired:
        crew.rest()


def _bound_arenas() -> None:
    """Where there is another C library, nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def _begin(settings: Settings, serving: bool) -> None:
    """In the process: the settings of the one that started it, and Ctrl-C is for that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bootstrap.choose(settings)
    bootstrap.forget()
    bootstrap.set_up_logging(bootstrap.settings().log_level, serving=serving)


def _nothing() -> None:
    """To be started for."""


def _ingest(entry_ids: list[str]) -> IngestReport:
    return flow.ingest(bootstrap.ports(), entry_ids)
