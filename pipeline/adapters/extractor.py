"""The Extractor: extraction in a child process, because a page that loops or eats memory can only be killed there."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool

from pebble import ProcessExpired, ProcessPool

from pipeline.errors import ExtractorDied
from pipeline.model import Article
from pipeline.settings import Settings

PAGES_PER_CHILD = 500
"""A child is replaced after so many pages, whatever its libraries have leaked by then."""
CHILD_BYTES = 1_500_000_000
"""Memory a child may ask for. The largest page (5 MB) takes some 300 MB."""

Work = Callable[[bytes, str, str], Article]


def extract(html: bytes, url: str, content_type: str) -> Article:
    """As `pipeline.extract.page.extract`, which a child imports when it needs it: its libraries take 35 MB."""
    from pipeline.extract import page  # noqa: PLC0415

    return page.extract(html, url, content_type)


class ProcessExtractor:
    """ports.Extractor. Safe to share between threads; children start when first needed, in whichever process that is.

    `work` is what the child does with a page; tests hand in what kills it. One child, of 60 MB, does 25 pages a second
    and more: who has much to ingest does so in several processes, each with its own (workers/crew.py).
    """

    def __init__(self, settings: Settings, work: Work = extract, children: int = 1) -> None:
        self._timeout = settings.extract_timeout
        self._work = work
        self._children = children
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._pid = 0

    def extract(self, html: bytes, url: str, content_type: str) -> Article:
        """As `extract`; raises ExtractError, or ExtractorDied when the page killed it."""
        future = self._started().schedule(_work, (self._work, html, url, content_type), timeout=self._timeout)
        try:
            return future.result()
        except FutureTimeout:
            raise ExtractorDied(url, f"ran out of its {self._timeout:g} s") from None
        except ProcessExpired as error:
            raise ExtractorDied(url, f"died (exit code {error.exitcode})") from None
        except BrokenProcessPool as error:
            raise ExtractorDied(url, f"broke ({error})") from None
        except MemoryError:
            raise ExtractorDied(url, "ran out of memory") from None

    def close(self) -> None:
        """End the children."""
        with self._lock:
            if self._pool is not None and self._pid == os.getpid():
                self._pool.stop()  # type: ignore[no-untyped-call]
                self._pool.join()
            self._pool = None

    def _started(self) -> ProcessPool:
        with self._lock:
            if self._pool is None or self._pid != os.getpid() or not self._pool.active:
                # spawn: a process with threads must not be forked.
                self._pool = ProcessPool(
                    max_workers=self._children,
                    max_tasks=PAGES_PER_CHILD,
                    initializer=_begin,
                    context=multiprocessing.get_context("spawn"),
                )
                self._pid = os.getpid()
            return self._pool


def _begin() -> None:
    """In the child: a bound on memory, and no outliving the parent."""
    resource.setrlimit(resource.RLIMIT_DATA, (CHILD_BYTES, CHILD_BYTES))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="end-with-parent", daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _work(work: Work, html: bytes, url: str, content_type: str) -> Article:
    return work(html, url, content_type)
