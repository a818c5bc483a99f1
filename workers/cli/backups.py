"""Commands that carry all that is kept elsewhere: backup, restore, migrate."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from pipeline.adapters import archive
from pipeline.errors import BadInput, BrokenArchive, StoreError, StoreUnavailable, without_secrets
from pipeline.flow.operations import copying
from pipeline.kept import Contents
from pipeline.ports import Stores
from workers import bootstrap
from workers.cli import show
from workers.cli.running import wait_for_store, wait_option

STANDARD = "-"


@click.command()
@click.argument("file")
@show.json_option
def backup(file: str, *, as_json: bool) -> None:
    """Write all that the store holds into FILE, or to standard output for -, while work goes on.

    FILE is replaced when the archive is whole, and only its owner may read it: it holds addresses and secrets
    (docs/backup.md).
    """
    if file == STANDARD and (as_json or sys.stdout.isatty()):
        raise click.UsageError("standard output takes the archive: no --json then, and no terminal")
    ports = bootstrap.ports()
    _check_source(ports.stores, "WIREWATCH_STORE and --data")
    with copying.contents(ports.stores) as found, _written(file) as out:
        if not any(found.at_most.values()):
            raise BadInput(
                f"there is nothing in {without_secrets(ports.settings.store)}: see WIREWATCH_STORE and --data"
            )
        counts = dict.fromkeys(found.at_most, 0)
        progress = show.progress()
        for batch in copying.told(archive.write(out, found, ports.clock.now()), found.at_most, progress):
            counts[batch.kind] += len(batch.things)
    if as_json:
        show.as_json({"file": file, "bytes": Path(file).stat().st_size, "things": counts})
        return
    show.note(f"{sum(counts.values())} things are in {'the archive' if file == STANDARD else file}")


def _check_source(stores: Stores, told_by: str) -> None:
    """Raise StoreError unless they are there as this version wants them: what is carried elsewhere stays as it is."""
    try:
        stores.check()
    except StoreError as error:
        raise StoreError(f"{error}; or is another store meant? See {told_by}") from error


@contextmanager
def _written(file: str) -> Iterator[IO[bytes]]:
    """Where the archive goes. A file appears when it is whole, and on the disk."""
    if file == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if Path(file).exists() and not Path(file).is_file():  # a device would be gone, for everybody
        raise BadInput(f"{file} is no file: name one to be written, or - for standard output and its pipes")
    part = Path(f"{file}.part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise BadInput(f"{file} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


@click.command()
@click.argument("file")
@click.option("--into-existing", is_flag=True, help="Also where there is something: what is later there stays.")
@click.option("--check", is_flag=True, help="Read the whole archive, and write nothing.")
@wait_option
@show.json_option
def restore(file: str, *, into_existing: bool, check: bool, wait: float, as_json: bool) -> None:
    """Write all that the archive FILE (- for standard input) holds into an empty store, with nobody at work there.

    A file is read and checked to its end before anything is written; standard input batch by batch.
    """
    if check or _can_be_read_twice(file):
        counts = _checked(file)
    if check:
        _tell(as_json, f"{file} is whole: {sum(counts.values())} things", things=counts)
        return
    ports, report = bootstrap.ports(), copying.Report()
    wait_for_store(ports, wait)
    ports.stores.prepare()
    if not into_existing:
        copying.check_empty(ports.stores)
    with _archive(file) as found, _telling_what_is_written(report):
        for _ in copying.told(copying.pour(found, ports.stores, report), found.at_most, show.progress()):
            pass
    if not into_existing:
        copying.verify(report, ports.stores)
    _tell_report(as_json, report)


def _can_be_read_twice(file: str) -> bool:
    return file != STANDARD and not (Path(file).is_fifo() or Path(file).is_char_device())


def _checked(file: str) -> dict[str, int]:
    """How many things of each kind are in the archive, which is read to its end. Raises BadInput."""
    with _archive(file) as found:
        counts = dict.fromkeys(found.at_most, 0)
        for batch in found.batches:
            counts[batch.kind] += len(batch.things)
    return counts


@contextmanager
def _archive(file: str) -> Iterator[Contents]:
    """The archive; what is wrong with it names the file."""
    try:
        with _opened(file) as given:
            yield archive.read(given)
    except BrokenArchive as error:
        raise BadInput(f"{'standard input' if file == STANDARD else file} {error}") from error


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    if Path(file).is_dir():
        raise BadInput(f"{file} is a folder: name the archive in it")
    try:
        given = os.open(file, os.O_RDONLY)
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror}") from error
    with os.fdopen(given, "rb") as opened:
        yield opened


@contextmanager
def _telling_what_is_written(report: copying.Report) -> Iterator[None]:
    """What breaks off says how much is in the store by then."""
    try:
        yield
    except (BrokenArchive, StoreError, StoreUnavailable) as error:
        if report.written:
            raise type(error)(f"{error}. {report.written} things that came before it are in the store") from error
        raise


@click.command()
@click.option(
    "--from", "source", required=True, metavar="STORE", help="Such as sqlite:///srv/wirewatch/data/wirewatch.db"
)
@click.option("--to", "target", required=True, metavar="STORE", help="Such as http://elasticsearch:9200")
@show.json_option
def migrate(source: str, target: str, *, as_json: bool) -> None:
    """Carry everything from one store into another, with nobody at work in either.

    May be done again, and goes on where it broke off. At the end both hold the same, or it fails and says what differs.
    """
    if source == target:
        raise BadInput("--from and --to are one store")
    report = copying.Report()
    old, new = bootstrap.stores_at(source), bootstrap.stores_at(target, new=True)
    _check_source(old, "--from and WIREWATCH_STORE_PREFIX")
    new.prepare()
    _move(old, new, report)
    _tell_report(as_json, report)


def _move(old: Stores, new: Stores, report: copying.Report) -> None:
    copying.check_same_origin(old, new)
    with copying.contents(old) as found, _telling_what_is_written(report):
        if not any(found.at_most.values()):
            raise BadInput("there is nothing in the store to migrate from: see --from")
        poured = copying.pour(found, new, report, in_doubt=True)
        for _ in copying.told(poured, found.at_most, show.progress()):
            pass
    copying.verify(report, new)


def _tell_report(as_json: bool, report: copying.Report) -> None:
    carried = report.carried
    counts = {
        what: {name: getattr(one, what) for name, one in carried.items()}
        for what in ("given", "written", "kept", "left")
    }
    text = ", ".join(f"{sum(named.values())} {what}" for what, named in counts.items())
    _tell(as_json, f"things: {text}", **counts)


def _tell(as_json: bool, text: str, **facts: Any) -> None:
    if as_json:
        show.as_json(facts)
    else:
        click.echo(text)


COMMANDS = (backup, restore, migrate)
