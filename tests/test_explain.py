"""explain goes all the way from the poll to the server's answer, for one recipient, on both backends."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from pipeline import flow
from pipeline.flow.alerts.manage import NewAlert, alert_id, put_alert
from pipeline.flow.feeds.manage import feed_id
from pipeline.flow.stories.explain import explain
from pipeline.ids import delivery_id, identify
from pipeline.model import EntryState, Recipient
from tests import web
from tests.test_flow import NEAR_KURSK, one_round, only, watch

WHO = "analyst@example.org"


def said(ports, site, recipient=WHO, path="/one", alert="kursk"):
    """The steps, by name."""
    found: dict[str, list[str]] = {}
    for step in explain(ports, f"{site.base}{path}", alert, recipient):
        found.setdefault(step.name, []).append(f"{'' if step.ok else 'not ok: '}{step.said}")
    return found


def describe(ports, **fields):
    known = {"id": identify("recipient", WHO), "address": WHO, "updated_at": ports.clock.now()}
    ports.stores.recipients.put([Recipient(**known | fields)])


def stamp(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def test_keys_in_the_address_of_a_feed_are_not_told(ports, site):
    feed = f"{web.put_story(site, 'one', NEAR_KURSK)}?apikey=TOPSECRET"
    watch(ports, feed)
    one_round(ports)
    ports.stores.feeds.update([feed_id(feed)], lambda known: replace(known, title="", error=f"{feed}: HTTP 500"))
    steps = said(ports, site)
    assert "?…" in steps["poll"][0]
    assert "TOPSECRET" not in str(steps)


def test_a_mail_that_went_is_told_from_the_poll_to_the_servers_answer(ports, site, mails, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    steps = said(ports, site)
    assert list(steps) == [
        "poll",
        "parse",
        "fetch",
        "extract",
        "dedupe",
        "index",
        "clause",
        "match",
        "policy",
        "deliver",
        "ledger",
        "mail",
        "answer",
    ]
    now = stamp(clock.now())
    assert steps["poll"][0].startswith(f"seen {now} in ")
    assert steps["poll"][0].endswith(f"; last polled {now}")
    assert steps["parse"][0].startswith(f"entry {site.base}/one, first poll, 1 look at it")
    assert steps["fetch"] == [f"{site.base}/one"]
    assert steps["clause"] == ["kursk: Kursk"]
    assert steps["policy"] == ["immediate, the alert's"]
    assert [line.split()[3] for line in steps["ledger"]] == ["pending", "sending", "sent"]
    assert steps["mail"] == [f"{only(mails())['Message-ID']}, alone in it"]
    assert steps["answer"][0].endswith(".eml")
    assert not any(line.startswith("not ok") for lines in steps.values() for line in lines)


def test_a_page_that_could_not_be_had_is_a_step_of_its_own(ports, site):
    link = site.put("/one", "no", status=403)
    watch(ports, site.put("/feed", web.rss(("A headline", link), summary=NEAR_KURSK), web.RSS))
    one_round(ports)
    steps = said(ports, site)
    assert steps["fetch"][0].startswith("not ok: no page: ")
    assert "403" in steps["fetch"][0]


def test_a_digest_says_until_when_it_is_held_and_then_with_what_it_went(ports, site, mails, clock):
    describe(ports, policy="hourly", zone="Asia/Kolkata")
    watch(ports, *(web.put_story(site, name, NEAR_KURSK, f"/{name}.rss") for name in ("one", "two")))
    ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, copies=True))
    one_round(ports)
    hour = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    steps = said(ports, site)
    assert steps["policy"] == [f"hourly (Asia/Kolkata), the recipient's: the next digest goes {stamp(hour)}"]
    assert steps["deliver"] == [f"not ok: {WHO}: held until {stamp(hour)}: digest: hourly"]
    assert "mail" not in steps
    clock.at = hour
    one_round(ports)
    steps = said(ports, site)
    assert steps["mail"] == [f"{only(mails())['Message-ID']}, with 1 other: {site.base}/two"]


def test_what_keeps_a_mail_back_now_is_named_with_its_end(ports, site, clock):
    quiet = f"{clock.now() - timedelta(hours=1):%H:%M}-{clock.now() + timedelta(hours=2):%H:%M}"
    muted = clock.now() + timedelta(hours=3)
    describe(ports, quiet=quiet, muted={alert_id("kursk"): muted})
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, throttle=2))
    one_round(ports)
    policy = said(ports, site)["policy"]
    assert policy[0] == f"not ok: muted until {muted:%Y-%m-%d %H:%M} UTC"
    assert policy[1] == "immediate, the alert's"
    assert policy[2].startswith(f"not ok: quiet hours {quiet} (UTC), now until ")
    assert policy[3] == "0 of 2 mails an hour have gone"
    ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, urgent=True))
    assert said(ports, site)["policy"][2] == f"quiet hours {quiet} (UTC), which don't hold an urgent alert"
    describe(ports, unsubscribed=("*",))
    assert said(ports, site)["policy"][0] == "not ok: unsubscribed"


def test_a_throttle_that_is_full_says_when_the_next_mail_goes(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, throttle=1))
    one_round(ports)
    (_, full) = said(ports, site)["policy"]
    assert full == f"not ok: 1 of 1 mails an hour have gone, so the next goes {stamp(clock.now() + timedelta(hours=1))}"


def test_an_alert_that_was_changed_since_says_what_matched_then(ports, site, clock):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    fired = clock.at
    clock.turn(60)
    ask(ports, "zebra")
    put_alert(ports, NewAlert(name="late", query="zebra", recipients=(WHO,)))
    steps = said(ports, site)
    assert steps["clause"] == ["kursk: Kursk", f"so its query was then: the alert was changed {stamp(clock.at)}"]
    assert steps["match"] == [f"fired {stamp(fired)} on version 1"]
    assert said(ports, site, alert="late")["match"] == [
        f"not ok: the alert was made {stamp(clock.at)}, after the story was ingested"
    ]
    web.put_story(site, "two", "A quiet day in the harbour.")
    one_round(ports)
    clock.turn(60)
    ask(ports, "kursk")
    assert "not ok: no match; the alert was changed" in said(ports, site, path="/two")["match"][0]


def test_the_page_of_a_story_in_the_console_is_an_address_of_it(ports, site):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    story = only(ports.stores.stories.all())
    steps = explain(ports, f"https://console.example/wire/stories/{story.id}?q=x", "kursk")
    assert "match" in [step.name for step in steps]


def ask(ports, query):
    """Change what the alert asks for."""
    changed = {"query": query, "meaning": query, "updated_at": ports.clock.now()}
    ports.stores.alerts.update([alert_id("kursk")], lambda one: replace(one, **changed))


def test_who_is_not_named_by_the_alert_or_was_not_then_is_told_so(ports, site):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    steps = said(ports, site, "other@example.org")
    assert steps["policy"][0] == "not ok: alert 'kursk' does not name other@example.org, nor does a group of its"
    assert steps["deliver"] == ["not ok: the alert did not name other@example.org when it fired"]


def test_a_row_that_is_lost_is_told_apart_from_one_that_is_not_written_yet(ports, site):
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    one_round(ports)
    match = only(ports.stores.matches.all())
    ports.stores.deliveries.delete([delivery_id(match.id, "mail", WHO)])
    assert "has no row: see `wirewatch ledger --reconcile`" in said(ports, site)["deliver"][0]
    ports.stores.matches.update([match.id], lambda one: replace(one, delivered=False))
    assert "are not written yet" in said(ports, site)["deliver"][0]


def test_an_entry_that_is_not_ingested_yet_or_failed_is_told_of_by_its_address(ports, site):
    link = site.put("/one", "<p>x</p>")
    watch(ports, site.put("/feed", web.rss(("A headline", link)), web.RSS))
    (entry_id,) = flow.poll(ports, [only(ports.stores.feeds.all()).id]).entry_ids
    steps = said(ports, site)
    assert list(steps) == ["poll", "parse", "fetch", "policy"]
    assert steps["fetch"][0].startswith("not ok: waits to be ingested, due ")
    ports.stores.entries.update(
        [entry_id],
        lambda one: replace(one, state=EntryState.QUARANTINED, attempts=4, error="it broke", failed_stage="enrich"),
    )
    assert said(ports, site)["enrich"] == [
        "not ok: failed 4 times, in quarantine: `wirewatch quarantine replay`: it broke"
    ]


def test_who_sees_one_alert_is_not_told_what_others_sent_to_its_recipient(ports, site, mails, clock):
    clock.at = clock.at.replace(hour=12)  # whenever this runs: not in the quiet hours
    watch(ports, web.put_story(site, "one", NEAR_KURSK))
    put_alert(ports, NewAlert(name="other", query="villages", recipients=(WHO,), team="a"))
    describe(ports, policy="daily 08:00", quiet="22:00-07:00")
    one_round(ports)
    clock.turn(86_400)
    one_round(ports)
    assert len(mails()) == 1
    (mail,) = said(ports, site)["mail"]
    assert "with 1 other: 1 of other alerts" in mail
    stranger = said(ports, site, "other@example.org")["policy"]
    assert len(stranger) == 1
