"""What the API does beside alerts, queries, stories and new feeds; over HTTP, on both backends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.flow.accounts.audit import audits
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.deeds.alerts import remove_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds, feed_id
from pipeline.model import DeliveryState, EntryState, FeedState, Role, Scope
from pipeline.ports import Ports
from tests import builders, web
from tests.apis import ROOT, Api, asking
from tests.builders import later
from tests.servers import free_port
from workers.console.api import bodies

ANA = "ana@example.org"


@pytest.fixture
def api(ports: Ports) -> Iterator[Api]:
    with asking(ports) as made:
        yield made


def did(api: Api) -> set[tuple[str, str]]:
    """Who did what, of the audit log."""
    return {(one.who, one.did) for one in audits(api.ports)}


# -- boundaries


def test_operators_rooms_are_closed_to_analysts_and_administrators_to_operators(api):
    analyst, operator = api.token_of(ANA, Role.ANALYST), api.token_of("opa@example.org", Role.OPERATOR)
    for path in ("quarantine", "deliveries", "reconciliation", "queues", "sizes", "settings", "recipients", "groups"):
        assert (api.ask("GET", f"/{path}", token=analyst).status, api.ask("GET", f"/{path}").status) == (403, 200)
    for path in ("users", "audits"):
        assert (api.ask("GET", f"/{path}", token=operator).status, api.ask("GET", f"/{path}").status) == (403, 200)


def test_another_teams_alert_is_not_there_in_any_room(api):
    theirs = put_alert(api.ports, NewAlert(name="goal", query="goal", team="sport", recipients=(ANA,)))
    token = api.token_of("ben@example.org", Role.OPERATOR, teams=("world",))
    for verb in ("pause", "resume", "restore", "feed"):
        assert api.ask("POST", f"/alerts/{theirs.id}/{verb}", token=token).status == 404
    assert api.ask("DELETE", f"/alerts/{theirs.id}/feed", token=token).status == 404
    assert api.ask("GET", "/explain", url="https://a.example/a", alert="goal", token=token).status == 404
    assert api.ask("GET", "/trends", token=token).body["alerts"] == []
    assert api.ask("POST", f"/preferences/alerts/{theirs.id}/mute", token=token).status == 404
    remove_alert(api.ports, "test", theirs.id)
    assert api.ask("GET", "/alerts/removed", token=token).body["alerts"] == []
    assert api.ask("POST", f"/alerts/{theirs.id}/restore", token=token).status == 404
    assert api.ask("POST", f"/alerts/{theirs.id}/restore").body["name"] == "goal"


# -- alerts and their feeds


def test_an_alert_is_paused_resumed_removed_and_put_back(api):
    alert = put_alert(api.ports, NewAlert(name="kursk", query="kursk"))
    path = f"/alerts/{alert.id}"
    assert api.ask("POST", f"{path}/pause").body["state"] == "paused"
    assert api.ask("POST", f"{path}/resume").body["state"] == "active"
    assert api.ask("DELETE", path).status == 204
    (gone,) = api.ask("GET", "/alerts/removed").body["alerts"]
    assert (gone["name"], gone["by"]) == ("kursk", ROOT)
    first, again = (api.ask("POST", f"{path}/restore", key="k1") for _ in range(2))
    assert (first.status, first.body, again.status) == (200, again.body, 200)
    assert (ROOT, "put back alert") in did(api)


def test_a_key_that_was_used_for_one_thing_does_nothing_to_another(api):
    one, other = (put_alert(api.ports, NewAlert(name=name, query=name)) for name in ("kursk", "pact"))
    assert api.ask("POST", f"/alerts/{one.id}/pause", key="k1").status == 200
    assert api.ask("POST", f"/alerts/{other.id}/pause", key="k1").status == 422
    assert api.ask("POST", f"/alerts/{one.id}/resume", key="k1").status == 422


def test_the_secret_of_a_chat_is_in_no_answer_kept_or_not_and_stays_when_an_alert_is_sent_back(api, site):
    chat = f"slack+{site.base}/services/T0/B0/verysecret0123"
    answer = api.ask("POST", "/alerts", {"name": "kursk", "query": "kursk", "recipients": [chat, ANA]}, key="k1")
    path, recipients = f"/alerts/{answer.body['id']}", answer.body["recipients"]
    assert (recipients[0].startswith("slack+"), recipients[1]) == (True, ANA)
    told = [answer.body, api.ask("GET", path).body, api.ask("GET", "/alerts").body]
    assert "verysecret" not in repr([*told, *api.ports.stores.replies.all()])
    back = api.ask("PUT", path, {"query": "kursk AND pact", "recipients": recipients})
    assert (back.status, back.body["recipients"]) == (200, recipients)
    (kept,) = api.ports.stores.alerts.all()
    assert (kept.query, kept.recipients) == ("kursk AND pact", (chat, ANA))


def test_what_is_shown_of_a_chat_names_none_that_the_alert_did_not_have(api, site):
    alert = put_alert(api.ports, NewAlert(name="kursk", query="kursk", recipients=(ANA,)))
    shown = "slack+https://hooks.slack.com/…0123"
    for method, path, name in (("PUT", f"/alerts/{alert.id}", {}), ("POST", "/alerts", {"name": "pact"})):
        assert api.ask(method, path, name | {"query": "pact", "recipients": [shown]}).problem == "bad-input"
    assert [one.recipients for one in api.ports.stores.alerts.all()] == [(ANA,)]


def test_the_address_of_an_alerts_feed_is_made_and_withdrawn_and_is_in_no_kept_answer(api):
    alert = put_alert(api.ports, NewAlert(name="kursk", query="kursk"))
    address = api.ask("POST", f"/alerts/{alert.id}/feed", key="k1").body["address"]
    assert f"/feeds/alerts/{alert.id}.atom?key=" in address
    assert list(api.ports.stores.replies.all()) == []
    assert api.ask("DELETE", f"/alerts/{alert.id}/feed").status == 204
    assert {(ROOT, "make feed address"), (ROOT, "withdraw feed address")} <= did(api)


# -- feeds


def test_a_feed_is_polled_and_its_history_told(api, site):
    url = web.put_story(site, "one", "Two villages near Kursk were left.")
    add_feeds(api.ports, [NewFeed(url=url)])
    path = f"/feeds/{feed_id(url)}"
    assert api.ask("POST", f"{path}/poll").body == {"polled": True, "new": 1, "changed": 0, "error": ""}
    assert len(api.queued) == 1
    assert [one["new"] for one in api.ask("GET", path).body["polls"]] == [1]
    checked = api.ask("GET", f"{path}/check").body
    assert (checked["readable"], checked["entries"]) == (True, 1)
    assert api.ask("POST", f"{path}/pause").body["state"] == FeedState.PAUSED
    assert api.ask("POST", f"{path}/poll").body["polled"] is False
    assert api.ask("POST", f"{path}/replace", {"url": f"{url}?2"}).body["url"] == f"{url}?2"
    assert api.ask("DELETE", path).status == 204
    assert api.ask("GET", path).status == 404
    assert {(ROOT, f"{verb} feed") for verb in ("poll", "pause", "replace", "remove")} <= did(api)


def test_a_feed_that_can_not_be_read_says_what_is_wrong(api):
    add_feeds(api.ports, [NewFeed(url=f"http://127.0.0.1:{free_port()}/feed")])
    (feed,) = api.ports.stores.feeds.all()
    checked = api.ask("GET", f"/feeds/{feed.id}/check").body
    assert (checked["readable"], bool(checked["trouble"])) == (False, True)
    assert api.ask("POST", f"/feeds/{feed.id}/poll").body["error"]
    assert api.ask("GET", f"/feeds/{feed.id}").body["polls"][0]["error"]


def test_feeds_go_out_as_opml_and_come_in_again(api):
    outlines = '<outline type="rss" xmlUrl="https://a.example/f"/><outline xmlUrl="x"/>'
    document = f'<opml version="2.0"><body>{outlines}</body></opml>'
    taken = api.ask("POST", "/opml", {"opml": document}).body
    assert (taken["added"], len(taken["refused"])) == (1, 1)
    assert api.ask("POST", "/opml", {"opml": "<html/>"}).problem == "bad-input"
    assert "https://a.example/f" in api.read("/opml")


def test_who_may_not_change_feeds_sees_no_key_that_stands_in_the_address_of_one(api):
    url = "https://user:s3cret@news.example/feed?apikey=s3cret"
    feed = builders.feed(url=url, error=f"moved to {url}#s3cret, twice", title="News")
    api.ports.stores.feeds.create([feed])
    viewer = api.token_of(ANA, Role.VIEWER)
    told = [api.ask("GET", path, token=viewer) for path in (f"/feeds/{feed.id}", "/feeds")]
    assert told[0].body["url"] == told[1].body["feeds"][0]["url"] == "https://news.example/feed?…"
    assert (told[0].body["id"], told[0].body["title"]) == (feed.id, "News")
    assert "s3cret" not in repr(told)
    assert api.ask("GET", "/opml", token=viewer).status == 403
    assert api.ask("GET", f"/feeds/{feed.id}").body["url"] == url


def test_a_list_of_feeds_may_be_larger_than_all_else_and_what_is_too_large_is_a_problem(api):
    outline = f'<outline type="rss" xmlUrl="https://a.example/f"/><!--{"x" * bodies.MOST_BYTES}-->'
    document = f'<opml version="2.0"><body>{outline}</body></opml>'
    assert api.ask("POST", "/opml", {"opml": document}).body["added"] == 1
    large = api.ask("POST", "/alerts", {"name": "kursk", "query": "x" * bodies.MOST_BYTES})
    assert (large.status, large.problem) == (413, "blank")
    assert large.body["title"] == "More than 2,000,000 bytes: send less at once"
    assert large.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("body", "status"), [(b'{"name": ', 422), (b'{"name": "\xff"}', 400), (b"[" * 100_000, 400)])
def test_a_body_that_is_no_json_is_a_problem(api, body, status):
    answer = api.ask("POST", "/alerts", body)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_the_feeds_of_a_site_are_named_before_they_are_added_and_listed_by_health(api, site):
    url = web.put_story(site, "one", "Two villages near Kursk were left.")
    assert [one["url"] for one in api.ask("GET", "/feeds/discover", url=url).body["feeds"]] == [url]
    gone = api.ask("GET", "/feeds/discover", url=f"http://127.0.0.1:{free_port()}/")
    assert (gone.status, gone.problem) == (422, "bad-input")
    api.ports.stores.feeds.create([builders.feed("a", state=FeedState.PAUSED), builders.feed("b")])
    assert [one["id"] for one in api.ask("GET", "/feeds", health="paused").body["feeds"]] == [builders.feed("a").id]


# -- stories


def test_a_story_has_its_related_ones_and_the_alerts_that_fired_of_the_callers_teams(api):
    story = builders.story("a", title="Kursk")
    alerts = [builders.alert("kursk"), builders.alert("secret", team="sport")]
    api.ports.stores.stories.put([story])
    api.ports.stores.alerts.put(alerts)
    sent = [builders.delivery(one.name, alert_id=one.id, story_id=story.id) for one in alerts]
    api.ports.stores.deliveries.create(sent)
    token = api.token_of(ANA, Role.VIEWER, teams=("world",))
    (fired,) = api.ask("GET", f"/stories/{story.id}/alerts", token=token).body["alerts"]
    assert (fired["alert"], fired["deliveries"][0]["state"]) == ("kursk", "pending")
    assert len(api.ask("GET", f"/stories/{story.id}/alerts").body["alerts"]) == 2
    assert api.ask("GET", f"/stories/{story.id}/related").body == {"stories": []}
    assert api.ask("GET", f"/stories/{story.id}").body["versions"] == []


def test_what_an_edit_of_a_query_gains_and_loses_is_told(api, clock):
    stories = [builders.story(name, title=name, published=clock.now()) for name in ("Kursk", "Sumy")]
    api.ports.stores.stories.put(stories)
    found = api.ask("GET", "/queries/difference", old="kursk", new="sumy").body
    assert (found["kept"], found["number_gained"], found["lost"][0]["title"]) == (0, 1, "Kursk")


def test_other_spellings_are_left_out_of_what_an_edit_gains_where_the_alert_has_none(api, clock):
    api.ports.stores.stories.put([builders.story("a", title="The defence", published=clock.now())])
    gained = {
        variants: api.ask("GET", "/queries/difference", old="sumy", new="defense", variants=variants).body
        for variants in ("true", "false")
    }
    assert {variants: one["number_gained"] for variants, one in gained.items()} == {"true": 1, "false": 0}


def test_a_preview_says_how_many_mails_a_policy_makes_of_stories_and_their_copies(api, clock):
    first = builders.story("a", title="Kursk", published=clock.now() - timedelta(minutes=2))
    copy = builders.story("b", title="Kursk", copy_of=first.id, published=clock.now() - timedelta(minutes=1))
    api.ports.stores.stories.put([first, copy])
    for asked, mails in (({}, 1), ({"copies": "true"}, 2), ({"copies": "true", "policy": "daily 08:00"}, 1)):
        told = api.ask("GET", "/queries/preview", q="kursk", **asked).body
        assert (told["stories"], round(told["mails_per_day"] * 30)) == (2, mails)
    assert api.ask("GET", "/queries/preview", q="kursk", policy="now and then").problem == "bad-input"


def test_stories_are_counted_by_what_they_have_and_the_most_relevant_come_first(api, clock):
    stories = [
        builders.story("a", title="Kursk, Kursk", site="One", language="en", published=clock.now() - timedelta(days=2)),
        builders.story("b", title="Sumy", body="Kursk.", site="Two", language="ru", published=clock.now()),
    ]
    api.ports.stores.stories.put(stories)
    found = api.ask("GET", "/stories", q="kursk", sort="relevance").body
    assert ([one["title"] for one in found["stories"]], found["next"]) == (["Kursk, Kursk", "Sumy"], "")
    counted = api.ask("GET", "/stories/facets", q="kursk").body
    assert (counted["outlets"], counted["languages"]) == ({"One": 1, "Two": 1}, {"en": 1, "ru": 1})
    assert (counted["stories"], len(counted["days"]), counted["counted_since"]) == (2, 2, None)


def test_feeds_are_found_by_a_text_and_counted_by_their_health(api):
    secret = builders.feed("b", url="https://b.example/feed?key=s3cret", state=FeedState.PAUSED)
    api.ports.stores.feeds.create([builders.feed("a", title="The World", tags=("Press",)), secret])
    viewer = api.token_of(ANA, Role.VIEWER)

    def found(text: str, token: str) -> int:
        return len(api.ask("GET", "/feeds", text=text, token=token).body["feeds"])

    assert [found(text, viewer) for text in ("WORLD", "press", "example", "s3cret", "nowhere")] == [1, 1, 2, 0, 0]
    assert found("s3cret", api.token) == 1
    assert sum(api.ask("GET", "/feeds/counts").body["health"].values()) == 2


# -- quarantine and the ledger


def test_what_is_in_quarantine_is_read_tried_again_or_discarded_with_a_reason(api):
    entries = [builders.entry(name, state=EntryState.QUARANTINED, error="it broke") for name in "abc"]
    api.ports.stores.entries.create(entries)
    listed = api.ask("GET", "/quarantine", limit="2").body
    assert (len(listed["entries"]), bool(listed["next"])) == (2, True)
    path = f"/quarantine/{entries[0].id}"
    assert api.ask("POST", f"{path}/discard", {"reason": " "}).problem == "bad-input"
    assert api.ask("POST", f"{path}/discard", {"reason": "an advertisement"}).body["discarded_by"] == ROOT
    assert [one["id"] for one in api.ask("GET", "/quarantine", state="discarded").body["entries"]] == [entries[0].id]
    assert api.ask("POST", f"{path}/replay").body["state"] == "pending"
    assert (api.ask("GET", path).status, api.ask("POST", f"{path}/replay").status) == (404, 404)


def test_the_ledger_is_read_in_pages_and_each_row_with_its_history(api):
    rows = [builders.delivery(str(number), created_at=later(number // 2)) for number in range(5)]
    api.ports.stores.deliveries.create([*rows, builders.delivery("other", recipient="b@example.org")])
    found, cursor = [], ""
    while cursor is not None:
        page = api.ask("GET", "/deliveries", recipient=rows[0].recipient, limit="2", cursor=cursor).body
        found += [one["id"] for one in page["deliveries"]]
        cursor = page["next"] or None
    assert found == [one.id for one in sorted(rows, key=lambda one: (-one.created_at.timestamp(), one.id))]
    assert api.ask("GET", f"/deliveries/{rows[0].id}").body["state"] == DeliveryState.PENDING
    assert api.ask("GET", "/deliveries/unknown").problem == "not-found"
    assert api.ask("GET", "/deliveries", cursor="bm93IHg").problem == "bad-input"
    assert api.ask("GET", "/deliveries", since=later(2).isoformat()).body["deliveries"][0]["id"] == rows[4].id
    account = api.ask("GET", "/reconciliation").body
    assert (account["adds_up"], account["faulty"]) == (False, {"stray": 6})


def test_settings_are_told_without_what_is_secret(api):
    told = {one["name"]: one for one in api.ask("GET", "/settings").body["settings"]}
    assert told["broker"]["value"] == "memory://"
    assert [one["task"] for one in api.ask("GET", "/queues").body["queues"]][:2] == ["poll", "ingest"]
    assert api.ask("GET", "/sizes").body["counts"]["feeds"] == 0


def test_a_story_is_taken_down_and_the_log_says_by_whom(api):
    api.ports.stores.stories.put([builders.story("a")])
    url = "https://a.example/a"
    assert api.ask("POST", "/takedowns", {"url": url}).status == 201
    assert [one["url"] for one in api.ask("GET", "/takedowns").body["takedowns"]] == [url]
    assert (ROOT, "take down story") in did(api)


# -- people


def test_recipients_groups_and_lists_are_described_used_and_removed(api):
    said = {"address": ANA, "zone": "Europe/Kyiv", "quiet": "22:00-07:00"}
    known = api.ask("POST", "/recipients", said).body
    assert (known["zone"], known["policy"]) == ("Europe/Kyiv", "")
    assert api.ask("POST", "/recipients", said | {"zone": "Mars"}).problem == "bad-input"
    path = f"/recipients/{known['id']}/subscription"
    assert api.ask("POST", path, {"subscribed": False}).body["unsubscribed"] == ["*"]
    assert api.ask("POST", path, {"subscribed": False, "alert_id": "unknown"}).status == 404
    assert api.ask("PUT", "/groups/desk", {"members": [ANA]}).body["members"] == [ANA]
    assert api.ask("PUT", "/lists/places", {"members": ["kursk", "sumy"]}).body == {"alerts": []}
    put_alert(api.ports, NewAlert(name="a", query="@places", recipients=("@desk",)))
    assert api.ask("PUT", "/lists/places", {"members": ["kursk"]}).body == {"alerts": ["a"]}
    for used in ("/groups/desk", "/lists/places"):
        assert api.ask("DELETE", used).problem == "bad-input"
    api.ask("DELETE", f"/alerts/{next(iter(api.ports.stores.alerts.all())).id}")
    assert [api.ask("DELETE", one).status for one in ("/groups/desk", "/lists/places")] == [204, 204]
    log = {one.did: one for one in audits(api.ports)}
    assert log["change list"].before == {"members": ["kursk", "sumy"]}
    assert log["add group"].after["members"] == [ANA]


def test_a_channel_is_kept_with_a_secret_that_is_told_once(api, site):
    address = f"webhook+{site.base}/hook"
    kept = api.ask("POST", "/channels", {"address": address}).body
    assert kept["secret"]
    listed = api.ask("GET", "/channels").body
    assert [one["id"] for one in listed["channels"]] == [kept["id"]]
    assert kept["secret"] not in json.dumps(listed)
    assert api.ask("POST", "/channels", {"address": "slack+nowhere"}).problem == "bad-input"
    assert api.ask("POST", f"/channels/{kept['id']}/test").body["taken"] is False


def test_a_viewer_says_of_their_own_mails_and_of_nobody_elses(api):
    token = api.token_of(ANA, Role.VIEWER)
    alert = put_alert(api.ports, NewAlert(name="kursk", query="kursk", recipients=(ANA,)))
    mine, theirs = builders.delivery("a", recipient=ANA), builders.delivery("b", recipient="b@example.org")
    api.ports.stores.deliveries.create([mine, theirs])
    assert [one["id"] for one in api.ask("GET", "/inbox", token=token).body["deliveries"]] == [mine.id]
    assert api.ask("POST", f"/inbox/{mine.id}/irrelevant", token=token).body["irrelevant"] is True
    assert api.ask("POST", f"/inbox/{theirs.id}/irrelevant", token=token).status == 404
    assert api.ask("PUT", "/preferences", {"zone": "Europe/Kyiv"}, token=token).body["zone"] == "Europe/Kyiv"
    muted = api.ask("POST", f"/preferences/alerts/{alert.id}/mute", token=token).body
    assert (list(muted["muted"]), muted["alerts"]) == ([alert.id], [{"id": alert.id, "name": "kursk"}])
    assert {(ANA, "call story irrelevant"), (ANA, "change preferences")} <= did(api)


# -- users and tokens


def test_a_user_is_invited_changed_disabled_and_let_in_again(api):
    made = api.ask("POST", "/users", {"address": ANA, "role": "analyst", "teams": ["World"]}).body
    path = f"/users/{made['id']}"
    assert (made["teams"], made["has_password"], "/link/" in api.ask("POST", f"{path}/link").body["link"]) == (
        ["world"],
        False,
        True,
    )
    token = api.token_for(ANA)
    assert api.ask("GET", "/alerts", token=token).status == 200
    assert api.ask("PATCH", path, {"disabled": True}).body["disabled"] is True
    assert api.ask("GET", "/alerts", token=token).status == 401
    assert api.ask("PATCH", path, {"disabled": False, "role": "viewer"}).body["role"] == "viewer"
    assert api.ask("GET", "/alerts", token=token).status == 200
    assert api.ask("DELETE", path).status == 204
    assert {one["did"] for one in api.ask("GET", "/audits", limit="200").body["audits"]} >= {
        "change user",
        "remove user",
    }


def test_the_only_administrator_that_is_let_in_can_not_be_shut_out(api):
    other = api.ask("POST", "/users", {"address": ANA, "role": "administrator"}).body
    assert api.ask("PATCH", f"/users/{other['id']}", {"disabled": True}).status == 200
    (root,) = (one for one in api.ask("GET", "/users").body["users"] if one["address"] == ROOT)
    for body in ({"disabled": True}, {"role": "viewer"}):
        assert api.ask("PATCH", f"/users/{root['id']}", body).problem == "bad-input"
    assert api.ask("DELETE", f"/users/{root['id']}").problem == "bad-input"


def test_a_token_makes_none_that_may_do_more_than_itself(api):
    token = api.token_of(ANA, Role.OPERATOR, Scope.READ, Scope.WRITE)
    made = api.ask("POST", "/tokens", {"name": "wall", "scopes": ["read"]}, token=token)
    assert (made.status, api.ask("GET", "/alerts", token=made.body["token"]).status) == (201, 200)
    assert api.ask("POST", "/tokens", {"name": "more", "scopes": ["operate"]}, token=token).status == 403
    assert api.ask("POST", "/tokens", {"name": "more", "scopes": ["read"]}, token=made.body["token"]).status == 403
    (wall,) = (one for one in api.ask("GET", "/tokens", token=token).body["tokens"] if one["name"] == "wall")
    assert api.ask("DELETE", f"/tokens/{wall['id']}").status == 404  # of somebody else
    assert api.ask("DELETE", f"/tokens/{wall['id']}", token=token).status == 204
    assert api.ask("GET", "/alerts", token=made.body["token"]).status == 401


def test_trends_count_matches_by_day_and_why_not_is_answered(api, clock):
    alert = put_alert(api.ports, NewAlert(name="kursk", query="kursk"))
    story = builders.story("a", title="Kursk", site="News")
    api.ports.stores.stories.put([story])
    moments = [clock.now(), clock.now() - timedelta(days=1)]
    matches = [builders.match(str(at), alert_id=alert.id, story_id=story.id, matched_at=at) for at in moments]
    api.ports.stores.matches.create(matches)
    found = api.ask("GET", "/trends", days="2").body
    assert (found["alerts"][0]["by_day"], found["outlets"]) == ([1, 1], {"News": 1})
    assert api.ask("GET", "/explain", url=story.url, alert="kursk").body["steps"]
    assert api.ask("GET", "/explain", url=story.url, recipient=ANA).problem == "bad-input"
