"""Which story leads a cluster, on every backend, whoever asks at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from pipeline.dedupe import COPIED_WITHIN, sketch
from pipeline.ports import Sketched
from tests.builders import NOON, later
from tests.contract.test_stores import every_stores

__all__ = ["every_stores"]

WIRE = """
The ministers of both countries signed the agreement on Tuesday evening after three days of talks in the capital, and
said that its first part would come into force before the end of the month. Under it, each side will inspect the
depots of the other twice a year, publish what was found, and store no ammunition within forty miles of the border.
Diplomats who took part called the result modest. Two earlier rounds had ended without a common statement.
"""
OTHER = """
A cargo ship ran aground near the mouth of the river early on Friday, and the harbour stayed closed to large vessels
until the afternoon tide. Nobody was hurt. The owners said the steering had failed, which an inspector aboard would not
confirm; divers found a long scratch on the hull and no leak. Grain for three mills upstream will arrive a day late.
"""


def told(name: str, text: str = WIRE, at: datetime = NOON, title: str = "") -> Sketched:
    return Sketched(name, sketch(title, text), at)


def test_the_first_seen_leads_and_its_copies_follow(every_stores):
    lead = every_stores.clusters.lead
    assert lead([told("first")]) == ["first"]
    assert lead([told("second", WIRE.replace("Tuesday", "Wednesday"), later(5)), told("other", OTHER, later(6))]) == [
        "first",
        "other",
    ]


def test_of_a_batch_the_first_seen_leads_whatever_its_place(every_stores):
    batch = [told("third", at=later(3)), told("first", at=later(1)), told("second", at=later(2))]
    assert every_stores.clusters.lead(batch) == ["first"] * 3


def test_asking_again_changes_nothing(every_stores):
    lead = every_stores.clusters.lead
    lead([told("first")])
    lead([told("second", at=later(1))])
    assert lead([told("second", at=later(1)), told("first")]) == ["first", "first"]


def test_who_leads_goes_on_to_with_another_text(every_stores):
    lead = every_stores.clusters.lead
    lead([told("first"), told("other", OTHER)])
    assert lead([told("other", WIRE)]) == ["other"]
    assert lead([told("late", WIRE, later(9))])[0] in ("first", "other")
    assert lead([told("late copy", OTHER, later(10))]) == ["late copy"]


def test_what_is_said_again_much_later_is_no_copy(every_stores):
    lead = every_stores.clusters.lead
    lead([told("first")])
    within = NOON + COPIED_WITHIN
    assert lead([told("within", at=within)]) == ["first"]
    assert lead([told("beyond", at=within + timedelta(seconds=1))]) == ["beyond"]


def test_nothing_is_asked_of_nothing(every_stores):
    assert every_stores.clusters.lead([]) == []


def test_twins_seen_by_many_at_once_have_one_leader(every_stores):
    many = 8
    for attempt in range(5):
        gate = threading.Barrier(many)

        def ask(number: int, attempt: int = attempt, gate: threading.Barrier = gate) -> str:
            # Those seen first ask as late as any: order of arrival and of first sight differ.
            text = f"{WIRE} Number {attempt} of {attempt} {attempt} {attempt}."
            moment = NOON + COPIED_WITHIN * 2 * attempt - timedelta(seconds=number % 3)
            gate.wait()
            return every_stores.clusters.lead([told(f"{attempt}-{number}", text, moment)])[0]

        with ThreadPoolExecutor(many) as pool:
            leaders = set(pool.map(ask, range(many)))
        assert len(leaders) == 1
        (leader,) = leaders
        assert every_stores.clusters.lead([told(leader, at=NOON + COPIED_WITHIN * 2 * attempt)]) == [leader]
