"""`wirewatch up`: everything in one process, on SQLite and threads, with a Maildir."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import web
from tests.browser import Browser
from tests.fleet import BIN, Fleet
from tests.hub import open_hub
from tests.servers import free_port, process, wait_until


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    settings = {
        "data": str(tmp_path / "data"),
        "allow_private": "127.0.0.1/32",
        "host_spacing": "0",
        "poll_floor": "1",
        "poll_ceiling": "2",
        "sweep_every": "1",
        "pages": "always",
        "console_port": "0",
    }
    return Fleet(tmp_path, os.environ | {f"WIREWATCH_{name.upper()}": value for name, value in settings.items()})


@contextmanager
def up(fleet: Fleet) -> Iterator[subprocess.Popen[bytes]]:
    with (fleet.folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [BIN / "wirewatch", "up"], env=fleet.environment, cwd=fleet.folder, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_news_that_a_hub_pushes_are_mailed_within_seconds_long_before_the_next_poll(fleet, site):
    port = free_port()
    callback = f"http://127.0.0.1:{port}/websub/"
    settings = {"CONSOLE_PORT": str(port), "WEBSUB_CALLBACK": callback, "POLL_FLOOR": "600", "POLL_CEILING": "14400"}
    fleet.environment |= {f"WIREWATCH_{name}": value for name, value in settings.items()}
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    with open_hub() as hub, up(fleet):
        feed = web.put_story(site, "one", "Nothing to see.")
        site.answers["/feed"].headers["Link"] = f'<{hub.url}>; rel="hub", <{feed}>; rel="self"'
        fleet.wirewatch("feeds", "add", feed)
        wait_until(lambda: hub.subscribers, 30, f"the hub is asked, and believes us\n{fleet.logs()}")
        asked = site.asked("/feed")  # by `feeds add`, and by the first poll
        web.put_story(site, "two", "Two villages near Kursk were left in the night.", feed="/elsewhere")
        assert hub.publish(feed, site.answers["/elsewhere"].body.decode()) == [202]
        wait_until(lambda: len(mails(fleet)) == 1, 10, f"a mail came\n{fleet.logs()}")
        assert site.asked("/feed") == asked
        (row,) = fleet.wirewatch("subscriptions", "list", "--json")
        assert (row["state"], row["topic"], row["last_push"] is not None) == ("verified", feed, True)
        assert not {"secret", "token"} & set(row)
    assert not any(callback.rpartition("/")[2] in fleet.logs() for _, callback in hub.subscribers)


def test_it_says_where_mails_go_without_the_password(fleet):
    fleet.environment["WIREWATCH_MAIL"] = "smtp://me:hunter2@127.0.0.1:9"
    with up(fleet):
        wait_until(lambda: "running; stop with Ctrl-C" in fleet.logs(), 30, "it runs")
    assert "mail    smtp://me:…@127.0.0.1:9" in fleet.logs()
    assert "hunter2" not in fleet.logs()


def test_it_logs_what_happens_on_stdout_and_tells_who_started_it_on_stderr(fleet, site):
    fleet.environment |= {"WIREWATCH_LOG_FORMAT": "json"}
    fleet.wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
    out, told = fleet.folder / "out.log", fleet.folder / "told.log"
    command = [BIN / "wirewatch", "up"]
    with process(command, env=fleet.environment, stdout=out.open("wb"), stderr=told.open("wb")):
        wait_until(lambda: "entry is in the story" in out.read_text(), 30, "an event is logged")
    lines = [line for line in out.read_text().splitlines() if line and "Warm shutdown" not in line]  # Celery's own
    assert all(json.loads(line)["message"] for line in lines)
    assert "running; stop with Ctrl-C" in told.read_text()
    assert "entry is in the story" not in told.read_text()


def test_a_console_port_that_is_taken_is_said_at_once(fleet):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fleet.environment["WIREWATCH_CONSOLE_PORT"] = str(taken.getsockname()[1])
        with up(fleet) as process:
            assert process.wait(30) == 2
    assert "choose another, or 0 for any free one" in fleet.logs()


def mails(fleet: Fleet) -> list[Path]:
    return list((fleet.folder / "data" / "mail" / "new").glob("*"))


def test_a_story_becomes_a_mail_within_seconds_and_none_more_after_a_restart(fleet, site):
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    fleet.wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
    with up(fleet) as process:
        wait_until(lambda: len(mails(fleet)) == 1, 30, f"a mail came\n{fleet.logs()}")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with up(fleet):
        polls = site.asked("/feed")
        wait_until(lambda: site.asked("/feed") > polls + 1, 30, "it polls again")
        web.put_story(site, "two", "The road to Kursk is open again.")
        wait_until(lambda: len(mails(fleet)) == 2, 30, f"the second mail came\n{fleet.logs()}")
        wait_until(lambda: fleet.outcomes() == [("sent", False)] * 2, 10, "both are sent")


def test_a_process_killed_in_the_middle_takes_its_work_up_again(fleet, site):
    fleet.environment |= {"WIREWATCH_LEASE": "3", "WIREWATCH_EXTRACT_TIMEOUT": "2"}
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    page = site.answers["/one"]
    with up(fleet) as process:
        site.answers["/one"] = lambda: process.kill() or page
        fleet.wirewatch("feeds", "add", feed)
        process.wait(30)
    site.answers["/one"] = page
    with up(fleet):
        wait_until(lambda: len(mails(fleet)) == 1, 30, f"a mail came\n{fleet.logs()}")
        wait_until(lambda: fleet.outcomes() == [("sent", False)], 10, "it is sent, and not repeated")


def test_where_nobody_can_sign_in_the_first_administrator_gets_a_link_once(fleet):
    log = fleet.folder / "up.log"
    with up(fleet):
        wait_until(lambda: log.exists() and "running;" in log.read_text(), 60, "it runs")
        (link,) = re.findall(r"once: (http://127\.0\.0\.1:\d+/link/\S+)", log.read_text())
        place = urlsplit(link)
        browser = Browser(place.port)
        wait_until(lambda: _listens(place.port), 30, "the console listens")
        good = "correct horse battery"
        entered = browser.fill(place.path, place.path, address="root@example.org", password=good, again=good)
        assert entered.status == 303
        assert browser.get("/users").status == 200
    log.unlink()
    with up(fleet):
        wait_until(lambda: log.exists() and "running;" in log.read_text(), 60, "it runs again")
        assert "/link/" not in log.read_text()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
