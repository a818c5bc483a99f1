"""The ledger adds up, or says whom it fails: by histories that Hypothesis makes, and through the flow."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import flow
from pipeline.adapters.sqlite.database import _RECONCILIATION, _STEPS, Database
from pipeline.deliver import decide
from pipeline.deliver.reconcile import MOST_FAULTS, Account, FaultKind
from pipeline.deliver.reconcile import reconcile as account_of
from pipeline.errors import StoreError
from pipeline.flow import watchdog
from pipeline.flow.alerts.manage import alert_id
from pipeline.flow.operations.reconcile import in_lines, reconcile
from pipeline.ids import delivery_id, identify
from pipeline.model import Delivery, DeliveryState, Match
from tests import builders, web
from tests.builders import NOON, later
from tests.test_flow import NEAR_KURSK, one_round, only, watch

LEASE = timedelta(seconds=120)
PEOPLE = ("a@example.org", "b@example.org", "c@example.org")


# -- pure: any history of legal steps


def _claimed_and(end: str, row: Delivery, now: datetime) -> Delivery:
    claimed = decide.claim(row, row.mail_id or "mail", now, LEASE)
    if claimed is None:
        return row
    match end:
        case "sent":
            return decide.sent(claimed, "250 taken", "<1@x>", now)
        case "failed":
            return decide.failed(claimed, "550 no", now)
        case "postponed":
            return decide.postponed(claimed, "451 later", now)
    return claimed  # its worker is lost


STEPS = {
    "held": lambda row, now: decide.held(row, now + LEASE, "quiet hours", now) if _waits(row) else row,
    "suppressed": lambda row, now: decide.withdrawn(row, "unsubscribed", now) or row,
    "old": lambda row, now: decide.withdrawn(row, f"{decide.OLD}8 days", now) or row,
    "revived": lambda row, now: (
        decide.revived(row, replace(row, reason="", state=DeliveryState.PENDING, due_at=now), now) or row
    ),
    **{
        end: lambda row, now, end=end: _claimed_and(end, row, now)
        for end in ("sent", "failed", "postponed", "left sending")
    },
}


def _anew(row: Delivery, now: datetime) -> Delivery:
    return replace(row, state=DeliveryState.PENDING, reason="", due_at=now)


def _waits(row: Delivery) -> bool:
    return row.state in (DeliveryState.PENDING, DeliveryState.HELD)


@st.composite
def settled(draw: st.DrawFn) -> tuple[Match, list[Delivery]]:
    """A match and its deliveries, each after steps of its own."""
    whom = tuple(draw(st.lists(st.sampled_from(PEOPLE), unique=True)))
    match = builders.match(draw(st.uuids()).hex, recipients=whom, delivered=True)
    rows = []
    for address in whom:
        row, now = decide.delivery_for(match, address, NOON), NOON
        for step, seconds in draw(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 10**5)))):
            now += timedelta(seconds=seconds)
            row = STEPS[step](row, now)
        rows.append(row)
    return match, rows


def books(*sets: tuple[Match, list[Delivery]], without: tuple[str, ...] = ()) -> Account:
    matches = {match.id: match for match, _ in sets if match.id not in without}
    rows = [row for _, own in sets for row in own]
    pairs = [(match, own) for match, own in sets if match.id in matches]
    return account_of(pairs, ((row, matches.get(row.match_id)) for row in rows), NOON)


@given(st.lists(settled(), max_size=5))
def test_any_history_of_legal_steps_adds_up(sets):
    account = books(*sets)
    assert account.adds_up
    assert account.matched == account.states.total() == sum(len(rows) for _, rows in sets)
    assert " = " in account.equation()


@given(settled().filter(lambda one: one[1]), st.data())
def test_a_row_that_is_removed_is_found_with_its_recipient(one, data):
    match, rows = one
    lost = data.draw(st.sampled_from(rows))
    account = books((match, [row for row in rows if row is not lost]))
    fault = only(account.faults)
    assert (fault.kind, fault.match_id, fault.recipient) == (FaultKind.MISSING, match.id, lost.recipient)
    assert " ≠ " in account.equation()


@given(settled().filter(lambda one: one[1]), st.data())
def test_a_row_that_is_doubled_is_found(one, data):
    match, rows = one
    twin = replace(data.draw(st.sampled_from(rows)), id=identify("another"))
    account = books((match, [*rows, twin]))
    fault = only(account.faults)
    assert (fault.kind, fault.delivery_id, fault.recipient) == (FaultKind.DOUBLED, twin.id, twin.recipient)
    assert " ≠ " in account.equation()


@given(settled().filter(lambda one: one[1]), settled())
def test_rows_whose_match_is_gone_are_found(lost, kept):
    account = books(lost, kept, without=(lost[0].id,))
    assert account.faulty == {FaultKind.STRAY: len(lost[1])}


@given(settled().filter(lambda one: one[1]), st.sampled_from(DeliveryState), st.data())
def test_a_state_that_no_step_led_to_is_found(one, state, data):
    match, rows = one
    row = data.draw(st.sampled_from(rows))
    forged = replace(row, state=state)
    account = books((match, [forged if each is row else each for each in rows]))
    assert account.faulty == ({} if state is row.state else {FaultKind.UNPROVED: 1})


def test_what_is_sent_without_an_answer_or_ended_without_a_reason_is_unproved():
    match = builders.match(recipients=PEOPLE[:1], delivered=True)
    row = decide.delivery_for(match, PEOPLE[0], NOON)
    for ended in (decide.sent(row, "", "<1@x>", NOON), decide.suppressed(row, "", NOON), decide.failed(row, "", NOON)):
        assert books((match, [ended])).faulty == {FaultKind.UNPROVED: 1}


def test_a_delivery_to_somebody_whom_the_match_is_not_for_is_found():
    match = builders.match(recipients=PEOPLE[:1], delivered=True)
    rows = [decide.delivery_for(match, address, NOON) for address in PEOPLE[:2]]
    assert only(books((match, rows)).faults).recipient == PEOPLE[1]


def test_a_match_of_before_recipients_were_kept_is_taken_by_its_rows():
    match = builders.match(delivered=True)
    account = books((match, [decide.delivery_for(match, address, NOON) for address in PEOPLE]))
    assert (account.adds_up, account.matched) == (True, 3)


def test_a_match_whose_deliveries_are_not_written_waits_while_it_is_young_and_then_is_a_fault():
    young, old = builders.match("young", matched_at=NOON), builders.match("old", matched_at=later(-1))
    account = books((young, []), (old, []))
    assert (account.waiting, account.matched) == (2, 0)
    assert [(fault.kind, fault.match_id) for fault in account.faults] == [(FaultKind.UNWRITTEN, old.id)]


def test_all_faults_are_counted_and_the_first_of_them_named():
    sets = [
        (builders.match(str(number), recipients=PEOPLE[:1], delivered=True), []) for number in range(MOST_FAULTS + 7)
    ]
    account = books(*sets)
    assert (len(account.faults), account.faulty) == (MOST_FAULTS, {FaultKind.MISSING: MOST_FAULTS + 7})


# -- through the flow, on both backends


def told(ports, site, to=PEOPLE):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), to=to)
    one_round(ports)
    return only(ports.stores.matches.all())


def test_a_round_adds_up_and_the_match_keeps_whom_it_is_for(ports, site):
    match = told(ports, site)
    account = reconcile(ports)
    assert (match.recipients, account.adds_up) == (PEOPLE, True)
    assert account.equation() == ("matched 3 = pending 0 + held 0 + sending 0 + sent 3 + suppressed 0 + failed 0")
    assert list(in_lines(ports, account))[-1] == "the ledger adds up"


def test_a_row_that_is_lost_is_named_with_alert_story_and_recipient(ports, site):
    match = told(ports, site)
    lost = delivery_id(match.id, "mail", "b@example.org")
    ports.stores.deliveries.delete([lost])
    lines = list(in_lines(ports, reconcile(ports)))
    assert lines[1] == "the ledger does not add up: 1 missing"
    assert lines[2] == f"missing: match {match.id} of 'kursk' on {site.base}/one, to b@example.org"


def test_a_row_without_its_match_is_named(ports, site):
    match = told(ports, site, PEOPLE[:1])
    ports.stores.matches.delete([match.id])
    fault = only(reconcile(ports).faults)
    assert (fault.kind, fault.match_id, fault.recipient) == (FaultKind.STRAY, match.id, PEOPLE[0])


def test_recipients_may_change_between_a_match_and_the_writing_of_its_deliveries(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), to=PEOPLE[:2])
    feed = only(ports.stores.feeds.all())
    flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    # As if the worker had died when it had written one of two.
    match = only(ports.stores.matches.all())
    ports.stores.deliveries.delete([delivery_id(match.id, "mail", PEOPLE[0])])
    ports.stores.matches.update([match.id], lambda one: replace(one, delivered=False))
    ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, recipients=PEOPLE[2:]))
    clock.turn(ports.settings.lease + 1)
    flow.sweep(ports)
    assert {one.recipient for one in ports.stores.deliveries.all()} == set(PEOPLE[:2])
    assert reconcile(ports).adds_up


def test_a_match_of_an_alert_that_was_removed_ends_as_suppressed(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK), to=PEOPLE[:2])
    feed = only(ports.stores.feeds.all())
    flow.ingest(ports, flow.poll(ports, [feed.id], forced=True).entry_ids)
    match = only(ports.stores.matches.all())
    ports.stores.deliveries.delete([delivery_id(match.id, "mail", PEOPLE[0])])
    ports.stores.matches.update([match.id], lambda one: replace(one, delivered=False))
    ports.stores.alerts.delete([alert_id("kursk")])
    clock.turn(ports.settings.lease + 1)
    flow.sweep(ports)
    row = only(one for one in ports.stores.deliveries.all() if one.recipient == PEOPLE[0])
    assert (row.state, row.reason) == (DeliveryState.SUPPRESSED, "the alert is gone")
    assert reconcile(ports).adds_up


def test_a_match_that_nobody_completes_is_a_fault_once_the_sweep_should_have(ports, site, clock):
    match = told(ports, site)
    ports.stores.matches.update([match.id], lambda one: replace(one, delivered=False))
    assert reconcile(ports).adds_up
    clock.turn(ports.settings.lease + ports.settings.sweep_every + 301)
    assert only(reconcile(ports).faults).kind is FaultKind.UNWRITTEN


def test_more_than_a_page_adds_up(ports):
    matches = [builders.match(str(number), recipients=PEOPLE[:2], delivered=True) for number in range(600)]
    ports.stores.matches.create(matches)
    rows = [decide.delivery_for(match, address, NOON) for match in matches for address in PEOPLE[:2]]
    ports.stores.deliveries.create(rows)
    account = reconcile(ports)
    assert (account.matched, account.states, account.adds_up) == (1_200, {"pending": 1_200}, True)
    ports.stores.deliveries.delete([rows[777].id])
    assert only(reconcile(ports).faults).recipient == rows[777].recipient


# -- the file of an earlier version


def test_a_file_of_before_is_brought_up_to_date_with_the_match_of_each_row(tmp_path, monkeypatch):
    path = str(tmp_path / "store.db")
    before = _STEPS[: _STEPS.index(_RECONCILIATION)]
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.adapters.sqlite.database._STEPS", before)
        patched.setattr("pipeline.adapters.sqlite.database.VERSION", len(before))
        Database(path).prepare()
    database = Database(path)
    with database.write() as connection:
        connection.execute(
            "INSERT INTO deliveries VALUES ('d', ?, 'sent', 0, 0, 'a', 'r', 's')", (b'{"match_id": "the match"}',)
        )
    database.prepare()
    with database.read() as connection:
        assert connection.execute("SELECT match_id FROM deliveries").fetchone() == ("the match",)


def test_a_ledger_that_is_too_large_for_one_look_is_said_to_be(ports, site, clock, monkeypatch):
    """A worker that ran out of time was ended, said nothing and began anew, without end."""
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    read = ports.stores.matches.all

    def slowly():
        for match in read():
            clock.turn(3_600)
            yield match

    monkeypatch.setattr(ports.stores.matches, "all", slowly)
    with pytest.raises(StoreError, match="too large to be looked over within 54 min"):
        reconcile(ports, timedelta(minutes=54))
    watchdog.due_watchdogs(ports, clock.now())
    watchdog.watch(ports, watchdog.LEDGER)
    (after,) = ports.stores.watchdogs.get([watchdog.watchdog_id(watchdog.LEDGER)]).values()
    assert after.trouble_since is not None
    assert after.look_at > clock.now()
