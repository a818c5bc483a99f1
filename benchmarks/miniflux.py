"""Miniflux, the peer of the polling benchmark: a first poll, one answered by 304s, one of a new entry in each feed.

    .venv/bin/python -m benchmarks.miniflux --feedserver http://127.0.0.1:18090 [--binary ~/go/bin/miniflux.app]

Against a feed server that runs and that nobody else polls or ticks meanwhile. Needs Linux, PostgreSQL's programs (no
service) and Miniflux 2.3.5, which `go install miniflux.app/v2@v2.3.5` leaves as ~/go/bin/miniflux.app. A poll is one
`miniflux -refresh-feeds`, from the start to the end of that process. PostgreSQL is set up as it comes, so it syncs.
Prints a table on stderr and JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from tests import web
from tests.servers import NoServer, free_port, process, wait_until

BINARY = Path("~/go/bin/miniflux.app").expanduser()
SAMPLE_EVERY = 0.25  # seconds; a look at 20 connections costs 8 ms, so this takes 2% of two cores away
SETTINGS = {
    "WORKER_POOL_SIZE": "16",
    "BATCH_SIZE": "1000",
    "POLLING_LIMIT_PER_HOST": "0",  # none
    "POLLING_PARSING_ERROR_LIMIT": "0",  # none
    "FETCHER_ALLOW_PRIVATE_NETWORKS": "1",
    "DISABLE_SCHEDULER_SERVICE": "1",  # the server is there to take the feeds in, not to poll them
    "RUN_MIGRATIONS": "1",
    "CREATE_ADMIN": "1",
    "ADMIN_USERNAME": "admin",
    "ADMIN_PASSWORD": "beside-us",
    "LOG_LEVEL": "error",
}


@dataclass(slots=True)
class Miniflux:
    """Miniflux with feeds taken in, and the most memory (PSS in MB) that it and its PostgreSQL had in the last poll."""

    binary: Path
    environment: dict[str, str]
    folder: Path
    postgres: int
    peak: dict[str, float] = field(default_factory=dict)

    def refresh_all(self) -> float:
        """Poll every feed once; the seconds it took."""
        self.sql("UPDATE feeds SET next_check_at = now() - interval '1 minute'")
        return self.refresh()

    def refresh(self) -> float:
        """Poll the feeds that are due, at most BATCH_SIZE; the seconds it took."""
        self.peak = {"miniflux_mb": 0.0, "postgres_mb": 0.0}
        poll, log = [str(self.binary), "-refresh-feeds"], self.folder / "refresh.log"
        began = time.perf_counter()
        with log.open("wb") as out, process(poll, env=self.environment, stderr=out) as polling:
            self._watch(polling.pid)
            code = polling.wait()
            took = time.perf_counter() - began
        if code:
            raise RuntimeError(f"miniflux -refresh-feeds ended with {code}: {log.read_text()[-500:]}")
        return took

    def _watch(self, pid: int) -> None:
        """Note the memory until the process ends, which wakes us without waiting for the next sample."""
        ended, wait = os.pidfd_open(pid), 0.01
        while not select.select([ended], [], [], wait)[0]:
            now = {"miniflux_mb": _memory(pid), "postgres_mb": _memory(self.postgres)}
            self.peak = {name: max(now[name], most) for name, most in self.peak.items()}
            wait = min(2 * wait, SAMPLE_EVERY)  # a short poll is sampled too
        os.close(ended)

    def entries(self) -> int:
        """How many entries are stored."""
        return int(self.sql("SELECT count(*) FROM entries"))

    def errors(self) -> int:
        """How many feeds failed in the last poll, or were not reached by it and are still due."""
        return int(self.sql("SELECT count(*) FROM feeds WHERE parsing_error_count > 0 OR next_check_at <= now()"))

    def sql(self, statement: str) -> str:
        """What PostgreSQL answers, as text."""
        psql = [str(_programs() / "psql"), "-XAtqc", statement, self.environment["DATABASE_URL"]]
        return subprocess.check_output(psql, text=True)


@contextmanager
def running(binary: Path, opml: str) -> Iterator[Miniflux]:
    """Miniflux with the feeds of `opml`, none polled yet; gone with the context. NoServer says what to install."""
    if not binary.exists():
        raise NoServer(f"no Miniflux at {binary}: go install miniflux.app/v2@v2.3.5")
    with tempfile.TemporaryDirectory(prefix="miniflux-") as made, _postgres(folder := Path(made)) as postgres:
        database = f"host={folder} user=miniflux dbname=postgres sslmode=disable"
        peer = Miniflux(binary.resolve(), SETTINGS | {"DATABASE_URL": database}, folder, postgres)
        peer.refresh()  # of no feed yet: it makes the tables and the admin
        _import(peer, opml)
        yield peer


def _import(peer: Miniflux, opml: str) -> None:
    """Have Miniflux take in the feeds through its API, which only its server offers."""
    port, user = free_port(), b64encode(f"{SETTINGS['ADMIN_USERNAME']}:{SETTINGS['ADMIN_PASSWORD']}".encode())
    settings = peer.environment | {"LISTEN_ADDR": f"127.0.0.1:{port}"}
    headers = {"Authorization": f"Basic {user.decode()}", "Content-Type": "text/xml"}
    with process([str(peer.binary)], env=settings):
        web.wait_for(port)
        urlopen(Request(f"http://127.0.0.1:{port}/v1/import", opml.encode(), headers), timeout=120).close()


@contextmanager
def _postgres(folder: Path) -> Iterator[int]:
    """The pid of a PostgreSQL with files and socket in `folder`; nobody's where we are root, whom it refuses."""
    programs, cluster, user = _programs(), str(folder / "cluster"), "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    initdb = [str(programs / "initdb"), "-D", cluster, "-Uminiflux", "-Atrust", "--locale=C.UTF-8"]
    subprocess.run(initdb, user=user, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    server = [str(programs / "postgres"), "-D", cluster, "-k", str(folder), "-c", "listen_addresses="]
    ready = [str(programs / "pg_isready"), "-q", "-h", str(folder)]
    with (folder / "postgres.log").open("wb") as log, process(server, user=user, cwd=folder, stderr=log) as started:
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 30, "PostgreSQL answers")
        yield started.pid


def _programs() -> Path:
    """The folder of PostgreSQL's programs, which Debian keeps off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = shutil.which("initdb") or (debian and debian[-1])
    if not found:
        raise NoServer("no PostgreSQL: apt-get install postgresql")
    return Path(found).resolve().parent


def _memory(pid: int) -> float:
    """PSS of a process and its children in MB; what they share is counted once, what has just ended not at all."""
    kilobytes = 0
    for one in (str(pid), *_text(pid, f"task/{pid}/children").split()):
        pss = next((line for line in _text(one, "smaps_rollup").splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
        kilobytes += int(pss.split()[1])
    return kilobytes / 1024


def _text(pid: int | str, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has ended
        return ""


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--feedserver", required=True, help="its address, such as http://127.0.0.1:18090")
    options.add_argument("--binary", type=Path, default=BINARY, help=f"Miniflux ({BINARY})")
    chosen = options.parse_args()
    try:
        results = measure(chosen.binary, chosen.feedserver.rstrip("/"))
    except NoServer as reason:
        sys.exit(f"miniflux: {reason}")
    table(results)
    print(json.dumps(results, indent=1))


def measure(binary: Path, server: str) -> dict[str, dict[str, float]]:
    """The figures of each poll; AssertionError where one did not do its work."""
    opml = _ask(f"{server}/opml").decode()
    feeds = opml.count("xmlUrl=")
    shown = len(re.findall(rb"<(?:item|entry)>", _ask(f"{server}/feed/0.xml")))
    with running(binary, opml) as peer:
        results = {"first": _poll(peer, server, feeds, new=feeds * shown, unchanged=0)}
        results["unchanged"] = _poll(peer, server, feeds, new=0, unchanged=feeds)
        _ask(f"{server}/tick", b"")
        results["one_new_each"] = _poll(peer, server, feeds, new=feeds, unchanged=0)
    return results


def _poll(peer: Miniflux, server: str, feeds: int, new: int, unchanged: int) -> dict[str, float]:
    """The figures of one poll of all feeds that must bring `new` entries and get a 304 from `unchanged` feeds."""
    entries, answered = peer.entries(), _unchanged(server)
    seconds = peer.refresh_all()
    did = (peer.entries() - entries, _unchanged(server) - answered, peer.errors())
    assert did == (new, unchanged, 0), f"new entries, 304s and failed feeds: {did}, not {(new, unchanged, 0)}"
    return {"seconds": seconds, "feeds_per_s": feeds / seconds, "entries_per_s": new / seconds} | peer.peak


def _unchanged(server: str) -> int:
    """How often the feed server has answered 304."""
    return int(json.loads(_ask(f"{server}/stats"))["feed_304"])


def _ask(url: str, body: bytes | None = None) -> bytes:
    """What is said there to a GET, or to a POST where there is a body."""
    with urlopen(url, body, timeout=60) as answer:
        return bytes(answer.read())


def table(results: dict[str, dict[str, float]]) -> None:
    """The figures for people, on stderr."""
    for name, figures in results.items():
        shown = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
        print(f"{name:14} {shown}", file=sys.stderr)


if __name__ == "__main__":
    main()
