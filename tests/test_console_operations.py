"""The pages of operations: queues, quarantine, ledger, settings."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis import Redis

from pipeline.flow.accounts.audit import audits
from pipeline.flow.beat import swept
from pipeline.flow.operations.queues import queues
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.sweep import sweep
from pipeline.model import DeliveryState, Discard, EntryState, Event, Role
from pipeline.settings import in_force, load
from tests import builders
from tests.browser import Browser
from tests.builders import NOON, user
from tests.conftest import opened, world
from tests.consoles import console
from tests.fakes import Clock
from tests.servers import free_port
from workers import broker

HOSTILE = "<script>alert(1)</script>"
PAGES = ("", "/quarantine", "/ledger", "/ledger/reconciliation", "/settings")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(ports) -> Iterator[Browser]:
    port = free_port()
    with console(ports, port, [], visitor=user()):
        yield Browser(port, follows=True)


def quarantined(name: str, **fields):
    known = {"state": EntryState.QUARANTINED, "error": "the page killed its extractor", "failed_stage": "extract"}
    return builders.entry(name, **known | fields)


def test_an_empty_installation_has_all_pages_and_says_that_nobody_works(browser):
    for path in PAGES:
        assert browser.get(f"/operations{path}").status == 200
    assert "No worker has looked after the feeds yet" in browser.get("/operations").words
    assert "Nothing waits here for a person." in browser.get("/operations/quarantine").words


def test_who_is_no_operator_sees_and_does_nothing_here(ports):
    port = free_port()
    ports.stores.entries.create([quarantined("a")])
    with console(ports, port, [], visitor=user(Role.ANALYST)):
        browser = Browser(port, follows=True)
        assert [browser.get(f"/operations{path}").status for path in PAGES] == [403] * len(PAGES)
        fields = {"deed": "replay", "entry_ids": builders.entry("a").id}
        assert browser.post("/operations/quarantine", fields).status == 403
    assert [one.state for one in ports.stores.entries.quarantined()] == [EntryState.QUARANTINED]


# -- quarantine


def test_discarding_keeps_the_entry_the_reason_and_who_said_so(browser, ports):
    ports.stores.entries.create([quarantined("a"), quarantined("b")])
    fields = [("deed", "discard"), ("entry_ids", builders.entry("a").id), ("reason", f"a login page {HOSTILE}")]
    page = browser.post("/operations/quarantine", fields)
    assert "1 discarded" in page.words
    assert f"a login page {HOSTILE}" in page.words
    assert HOSTILE not in page.text
    assert "ana@example.org" in page.words
    kept = ports.stores.entries.get([builders.entry("a").id])[builders.entry("a").id]
    assert (kept.state, kept.error) == (EntryState.QUARANTINED, "the page killed its extractor")
    assert (kept.discarded.reason, kept.discarded.at) == (f"a login page {HOSTILE}", NOON)


def test_what_was_discarded_long_ago_is_reached_page_by_page(browser, ports):
    said = Discard(by="ana@example.org", reason="a login page", at=NOON)
    ports.stores.entries.create([quarantined(f"e{n}", title=f"Entry {n}", discarded=said) for n in range(120)])
    path, found = "/operations/quarantine", []
    while path:
        page = browser.get(path)
        found += page.tree.xpath("//input[@name='entry_ids']/@value")
        path = next(iter(page.tree.xpath("//a[@rel='next']/@href")), "")
    assert (len(found), len(set(found))) == (120, 120)
    (form,) = page.tree.xpath("//main//form/@action")
    replayed = browser.post(form, {"deed": "replay", "entry_ids": found[-1]})
    assert "1 will be tried again." in replayed.words
    assert "101–119 of 119" in replayed.words


def test_discarding_without_a_reason_is_refused_and_what_was_ticked_stays_so(browser, ports):
    ports.stores.entries.create([quarantined("a"), quarantined("b")])
    page = browser.post(
        "/operations/quarantine", {"deed": "discard", "entry_ids": builders.entry("a").id, "reason": " "}
    )
    assert page.status == 422
    assert "discarding needs a reason" in page.tree.xpath("string(//p[@id='reason-error'])")
    assert page.tree.xpath("//input[@checked]/@value") == [builders.entry("a").id]
    assert not any(one.discarded for one in ports.stores.entries.quarantined())


def test_what_is_replayed_is_tried_as_if_it_were_new_even_when_it_had_been_discarded(browser, ports):
    key = builders.entry("a").id
    ports.stores.entries.create([quarantined("a", attempts=4)])
    browser.post("/operations/quarantine", {"deed": "discard", "entry_ids": key, "reason": "a login page"})
    assert (
        "1 will be tried again." in browser.post("/operations/quarantine", {"deed": "replay", "entry_ids": key}).words
    )
    kept = ports.stores.entries.get([key])[key]
    assert (kept.state, kept.attempts, kept.error, kept.discarded) == (EntryState.PENDING, 0, "", None)
    assert "Nothing was chosen" in browser.post("/operations/quarantine", {"deed": "replay"}).words


def test_the_audit_log_says_who_discarded_and_replayed_which_entries_and_why(browser, ports):
    entry = quarantined("a", attempts=4)
    ports.stores.entries.create([entry])
    chosen = [("entry_ids", entry.id), ("entry_ids", "gone meanwhile")]
    browser.post("/operations/quarantine", [("deed", "discard"), ("reason", " "), *chosen])
    browser.post("/operations/quarantine", [("deed", "discard"), ("reason", "a login page"), *chosen])
    ports.clock.turn(1)
    browser.post("/operations/quarantine", [("deed", "replay"), *chosen])
    replayed, discarded = audits(ports)
    assert (discarded.who, discarded.did, discarded.about) == ("ana@example.org", "discard entry", entry.url)
    assert (discarded.before, discarded.after["discarded"]["reason"]) == ({"discarded": None}, "a login page")
    assert (replayed.did, replayed.before["attempts"], replayed.after["attempts"]) == ("replay entry", 4, 0)


def test_script_in_an_entry_is_text(browser, ports):
    ports.stores.entries.create([quarantined("a", title=HOSTILE, summary=HOSTILE, error=HOSTILE, url="javascript:x")])
    page = browser.get("/operations/quarantine")
    assert HOSTILE not in page.text
    assert HOSTILE in page.words
    assert not page.tree.xpath("//a[starts-with(@href, 'javascript')]")


# -- queues


def test_a_queue_tells_what_is_due_what_a_message_names_and_since_when(browser, ports):
    ports.stores.entries.create(
        [
            builders.entry("waiting", due_at=NOON - timedelta(hours=2)),
            builders.entry("named", due_at=NOON - timedelta(hours=3), queued_until=NOON + timedelta(seconds=60)),
            builders.entry("later", due_at=NOON + timedelta(seconds=30)),
        ]
    )
    ingest = queues(ports)[1]
    assert (ingest.task, ingest.waiting, ingest.named, ingest.taken) == ("ingest", 2, 1, 0)
    assert ingest.oldest == NOON - timedelta(hours=3)
    assert "ingest 2 1 0 2026-03-01 09:00 (3 h ago)" in browser.get("/operations").words


def test_a_sweep_shows_that_somebody_works(browser, ports):
    sweep(ports)
    assert "A worker looked after the feeds" in browser.get("/operations").words


def test_that_feeds_are_polled_less_often_is_said_with_the_reason(browser, ports):
    swept(ports, slowed="7,000 entries wait to be ingested")
    said = "Feeds are polled less often than is due: 7,000 entries wait to be ingested."
    assert said in browser.get("/operations").words
    swept(ports, slowed="")
    assert said not in browser.get("/operations").words


@pytest.mark.redis
def test_a_redis_tells_how_many_messages_wait_and_that_no_worker_answers(redis_url):
    with Redis.from_url(redis_url) as redis:
        before = redis.llen("poll")
        redis.rpush("poll", "a message")
        try:
            found = broker.look(load({}, broker=redis_url))
        finally:
            redis.rpop("poll")
    assert found.lengths["poll"] == before + 1
    assert found.workers == ()


def test_a_broker_that_does_not_answer_is_said_to_be_so():
    found = broker.look(load({}, broker=f"redis://127.0.0.1:{free_port()}/0"))
    assert "does not answer" in found.trouble


# -- ledger


def test_the_ledger_is_filtered_by_alert_recipient_state_and_time_and_is_paged(browser, ports):
    ports.stores.alerts.create([builders.alert("kursk")])
    kursk = builders.alert("kursk").id
    many = [builders.delivery(str(number), alert_id=kursk, recipient="many@example.org") for number in range(60)]
    odd = builders.delivery(
        "odd", alert_id="gone", recipient="odd@example.org", state=DeliveryState.FAILED, reason=HOSTILE
    )
    old = builders.delivery("old", recipient="old@example.org", created_at=NOON - timedelta(days=20))
    ports.stores.deliveries.create([*many, odd, old])
    failed = browser.get("/operations/ledger", state="failed")
    assert len(failed.tree.xpath("//tbody/tr")) == 1
    assert HOSTILE not in failed.text
    assert "an alert that is gone" in failed.words
    assert "old@example.org" not in browser.get("/operations/ledger", recipient="old@example.org").words
    assert "old@example.org" in browser.get("/operations/ledger", recipient="old@example.org", days="").tree.xpath(
        "string(//tbody)"
    )
    first = browser.get("/operations/ledger", alert="kursk")
    assert len(first.tree.xpath("//tbody/tr")) == 50
    (older,) = first.tree.xpath("//a[@rel='next']/@href")
    assert len(browser.get(older).tree.xpath("//tbody/tr")) == 10
    assert browser.get("/operations/ledger", alert="nowhere").status == 422


def test_the_ledger_comes_out_as_csv_whole_and_without_formulas(browser, ports):
    name = '=HYPERLINK("https://evil.example")'
    ports.stores.alerts.create([builders.alert("kursk", name=name)])
    key = builders.alert("kursk", name=name).id
    rows = [builders.delivery(str(number), alert_id=key, reason=f"@SUM({number})") for number in range(60)]
    ports.stores.deliveries.create([*rows, builders.delivery("other", state=DeliveryState.SENT)])
    (file,) = browser.get("/operations/ledger", state="pending").tree.xpath("//a[contains(@href, 'csv')]/@href")
    answer = browser.get(file)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ledger.csv"'
    head, *found = csv.reader(answer.text.lstrip("\ufeff").splitlines())
    assert head[:4] == ["created", "updated", "state", "alert"]
    assert len(found) == 60
    assert {row[3] for row in found} == {f"'{name}"}
    assert all(row[6].startswith("'@SUM(") for row in found)


def test_the_ledger_is_reconciled_on_a_page_and_faults_are_named(browser, ports):
    assert "Yes." in browser.get("/operations/ledger/reconciliation").words
    sent = (Event(at=NOON, state=DeliveryState.SENT),)
    ports.stores.deliveries.create([builders.delivery("stray", state=DeliveryState.SENT, answer="250", history=sent)])
    page = browser.get("/operations/ledger/reconciliation")
    assert not reconcile(ports).adds_up
    assert "No." in page.words
    assert "stray: match" in page.words


# -- settings

SECRETS = (
    "store-hush",
    "mail-hush",
    "links-hush-0123456789abcdef0123456789",
    "redis-hush",
    "smtp-hush",
    "query-hush",
    "es-hush",
)


def test_secrets_stand_nowhere_on_the_page_of_settings(request, tmp_path):
    chosen = {
        "store_password": SECRETS[0],
        "mail_password": SECRETS[1],
        "links_secret": SECRETS[2],
        "broker": f"rediss://user:{SECRETS[3]}@redis.example:6379/0?ssl_keyfile_password={SECRETS[5]}",
        "mail": f"smtp://desk:{SECRETS[4]}@mail.example:25",
        "store": f"https://elastic:{SECRETS[6]}@elastic.example:9200",
    }
    with opened("sqlite", request) as stores:
        ports, port = world(stores, tmp_path, Clock(), **chosen), free_port()
        with console(ports, port, [], visitor=user()):
            page = Browser(port, follows=True).get("/operations/settings")
        ports.fetcher.close()
        ports.extractor.close()
    assert [secret for secret in SECRETS if secret in page.text] == []
    assert "store_password set, not shown" in page.words
    assert "smtp://desk:…@mail.example:25" in page.words


def test_a_setting_that_is_as_by_default_is_not_said_to_be_set(tmp_path):
    given = load({}, data=str(tmp_path), poll_floor="60")
    assert [one.name for one in in_force(given) if one.changed] == ["poll_floor"]
