"""docs/backup.md: every command that it shows is run, in its order, and does what is said there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.adapters.elastic.client import connect
from pipeline.settings import load
from tests import web
from tests.fleet import BIN
from tests.spares import wipe
from tests.test_backup import wirewatch_in
from tests.test_flow import NEAR_KURSK

pytestmark = pytest.mark.timeout(300, func_only=True)
"""Each of its commands is a process, of which a busy machine starts few a minute."""

PAGE = (Path(__file__).parents[1] / "docs" / "backup.md").read_text(encoding="utf-8")
SHOWN = {
    heading: re.findall(r"```(sh|cron)\n(.+?)```", text, re.DOTALL)
    for heading, text in re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
LOST, NIGHTLY, DRILL, MOVE, FILES = (
    SHOWN[name]
    for name in (
        "It is 3 am, and the store is gone",
        "Each night",
        "Once a month: the drill",
        "From the embedded pilot to compose",
        "What is in it",
    )
)
STAND_IN = """#!/bin/sh
# docker-compose, as far as the page goes: the servers run already, and a command runs with the settings of compose.
case "$1 $*" in
  "up "*) exit 0 ;;
  "run run --rm -T setup wirewatch "*) shift 5; WIREWATCH_STORE=$ELASTIC exec wirewatch "$@" ;;
  *) echo "not in the page: $*" >&2; exit 1 ;;
esac
"""


class Operator:
    """Somebody who types what the page shows into a shell, in a folder with `data/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        base = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
        loopback = {"WIREWATCH_ALLOW_PRIVATE": "127.0.0.1/32", "WIREWATCH_HOST_SPACING": "0"}
        self.environment = base | loopback | {"PATH": f"{folder}/bin:{BIN}:{base['PATH']}"}

    def types(self, shown: tuple[str, str], **settings: str) -> str:
        """Run a block, a crontab's as cron does; what it said."""
        kind, text = shown
        if kind == "cron":
            text = text.split(maxsplit=5)[5].replace(r"\%", "%").replace("/srv/wirewatch", str(self.folder))
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", text],
            env=self.environment | settings,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        return done.stdout

    def runs(self, *arguments: str, **settings: str) -> str:
        """Run what the page does not show; what it printed."""
        chosen = {name: value for name, value in self.environment.items() if name.startswith("WIREWATCH_")}
        return wirewatch_in(self.folder, **chosen, **settings)(*arguments).stdout.decode()

    def mails(self, folder: str = "data/mail") -> int:
        return len(list((self.folder / folder / "new").glob("*")))


@pytest.fixture
def operator(tmp_path: Path, site: web.Site) -> Operator:
    """With a store of one story, which was mailed."""
    made = Operator(tmp_path)
    feed = web.put_story(site, "one", NEAR_KURSK)
    made.runs("feeds", "add", feed)
    made.runs("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    made.runs("once", "--all")
    assert made.mails() == 1
    return made


def test_the_page_shows_what_is_tried_here():
    assert sum(map(len, SHOWN.values())) == len(LOST + NIGHTLY + DRILL + MOVE + FILES) == 9


def test_the_nights_backup_is_restored_by_the_drill_and_when_the_store_is_lost(operator, site):
    operator.types(NIGHTLY[0])
    assert "is whole" in operator.types(DRILL[0])
    assert not (operator.folder / "drill").exists()
    web.put_story(site, "two", NEAR_KURSK.replace("night", "morning"))
    operator.runs("once", "--all")
    assert operator.mails() == 2
    assert "; sent 1; " in operator.types(LOST[0])  # the second came after the backup
    operator.types(LOST[2])
    assert (operator.mails("held"), operator.mails()) == (1, 2)
    operator.runs("once", "--all")
    assert operator.mails() == 2
    operator.types(FILES[0])
    with tarfile.open(operator.folder / "backups" / "files.tar") as files:
        assert "data/mail/new" in files.getnames()


@pytest.mark.elasticsearch
def test_the_pilot_moves_to_compose_is_backed_up_there_and_restored(operator, elasticsearch_url):
    chosen = load({}, store=elasticsearch_url, store_prefix=f"docs-{uuid4().hex[:8]}")
    operator.environment |= {"ELASTIC": elasticsearch_url, "WIREWATCH_STORE_PREFIX": chosen.store_prefix}
    (operator.folder / "bin").mkdir()
    (operator.folder / "bin" / "docker-compose").write_text(STAND_IN)
    (operator.folder / "bin" / "docker-compose").chmod(0o755)
    with connect(chosen) as client:
        try:
            operator.types(MOVE[0])
            assert "0 written" in operator.types(MOVE[1], ELASTIC_PASSWORD="")  # all is there
            operator.types(NIGHTLY[1])
            wipe(client, chosen.store_prefix)
            operator.types(LOST[1])
            there = {"WIREWATCH_STORE": elasticsearch_url}
            assert json.loads(operator.runs("status", "--json", **there))["deliveries"] == {"sent": 1}
            operator.runs("once", "--all", **there)
            assert operator.mails() == 1
        finally:
            wipe(client, chosen.store_prefix)
