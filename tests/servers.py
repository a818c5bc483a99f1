"""Real servers for tests: one that is running (named by a setting), else one started here, else a reason.

WIREWATCH_TEST_REDIS            redis://host:6379/0
WIREWATCH_TEST_ELASTICSEARCH    http://host:9200, with a percolator
WIREWATCH_TEST_ELASTICSEARCH9   http://host:9200, of version 9; a percolator is not needed
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
ELASTICSEARCH_LOCAL = SHARED / "compose" / "elasticsearch-local"
ELASTICSEARCH_IMAGE = "elasticsearch:9.5.3"
ELASTICSEARCH_ZIP = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.5.3:zip"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "wirewatch-tests"


class NoServer(Exception):
    """Why there is none, and what would help."""


_any = random.SystemRandom()  # what pytest-randomly seeds would be the same in all processes of a run


def free_port() -> int:
    """A port of loopback where nobody listens.

    Below those the system lends to outgoing connections (32768 and up on Linux): one it chose itself may be
    lent to somebody else before the server that is meant to have it listens.
    """
    while True:
        port = _any.randrange(15_000, 32_000)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Whether somebody does on that port of loopback."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again until it holds; for what happens in other processes."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(0.05)


@contextmanager
def process(arguments: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the context."""
    started = subprocess.Popen(arguments, **options)  # type: ignore[call-overload]
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


# ---------------------------------------------------------------------------------------------------------
# Redis


@contextmanager
def redis() -> Iterator[str]:
    """The address of a Redis."""
    if given := os.environ.get("WIREWATCH_TEST_REDIS"):
        yield given
    elif shutil.which("redis-server"):
        with redis_at(free_port()) as url:
            yield url
    else:
        with container("redis:7.4.11-alpine", 6379) as (port, _):
            wait_until(lambda: redis_answers(port), 30, "Redis answers")
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def redis_at(port: int) -> Iterator[str]:
    """A Redis of our own on `port`, without files."""
    with redis_process(port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def redis_process(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The same as a process."""
    arguments = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with process(arguments, stdout=subprocess.DEVNULL) as started:
        wait_until(lambda: redis_answers(port), 10, "Redis answers")
        yield started


def redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


# ---------------------------------------------------------------------------------------------------------
# Elasticsearch


@contextmanager
def elasticsearch() -> Iterator[str]:
    """The address of an Elasticsearch with a percolator."""
    if given := os.environ.get("WIREWATCH_TEST_ELASTICSEARCH"):
        yield given
    elif ELASTICSEARCH_LOCAL.exists():
        with elasticsearch_local() as local:
            yield local.url
    else:
        with elasticsearch_container() as (url, _):
            yield url


@contextmanager
def elasticsearch_container() -> Iterator[tuple[str, str]]:
    """The address of one in a container, and the container's name."""
    settings = {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "ES_JAVA_OPTS": "-Xms512m -Xmx512m",
    }
    with container(ELASTICSEARCH_IMAGE, 9200, settings) as (port, name):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), 120, "Elasticsearch answers")
        yield url, name


class ElasticsearchLocal:
    """One without Docker. What it holds outlives its process, until `wipe`."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._environment = os.environ | settings
        self._port = free_port()
        state = Path(os.environ.get("COMPOSE_STATE", Path(tempfile.gettempdir()) / "compose-stand-in"))
        self.folder = state / "elasticsearch-local" / str(self._port)
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        done = self._call("up", seconds=300)
        if done.returncode:
            raise NoServer(f"{ELASTICSEARCH_LOCAL} up failed: {done.stderr.strip().splitlines()[-1:]}")

    def wipe(self) -> None:
        """Stop it, and delete what it held."""
        self._call("wipe", seconds=60)

    def _call(self, command: str, seconds: float) -> subprocess.CompletedProcess[str]:
        arguments = [ELASTICSEARCH_LOCAL, command, str(self._port)]
        return subprocess.run(
            arguments, env=self._environment, capture_output=True, text=True, timeout=seconds, check=False
        )


@contextmanager
def elasticsearch_local(settings: Mapping[str, str] | None = None) -> Iterator[ElasticsearchLocal]:
    made = ElasticsearchLocal(settings or {})
    made.start()
    try:
        yield made
    finally:
        made.wipe()


@contextmanager
def secured_elasticsearch(roles: str, users: dict[str, str]) -> Iterator[str]:
    """The address of an Elasticsearch that lets in `users`, each with the role of their name, by its file realm."""
    if not ELASTICSEARCH_LOCAL.exists():
        raise NoServer("there is no ../shared/compose beside this checkout to start an Elasticsearch with security")
    settings = {"xpack.security.enabled": "true", "ELASTIC_PASSWORD": "unused here", "ES_HEAP": "512m"}
    with elasticsearch_local(settings) as local:
        config = local.folder / "config"
        (config / "roles.yml").write_text(roles)
        (config / "users").write_text("".join(f"{name}:{_hashed(password)}\n" for name, password in users.items()))
        (config / "users_roles").write_text("".join(f"{name}:{name}\n" for name in users))
        yield local.url


def _hashed(password: str) -> str:
    """As Elasticsearch keeps it: PBKDF2 with HMAC-SHA512, a key of 256 bits."""
    salt = os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10_000, 32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


@contextmanager
def elasticsearch9() -> Iterator[str]:
    """The address of an Elasticsearch 9; without a percolator where it is the server of Maven Central."""
    if given := os.environ.get("WIREWATCH_TEST_ELASTICSEARCH9"):
        yield given
        return
    java = _java(at_least=21)
    home = _unpacked()
    run = Path(subprocess.check_output(["mktemp", "-d", "-t", "wirewatch-es9-XXXXXX"], text=True).strip())
    port = free_port()
    try:
        with _elasticsearch9_process(home, run, java, port):
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(url), 120, f"Elasticsearch 9 answers (its log: {run}/out)")
            yield url
    finally:
        shutil.rmtree(run, ignore_errors=True)


def _java(at_least: int) -> Path:
    """The folder of a Java that is new enough."""
    homes = [Path(os.environ[name]) for name in ("ES_JAVA_HOME", "JAVA_HOME") if name in os.environ]
    for home in [*homes, *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)]:
        if not (home / "bin" / "java").exists():
            continue
        said = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, check=False).stderr
        major = said.partition('"')[2].partition(".")[0]
        if major.isdigit() and int(major) >= at_least:
            return home
    raise NoServer(f"no Java {at_least} or newer for Elasticsearch 9: install one, or set ES_JAVA_HOME")


def _unpacked() -> Path:
    """The server, had from Maven Central once."""
    home = CACHE / "elasticsearch-9.5.3"
    if home.exists():
        return home
    if not shutil.which("mvn"):
        raise NoServer("no Maven to get Elasticsearch 9 with: install it, or set WIREWATCH_TEST_ELASTICSEARCH9")
    CACHE.mkdir(parents=True, exist_ok=True)
    copy = f"mvn -q -B dependency:copy -Dartifact={ELASTICSEARCH_ZIP} -DoutputDirectory={CACHE}"
    had = subprocess.run(copy.split(), capture_output=True, text=True, timeout=600, check=False)
    if had.returncode:
        raise NoServer(f"Maven could not get {ELASTICSEARCH_ZIP}: {had.stdout.strip()[:300]}")
    with zipfile.ZipFile(next(CACHE.glob("elasticsearch-9.5.3*.zip"))) as packed:
        packed.extractall(CACHE / "unpacking")
    (CACHE / "unpacking" / "elasticsearch-9.5.3").rename(home)
    return home


def _elasticsearch9_process(home: Path, run: Path, java: Path, port: int) -> object:
    """The server with files of its own in `run`, as nobody where we are root, which it refuses to run as."""
    shutil.copytree(home, run / "home")
    options = run / "home" / "config" / "jvm.options"
    kept = [line for line in options.read_text().splitlines() if "gc.log" not in line]
    options.write_text("\n".join(kept) + "\n")
    (run / "tmp").mkdir()
    as_nobody: list[str] = []
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "nobody", run], check=True)
        run.chmod(0o755)
        as_nobody = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    settings = {
        "discovery.type": "single-node",
        "http.port": port,
        "network.host": "127.0.0.1",
        "xpack.security.enabled": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    arguments = [f"-E{name}={value}" for name, value in settings.items()]
    environment = {
        "PATH": os.environ["PATH"],
        "ES_JAVA_HOME": str(java),
        "ES_JAVA_OPTS": "-Xms512m -Xmx512m",
        "ES_TMPDIR": str(run / "tmp"),
    }
    return process(
        [*as_nobody, "bash", str(run / "home" / "bin" / "elasticsearch"), *arguments],
        env=environment,
        cwd=run,
        stdout=(run / "out").open("wb"),
        stderr=subprocess.STDOUT,
    )


def answers(url: str) -> bool:
    """Whether an Elasticsearch does, and its indices are there."""
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=3) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


# ---------------------------------------------------------------------------------------------------------
# Docker


@contextmanager
def container(image: str, inside: int, environment: Mapping[str, str] | None = None) -> Iterator[tuple[int, str]]:
    """A container with its port `inside` published on loopback; that port, which stays its own, and its name."""
    if not shutil.which("docker"):
        raise NoServer(f"neither a local server nor Docker for {image}: install one, or name a running one")
    variables = [part for name, value in (environment or {}).items() for part in ("-e", f"{name}={value}")]
    port = free_port()
    arguments = ["docker", "run", "-d", "-p", f"127.0.0.1:{port}:{inside}", *variables, image]
    started = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    if started.returncode:
        raise NoServer(f"docker run {image} failed: {started.stderr.strip().splitlines()[-1:]}")
    name = started.stdout.strip()
    try:
        yield port, name
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
