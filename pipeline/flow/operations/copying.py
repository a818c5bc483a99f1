"""Carrying all that a store holds elsewhere: into an archive, out of one, or into another store at once.

Ids are deterministic, so what is carried twice is there once; and of two states of a thing the later one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pipeline.errors import BadInput, StoreError
from pipeline.kept import KIND_OF, KINDS, MOMENTS, Batch, Contents, Kind, Tally, at_rest
from pipeline.model import UNSENT
from pipeline.ports import Still, Stores

BATCH = 500

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Carried:
    """What became of the things of a kind."""

    given: int = 0
    written: int = 0
    kept: int = 0  # the store had them as they are, or later
    left: int = 0  # deliveries that come again with their match (see `_with_match`)


@dataclass(frozen=True, slots=True)
class Report:
    """What was carried, by kind."""

    carried: Mapping[str, Carried] = field(default_factory=lambda: {kind.name: Carried() for kind in KINDS})
    tallies: Mapping[str, Tally] = field(default_factory=lambda: {kind.name: Tally() for kind in KINDS})

    @property
    def written(self) -> int:
        """Things that were written."""
        return sum(one.written for one in self.carried.values())


@contextmanager
def contents(stores: Stores) -> Iterator[Contents]:
    """All that `stores` hold as it stands now, while work goes on in them; in this thread alone.

    On SQLite that is one moment, on Elasticsearch a moment for each kind, in the order of kept.MOMENTS.
    """
    with ExitStack() as open_:
        still = {name: open_.enter_context(_store(stores, name).still()) for name in MOMENTS}
        yield Contents({kind.name: still[kind.name].count for kind in KINDS}, _batches(still))


def _batches(still: Mapping[str, Still[Any]]) -> Iterator[Batch]:
    for kind in KINDS:
        things = map(at_rest, still[kind.name].things)
        while batch := list(islice(things, BATCH)):
            yield Batch(kind.name, batch)


def told(batches: Iterable[Batch], at_most: Mapping[str, int], progress: Progress) -> Iterator[Batch]:
    """The same batches; `progress` hears of each kind how far it is."""
    done = dict.fromkeys(KIND_OF, 0)
    for batch in batches:
        yield batch
        done[batch.kind] += len(batch.things)
        progress(batch.kind, done[batch.kind], at_most[batch.kind])


def held(stores: Stores) -> dict[str, int]:
    """How many things of each kind there are, where there are any."""
    with contents(stores) as found:
        return {name: count for name, count in found.at_most.items() if count}


def check_empty(stores: Stores) -> None:
    """Raise BadInput when there is anything in `stores`."""
    found = held(stores)
    if found:
        what = ", ".join(f"{count} {name}" for name, count in found.items())
        raise BadInput(
            f"the store is not empty ({what}): name another WIREWATCH_STORE, or say --into-existing, "
            "which adds what is missing and replaces only what is older"
        )


def pour(found: Contents, stores: Stores, report: Report, *, in_doubt: bool = False) -> Iterator[Batch]:
    """Write it all into `stores`, batch by batch, as they are asked for; `report` says how far that is.

    What the store has in a later state stays. `in_doubt` says whether what can't be told to be earlier or later, or is
    of the same moment, is replaced.
    """
    for batch in found.batches:
        kind, carried = KIND_OF[batch.kind], report.carried[batch.kind]
        things = _with_match(batch.things, stores) if kind.name == "deliveries" else batch.things
        written = _write(_store(stores, kind.name), kind, things, in_doubt=in_doubt)
        carried.given += len(batch.things)
        carried.left += len(batch.things) - len(things)
        carried.written += written
        carried.kept += len(things) - written
        for thing in things:
            report.tallies[kind.name].add(thing)
        yield batch


def _with_match(deliveries: Sequence[Any], stores: Stores) -> list[Any]:
    """Those that were sent or have their match.

    One whose match was made between the two moments of reading comes again with it, out of its entry, which was read as
    pending before. Sent without its match it would be suppressed.
    """
    known = stores.matches.get(list({one.match_id for one in deliveries}))
    return [one for one in deliveries if one.match_id in known or one.state not in UNSENT]


def _write(store: Any, kind: Kind, things: Sequence[Any], *, in_doubt: bool) -> int:
    """How many were written: those that are missing, and those that are there in an earlier state."""
    created: list[bool] = store.create(things)
    there = {thing.id: thing for thing, new in zip(things, created, strict=True) if not new}
    if kind.progress is None or not there:
        return sum(created)
    progress = kind.progress

    def later(known: Any) -> Any | None:
        given = there[known.id]
        if at_rest(known) == given:
            return None
        before, after = progress(known), progress(given)
        return given if before < after or (in_doubt and before == after) else None

    return sum(created) + len(store.update(list(there), later))


def _store(stores: Stores, name: str) -> Any:
    return getattr(stores, name)


# -- from store to store


def check_same_origin(source: Stores, target: Stores) -> None:
    """Raise BadInput unless `target` is empty, or what it holds came from `source`: then a move is taken up again."""
    for name in ("feeds", "alerts", "users", "recipients"):
        theirs: Iterator[Any] = _store(target, name).all()
        while page := [one.id for one in islice(theirs, BATCH)]:
            if len(_store(source, name).get(page)) < len(page):
                raise BadInput(f"the target holds {name} that the source does not have: move into an empty store")


def verify(report: Report, stores: Stores) -> None:
    """Raise StoreError unless `stores` hold what was carried, all of it and no more."""
    tallies = {name: Tally() for name in KIND_OF}
    with contents(stores) as found:
        for batch in found.batches:
            for thing in batch.things:
                tallies[batch.kind].add(thing)
    wrong = [
        f"{tallies[name].count} {name} of {expected.count}"
        + (" of which some differ" if tallies[name].count == expected.count else "")
        for name, expected in report.tallies.items()
        if (tallies[name].count, tallies[name].digest) != (expected.count, expected.digest)
    ]
    if wrong:
        raise StoreError(
            f"the copy is not equal: it holds {'; '.join(wrong)}. Is somebody at work in one of the stores?"
        )
