"""The roles of docs/elasticsearch.md on a real Elasticsearch with security: they are enough, and no more than that."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import elasticsearch
import pytest
from msgspec.structs import replace

from pipeline import flow
from pipeline.adapters import elastic
from pipeline.adapters.elastic.client import connect
from pipeline.errors import StoreError
from pipeline.flow.once import once
from pipeline.ids import month_of, story_id
from pipeline.settings import Settings, load
from tests import builders, servers
from tests.conftest import world
from tests.fakes import Clock
from tests.fleet import ROOT
from tests.servers import wait_until
from tests.test_backup import Run, wirewatch_in

pytestmark = [pytest.mark.elasticsearch, pytest.mark.timeout(300)]

PASSWORD = "long enough"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    (roles,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "elasticsearch.md").read_text(), re.DOTALL)
    if not shutil.which("java"):
        pytest.skip("no Java to start Elasticsearch with")
    try:
        with servers.secured_elasticsearch(roles, {"wirewatch_setup": PASSWORD, "wirewatch": PASSWORD}) as address:
            wait_until(lambda: _lets_in(of(address, "wirewatch")), 60, "the users are known")
            yield address
    except servers.NoServer as reason:
        pytest.skip(str(reason))


def of(url: str, user: str) -> Settings:
    return load({}, store=url.replace("//", f"//{user}@"), store_password=PASSWORD)


def _lets_in(settings: Settings) -> bool:
    with connect(settings) as client:
        try:
            client.cluster.health()
        except elasticsearch.ApiError:
            return False
    return True


def test_one_role_sets_up_and_the_other_does_the_work_and_may_do_no_more(url: str, tmp_path: Path, clock: Clock):
    worker = elastic.open_stores(of(url, "wirewatch"))
    with pytest.raises(StoreError, match="refuses us"):
        worker.prepare()
    preparer = elastic.open_stores(of(url, "wirewatch_setup"))
    preparer.prepare()
    assert "percolation was run" in preparer.probe()

    ports = world(worker, tmp_path, clock)
    worker.feeds.create([builders.feed(next_poll_at=clock.now())])
    assert flow.sweep(ports).polls == [[builders.feed().id]]
    once(ports, everything=False, progress=lambda *_: None)
    assert worker.disk() is not None
    assert worker.sizes()
    begun = replace(builders.story(), id=story_id(clock.now() - timedelta(days=100), "of another month"))
    assert worker.stories.create([begun]) == [True]
    assert worker.stories.delete([begun.id]) == 1
    assert f"wirewatch-stories-{month_of(begun.id)}-v1" in worker.reclaim(False)

    commands_work(wirewatch_in(tmp_path, WIREWATCH_STORE=of(url, "wirewatch").store, WIREWATCH_STORE_PASSWORD=PASSWORD))

    with connect(of(url, "wirewatch")) as client:
        for forbidden in (
            lambda: client.indices.delete(index="wirewatch-feeds-v1"),
            lambda: client.indices.create(index="wirewatch-other"),
            lambda: client.index(index="of-somebody-else", document={}),
            lambda: client.cluster.put_settings(persistent={"cluster.routing.allocation.enable": "none"}),
        ):
            with pytest.raises(elasticsearch.AuthorizationException):
                forbidden()
    for stores in (worker, preparer):
        stores.close()


def commands_work(wirewatch: Run) -> None:
    """What people do from a shell that has the key of the workers."""
    wirewatch("users", "add", "ana@example.org", "--role", "operator")
    wirewatch("users", "token", "ana@example.org", "--name", "wall")
    wirewatch("feeds", "add", f"http://127.0.0.1:{servers.free_port()}/feed", "--force")
    wirewatch("groups", "set", "desk", "analyst@example.org")
    wirewatch("recipients", "set", "analyst@example.org", "--zone", "Europe/Kyiv")
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "@desk")
    wirewatch("alerts", "test", "kursk")
    for looked in ("users", "feeds", "alerts", "lists", "recipients", "groups", "subscriptions", "quarantine"):
        wirewatch(looked, "list")
    wirewatch("search", "kursk")
    wirewatch("ledger", "--reconcile")
    wirewatch("prune", "--older-than", "90d")
    wirewatch("backup", "it.zst")
    wirewatch("restore", "it.zst", "--into-existing")
    wirewatch("alerts", "remove", "kursk")
    wirewatch("status")
