"""What the compose files promise of every container, as they are read. tests/e2e/test_compose.py tries them."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
import yaml

from pipeline.settings import Settings
from tests.fleet import ROOT

FILES = ("docker-compose.yml", "compose.dev.yml", "compose.hosted.yml")
OURS = {"setup", "worker-poll", "worker-ingest", "worker-notify", "beat", "console"}
STORES = {"redis", "elasticsearch"}


def read(*names: str) -> dict[str, Any]:
    """The services of these files, later ones over earlier ones, as Compose merges what we use of it."""
    services: dict[str, Any] = {}
    for name in names:
        for service, said in yaml.safe_load((ROOT / name).read_text())["services"].items():
            known = services.setdefault(service, {})
            merged = known.get("environment", {}) | said.get("environment", {})
            services[service] = known | said | {"environment": merged}
    return services


COMBINATIONS = [FILES[:1], FILES[:2], (FILES[0], FILES[2])]


@pytest.fixture(params=COMBINATIONS, ids="+".join)
def services(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read(*request.param)


def test_elasticsearch_and_redis_are_never_published_and_the_rest_on_loopback_alone(services):
    for name, said in services.items():
        assert not (name in STORES and said.get("ports")), name
        assert all(port.startswith("127.0.0.1:") for port in said.get("ports", [])), name
        assert not {"network_mode", "privileged", "pid", "ipc"} & said.keys(), name


def test_every_container_has_dropped_what_it_does_not_need_and_has_a_limit(services):
    for name, said in services.items():
        assert said["cap_drop"] == ["ALL"], name
        assert said["security_opt"] == ["no-new-privileges:true"], name
        assert said["mem_limit"], name
        assert said["restart"] in ("unless-stopped", "no"), name
    for name in OURS:
        assert services[name]["read_only"] is True, name
        assert "cap_add" not in services[name], name
        assert not {"user", "privileged"} & services[name].keys(), name  # the image says who: tests/e2e


def test_no_volume_brings_the_machine_into_a_container(services):
    for name, said in services.items():
        for volume in said.get("volumes", []):
            source = volume.partition(":")[0]
            assert (
                source.isalpha()
                or volume.endswith("/watch:/watch:ro")
                or volume == "${WATCH_FOLDER:-./watch}:/watch:ro"
            ), name


def test_every_service_that_stays_has_a_health_check(services):
    unchecked = {name for name, said in services.items() if "healthcheck" not in said and said["restart"] != "no"}
    assert unchecked <= {"kibana"}  # for whoever wants it, on the developer's machine


def test_the_settings_of_compose_exist():
    known = {f"WIREWATCH_{item.name.upper()}" for item in fields(Settings)}
    known |= {f"WIREWATCH_{item.name.upper()}_FILE" for item in fields(Settings) if item.metadata["secret"]}
    for name in (*FILES, ".env.example"):
        assert set(re.findall(r"\bWIREWATCH_[A-Z_]+\b", (ROOT / name).read_text())) <= known, name


def test_where_the_stores_are_elsewhere_none_starts_here_and_no_secret_is_in_the_environment():
    hosted = read(FILES[0], FILES[2])
    assert {name for name, said in hosted.items() if said.get("profiles")} == STORES
    secret = [f"WIREWATCH_{item.name.upper()}" for item in fields(Settings) if item.metadata["secret"]]
    for name in OURS:
        assert not set(hosted[name].get("depends_on", {})) & STORES, name
        given = hosted[name]["environment"]
        assert {one for one in secret if given.get(one)} <= {"WIREWATCH_MAIL_PASSWORD"}, name
        files = {value for key, value in given.items() if key.endswith(("_FILE", "_CA"))}
        assert files == {f"/run/secrets/{one}" for one in hosted[name]["secrets"]}, name


def test_all_queues_have_a_worker_and_news_go_before_backfill():
    from workers.app import QUEUES

    commands = [said.get("command", []) for said in read(FILES[0]).values()]
    taken = [command[command.index("-Q") + 1] for command in commands if "-Q" in command]
    assert sorted(queue for one in taken for queue in one.split(",")) == sorted(QUEUES)
    assert "ingest,backfill" in taken
