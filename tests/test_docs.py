"""What the docs tell people to type is typed here, in their order, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from tests import web
from workers.cli import cli

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "RESULTS.md"])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
STAND_IN = "https://news.example"


def commands(page: str) -> list[str]:
    """The lines of a page's code blocks that begin with `wirewatch`, without what is said behind them."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    typed = (line.strip() for line in lines if line.startswith("    wirewatch "))
    return [re.sub(r"\s+# .*$", "", line) for line in typed]


def shell(folder: Path, command: str, site: web.Site) -> None:
    """Type a command as it stands, with a site on loopback for the one that the docs speak of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
    environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "WIREWATCH_DATA": str(folder / "data")}
    environment |= {"WIREWATCH_ALLOW_PRIVATE": "127.0.0.1/32", "WIREWATCH_HOST_SPACING": "0"}
    typed = command.replace(STAND_IN, site.base)
    done = subprocess.run(
        ["bash", "-c", typed], env=environment, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, (typed, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, (typed, done.stderr)


@pytest.mark.timeout(400)  # some forty commands, a second or more each
@pytest.mark.parametrize(("page", "at_least"), [("README.md", 6), ("docs/first-hour.md", 18)])
def test_what_a_newcomer_is_told_to_type_works_in_that_order(page, at_least, tmp_path, site):
    feed = web.put_story(site, "one", "Two villages near Kursk were left in the night.")
    site.put("/", f'<link rel="alternate" type="application/rss+xml" href="{feed}">')
    (tmp_path / "feeds.opml").write_text(f'<opml version="2.0"><body><outline xmlUrl="{feed}2"/></body></opml>')
    typed = commands(page)
    assert len(typed) >= at_least
    for command in typed:
        shell(tmp_path, command, site)


def told(page: Path) -> set[str]:
    """Every command that a page names, in its lines or in its code blocks."""
    text = page.read_text(encoding="utf-8")
    in_blocks = re.findall(r"^ {4}(?:[A-Z_]+=\S+ )*(wirewatch [^#\n|>]+)", text, re.MULTILINE)
    return {" ".join(one.split()) for one in in_blocks + re.findall(r"`(wirewatch [^`|]+)", text)}


@pytest.mark.parametrize(
    ("page", "command"),
    [(page.name, command) for page in PAGES for command in sorted(told(page))],
)
def test_every_command_that_the_docs_name_is_there_with_its_options(page, command):
    place: click.Command = cli
    for word in command.replace("…", "").split()[1:]:
        if word.startswith("--"):
            named = {option for parameter in (*place.params, *cli.params) for option in parameter.opts}
            assert word.partition("=")[0] in named | {"--help", "--version"}, f"{page}: {command}"
        elif isinstance(place, click.Group):
            assert word in place.commands, f"{page}: {command}"
            place = place.commands[word]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_test_that_the_docs_name_is_there(page):
    for path in re.findall(r"`(tests/[^`\s:]+)", page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), f"{page.name} names {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_of_ours_leads_to_it(page):
    for path in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", path):
            continue
        assert (page.parent / unquote(path)).exists(), f"{page.name} names {path}"
