"""Servers of a test's own, to be killed with kill -9 and started again at the same address."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests import servers
from tests.servers import wait_until

GONE, THERE = 20.0, 180.0
"""Seconds for a killed server to be gone, and for a started one to answer: Elasticsearch reads its translog first."""


@dataclass(frozen=True, slots=True)
class Victim:
    """Where it is, and what may be done to it; each returns when it is so."""

    url: str
    kill: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def redis() -> Iterator[Victim]:
    """A Redis without files: it comes back empty."""
    port = servers.free_port()
    with ExitStack() as running:
        processes = [running.enter_context(servers.redis_process(port))]

        def kill() -> None:
            processes[-1].kill()
            processes[-1].wait()

        yield Victim(
            f"redis://127.0.0.1:{port}/0",
            kill,
            start=lambda: processes.append(running.enter_context(servers.redis_process(port))),
        )


@contextmanager
def elasticsearch() -> Iterator[Victim]:
    """An Elasticsearch with a percolator: it comes back with what it had acknowledged."""
    if servers.ELASTICSEARCH_LOCAL.exists():
        with servers.elasticsearch_local({"ES_HEAP": "512m"}) as local:
            yield Victim(local.url, lambda: _killed(local.url, _session(local.folder)), local.start)
        return
    with servers.elasticsearch_container() as (url, name):
        yield Victim(
            url,
            lambda: _killed(url, lambda: _docker("kill", name)),
            lambda: _docker("start", name) or wait_until(lambda: servers.answers(url), THERE, f"{url} answers"),
        )


def _session(folder: Path) -> Callable[[], None]:
    """Kills the server of `folder` and what stands before it: all of the session that it leads."""
    return lambda: os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)


def _killed(url: str, kill: Callable[[], None]) -> None:
    kill()
    wait_until(lambda: not servers.listens(urlsplit(url).port or 0), GONE, f"{url} is gone")


def _docker(command: str, name: str) -> None:
    subprocess.run(["docker", command, name], capture_output=True, check=True)
