"""The processes of Wirewatch as docker-compose starts them, on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[1]
WORKERS = {"poll": "poll", "ingest": "ingest,backfill", "notify": "notify,sweep"}
"""The queues of each; another of a kind has a name that begins so: ingest-2."""
QUIET = ("--without-gossip", "--without-mingle")


@dataclass(slots=True)
class Fleet:
    """Workers and beat under one environment, logging into `folder`."""

    folder: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a worker, a beat, or `up`, which is all of them in one process; another of a kind as `beat-2`."""
        self.processes[name] = subprocess.Popen(
            self._command(name),
            env=self.environment,
            cwd=ROOT,
            stdout=(self.folder / f"{name}.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _command(self, name: str) -> list[str]:
        if name == "up":
            return [str(BIN / "wirewatch"), "up"]
        celery = [str(BIN / "celery"), "-A", "workers.app"]
        kind = name.partition("-")[0]
        if kind == "beat":
            return [*celery, "beat", "-s", str(self.folder / name), "--pidfile="]
        return [*celery, "worker", "-Q", WORKERS[kind], "-n", f"{name}@test", "-c", "1", *QUIET]

    def kill(self, name: str) -> None:
        """kill -9 the worker and its children: nothing is finished, nothing acknowledged."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def outcomes(self) -> list[tuple[str, bool]]:
        """State of each delivery in the ledger, which learns of a mail a moment after it is out; whether repeated."""
        return [(row["state"], row["repeated"]) for row in self.wirewatch("ledger", "--json")]

    def wirewatch(self, *arguments: str) -> Any:
        """Run `wirewatch …`; what it printed, read as JSON where it was asked for."""
        done = subprocess.run(
            [BIN / "wirewatch", *arguments], env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    def logs(self) -> str:
        return "\n".join(f"== {path.name}\n{path.read_text()[-4000:]}" for path in sorted(self.folder.glob("*.log")))


def environment(**settings: str) -> dict[str, str]:
    """That of a process with these settings; what names servers for tests is no setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
    return kept | {f"WIREWATCH_{name.upper()}": value for name, value in settings.items()}


@contextmanager
def launched(folder: Path, *names: str, **settings: str) -> Iterator[Fleet]:
    """The named processes, prepared and started; all of them when none is named."""
    fleet = Fleet(folder, environment(**settings))
    fleet.wirewatch("setup")
    try:
        for name in names or (*WORKERS, "beat"):
            fleet.start(name)
        yield fleet
    finally:
        fleet.stop()
