"""What the compose files promise of every container, as they are read. tests/e2e/test_compose.py tries them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import SettingError
from pipeline.settings import Settings, load
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


def composed(folder: Path, *names: str, **variables: str) -> dict[str, Any]:
    """What Compose makes of these files beside a `.env` with these variables."""
    for name in names:
        shutil.copy(ROOT / name, folder)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WIREWATCH_", "ELASTIC_"))}
    if not shutil.which("docker-compose"):
        reason = "there is no docker-compose: apt-get install docker-compose"
        if os.environ.get("REQUIRE_SERVERS"):
            pytest.fail(reason)
        pytest.skip(reason)
    files = [part for name in names for part in ("-f", name)]
    done = subprocess.run(
        ["docker-compose", *files, "config"], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return services


def given(service: dict[str, Any]) -> dict[str, str]:
    """What the environment of a container holds: what has no value is not in it."""
    return {name: value for name, value in service["environment"].items() if value is not None}


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


ALL = {f"WIREWATCH_{item.name.upper()}" for item in fields(Settings)}
SAME_FOR_ALL = {"WIREWATCH_STORE", "WIREWATCH_STORE_PASSWORD", "WIREWATCH_BROKER", "WIREWATCH_DATA"}
SAME_FOR_ALL |= {"WIREWATCH_METRICS_HOST", "WIREWATCH_METRICS_PORT"}
"""What docker-compose.yml says itself, since its own parts hang on it."""
OF_THE_CONSOLE = {"WIREWATCH_CONSOLE_HOST", "WIREWATCH_CONSOLE_PORT"}
OF_STORES_ELSEWHERE = {"WIREWATCH_STORE_API_KEY", "WIREWATCH_STORE_CA", "WIREWATCH_BROKER_PASSWORD"}
OF_STORES_ELSEWHERE |= {"WIREWATCH_BROKER_CA"}


def test_every_setting_reaches_every_container_from_the_env_file(tmp_path):
    theirs = ALL - SAME_FOR_ALL - OF_THE_CONSOLE - OF_STORES_ELSEWHERE
    services = composed(tmp_path, FILES[0], ELASTIC_PASSWORD="x", **{name: f"set-{name}" for name in theirs})
    for name in OURS:
        assert {one: given(services[name]).get(one) for one in theirs} == {one: f"set-{one}" for one in theirs}, name
        assert given(services[name]).keys() >= SAME_FOR_ALL, name
    assert given(services["console"]).keys() >= OF_THE_CONSOLE


def test_of_stores_elsewhere_all_that_there_is_to_set_reaches_every_container():
    hosted = read(FILES[0], FILES[2])
    for name in OURS:
        known = {one.removesuffix("_FILE") for one in hosted[name]["environment"]}
        assert known >= OF_STORES_ELSEWHERE, name


def test_what_the_env_file_does_not_set_has_its_default(tmp_path):
    services = composed(tmp_path, FILES[0], ELASTIC_PASSWORD="x")
    plain = load({"WIREWATCH_DATA": "/var/lib/wirewatch"})
    ours = SAME_FOR_ALL | OF_THE_CONSOLE | {"WIREWATCH_LOG_FORMAT", "WIREWATCH_MAIL"}  # the same, said otherwise
    for name in OURS:
        made = load(given(services[name]))
        changed = {one.name for one in fields(Settings) if getattr(made, one.name) != getattr(plain, one.name)}
        assert {f"WIREWATCH_{one.upper()}" for one in changed} <= ours, name


def test_lists_of_your_own_are_read_from_the_watch_folder_by_every_container():
    for name in OURS:
        assert "${WATCH_FOLDER:-./watch}:/watch:ro" in read(FILES[0])[name]["volumes"], name


def test_without_a_password_setup_says_what_to_do(tmp_path):
    with pytest.raises(SettingError, match=r"copy \.env\.example and set ELASTIC_PASSWORD"):
        load(given(composed(tmp_path, FILES[0])["setup"]))


def test_the_hosted_file_starts_with_what_its_head_says_and_no_more(tmp_path):
    head = (ROOT / FILES[2]).read_text().partition("\nx-hosted")[0]
    variables = dict(re.findall(r"(WIREWATCH_(?:STORE|BROKER))=([a-z]+://[a-z.]+:[0-9/]+)", head))
    assert len(variables) == 2
    services = composed(tmp_path, FILES[0], FILES[2], **variables)
    for name in OURS:
        assert given(services[name])["WIREWATCH_STORE"] == variables["WIREWATCH_STORE"]
        for secret in services[name]["secrets"]:
            assert re.search(
                rf"^#   {secret['source'].replace('_ca', '_ca.pem')}\b|, {secret['source']}\.pem", head, re.M
            )


def test_images_are_named_by_their_exact_version():
    images = {said["image"] for said in read(*FILES).values()} - {"wirewatch:local"}
    (base,) = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for image in {*images, base}:
        assert re.fullmatch(r"[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z-]+)?", image), image
    assert f"BASE={base}@sha256:" in (ROOT / "docs" / "operations.md").read_text()


def test_the_image_can_be_built_with_every_extra_from_a_lock_that_holds_the_same_as_without():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in extras:
        assert pins("run.txt") < pins(f"run-{extra}.txt"), extra
        assert extra in (ROOT / "Dockerfile").read_text().partition("ARG EXTRAS=")[0], extra


def test_where_the_stores_are_elsewhere_none_starts_here_and_no_secret_is_in_the_environment():
    hosted = read(FILES[0], FILES[2])
    assert {name for name, said in hosted.items() if said.get("profiles")} == STORES
    secret = [f"WIREWATCH_{item.name.upper()}" for item in fields(Settings) if item.metadata["secret"]]
    for name in OURS:
        assert not set(hosted[name].get("depends_on", {})) & STORES, name
        environment = hosted[name]["environment"]
        assert [environment[one] for one in secret if one in environment] == ["", "", ""], name  # nor passed through
        files = {value for key, value in given(hosted[name]).items() if key.endswith(("_FILE", "_CA"))}
        assert files == {f"/run/secrets/{one}" for one in hosted[name]["secrets"]}, name


def test_all_queues_have_a_worker_and_news_go_before_backfill():
    from workers.app import QUEUES

    commands = [said.get("command", []) for said in read(FILES[0]).values()]
    taken = [command[command.index("-Q") + 1] for command in commands if "-Q" in command]
    assert sorted(queue for one in taken for queue in one.split(",")) == sorted(QUEUES)
    assert "ingest,backfill" in taken
