"""The pages of alerts: the list, the editor and its preview, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.deliver.policy import most_a_day
from pipeline.errors import BadInput
from pipeline.flow.accounts.audit import audits
from pipeline.flow.alerts.language import put_list, remove_list
from pipeline.flow.alerts.manage import NewAlert, alert_id, find_alert, put_alert
from pipeline.flow.deeds import alerts as deeds
from pipeline.flow.deeds.alerts import REMOVED_FOR, forget_removed
from pipeline.flow.readers.people import NewGroup, put_group, remove_group
from pipeline.model import Alert, AlertState, Evidence, Feedback, Role
from tests import builders
from tests.browser import Desk, Page, browsing


@pytest.fixture
def desk(ports) -> Iterator[Desk]:
    with browsing(ports, Role.ANALYST) as browser:
        yield browser


@pytest.fixture
def stocked(desk) -> Desk:
    """Twelve days with a story on Kursk each, in the text of which defence stands."""
    now = desk.ports.clock.now()
    desk.ports.stores.stories.put(
        [
            builders.story(
                str(day),
                title=f"Day {day}",
                body=f"First. The defense of Kursk went on, day {day}. Last.",
                published=now - timedelta(days=day, hours=1),
            )
            for day in range(12)
        ]
    )
    return desk


def form(**fields: str) -> dict[str, str]:
    return {"name": "kursk", "query": "kursk", "recipients": "ana@example.org", "variants": "on"} | fields


def saved(desk: Desk, **fields: object) -> Alert:
    return put_alert(desk.ports, NewAlert(**({"name": "kursk", "query": "kursk"} | fields)))  # type: ignore[arg-type]


def edited(desk: Desk, alert: Alert) -> dict[str, str]:
    """What the editor of an alert would send as it stands."""
    return typed(desk.get(f"/alerts/{alert.id}"))


def typed(page: Page) -> dict[str, str]:
    return dict(page.tree.get_element_by_id("editor").form_values())


# -- what it fired on


@pytest.mark.parametrize("role", [Role.ANALYST, Role.VIEWER])
def test_an_alert_says_what_it_has_fired_on_and_for_which_clause(ports, role):
    with browsing(ports, role) as browser:
        alert = saved(browser, name="kursk")
        assert "On nothing in the last 30 days" in browser.get(f"/alerts/{alert.id}").words
        story = builders.story("one", title="Two villages near Kursk")
        ports.stores.stories.create([story])
        evidence = (Evidence(clause="kursk", field="title", start=18, end=23, text="Kursk"),)
        ports.stores.matches.create(
            [builders.match(alert_id=alert.id, story_id=story.id, matched_at=ports.clock.now(), evidence=evidence)]
        )
        shown = browser.get(f"/alerts/{alert.id}")
        assert "What it fired on Two villages near Kursk" in shown.words
        assert f'href="/stories/{story.id}"' in shown.text
        assert f'/alerts/{alert.id}#matches">1</a>' in browser.get("/alerts").text


# -- the preview


def test_a_preview_says_how_a_query_is_understood_and_what_it_would_have_found(stocked):
    seen = stocked.post("/alerts/preview", form(query='kursk (defence OR "mutual aid") -sport'))
    assert seen.status == 200
    words = seen.words
    assert "all of these kursk" in words
    assert "any of these defence also defense" in words
    assert "not sport" in words
    assert "About 3 mails a week for each recipient" in words
    assert "12 stories" in words
    assert "The <mark>defense</mark> of <mark>Kursk</mark> went on, day 0." in seen.text
    assert seen.text.count("<rect") == 31
    assert f"{stocked.ports.clock.now().date() - timedelta(days=20)}" in words  # the table behind the chart


def test_a_refused_query_is_shown_with_a_mark_at_its_place_and_the_cure(stocked):
    seen = stocked.post("/alerts/preview", form(query="kursk AND (belgorod"))
    assert seen.status == 200
    assert 'kursk AND <mark class="here">(</mark>belgorod' in seen.text
    assert "At 11: the bracket opened at 11 is never closed. Close it." in seen.words


def test_other_spellings_are_switched_off_by_a_button_that_needs_no_script(stocked):
    shown = stocked.post("/alerts/preview", form(query="kursk defence")).text
    places = re.findall(r'name="spelling" value="([^"]+)"', shown)
    assert {"6.13.defense", "0.13.курск"} <= set(places)
    seen = stocked.post("/alerts/new", form(query="kursk defence", spelling="6.13.defense"))
    assert (seen.status, "kursk +defence</textarea>" in seen.text) == (200, True)
    assert stocked.ports.stores.alerts.count() == 0
    without_one = stocked.post("/alerts/new", form(query="kursk", spelling="0.5.курск"))
    assert "12 stories" in without_one.words  # Kursk as they have it, whose case nobody typed


def test_a_spelling_is_not_switched_off_in_a_query_that_has_changed_since(stocked):
    seen = stocked.post("/alerts/new", form(query="another defence", spelling="2.9.defense"))
    assert ">another defence</textarea>" in seen.text


def test_an_edit_says_what_it_gains_and_loses_with_examples_of_both(stocked):
    stocked.ports.stores.stories.put(
        [builders.story("b", title="Belgorod", published=stocked.ports.clock.now() - timedelta(days=1))]
    )
    alert = saved(stocked, query='kursk "day 3" OR kursk "day 4"')
    seen = stocked.post("/alerts/preview", form(id=alert.id, query='kursk "day 3" OR belgorod'))
    assert "Against what is saved: +1 −1 1 stay as they are. Gained Belgorod" in seen.words
    assert "Lost Day 4" in seen.words


def test_an_unchanged_alert_is_not_compared_with_itself(stocked):
    alert = saved(stocked)
    assert "Against what is saved" not in stocked.post("/alerts/preview", form(id=alert.id)).words


def test_what_readers_called_not_relevant_says_whether_an_edit_still_finds_it(stocked):
    alert, story = saved(stocked), next(iter(stocked.ports.stores.stories.all()))
    stocked.ports.stores.feedback.put(
        [
            Feedback(
                id="f", match_id="m", alert_id=alert.id, story_id=story.id, recipient="a@b.example", at=builders.NOON
            )
        ]
    )
    assert f"{story.title} a.example still found" in stocked.post("/alerts/preview", form(id=alert.id)).words
    edited = stocked.post("/alerts/preview", form(id=alert.id, query="belgorod"))
    assert f"{story.title} a.example no longer found" in edited.words


def test_the_next_mail_is_told_for_each_recipient_as_a_delivery_would_be_written(stocked):
    stocked.ports.stores.recipients.put(
        [builders.recipient("out@example.org", unsubscribed=("*",)), builders.recipient("now@example.org")]
    )
    seen = stocked.post("/alerts/preview", form(recipients="now@example.org, out@example.org"))
    assert "now@example.org: at once" in seen.words
    assert "out@example.org: never: unsubscribed" in seen.words
    later = stocked.post("/alerts/preview", form(recipients="now@example.org", policy="daily 08:00"))
    assert re.search(r"now@example.org: \d{4}-\d\d-\d\d 08:00 digest: daily 08:00", later.words)


@pytest.mark.parametrize(("policy", "most"), [("daily 08:00", 1), ("weekly mon 08:00", 1 / 7), ("hourly", 24)])
def test_a_digest_sends_no_more_than_it_has_hours(policy, most):
    assert most_a_day(policy, 0) == most


# -- saving


def test_an_alert_is_made_and_shown(desk):
    answer = desk.post("/alerts/new", form(policy="daily 08:00", throttle="3", urgent="on"))
    assert (answer.status, answer.headers["Location"]) == (303, f"/alerts/{alert_id('kursk')}?done=saved")
    (alert,) = desk.ports.stores.alerts.all()
    assert (alert.query, alert.recipients) == ("kursk", ("ana@example.org",))
    assert (alert.policy, alert.throttle, alert.urgent, alert.copies) == ("daily 08:00", 3, True, False)
    page = desk.get(answer.headers["Location"])
    assert "Saved. It fires on what is ingested from now on." in page.words


def test_all_that_is_wrong_with_an_alert_is_told_in_its_place(desk):
    seen = desk.post("/alerts/new", form(name=" ", query="a AND", recipients="nobody", policy="soon", throttle="many"))
    assert seen.status == 422
    for field, said in (
        ("name", "an alert needs a name"),
        ("query", "the query ends where a word is wanted"),
        ("recipients", "is no mail address"),
        ("policy", "is no policy"),
        ("throttle", "a throttle of -1"),
    ):
        assert re.search(rf'id="{field}-wrong" role="alert">[^<]*{said}', seen.text), field
        assert f'aria-describedby="{field}-wrong"' in seen.text
    assert desk.ports.stores.alerts.count() == 0


@pytest.mark.parametrize("name", ["x" * 201, "a\r\nb", "a\x00b", "kursk\u202egpj", "a\u2028b"])
def test_a_name_that_no_line_can_hold_is_refused_with_the_cure(ports, name):
    with pytest.raises(BadInput, match=r"(at the most|leave out line breaks)") as refused:
        put_alert(ports, NewAlert(name=name, query="kursk"))
    assert (ports.stores.alerts.count(), str(refused.value).isprintable()) == (0, True)


def test_a_name_in_any_script_is_taken_and_an_alert_keeps_the_one_it_has(ports):
    ports.stores.alerts.create([builders.alert("x", "of old\nversions", id=alert_id("of old\nversions"))])
    for name in ("خبرهای می\u200cشود", "x" * 200, "of old\nversions"):
        put_alert(ports, NewAlert(name=name, query="kursk"), replace_existing=True)
    assert {one.query for one in ports.stores.alerts.all()} == {"kursk"}


def test_a_name_that_is_taken_is_refused_and_nothing_is_overwritten(desk):
    saved(desk)
    seen = desk.post("/alerts/new", form(query="belgorod"))
    assert (seen.status, "there is an alert &#39;kursk&#39; already" in seen.text) == (422, True)
    assert [one.query for one in desk.ports.stores.alerts.all()] == ["kursk"]


def test_an_alert_is_edited_paused_and_resumed(desk):
    path = f"/alerts/{saved(desk).id}"
    assert desk.post(path, form(name="another", query="belgorod")).status == 303
    assert desk.post(f"{path}/pause", {}).status == 303
    (alert,) = desk.ports.stores.alerts.all()
    assert (alert.name, alert.query, alert.state) == ("kursk", "belgorod", AlertState.PAUSED)
    assert "Resume" in desk.get(path).words
    desk.post(f"{path}/resume", {})
    assert next(iter(desk.ports.stores.alerts.all())).state is AlertState.ACTIVE


def test_who_saves_what_somebody_else_has_changed_is_shown_that_and_overwrites_it_only_knowingly(desk):
    alert = saved(desk, recipients=("ana@example.org",))
    first, second = edited(desk, alert), edited(desk, alert)
    assert desk.post(f"/alerts/{alert.id}", first | {"query": "belgorod", "policy": "hourly"}).status == 303
    refused = desk.post(f"/alerts/{alert.id}", second | {"query": "pact"})
    assert refused.status == 409
    assert "somebody else has changed it meanwhile. Saved now, where it is not as below:" in refused.words
    assert "Query: belgorod When: hourly" in refused.words
    assert ">pact</textarea>" in refused.text
    assert find_alert(desk.ports, "kursk").query == "belgorod"
    looked = typed(desk.post(f"/alerts/{alert.id}", second | {"query": "pact", "look": "1"}))
    assert desk.post(f"/alerts/{alert.id}", looked).status == 409
    assert desk.post(f"/alerts/{alert.id}", typed(refused)).status == 303
    assert find_alert(desk.ports, "kursk").query == "pact"


def test_an_alert_that_was_only_paused_meanwhile_is_saved_and_stays_paused(desk):
    alert = saved(desk)
    before = edited(desk, alert)
    desk.post(f"/alerts/{alert.id}/pause", {})
    assert desk.post(f"/alerts/{alert.id}", before | {"query": "pact"}).status == 303
    known = find_alert(desk.ports, "kursk")
    assert (known.query, known.state) == ("pact", AlertState.PAUSED)


def test_a_duplicate_is_a_new_alert_with_the_same_fields(desk):
    alert = saved(desk, policy="hourly", recipients=("ana@example.org",))
    page = desk.get(f"/alerts/new?copy={alert.id}")
    assert 'value="kursk (copy)"' in page.text
    assert 'value="hourly"' in page.text
    assert desk.post("/alerts/new", page.fields()).status == 303
    assert {one.name for one in desk.ports.stores.alerts.all()} == {"kursk", "kursk (copy)"}


@pytest.mark.parametrize("state", list(AlertState))
def test_a_deleted_alert_is_put_back_as_it_was(desk, state):
    alert = saved(desk, recipients=("a@example.org", "b@example.org"), throttle=2, updates=True, state=state)
    assert desk.post(f"/alerts/{alert.id}/delete", {}).status == 303
    assert desk.ports.stores.alerts.count() == 0
    assert f'action="/alerts/{alert.id}/restore"' in desk.get("/alerts").text
    assert desk.post(f"/alerts/{alert.id}/restore", {}).status == 303
    assert list(desk.ports.stores.alerts.all()) == [alert]
    assert "Deleted within a week" not in desk.get("/alerts").words


def test_a_deleted_alert_is_offered_for_a_week_and_to_those_who_saw_it(desk, clock):
    alert = saved(desk, team="sport")
    with browsing(desk.ports, Role.ADMINISTRATOR) as root:
        root.post(f"/alerts/{alert.id}/delete", {})
        assert "Deleted within a week kursk" in root.get("/alerts").words
    assert "kursk" not in desk.get("/alerts").words
    assert desk.post(f"/alerts/{alert.id}/restore", {}).status == 404
    with browsing(desk.ports, Role.ADMINISTRATOR) as root:
        clock.turn(REMOVED_FOR.total_seconds())
        assert root.post(f"/alerts/{alert.id}/restore", {}).status == 404
    assert (forget_removed(desk.ports), desk.ports.stores.removed_alerts.count()) == (1, 0)


def test_a_name_that_is_in_use_again_is_not_put_back_over_it(desk):
    alert = saved(desk)
    desk.post(f"/alerts/{alert.id}/delete", {})
    saved(desk, query="pact")
    assert desk.post(f"/alerts/{alert.id}/restore", {}).status == 422
    assert [one.query for one in desk.ports.stores.alerts.all()] == ["pact"]


def test_an_alert_that_is_put_back_means_what_its_lists_mean_today(desk):
    put_list(desk.ports, "places", ["Kursk"])
    alert = saved(desk, query="@places")
    desk.post(f"/alerts/{alert.id}/delete", {})
    put_list(desk.ports, "places", ["Belgorod"])
    assert desk.post(f"/alerts/{alert.id}/restore", {}).status == 303
    (again,) = desk.ports.stores.alerts.all()
    assert (again.id, "belgorod" in again.meaning.lower(), "kursk" in again.meaning.lower()) == (alert.id, True, False)


def test_an_alert_whose_list_or_group_is_gone_is_not_put_back_to_find_or_tell_nothing(desk):
    put_list(desk.ports, "places", ["Kursk"])
    put_group(desk.ports, NewGroup(name="desk", members=("ana@example.org",)))
    alerts = [saved(desk, name="listed", query="@places"), saved(desk, name="grouped", recipients=("@desk",))]
    for alert in alerts:
        desk.post(f"/alerts/{alert.id}/delete", {})
    remove_list(desk.ports, "places")
    remove_group(desk.ports, "desk")
    listed, grouped = (desk.post(f"/alerts/{alert.id}/restore", {}) for alert in alerts)
    assert (listed.status, grouped.status) == (422, 422)
    assert "Alert 'listed' can't be put back as it was: there is no list @places" in listed.words
    assert "Alert 'grouped' can't be put back as it was: there is no group @desk: make it first" in grouped.words
    assert (desk.ports.stores.alerts.count(), desk.ports.stores.removed_alerts.count()) == (0, 2)
    put_group(desk.ports, NewGroup(name="desk", members=("opa@example.org",)))
    assert desk.post(f"/alerts/{alerts[1].id}/restore", {}).status == 303


# -- the list


def test_the_list_says_how_each_alert_is_and_when_its_next_mail_comes(desk):
    saved(desk, recipients=("ana@example.org",))
    saved(desk, name="nobody", query="x")
    saved(desk, name="still", query="y", state=AlertState.PAUSED)
    found = [("today", 0), ("before", 8)]
    desk.ports.stores.matches.create(
        [builders.match(name, matched_at=desk.ports.clock.now() - timedelta(days=days)) for name, days in found]
    )
    words = desk.get("/alerts").words
    assert "kursk kursk active 1 at once" in words
    assert "nobody x active 0 nobody is told" in words
    assert "still y paused 0 none while paused" in words
    assert "nobody" not in desk.get("/alerts?find=kur").words


def test_a_thousand_alerts_are_listed_by_fifties(desk):
    desk.ports.stores.alerts.create([builders.alert("x", f"alert {number:03}") for number in range(120)])
    first, last = desk.get("/alerts"), desk.get("/alerts?number=3")
    assert "120 alerts" in first.words
    assert (first.text.count('scope="row"'), last.text.count('scope="row"')) == (50, 20)


def test_a_page_beyond_the_last_is_the_last(desk):
    desk.ports.stores.alerts.create([builders.alert("x", f"alert {number:03}") for number in range(60)])
    for number in ("3", "99", "-1"):
        assert "60 alerts" in desk.get(f"/alerts?number={number}").words
    assert desk.get("/alerts?number=99").text.count('scope="row"') == 10


def test_of_many_deleted_alerts_the_latest_are_shown_and_the_others_found_by_their_names(desk):
    for number in range(25):
        alert = saved(desk, name=f"alert {number:02}")
        deeds.remove_alert(desk.ports, "ana@example.org", alert.id)
    page = desk.get("/alerts")
    assert (page.text.count("/restore"), "5 more, removed before these" in page.words) == (20, True)
    assert [desk.get(f"/alerts?find=alert+{number:02}").text.count("/restore") for number in range(25)] == [1] * 25


def test_an_empty_installation_says_what_to_do(desk):
    assert "Make the first one: type a word" in desk.get("/alerts").words


# -- who may


def test_a_viewer_sees_alerts_and_changes_none(ports):
    put_alert(ports, NewAlert(name="kursk", query="kursk"))
    path = f"/alerts/{alert_id('kursk')}"
    with browsing(ports, Role.VIEWER) as browser:
        assert '<fieldset class="bare" disabled>' in browser.get(path).text
        for action in ("", "/pause", "/delete"):
            assert browser.post(path + action, form(query="other")).status == 403
        assert browser.get("/alerts/new").status == 403
    assert [one.query for one in ports.stores.alerts.all()] == ["kursk"]


def test_an_alert_that_is_not_there_is_a_page_that_says_so(desk):
    seen = desk.get("/alerts/0000")
    assert (seen.status, "There is no such alert" in seen.words) == (404, True)


# -- teams, and what is written down


def test_an_alert_stays_with_its_team_and_goes_to_no_other_than_the_users_own(ports):
    put_alert(ports, NewAlert(name="kursk", query="kursk", team="world"))
    put_alert(ports, NewAlert(name="budget", query="budget", team="money"))
    of_world = builders.user(Role.ANALYST, teams=("world",))
    with browsing(ports, of_world) as desk:
        desk.post(f"/alerts/{alert_id('kursk')}", form(query="kursk belgorod"))
        refused = desk.post(f"/alerts/{alert_id('kursk')}", form(team="money"))
        assert (refused.status, "you are not of team money" in refused.words) == (422, True)
        assert desk.get(f"/alerts/{alert_id('budget')}").status == 404
        assert desk.post(f"/alerts/{alert_id('budget')}/delete", {}).status == 404
        desk.post("/alerts/new", form(name="new", team="world"))
    kept = {one.name: (one.query, one.team) for one in ports.stores.alerts.all()}
    assert kept == {"kursk": ("kursk belgorod", "world"), "budget": ("budget", "money"), "new": ("kursk", "world")}


def test_who_changed_an_alert_and_what_is_in_the_audit_log_without_secrets(desk, site):
    chat = f"slack+{site.base}/services/T0/B0/verysecret0123"
    key = alert_id("kursk")
    edited = form(recipients=chat, query="kursk belgorod")
    for path, sent in (("new", form(recipients=chat)), (key, edited), (f"{key}/pause", {}), (f"{key}/delete", {})):
        desk.post(f"/alerts/{path}", sent)
        desk.ports.clock.wait(1)
    written = list(audits(desk.ports))
    assert [(one.who, one.did) for one in written] == [
        ("ana@example.org", did) for did in ("remove alert", "change alert", "change alert", "add alert")
    ]
    assert (written[2].before["query"], written[2].after["query"]) == ("kursk", "kursk belgorod")
    assert "verysecret" not in repr(written)


def test_a_viewer_sees_no_secret_of_a_chat(ports, site):
    chat = f"slack+{site.base}/services/T0/B0/verysecret0123"
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(chat,)))
    with browsing(ports, Role.VIEWER) as viewer:
        page = viewer.get(f"/alerts/{alert_id('kursk')}")
    assert "slack+" in page.text
    assert "verysecret" not in page.text


def test_nobody_who_sees_what_an_alert_sent_sees_the_secret_of_its_chat(ports, site):
    chat = f"slack+{site.base}/services/T0/B0/verysecret0123"
    alert = put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(chat,)))
    put_group(ports, NewGroup(name="desk", members=(chat,)))
    story = builders.story("fired")
    ports.stores.stories.put([story])
    sent = builders.delivery(alert_id=alert.id, story_id=story.id, recipient=chat, channel="slack", state="sent")
    ports.stores.deliveries.create([sent])
    with browsing(ports, Role.OPERATOR) as operator:
        pages = [
            operator.get(f"/stories/{story.id}"),
            operator.get("/operations/ledger", days=""),
            operator.get("/operations/ledger.csv", days=""),
            operator.fill("/alerts/new", "/alerts/preview", query="kursk", recipients="@desk"),
        ]
    for page in pages:
        assert page.status == 200
        assert "slack+" in page.text
        assert "verysecret" not in page.text


def test_the_name_of_a_removed_alert_is_kept_from_other_teams_as_long_as_it_has_matches(ports, clock):
    first = NewAlert(name="budget", query="kursk", team="a")
    alert = deeds.save_alert(ports, "ana@example.org", first)
    ports.stores.matches.create([builders.match(alert_id=alert.id, matched_at=clock.now())])
    deeds.remove_alert(ports, "ana@example.org", "budget")
    clock.turn(deeds.REMOVED_FOR.total_seconds() + 60)
    assert deeds.forget_removed(ports) == 0
    for team in ("b", ""):
        with pytest.raises(BadInput, match="had another team"):
            put_alert(ports, NewAlert(name="budget", query="nato", team=team))
    ports.stores.matches.delete([one.id for one in ports.stores.matches.all()])
    assert deeds.forget_removed(ports) == 1
    assert put_alert(ports, NewAlert(name="budget", query="nato", team="b")).team == "b"


def test_an_alert_that_is_named_as_anothers_id_is_not_found_in_its_place(ports):
    real = put_alert(ports, NewAlert(name="budget", query="kursk"))
    decoy = put_alert(ports, NewAlert(name=real.id, query="nato"))
    assert find_alert(ports, real.id) == real
    assert find_alert(ports, decoy.id) == decoy
