"""The command line as a person uses it: what it prints, and one clear line when something is wrong."""

from __future__ import annotations

import getpass
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.adapters import sqlite
from tests import web

BIN = Path(sys.executable).parent


@pytest.fixture
def wirewatch(tmp_path):
    """Run `wirewatch --data …` with arguments; the finished process."""

    def run(*arguments: str, code: int = 0, **settings: str) -> subprocess.CompletedProcess[str]:
        named = {f"WIREWATCH_{name.upper()}": value for name, value in settings.items()}
        base = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
        open_loopback = {"WIREWATCH_ALLOW_PRIVATE": "127.0.0.1/32", "WIREWATCH_HOST_SPACING": "0"}
        done = subprocess.run(
            [BIN / "wirewatch", "--data", str(tmp_path / "data"), *arguments],
            env=base | open_loopback | named,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return run


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("wirewatch: ")
    return line


def test_the_main_job(wirewatch, site, tmp_path):
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    wirewatch("feeds", "add", feed)
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    counts = json.loads(wirewatch("once", "--all", "--json").stdout)
    assert (counts["feeds"], counts["entries"], counts["stories"], counts["matches"], counts["sent"]) == (1, 1, 1, 1, 1)
    (mail,) = (tmp_path / "data" / "mail" / "new").iterdir()
    assert b"To: analyst@example.org" in mail.read_bytes()
    (story,) = json.loads(wirewatch("search", "kursk", "--json").stdout)
    assert {"url", "title", "published", "site", "language", "authors", "body"} <= story.keys()
    (row,) = json.loads(wirewatch("ledger", "--json").stdout)
    assert row["state"] == "sent"
    assert json.loads(wirewatch("status", "--json").stdout)["deliveries"] == {"sent": 1}
    assert "sent" in wirewatch("explain", story["url"], "--alert", "kursk").stdout
    assert "Kursk" in wirewatch("search", "kursk", "--since", "1d").stdout or story["title"]
    assert json.loads(wirewatch("once", "--all", "--json").stdout)["sent"] == 0


def test_a_feeds_policy_of_pages_is_set_when_it_is_added_and_later(wirewatch, site):
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    wirewatch("feeds", "add", feed, "--pages", "never")
    (listed,) = json.loads(wirewatch("feeds", "list", "--json").stdout)
    assert (listed["pages"], listed["pages_barred"], listed["page_record"]["tried"]) == ("never", "", 0)
    wirewatch("feeds", "pages", feed, "default")
    (listed,) = json.loads(wirewatch("feeds", "list", "--json").stdout)
    assert listed["pages"] is None
    assert json.loads(wirewatch("feeds", "check", feed, "--json").stdout)["pages"] == "when-short, as the settings say"
    wirewatch("feeds", "pages", feed, "sometimes", code=2)


def test_a_round_with_feeds_that_fail_is_done_and_names_them(wirewatch, site):
    gone = site.base + "/nowhere"
    wirewatch("feeds", "add", gone)
    done = wirewatch("once", "--all")
    assert gone in done.stderr
    assert "1 failed" in done.stdout
    counts = json.loads(wirewatch("once", "--all", "--json").stdout)
    assert list(counts["failed_feeds"]) == [gone]


WRONG = [
    (("alerts", "add", "x", '"kursk', "--to", "a@example.org"), "quot"),
    (("alerts", "add", "x", "*ursk", "--to", "a@example.org"), "leading wildcard"),
    (("alerts", "add", "x", "kursk", "--to", "nobody"), "no mail address"),
    (("query", "check", "kursk AND"), "ends where a word is wanted"),
    (("feeds", "add", "nonsense"), "no address of a feed"),
    (("feeds", "import", "nowhere.opml"), "No such file"),
    (("feeds", "pause", "https://a.example/"), "no feed"),
    (("alerts", "pause", "nobody"), "no alert"),
    (("search", "kursk", "--since", "yesterday"), "is no time"),
    (("explain", "https://a.example/", "--alert", "nobody"), "no alert"),
    (("once", "--watch", "nowhere"), "neither feeds.opml nor alerts.toml"),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_one_line_with_its_cure_and_exit_code_2(wirewatch, arguments, reason):
    wirewatch("setup")
    assert reason in said(wirewatch(*arguments, code=2))


def test_a_bad_setting_is_one_line_and_exit_code_2(wirewatch):
    assert "WIREWATCH_LEASE='soon'" in said(wirewatch("status", code=2, lease="soon"))
    assert "no such setting" in said(wirewatch("status", code=2, leese="1"))


NOWHERE = [
    (("status",), {"store": "http://h:abc"}, "WIREWATCH_STORE='http://h:abc'"),
    (("migrate", "--from", "http://h:abc", "--to", "http://i"), {}, "WIREWATCH_STORE='http://h:abc'"),
    (("once",), {"broker": "redis://h/xx"}, "WIREWATCH_BROKER='redis://h/xx'"),
    (("--data", "/etc/passwd", "setup"), {}, "set WIREWATCH_DATA"),
    (("--data", "/proc/nothing", "up"), {"console_port": "0"}, "set WIREWATCH_DATA"),
    (("setup",), {"mail": "maildir:////etc/passwd/mail"}, "WIREWATCH_MAIL="),
    (("console",), {"console_host": "nobody.invalid"}, "WIREWATCH_CONSOLE_HOST='nobody.invalid'"),
    (("up",), {"console_host": "192.0.2.1"}, "WIREWATCH_CONSOLE_HOST='192.0.2.1'"),
]


@pytest.mark.parametrize(("arguments", "settings", "reason"), NOWHERE)
def test_an_address_or_a_folder_that_cant_be_used_is_one_line_and_exit_code_2(wirewatch, arguments, settings, reason):
    if "console" in arguments:
        wirewatch("setup")
    assert reason in said(wirewatch(*arguments, code=2, **settings))


def test_no_command_prints_the_password_of_an_address(wirewatch):
    done = wirewatch("backup", "all.wwb", code=2, store="http://me:hunter2@127.0.0.1:x")
    assert "me:…@127.0.0.1" in said(done)
    assert "hunter2" not in done.stdout + done.stderr


def test_a_store_that_is_not_there_is_one_line_and_exit_code_1(wirewatch):
    line = said(wirewatch("status", code=1, store="http://127.0.0.1:9"))
    assert "127.0.0.1:9 does not answer" in line
    assert "WIREWATCH_STORE" in line
    assert "not set up: run `wirewatch setup`" in said(wirewatch("status", code=1))


@pytest.mark.elasticsearch
def test_a_store_that_is_not_set_up_says_how(wirewatch, elasticsearch_url):
    line = said(wirewatch("status", code=1, store=elasticsearch_url, store_prefix="test-nobody"))
    assert "run `wirewatch setup`" in line


def test_usage_is_exit_code_2(wirewatch):
    assert "No such command" in wirewatch("nonsense", code=2).stderr
    assert "--to" in wirewatch("alerts", "add", "x", "y", code=2).stderr


def test_lists_go_out_as_they_came_in(wirewatch, tmp_path):
    (tmp_path / "feeds.opml").write_text(
        '<opml version="2.0"><body><outline text="World"><outline type="rss" text="A &amp; B" '
        'xmlUrl="https://a.example/feed"/><outline type="rss" text="bad" xmlUrl="nonsense"/></outline></body></opml>'
    )
    (tmp_path / "alerts.toml").write_text(
        "[[alert]]\nname = \"it's\"\nquery = '\"mutual defence\"'\nto = ['a@example.org', 'b@example.org']\n"
        "[[alert]]\nname = 'bad'\nquery = '*x'\nto = 'a@example.org'\n"
    )
    assert json.loads(wirewatch("feeds", "import", "feeds.opml", "--json").stdout)["added"] == 1
    imported = json.loads(wirewatch("alerts", "import", "alerts.toml", "--json").stdout)
    assert imported["added"] == 1
    assert "'bad'" in imported["refused"][0]
    opml, alerts = wirewatch("feeds", "export").stdout, wirewatch("alerts", "export").stdout
    assert 'xmlUrl="https://a.example/feed"' in opml
    assert 'text="A &amp; B"' in opml
    (tmp_path / "again.toml").write_text(alerts)
    again = json.loads(wirewatch("alerts", "import", "again.toml", "--json").stdout)
    assert (again["added"], again["known"], again["refused"]) == (0, 1, [])
    (tmp_path / "edited.toml").write_text(alerts.replace("mutual defence", "mutual aid"))
    for _ in range(2):
        dry = wirewatch("alerts", "import", "edited.toml", "--replace", "--dry-run").stdout
        assert """~ it's: query "mutual defence" → "mutual aid\"""" in dry
    assert "1 changed" in wirewatch("alerts", "import", "edited.toml", "--replace").stdout
    wirewatch("alerts", "import", "again.toml", "--replace")
    (listed,) = json.loads(wirewatch("alerts", "list", "--json").stdout)
    assert (listed["query"], listed["to"]) == ('"mutual defence"', ["a@example.org", "b@example.org"])


def test_people_and_groups_are_described_listed_and_go_out_as_they_came_in(wirewatch, tmp_path):
    described = wirewatch("recipients", "set", "ana@Example.org", "--zone", "Europe/Kyiv", "--policy", "daily 08:00")
    assert described.stdout == "ana@example.org: daily 08:00, Europe/Kyiv, quiet never\n"
    wirewatch("recipients", "set", "ana@example.org", "--name", "Ana", "--quiet", "22:00-07:00", "--reinstate")
    (one,) = json.loads(wirewatch("recipients", "list", "--json").stdout)
    assert (one["address"], one["name"], one["zone"], one["quiet"]) == (
        "ana@example.org",
        "Ana",
        "Europe/Kyiv",
        "22:00-07:00",
    )
    assert (one["unsubscribed"], one["muted"], one["bounces"], one["bounced"]) == ([], [], 0, "")
    wirewatch("groups", "set", "desk", "ana@example.org", "bob@example.org")
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "@desk", "--policy", "hourly", "--throttle", "3", "--urgent")
    (alert,) = json.loads(wirewatch("alerts", "list", "--json").stdout)
    assert {key: alert[key] for key in ("to", "policy", "throttle", "urgent", "irrelevant")} == {
        "to": ["@desk"],
        "policy": "hourly",
        "throttle": 3,
        "urgent": True,
        "irrelevant": 0,
    }
    assert wirewatch("recipients", "unsubscribe", "bob@example.org").stdout.endswith("unsubscribed from *\n")
    wirewatch("recipients", "unsubscribe", "bob@example.org", "--alert", "kursk")
    assert wirewatch("recipients", "subscribe", "bob@example.org").stdout.endswith("unsubscribed from kursk\n")
    assert "used by 'kursk'" in said(wirewatch("groups", "remove", "desk", code=2))
    (tmp_path / "alerts.toml").write_text(wirewatch("alerts", "export").stdout)
    again = json.loads(wirewatch("alerts", "import", "alerts.toml", "--replace", "--json").stdout)
    assert [again["known"], again["recipients"]["known"], again["groups"]["known"]] == [1, 1, 1]
    dry = wirewatch("--data", str(tmp_path / "other"), "alerts", "import", "alerts.toml", "--dry-run").stdout
    assert "+ @desk: ana@example.org, bob@example.org\n+ kursk: kursk\n" in dry
    assert json.loads(wirewatch("groups", "list", "--json").stdout)[0]["members"] == [
        "ana@example.org",
        "bob@example.org",
    ]


def test_what_can_not_be_of_people_is_one_line_and_exit_code_2(wirewatch):
    for arguments, why in (
        (("recipients", "set", "nobody"), "is no mail address"),
        (("recipients", "set", "a@b.example", "--zone", "Mars"), "is no time zone"),
        (("recipients", "set", "a@b.example", "--policy", "daily 25:00"), "is no time of the day"),
        (("groups", "set", "desk", "nobody"), "is no mail address"),
        (("groups", "remove", "desk"), "no group 'desk'"),
        (("alerts", "add", "a", "kursk", "--to", "@desk"), "there is no group @desk"),
        (("alerts", "add", "a", "kursk", "--to", "a@b.example", "--throttle", "-1"), "a throttle of -1"),
    ):
        assert why in said(wirewatch(*arguments, code=2))


def test_feeds_list_and_status_say_how_a_feed_is_and_what_to_do(wirewatch, site):
    gone, well = site.base + "/nowhere", web.put_story(site, "one", "Nothing.")
    for feed in (well, gone):
        wirewatch("feeds", "add", feed)
    assert {one["health"] for one in json.loads(wirewatch("feeds", "list", "--json").stdout)} == {"new"}
    wirewatch("once")
    listed = json.loads(wirewatch("feeds", "list", "--json").stdout)
    assert [(one["url"], one["health"]) for one in listed] == [(gone, "failing"), (well, "well")]
    assert (listed[0]["wrong"], bool(listed[0]["cure"])) == ("answers 404 Not Found", True)
    assert listed[1]["pace"].startswith("every ")
    assert well not in wirewatch("feeds", "list", "--limit", "1").stdout
    assert gone not in wirewatch("feeds", "list", "--health", "well").stdout
    assert json.loads(wirewatch("status", "--json").stdout)["feeds_health"] == {"failing": 1, "well": 1}
    assert f"failing: {gone}: answers 404" in wirewatch("status").stdout


def test_a_feed_is_checked_without_being_kept(wirewatch, site):
    feed = web.put_story(site, "one", "Nothing.")
    moved = site.put("/moved", "", status=302, Location="/feed")
    checked = json.loads(wirewatch("feeds", "check", moved, "--json").stdout)
    assert [entry["title"] for entry in checked["entries"]] == ["Story one"]
    assert (checked["url"], checked["asked"], checked["status"]) == (feed, moved, 200)
    assert checked["redirects"] == [{"status": 302, "url": feed}]
    assert (checked["format"], checked["encoding"], checked["feed"]) == ("RSS 2.0", "utf-8", None)
    assert checked["counts"] == {"new": 1, "changed": 0, "known": 0}
    assert "1 (1 new)" in wirewatch("feeds", "check", feed).stdout
    assert json.loads(wirewatch("feeds", "list", "--json").stdout) == []
    page = site.put("/page", web.page("x", "y"))
    assert "web page" in said(wirewatch("feeds", "check", page, code=1))


def test_a_feed_that_is_gone_comes_with_the_one_its_site_names(wirewatch, site):
    wirewatch("feeds", "add", site.base + "/old")
    assert "answers 404 Not Found: it has moved or ended" in said(
        wirewatch("feeds", "check", site.base + "/old", code=1)
    )
    site.put("/", home(("/feed", "All news")))
    web.put_story(site, "one", "Nothing.")
    old, new = site.base + "/old", site.base + "/feed"
    assert f"`wirewatch feeds replace {old} {new}`" in said(wirewatch("feeds", "check", old, code=1))
    wirewatch("feeds", "replace", old, new)
    (feed,) = json.loads(wirewatch("feeds", "list", "--json").stdout)
    assert feed["url"] == new
    wirewatch("feeds", "remove", new)
    assert json.loads(wirewatch("feeds", "list", "--json").stdout) == []


def home(*feeds: tuple[str, str]) -> str:
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="{to}" title="{t}">' for to, t in feeds)
    return f"<!doctype html><html><head>{links}</head><body>Welcome</body></html>"


def listed(wirewatch) -> dict[str, str]:
    return {feed["url"]: feed["title"] for feed in json.loads(wirewatch("feeds", "list", "--json").stdout)}


def test_the_address_of_a_site_adds_its_main_feed_or_all(wirewatch, site):
    for path in ("/feed", "/sport/feed", "/comments/feed"):
        site.put(path, web.rss(("One", site.base + "/one"), title=f"News at {path}"), web.RSS)
    feeds = [("/comments/feed", "Comments"), ("/sport/feed", "Sport"), ("/feed", "All"), ("/broken", "Broken")]
    page = site.put("/", home(*feeds))
    added = wirewatch("feeds", "add", page)
    assert listed(wirewatch) == {site.base + "/sport/feed": "News at /sport/feed"}
    assert "several seem as good" in added.stderr
    assert site.base + "/comments/feed" in added.stderr
    everything = wirewatch("feeds", "add", page, "--all")
    assert len(listed(wirewatch)) == 3
    assert f"{site.base}/sport/feed is there already" in everything.stderr
    assert f"passed over {site.base}/broken: answers 404" in everything.stderr
    assert site.asked("/one") == 0


def test_a_site_without_a_feed_is_refused_unless_forced(wirewatch, site):
    page = site.put("/", home())
    assert "names none" in said(wirewatch("feeds", "add", page, code=2))
    asked = len(site.requests)
    wirewatch("feeds", "add", page, "--force")
    assert len(site.requests) == asked
    assert list(listed(wirewatch)) == [page]


def test_a_server_that_is_down_is_no_hindrance_and_is_named(wirewatch):
    down = "http://127.0.0.1:9/feed"
    added = wirewatch("feeds", "add", down, "--title", "Later", "--tag", "slow")
    (line,) = added.stderr.splitlines()
    assert "added unchecked" in line
    assert "can't be connected to" in line
    assert listed(wirewatch) == {down: "Later"}


def test_a_feed_that_is_there_already_is_refused_by_name(wirewatch, site):
    feed = web.put_story(site, "one", "Nothing.")
    old = site.put("/old", "", status=301, Location="/feed")
    wirewatch("feeds", "add", feed)
    for alike in (feed, feed + "/", feed + "?utm_source=x", feed.replace("http://", "https://")):
        assert "is there already, as" in said(wirewatch("feeds", "add", alike, code=2))
    assert f"{feed} is there already" in said(wirewatch("feeds", "add", old, code=2))
    assert len(listed(wirewatch)) == 1


def test_what_stands_in_quarantine_can_be_replayed(wirewatch):
    wirewatch("setup")
    assert json.loads(wirewatch("quarantine", "list", "--json").stdout) == []
    assert "0 entries" in wirewatch("quarantine", "replay", "all").stdout


def test_a_query_is_shown_as_it_is_understood(wirewatch):
    shown = json.loads(wirewatch("query", "check", "mutual “new defence”", "--json").stdout)
    assert shown["understood"] == 'mutual AND "new defence"'


def test_lists_variants_and_warnings_are_shown(wirewatch):
    wirewatch("lists", "set", "fronts", "kursk", "belgorod region")
    assert json.loads(wirewatch("lists", "list", "--json").stdout)[0]["members"] == ["kursk", "belgorod region"]
    shown = json.loads(wirewatch("query", "check", "@fronts defence OR the", "--json").stdout)
    assert shown["understood"] == '(kursk OR "belgorod region") AND defence OR the'
    assert "defense" in shown["clauses"][2]["variants"]
    assert "stands in nearly every story" in shown["warnings"][0]
    assert shown["cost"] == ["defence", "defense", "the"]
    wirewatch("alerts", "add", "fronts", "@fronts", "--to", "a@example.org")
    changed = wirewatch("lists", "set", "fronts", "sudzha").stdout
    assert "1 alerts changed" in changed
    assert "used by 'fronts'" in said(wirewatch("lists", "remove", "fronts", code=2))
    assert "there is no list @nobody" in said(wirewatch("query", "check", "@nobody", code=2))
    plain = wirewatch("alerts", "add", "plain", "defence", "--to", "a@example.org", "--no-variants").stdout
    assert plain == "added plain: defence\n"


def test_a_query_is_tried_on_what_was_there_and_an_edit_compared(wirewatch, site):
    wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."))
    wirewatch("once", "--all")
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "a@example.org")
    tried = json.loads(wirewatch("alerts", "test", "kursk", "--json").stdout)
    assert (tried["stories"], len(tried["examples"])) == (1, 1)
    assert "*Kursk*" in tried["examples"][0]["sentences"][0]
    assert tried["mails_per_day"] == pytest.approx(1 / 30)
    daily = wirewatch("alerts", "test", "kursk", "--since", "1d", "--policy", "weekly mon 08:00").stdout
    assert "mails a day for each recipient, under “weekly mon 08:00”" in daily
    assert "+0 −1" in wirewatch("alerts", "diff", "kursk", "sudzha").stdout
    wirewatch("alerts", "add", "plain", "курск", "--to", "a@example.org", "--no-variants")
    assert "+0 −0" in wirewatch("alerts", "diff", "plain", "курск").stdout  # as the alert itself looks for it
    assert json.loads(wirewatch("alerts", "test", "курск", "--no-variants", "--json").stdout)["stories"] == 0
    assert json.loads(wirewatch("query", "check", "курск", "--no-variants", "--json").stdout)["meaning"] == "курск"
    found = json.loads(wirewatch("search", "kursk outlets>=1", "--facets", "--sort", "relevance", "--json").stdout)
    assert (len(found["stories"]), found["facets"]["language"]) == (1, {"en": 1})
    assert json.loads(wirewatch("search", "kursk outlets>=2", "--json").stdout) == []
    assert "'999999w' is no time" in said(wirewatch("search", "kursk", "--since", "999999w", code=2))
    assert "stands behind --" in wirewatch("search", "-sport kursk", code=2).stderr
    assert "nothing found" in wirewatch("search", "--", "-kursk sudzha").stderr


def test_the_demo_shows_the_mails_and_ends(wirewatch):
    for _ in range(2):
        done = wirewatch("demo")
        assert "Subject: [kursk]" in done.stdout
        assert "Subject: [mutual defence]" in done.stdout
        assert "*mutual defence*" in done.stdout
        assert "0 more mails" in done.stdout
        assert "poll" in done.stderr


def test_a_ledger_that_adds_up_says_so_and_one_that_does_not_names_whom_it_fails(wirewatch, site, tmp_path):
    wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."), "--force")
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "a@example.org", "--to", "b@example.org")
    wirewatch("once", "--all")
    facts = json.loads(wirewatch("ledger", "--reconcile", "--json").stdout)
    assert (facts["adds_up"], facts["matched"], facts["states"]["sent"], facts["faults"]) == (True, 2, 2, [])
    explain = ("explain", f"{site.base}/one", "--alert", "kursk", "--recipient", "a@example.org")
    steps = json.loads(wirewatch(*explain, "--json").stdout)
    assert {frozenset(step) for step in steps} == {frozenset({"step", "ok", "said"})}
    assert [step["step"] for step in steps][-2:] == ["mail", "answer"]
    assert "name it with --alert" in wirewatch(*explain[:2], *explain[4:], code=2).stderr
    with closing(sqlite3.connect(tmp_path / "data" / "wirewatch.db")) as store, store:
        store.execute("DELETE FROM deliveries WHERE recipient = 'b@example.org'")
    lines = wirewatch("ledger", "--reconcile", code=1).stdout.splitlines()
    assert lines[1] == "the ledger does not add up: 1 missing"
    assert lines[2].endswith(f"of 'kursk' on {site.base}/one, to b@example.org")
    (fault,) = json.loads(wirewatch("ledger", "--reconcile", "--json", code=1).stdout)["faults"]
    assert (fault["kind"], fault["recipient"]) == ("missing", "b@example.org")
    assert "give it alone" in wirewatch("ledger", "--reconcile", "--alert", "kursk", code=2).stderr


def test_the_ledger_is_narrowed_by_state_and_says_until_when_a_delivery_is_held(wirewatch, site, tmp_path):
    wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."), "--force")
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "a@example.org")
    with closing(sqlite3.connect(tmp_path / "data" / "wirewatch.db")) as store, store:
        store.execute("UPDATE alerts SET thing = replace(CAST(thing AS TEXT), 'immediate', 'hourly')")
    wirewatch("once", "--all")
    (row,) = json.loads(wirewatch("ledger", "--state", "held", "--json").stdout)
    assert (row["state"], row["reason"], row["mail_id"]) == ("held", "digest: hourly", "")
    assert row["held_until"].endswith(":00:00Z")
    assert [event["state"] for event in row["history"]] == ["pending", "held"]
    assert f"held until {row['held_until'][:10]}" in wirewatch("ledger").stdout
    assert json.loads(wirewatch("ledger", "--state", "sent", "--json").stdout) == []


def test_the_command_line_keeps_tries_and_lists_channels(wirewatch, site):
    site.put("/hook", "thanks")
    address = f"webhook+{site.base}/hook"
    kept = wirewatch("channels", "add", address, "--name", "Archive").stdout
    assert "its secret: whsec_" in kept
    assert "200 OK thanks" in wirewatch("channels", "test", address).stdout
    (row,) = json.loads(wirewatch("channels", "list", "--json").stdout)
    assert (row["channel"], row["name"]) == ("webhook", "Archive")
    assert "whsec_" not in json.dumps(row)
    assert "is private" in said(wirewatch("channels", "add", "webhook+https://10.0.0.1/x", code=2))
    site.put("/hook", "", status=500)
    assert "500" in said(wirewatch("channels", "test", address, code=1))


def test_a_file_that_is_no_notification_is_passed_over(wirewatch, tmp_path):
    (tmp_path / "mail").write_text("Subject: hello\n\nHow are you?\n", encoding="utf-8")
    assert wirewatch("bounces", "read", str(tmp_path / "mail")).stdout.endswith(": nothing new\n")


def test_no_list_shows_the_secret_in_an_address_and_the_export_takes_it_along(wirewatch, site):
    chat = f"slack+{site.base}/services/T0/B0/verysecret0123"
    site.put("/services/T0/B0/verysecret0123", "ok")
    kept = wirewatch("recipients", "set", chat, "--name", "Desk", "--quiet", "22:00-07:00").stdout
    grouped = wirewatch("groups", "set", "desk", chat).stdout
    wirewatch("alerts", "add", "kursk", "kursk", "--to", chat, "--policy", "hourly")
    wirewatch("feeds", "add", web.put_story(site, "one", "Two villages near Kursk were left in the night."), "--force")
    wirewatch("once", "--all")
    left = wirewatch("recipients", "unsubscribe", chat, "--alert", "kursk").stdout
    lists = [("recipients",), ("groups",), ("alerts",), ("channels",)]
    told = [wirewatch(*one, "list", *form).stdout for one in lists for form in ((), ("--json",))]
    told += [wirewatch("ledger", *form).stdout for form in ((), ("--json",))]
    told.append(wirewatch("explain", f"{site.base}/one", "--alert", "kursk", "--recipient", chat).stdout)
    assert all("slack+http://127.0.0.1/" in one for one in (kept, grouped, left, *told[:-1]))
    assert not any("verysecret" in one for one in (kept, grouped, left, *told))
    assert wirewatch("alerts", "export").stdout.count(chat) == 3


def test_users_are_made_listed_changed_and_removed(wirewatch):
    link = wirewatch("users", "add", "Ana@Example.org", "--name", "Ana", "--role", "analyst", "--team", "World").stdout
    assert re.fullmatch(r"http://127\.0\.0\.1:8070/link/[\w-]{43}\n", link)
    wirewatch("users", "add", "root@example.org", "--role", "administrator")
    ana = {"address": "ana@example.org", "name": "Ana", "role": "analyst", "teams": ["world"]}
    wirewatch("users", "disable", "ana@example.org")
    listed = json.loads(wirewatch("users", "list", "--json").stdout)[0]
    assert listed == ana | {"has_password": False, "disabled": True}
    assert wirewatch("users", "enable", "ana@example.org").stdout == "enabled ana@example.org\n"
    assert wirewatch("users", "role", "ana@example.org", "operator").stdout == "ana@example.org: operator\n"
    assert wirewatch("users", "teams", "ana@example.org").stdout == "ana@example.org: no team\n"
    assert wirewatch("users", "link", "ana@example.org", public_url="https://w.example").stdout[:23] == (
        "https://w.example/link/"
    )
    assert wirewatch("users", "token", "ana@example.org", "--name", "wall").stdout.startswith("ww_")
    wirewatch("users", "remove", "ana@example.org")
    assert "only administrator" in said(wirewatch("users", "remove", "root@example.org", code=2))
    assert "no user 'ana@example.org'" in said(wirewatch("users", "link", "ana@example.org", code=2))


def test_an_alert_keeps_its_team_through_export_and_import(wirewatch, tmp_path):
    wirewatch("alerts", "add", "kursk", "kursk", "--to", "ana@example.org", "--team", "World")
    (tmp_path / "alerts.toml").write_text(wirewatch("alerts", "export").stdout)
    assert "team = 'world'" in (tmp_path / "alerts.toml").read_text()
    wirewatch("alerts", "remove", "kursk")
    wirewatch("alerts", "import", str(tmp_path / "alerts.toml"))
    assert json.loads(wirewatch("alerts", "list", "--json").stdout)[0]["team"] == "world"


def test_pruning_says_what_would_go_and_reindexing_that_there_is_nothing_to_do(wirewatch):
    assert "run `wirewatch setup`" in said(wirewatch("prune", "--older-than", "90d", code=1))
    wirewatch("setup")
    counts = json.loads(wirewatch("prune", "--older-than", "90d", "--dry-run", "--json").stdout)
    assert (counts["dry_run"], counts["stories"], counts["unfinished"]) == (True, 0, False)
    assert "no story was looked at" in wirewatch("prune").stderr
    assert "no story was looked at" not in wirewatch("prune", keep="30").stderr
    assert "give 90d" in said(wirewatch("prune", "--older-than", "long", code=2))
    assert "a day at the least" in said(wirewatch("prune", "--older-than", "0d", code=2))
    assert "such as 50g" in said(wirewatch("prune", "--max-size", "huge", code=2))
    assert json.loads(wirewatch("reindex", "--json").stdout) == []


def test_what_the_command_line_changes_stands_in_the_audit_log_under_the_name_of_its_user(wirewatch, tmp_path):
    for command in (
        ("feeds", "add", "https://a.example/feed", "--force"),
        ("lists", "set", "places", "kursk"),
        ("alerts", "add", "kursk", "@places", "--to", "ana@example.org"),
        ("alerts", "remove", "kursk"),
        ("alerts", "restore", "kursk"),
        ("users", "add", "root@example.org", "--role", "administrator"),
    ):
        wirewatch(*command)
    stores = sqlite.open_stores(str(tmp_path / "data" / "wirewatch.db"))
    log = list(stores.audits.all())
    stores.close()
    assert {one.who for one in log} == {f"cli:{getpass.getuser()}"}
    done = {"add feed", "add list", "add alert", "remove alert", "put back alert", "add user", "make link for user"}
    assert {one.did for one in log} == done
