"""docker-compose.yml for real: up, healthy, a story in, a mail out, a worker more, down."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import trustme

from pipeline.adapters.elastic.client import connect
from pipeline.settings import load
from tests import servers, web
from tests.fleet import ROOT
from tests.postbox import open_postbox
from tests.servers import free_port, wait_until
from tests.spares import wipe
from tests.tls import PASSWORD, elasticsearch_over_tls, redis_over_tls

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

SERVICES = {"redis", "elasticsearch", "worker-poll", "worker-ingest", "worker-notify", "beat", "console"}


@dataclass(frozen=True, slots=True)
class Compose:
    """docker-compose on the project, under a name of its own."""

    environment: dict[str, str]
    folder: Path = ROOT

    def __call__(self, *arguments: str, check: bool = True) -> str:
        command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        done = subprocess.run(
            [*command, "-p", "wirewatch-test", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def containers(self) -> list[dict[str, str]]:
        """Service, state and health of each."""
        ids = self("ps", "-q").split()
        inspected = json.loads(docker(self.environment, "inspect", *ids)) if ids else []
        return [
            {
                "service": one["Config"]["Labels"]["com.docker.compose.service"],
                "health": one["State"].get("Health", {}).get("Status", ""),
                "user": one["Config"]["User"],
                "memory": str(one["HostConfig"]["Memory"]),
                "restart": one["HostConfig"]["RestartPolicy"]["Name"],
            }
            for one in inspected
        ]


def docker(environment: dict[str, str], *arguments: str) -> str:
    return subprocess.check_output(["docker", *arguments], env=environment, text=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Among all processes of a run: engine, images and the project's name are the machine's."""
    with (Path(tempfile.gettempdir()) / "wirewatch-test-compose.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """The environment in which Docker answers and has the official images, or their stand-ins."""
    scripts = servers.SHARED / "compose"
    if not scripts.exists():
        pytest.skip(
            "there is no ../shared/compose beside this checkout: docker-compose.yml can't be tried with stand-ins"
        )
    with one_at_a_time():
        return _started(scripts)


def _started(scripts: Path) -> dict[str, str]:
    up = subprocess.run([scripts / "engine", "up"], capture_output=True, text=True, timeout=600, check=False)
    assert up.returncode == 0, up.stderr
    environment = dict(os.environ)
    for line in up.stdout.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        environment[name] = value.strip("'\"")
    images = [f"REDIS_IMAGE={_found('docker-compose.yml', 'image: (redis:.+)')}"]
    images.append(f"PYTHON_IMAGE={_found('Dockerfile', 'ARG BASE=(.+)')}")
    subprocess.run(
        [scripts / "stand-in-images", *images], env=environment, capture_output=True, timeout=900, check=True
    )
    return environment


def _found(file: str, pattern: str) -> str:
    (found,) = re.findall(pattern, (ROOT / file).read_text())
    return str(found)


@pytest.fixture
def host(engine: dict[str, str]) -> str:
    """The address of this machine as containers see it."""
    (found,) = json.loads(docker(engine, "network", "inspect", "bridge"))[0]["IPAM"]["Config"]
    first = next(ipaddress.ip_network(found["Subnet"]).hosts())
    return found.get("Gateway", str(first))


@pytest.fixture
def compose(engine: dict[str, str], host: str, tmp_path: Path) -> Iterator[Compose]:
    watch = tmp_path / "watch"
    watch.mkdir(mode=0o755)
    made = Compose(
        engine
        | {
            "ELASTIC_PASSWORD": "a password for tests",
            "ELASTIC_HEAP": "512m",
            "WATCH_FOLDER": str(watch),
            "WIREWATCH_ALLOW_PRIVATE": f"{host}/32",
            "WIREWATCH_PAGES": "always",
            "WIREWATCH_HOST_SPACING": "0",
            "WIREWATCH_POLL_FLOOR": "1",
            "WIREWATCH_POLL_CEILING": "2",
            "WIREWATCH_SWEEP_EVERY": "2",
            "CONSOLE_PORT": str(free_port()),
        }
    )
    with one_at_a_time():
        yield made
        made("down", "-v", "--remove-orphans", check=False)


def watch_for_kursk(folder: Path, feed: str) -> None:
    """The lists that setup takes in: this feed, and an alert for its stories."""
    (folder / "feeds.opml").write_text(
        f'<opml version="2.0"><body><outline type="rss" text="A" xmlUrl="{feed}"/></body></opml>'
    )
    (folder / "alerts.toml").write_text("[[alert]]\nname = 'kursk'\nquery = 'kursk'\nto = 'analyst@example.org'\n")


def test_the_compose_file_does_the_main_job(compose, host, tmp_path):
    with web.serve(host) as site, open_postbox(host) as postbox:
        feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
        watch_for_kursk(tmp_path / "watch", feed)
        compose.environment["WIREWATCH_MAIL"] = postbox.url
        compose("up", "-d", "--build")
        wait_until(lambda: len(postbox.mails) == 1, 180, f"a mail came\n{compose('logs', '--tail=40')}")
        assert str(postbox.mails[0]["Subject"]) == "[kursk] Story one"

        wait_until(lambda: _healthy(compose) == SERVICES, 180, "everything is healthy")
        for one in compose.containers():
            assert int(one["memory"]) > 0, one
            assert one["restart"] in ("unless-stopped", "no"), one
            if one["service"].startswith(("worker", "beat", "console")):
                assert one["user"] == "wirewatch"

        compose("up", "-d", "--no-build", "--no-recreate", "--scale", "worker-ingest=2", "--scale", "beat=2")
        wait_until(lambda: _running(compose)["worker-ingest"] == 2, 60, "two workers")
        wait_until(lambda: _running(compose)["beat"] == 2, 60, "two beats")
        web.put_story(site, "two", "The road to Kursk is open again.")
        wait_until(lambda: len(postbox.mails) == 2, 120, f"a second mail came\n{compose('logs', '--tail=40')}")
        wait_until(lambda: _outcomes(compose) == ["sent", "sent"], 30, "both are sent")


def test_the_hosted_file_does_the_main_job_over_tls_with_secrets_from_files(compose, host, tmp_path, elasticsearch_url):
    authority, key = trustme.CA(), "YSBrZXk6Zm9yIHRlc3Rz"
    for folder in ("redis", "elasticsearch", "secrets"):
        (tmp_path / folder).mkdir()
    with (
        web.serve(host) as site,
        open_postbox(host) as postbox,
        redis_over_tls(authority, tmp_path / "redis", host) as port,
        elasticsearch_over_tls(authority, tmp_path / "elasticsearch", host, elasticsearch_url, key) as store,
    ):
        ca = authority.cert_pem.bytes().decode()
        secrets = {"store_api_key": key, "broker_password": PASSWORD, "links_secret": "x" * 64}
        secrets["mail_password"] = "not asked for by the postbox"
        del compose.environment["ELASTIC_PASSWORD"]
        for name, text in (secrets | {"store_ca.pem": ca, "broker_ca.pem": ca}).items():
            (tmp_path / "secrets" / name).write_text(text)
        compose.environment.update(
            {
                "COMPOSE_FILE": "docker-compose.yml:compose.hosted.yml",
                "SECRETS_FOLDER": str(tmp_path / "secrets"),
                "WIREWATCH_STORE": store,
                "WIREWATCH_BROKER": f"rediss://{host}:{port}/0",
                "WIREWATCH_STORE_PREFIX": f"hosted-{uuid4().hex[:8]}",
                "WIREWATCH_MAIL": postbox.url,
            }
        )
        feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
        watch_for_kursk(tmp_path / "watch", feed)
        compose("up", "-d", "--build")
        wait_until(lambda: len(postbox.mails) == 1, 180, f"a mail came\n{compose('logs', '--tail=40')}")
        ours = SERVICES - {"redis", "elasticsearch"}
        wait_until(lambda: _healthy(compose) == ours, 180, "everything is healthy, and nothing else was started")
        shown = docker(compose.environment, "inspect", *compose("ps", "-q").split())
        assert not [one for one in secrets.values() if one in shown]
        compose("down", "-v", "--remove-orphans")  # while all that it needs to stop in good order is there
        with connect(load({}, store=elasticsearch_url)) as client:
            wipe(client, compose.environment["WIREWATCH_STORE_PREFIX"])


def _outcomes(compose: Compose) -> list[str]:
    """Of the ledger, which learns of a mail a moment after it is out."""
    ledger = json.loads(compose("exec", "-T", "worker-notify", "wirewatch", "ledger", "--json"))
    return [row["state"] for row in ledger]


def _running(compose: Compose) -> Counter[str]:
    return Counter(one["service"] for one in compose.containers())


def _healthy(compose: Compose) -> set[str]:
    return {one["service"] for one in compose.containers() if one["health"] == "healthy"}
