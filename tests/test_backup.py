"""After a restore or a move work goes on as if nothing had been: nothing is mailed twice, and nothing forgotten."""

from __future__ import annotations

import io
import json
import logging
import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from backports import zstd

from pipeline import flow
from pipeline.adapters.elastic.client import connect
from pipeline.flow.operations.quarantine import quarantine
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.stories.explain import explain
from pipeline.model import DeliveryState
from pipeline.ports import LedgerFilter, Ports
from pipeline.settings import load
from tests import web
from tests.conftest import BACKENDS, opened
from tests.contract.test_copying import archived, moved, new_sqlite, restored
from tests.servers import free_port
from tests.test_flow import NEAR_KURSK, one_round, watch
from workers import bootstrap
from workers.cli import main

AT_NOON = "The road from Kursk to the border was closed at noon."


@pytest.fixture
def at_work(ports: Ports, site: web.Site) -> Ports:
    """One story that was mailed, and one that is to be."""
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    web.put_story(site, "two", AT_NOON)
    listed(site, "one", "two")
    polled = flow.poll(ports, [feed.id for feed in ports.stores.feeds.all()], forced=True)
    flow.ingest(ports, polled.entry_ids)
    assert ports.stores.deliveries.counts() == {"sent": 1, "pending": 1}
    return ports


def listed(site: web.Site, *names: str) -> None:
    """The feed lists these stories."""
    site.put("/feed", web.rss(*((f"Story {name}", f"{site.base}/{name}") for name in names)), web.RSS)


def account(ports: Ports, site: web.Site) -> dict[str, Any]:
    """What the system says of itself, but for leases."""
    ledger = [replaced(one) for one in ports.stores.deliveries.ledger(LedgerFilter())]
    return {
        "explained": {path: explain(ports, f"{site.base}{path}", "kursk") for path in ("/one", "/two")},
        "ledger": ledger,
        "reconciled": reconcile(ports),
        "quarantine": quarantine(ports),
    }


def replaced(delivery: Any) -> Any:
    return {name: getattr(delivery, name) for name in delivery.__struct_fields__ if name != "queued_until"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", ["archive", "move"])
def test_what_was_mailed_is_not_mailed_again_and_what_was_not_is_mailed_once(
    at_work, site, mails, clock, request, way, backend
):
    with other(backend, request) as stores:
        if way == "archive":
            restored(archived(at_work.stores), stores)
        else:
            moved(at_work.stores, stores)
        new = replace(at_work, stores=stores)
        assert account(new, site) == account(at_work, site)
        assert [story.title for story in new.stores.stories.all()] == [
            story.title for story in at_work.stores.stories.all()
        ]
        assert len(mails()) == 1
        for _ in range(2):  # the feed still lists both
            clock.turn(10)
            one_round(new)
        assert [mail["Subject"] for mail in mails()] == ["[kursk] Story one", "[kursk] Story two"]
        assert {one.state for one in new.stores.deliveries.all()} == {DeliveryState.SENT}
        assert not any(one.repeated for one in new.stores.deliveries.all())
        site.put("/copy", web.page("Story copy", *web.article(NEAR_KURSK, "one")))
        listed(site, "one", "two", "copy")
        one_round(new)
        assert len(mails()) == 2
        assert {story.title: bool(story.copy_of) for story in new.stores.stories.all()} == {
            "Story one": False,
            "Story two": False,
            "Story copy": True,
        }


def other(backend: str, request: pytest.FixtureRequest) -> Any:
    return new_sqlite() if backend == "sqlite" else opened(backend, request)


# -- the commands


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed."""

    stdout: bytes
    stderr: bytes


Run = Callable[..., Done]


@contextmanager
def own_logging() -> Iterator[None]:
    """How the process logs is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def wirewatch_in(folder: Path, **settings: str) -> Run:
    """Run `wirewatch` in a folder, with what is given on standard input; in this process, so it starts at once."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}

    def run(*arguments: str, given: bytes = b"", code: int = 0) -> Done:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        stdin = mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        environment = mock.patch.dict(os.environ, plain | settings, clear=True)
        with stdin, environment, own_logging(), chdir(folder), redirect_stdout(out), redirect_stderr(err):
            with pytest.raises(SystemExit) as left:
                main(list(arguments))
            if bootstrap._chosen:
                bootstrap.close(bootstrap.ports())
            bootstrap.forget()
            bootstrap._chosen.clear()
        done = Done(out.buffer.getvalue(), err.buffer.getvalue())  # type: ignore[attr-defined]
        assert left.value.code == code, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of a feed and an alert, and its backup."""
    folder = tmp_path_factory.mktemp("made")
    run = wirewatch_in(folder)
    run("feeds", "add", f"http://127.0.0.1:{free_port()}/feed", "--force")
    run("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    run("backup", "it.zst")
    return folder


@pytest.fixture
def wirewatch(made: Path, tmp_path: Path) -> Run:
    """`wirewatch` in a copy of that folder."""
    copytree(made, tmp_path, dirs_exist_ok=True)
    return wirewatch_in(tmp_path)


@pytest.fixture
def backed_up(tmp_path: Path) -> Path:
    return tmp_path / "it.zst"


def said(done: Done) -> str:
    """The line of an error, after any progress."""
    line = done.stderr.decode().splitlines()[-1]
    assert line.startswith("wirewatch: ")
    return line


def test_a_backup_is_for_its_owner_alone_and_counts_what_it_holds(wirewatch, backed_up):
    assert stat.S_IMODE(backed_up.stat().st_mode) == 0o600
    counts = json.loads(wirewatch("backup", "again.zst", "--json").stdout)
    assert counts["things"]["alerts"] == counts["things"]["feeds"] == 1
    assert counts["bytes"] == (backed_up.parent / "again.zst").stat().st_size
    assert not list(backed_up.parent.glob("*.part"))


def test_a_backup_goes_through_standard_output_and_input(wirewatch):
    archive = wirewatch("backup", "-").stdout
    done = wirewatch("--data", "other", "restore", "-", "--json", given=archive)
    assert json.loads(done.stdout)["written"]["alerts"] == 1
    assert b"kursk" in wirewatch("--data", "other", "alerts", "list").stdout


def test_an_archive_that_is_cut_off_leaves_nothing_behind(wirewatch, backed_up):
    cut = backed_up.with_name("cut.zst")
    cut.write_bytes(backed_up.read_bytes()[:-30])
    assert "cut.zst is cut off" in said(wirewatch("--data", "other", "restore", "cut.zst", code=2))
    wirewatch("--data", "other", "restore", "it.zst")  # it is empty still


def test_standard_input_that_is_cut_off_says_what_is_written_by_then(wirewatch, backed_up):
    cut = zstd.compress(zstd.decompress(backed_up.read_bytes()).rpartition(b'{"end":')[0])
    line = said(wirewatch("--data", "other", "restore", "-", given=cut, code=2))
    assert "standard input is cut off" in line
    assert "4 things that came before it are in the store" in line
    wirewatch("--data", "other", "restore", "it.zst", "--into-existing")


def test_a_backup_that_fails_leaves_the_one_before(wirewatch, backed_up, tmp_path):
    before = backed_up.read_bytes()
    (tmp_path / "data" / "wirewatch.db").write_bytes(b"no database" * 1000)
    for left in tmp_path.glob("data/wirewatch.db-*"):
        left.unlink()
    wirewatch("backup", "it.zst", code=1)
    assert backed_up.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_replaces_nothing_that_is_no_file(wirewatch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for target in ("pipe", "link", "data"):
        assert f"{target} is no file: name one to be written, or - for" in said(wirewatch("backup", target, code=2))
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("backup", "nowhere/x.zst"), "can't be written: No such file"),
        (("restore", "nowhere.zst"), "can't be read: No such file"),
        (("restore", "data"), "data is a folder"),
        (("migrate", "--from", "sqlite:///nowhere.db", "--to", "sqlite:///tmp/x.db"), "there is no such file"),
        (("migrate", "--from", "sqlite:///a.db", "--to", "sqlite:///a.db"), "are one store"),
        (("migrate", "--from", "ftp://a", "--to", "sqlite:///a.db"), "WIREWATCH_STORE='ftp://a' can't be used"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(wirewatch, backed_up, arguments, reason):
    assert reason in said(wirewatch(*arguments, code=2))


def test_of_a_store_that_holds_nothing_there_is_no_backup(wirewatch):
    line = said(wirewatch("--data", "empty", "backup", "x.zst", code=1))
    assert "is not set up: run `wirewatch setup`; or is another store meant? See WIREWATCH_STORE and --data" in line
    wirewatch("--data", "empty", "setup")
    assert "there is nothing in" in said(wirewatch("--data", "empty", "backup", "x.zst", code=2))


def test_a_file_of_an_earlier_version_is_not_brought_up_to_date_by_being_copied(wirewatch, tmp_path):
    file = tmp_path / "data" / "wirewatch.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 9")
    move = ("migrate", "--from", f"sqlite://{file}", "--to", f"sqlite://{tmp_path}/new.db")
    for command in (("backup", "it.zst"), move):
        assert "has schema 9, and this Wirewatch wants" in said(wirewatch(*command, code=1))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (9,)
    assert not (tmp_path / "new.db").exists()


@pytest.mark.elasticsearch
def test_nothing_is_made_in_an_elasticsearch_that_is_to_be_read(elasticsearch_url, tmp_path):
    prefix = f"test-{uuid4().hex[:8]}"
    run = wirewatch_in(tmp_path, WIREWATCH_STORE_PREFIX=prefix)
    line = said(run("migrate", "--from", elasticsearch_url, "--to", f"sqlite://{tmp_path}/new.db", code=1))
    assert f"{prefix}-feeds" in line
    assert "or is another store meant? See --from and WIREWATCH_STORE_PREFIX" in line
    with connect(load({}, store=elasticsearch_url)) as client:
        assert not client.indices.get(index=f"{prefix}-*").body
        assert not client.indices.exists_index_template(name=prefix)


def test_a_move_may_be_done_again_and_says_that_nothing_was_left_to_do(wirewatch, backed_up, tmp_path):
    move = (
        "migrate",
        "--from",
        f"sqlite://{tmp_path}/data/wirewatch.db",
        "--to",
        f"sqlite://{tmp_path}/new.db",
        "--json",
    )
    first, second = (json.loads(wirewatch(*move).stdout) for _ in range(2))
    assert (sum(first["written"].values()), sum(second["written"].values())) == (4, 0)
    assert second["kept"] == first["given"]
