"""What ops/ has for Prometheus and Grafana is held to what a real process shows, and to the handbook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.settings import load
from tests import scrape, web
from tests.conftest import world
from tests.fakes import Clock
from tests.fleet import BIN, Fleet
from tests.scrape import Series, selectors, value
from tests.servers import free_port, process, wait_until
from workers.stock import Stock

ROOT = Path(__file__).resolve().parents[1]
OPS = ROOT / "ops"
OF_PROMETHEUS = {"up"}
OF_REDIS = {"wirewatch_broker_up", "wirewatch_broker_messages"}
ALARMS = [rule for group in yaml.safe_load((OPS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((OPS / "dashboard.json").read_text())["panels"]
QUERIES = [rule["expr"] for rule in ALARMS] + [target["expr"] for panel in PANELS for target in panel["targets"]]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory) -> Iterator[Series]:
    """All that `up` shows after it has mailed one story."""
    folder, port = tmp_path_factory.mktemp("up"), free_port()
    settings = {
        "data": str(folder / "data"),
        "allow_private": "127.0.0.1/32",
        "host_spacing": "0",
        "sweep_every": "0.5",
        "console_port": "0",
        "metrics_port": str(port),
    }
    fleet = Fleet(folder, scrape.environment(**settings))
    with web.serve() as site, (folder / "up.log").open("wb") as log:
        fleet.wirewatch("setup")
        fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
        fleet.wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
        with process([BIN / "wirewatch", "up"], env=fleet.environment, cwd=folder, stdout=log, stderr=log):
            found: Series = {}

            def mailed() -> bool:
                found.clear()
                found.update(scrape.scraped(port))
                return value(found, "wirewatch_ledger_deliveries", state="sent") == 1

            wait_until(mailed, 60, "a mail is counted")
            yield found


def test_every_metric_of_the_rules_and_the_dashboard_is_one_that_a_process_shows(exposed):
    shown = {name for name, _ in exposed}
    assert len(QUERIES) > 30
    for query in QUERIES:
        for name, labels in selectors(query):
            if name in OF_PROMETHEUS | OF_REDIS:
                continue
            assert name in shown, query
            assert any(one == name and labels.items() <= has for one, has in exposed), query


def test_one_story_is_counted_once_at_each_stage_and_its_mail_is_timed(exposed):
    assert value(exposed, "wirewatch_entries_total", change="new") == 1
    assert value(exposed, "wirewatch_ingested_entries_total", outcome="story") == 1
    assert value(exposed, "wirewatch_matches_total") == 1
    assert value(exposed, "wirewatch_deliveries_total", outcome="sent") == 1
    assert value(exposed, "wirewatch_seen_to_mail_seconds_count") == 1
    assert 0 < value(exposed, "wirewatch_seen_to_mail_seconds_sum") < 60
    for stage in ("fetch", "parse", "enrich", "dedupe", "index", "match", "deliver"):
        assert value(exposed, "wirewatch_stage_duration_seconds_count", stage=stage) >= 1, stage
    assert value(exposed, "wirewatch_tasks_total", task="notify", outcome="done") >= 1
    assert value(exposed, "wirewatch_feeds", health="well") + value(exposed, "wirewatch_feeds", health="quiet") >= 0


def test_names_are_as_prometheus_wants_them(exposed):
    ours = {name for name, _ in exposed if not name.startswith("process_")}
    assert all(re.fullmatch(r"wirewatch_[a-z]+(_[a-z]+)*", name) for name in ours)
    assert not any(re.search(r"_(ms|milliseconds|minutes|mb|kb)$", name) for name in ours)


@pytest.mark.redis
def test_with_redis_its_queues_are_shown(redis_url, tmp_path):
    from pipeline.adapters import sqlite

    stores = sqlite.open_stores(str(tmp_path / "store.db"))
    stores.prepare()
    found = {metric.name for metric in Stock(world(stores, tmp_path, Clock(), broker=redis_url)).collect()}
    assert found >= OF_REDIS
    stores.close()


def test_every_alarm_has_its_place_in_the_handbook_and_says_how_urgent_it_is():
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    anchors = {f"docs/operations.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    for rule in ALARMS:
        assert rule["annotations"]["runbook"] in anchors, rule["alert"]
        assert rule["annotations"]["runbook"].endswith(rule["alert"].lower())
        assert rule["labels"]["severity"] in ("page", "ticket")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("promtool"):
        reason = "there is no promtool: apt-get install prometheus"
        if os.environ.get("REQUIRE_SERVERS"):
            pytest.fail(reason)
        pytest.skip(reason)
    return subprocess.run(["promtool", *arguments], cwd=OPS, capture_output=True, text=True, check=False)


def test_promtool_takes_the_configuration_and_the_rules_fire_on_crafted_series_when_they_should():
    for arguments in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alarm_is_quiet_and_then_fires_in_a_test_of_promtool():
    tests = yaml.safe_load((OPS / "alerts_test.yml").read_text())["tests"]
    tried = [one for test in tests for one in test["alert_rule_test"]]
    names = {rule["alert"] for rule in ALARMS}
    assert {one["alertname"] for one in tried if one["exp_alerts"]} == names
    assert {one["alertname"] for one in tried if not one["exp_alerts"]} == names


def test_every_service_that_is_found_by_its_name_is_missed_when_it_is_gone():
    (rule,) = [one for one in ALARMS if one["alert"] == "WirewatchServiceGone"]
    (config,) = [
        one for one in yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"] if "dns_sd_configs" in one
    ]
    assert [one["target_label"] for one in config["relabel_configs"]] == ["service"]
    missed = {labels["service"] for name, labels in selectors(rule["expr"]) if name == "up"}
    assert missed == {name for one in config["dns_sd_configs"] for name in one["names"]}


def test_a_process_is_scraped_on_the_port_that_compose_gives_it():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    scrapes = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"]
    named = {one for config in scrapes[1]["dns_sd_configs"] for one in config["names"]}
    (console,) = scrapes[0]["static_configs"][0]["targets"]
    for service in (*named, console.partition(":")[0]):
        environment = compose["services"][service]["environment"]
        assert (
            environment["WIREWATCH_METRICS_PORT"]
            == console.partition(":")[2]
            == str(scrapes[1]["dns_sd_configs"][0]["port"])
        )
        assert not any("9100" in str(port) for port in compose["services"][service].get("ports", ()))
    assert load({}).metrics_host == "127.0.0.1"
