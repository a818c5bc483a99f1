"""The API: who may ask what, what is done once, and how errors look; over HTTP, on both backends."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from pipeline.adapters import sqlite
from pipeline.errors import BadInput, StoreUnavailable
from pipeline.flow.accounts.audit import audits
from pipeline.flow.accounts.users import change_user, remove_user
from pipeline.flow.alerts.manage import NewAlert, alert_id, put_alert
from pipeline.model import Role, Scope
from pipeline.ports import Ports
from tests import builders
from tests.apis import ROOT, Api, asking
from tests.builders import NOON, later
from tests.conftest import world
from tests.consoles import console
from tests.servers import free_port
from workers.console import cursors
from workers.console.api import callers, replies

ANA, OPA = "ana@example.org", "opa@example.org"


@pytest.fixture
def api(ports: Ports) -> Iterator[Api]:
    with asking(ports) as made:
        yield made


KURSK = {"name": "kursk", "query": "kursk", "recipients": [ANA]}


# -- tokens, scopes, teams


@pytest.mark.parametrize("token", ["", "ww_made-up", "\u00e4"])
def test_without_a_good_token_nothing_is_told(api, token):
    for method, path in (("GET", "/alerts"), ("GET", "/stories?q=kursk"), ("POST", "/feeds"), ("GET", "/alerts/x")):
        answer = api.ask(
            method, path, {} if method == "POST" else None, token=token.encode("latin-1").decode("latin-1")
        )
        assert (answer.status, answer.problem, answer.headers["WWW-Authenticate"]) == (401, "blank", "Bearer")


def test_a_token_does_what_its_scopes_and_its_users_role_allow_and_no_more(api):
    feed = {"url": "https://a.example/feed"}
    reading = api.token_of(ANA, Role.ADMINISTRATOR, Scope.READ)
    viewers = api.token_of(OPA, Role.VIEWER)
    for token in (reading, viewers):
        assert api.ask("GET", "/alerts", token=token).status == 200
        assert api.ask("POST", "/alerts", KURSK, token=token).status == 403
        assert api.ask("POST", "/feeds", feed, token=token).status == 403
        assert api.ask("DELETE", f"/alerts/{alert_id('kursk')}", token=token).status == 403
    assert api.ports.stores.alerts.count() == api.ports.stores.feeds.count() == 0
    change_user(api.ports, "test", OPA, role=Role.OPERATOR)
    assert api.ask("POST", "/feeds", feed, token=viewers).status == 201


def test_a_token_ends_with_its_time_and_its_user(api, clock):
    token = api.token_of(ANA, Role.VIEWER)
    assert api.ask("GET", "/alerts", token=token).status == 200
    remove_user(api.ports, "test", ANA)
    assert api.ask("GET", "/alerts", token=token).status == 401
    clock.turn(timedelta(days=365).total_seconds())
    assert api.ask("GET", "/alerts").status == 401


def test_another_teams_alert_is_not_there(api):
    put_alert(api.ports, NewAlert(name="sport", query="goal", team="sport"))
    put_alert(api.ports, NewAlert(name="free", query="kursk"))
    theirs, token = alert_id("sport"), api.token_of(ANA, Role.OPERATOR, teams=("world",))
    unknown = api.ask("GET", "/alerts/unknown", token=token)
    for method, body in (("GET", None), ("PUT", {"query": "mine"}), ("DELETE", None)):
        answer = api.ask(method, f"/alerts/{theirs}", body, token=token)
        assert (answer.status, answer.body) == (404, unknown.body)
    assert [one["name"] for one in api.ask("GET", "/alerts", token=token).body["alerts"]] == ["free"]
    assert api.ports.stores.alerts.get([theirs])[theirs].query == "goal"
    assert api.ask("GET", f"/alerts/{theirs}").status == 200


def test_an_alert_is_given_to_a_team_by_its_members_alone(api):
    token = api.token_of(ANA, Role.ANALYST, teams=("world",))
    assert api.ask("POST", "/alerts", KURSK | {"team": "sport"}, token=token).status == 403
    assert api.ask("POST", "/alerts", KURSK | {"team": "World"}, token=token).body["team"] == "world"
    moved = api.ask("PUT", f"/alerts/{alert_id('kursk')}", {"query": "kursk", "team": "sport"}, token=token)
    assert moved.status == 403


def test_a_teams_alert_stays_the_teams_unless_a_change_says_otherwise(api):
    path = f"/alerts/{api.ask('POST', '/alerts', KURSK | {'team': 'world'}).body['id']}"
    assert api.ask("PUT", path, {"query": "pact"}).body["team"] == "world"
    assert api.ask("PUT", path, {"query": "pact", "team": ""}).body["team"] == ""


# -- alerts


def test_an_alert_is_made_read_changed_and_removed_and_the_audit_log_says_so(api):
    made = api.ask("POST", "/alerts", KURSK).body
    path = f"/alerts/{made['id']}"
    assert api.ask("GET", path).body == made
    changed = api.ask("PUT", path, {"query": "kursk AND pact", "policy": "hourly"}).body
    assert (changed["name"], changed["policy"], changed["recipients"]) == ("kursk", "hourly", [])
    assert api.ask("DELETE", path).status == 204
    assert (api.ask("GET", path).status, api.ask("DELETE", path).status) == (404, 404)
    log = {one.did: one for one in audits(api.ports) if one.about == "kursk"}
    assert set(log) == {"add alert", "change alert", "remove alert"}
    assert (log["change alert"].who, log["change alert"].before["query"]) == (ROOT, "kursk")
    assert log["change alert"].after["query"] == "kursk AND pact"


def test_a_change_of_what_somebody_else_has_changed_is_412_where_it_says_of_which_state_it_is(api):
    path = f"/alerts/{api.ask('POST', '/alerts', KURSK).body['id']}"
    tag = api.ask("GET", path).headers["ETag"]
    changed = api.ask("PUT", path, {"query": "pact"}, match=tag)
    assert (changed.status, changed.headers["ETag"] == tag) == (200, False)
    late = api.ask("PUT", path, {"query": "belgorod"}, match=tag)
    assert (late.status, late.problem) == (412, "superseded")
    assert api.ask("GET", path).body["query"] == "pact"
    for match in (f'"another", {changed.headers["ETag"]}', "*", ""):
        assert api.ask("PUT", path, {"query": "pact"}, match=match).status == 200


def test_a_refused_query_says_where_and_what_to_do(api):
    answer = api.ask("POST", "/alerts", KURSK | {"query": "kursk AND (pact"})
    assert (answer.status, answer.problem) == (422, "query")
    assert answer.body["position"] == 10
    assert answer.body["cure"]
    assert api.ask("GET", "/queries/check", q="kursk AND (pact").body["position"] == 10


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        KURSK | {"querry": "y"},
        KURSK | {"throttle": -1},
        KURSK | {"recipients": ["no address"]},
        KURSK | {"policy": "now and then"},
        KURSK | {"team": "two words"},
        KURSK | {"query": "\ud800"},
        [],
    ],
)
def test_what_can_not_be_is_refused_and_nothing_kept(api, body):
    assert api.ask("POST", "/alerts", body).problem in ("fields", "bad-input")
    assert api.ports.stores.alerts.count() == 0


def test_pages_of_a_list_hold_everything_once(api):
    for number in range(7):
        api.ask("POST", "/alerts", KURSK | {"name": f"kursk {number}"})
    names, cursor, sizes = [], "", []
    while cursor is not None:
        page = api.ask("GET", "/alerts", limit="3", cursor=cursor).body
        names += [one["name"] for one in page["alerts"]]
        sizes.append(len(page["alerts"]))
        cursor = page["next"] or None
    assert (sizes, sorted(names)) == ([3, 3, 1], [f"kursk {number}" for number in range(7)])
    assert api.ask("GET", "/alerts", cursor="????").problem == "bad-input"


@given(st.text())
def test_a_cursor_leads_back_to_its_place(place):
    place = place.encode("utf-8", "replace").decode()
    assert cursors.read(cursors.write(place)) == place


@given(st.text(alphabet=st.characters(max_codepoint=0x7F)))
def test_a_made_up_cursor_is_refused_or_read(text):
    try:
        assert isinstance(cursors.read(text), str)
    except BadInput as refused:
        assert "begin without one" in str(refused)  # noqa: PT017 -- either is right


# -- stories and queries


def test_stories_come_in_pages_latest_first_also_those_of_one_moment(api):
    stories = [
        builders.story(f"s{number}", title=f"Kursk {number}", published=later(number // 4 + number % 2 / 1_000_000))
        for number in range(10)
    ]
    api.ports.stores.stories.put(stories)
    found, cursor = [], ""
    while cursor is not None:
        page = api.ask("GET", "/stories", q="kursk", limit="3", cursor=cursor).body
        found += [one["id"] for one in page["stories"]]
        cursor = page["next"] or None
    ordered = sorted(stories, key=lambda one: one.id)
    seconds = {one.id: one.published.replace(microsecond=0) for one in stories}
    assert found == [one.id for one in sorted(ordered, key=lambda one: seconds[one.id], reverse=True)]


def test_a_story_has_its_text_and_an_unknown_one_is_a_problem(api):
    story = builders.story(title="Kursk", body="Two villages near Kursk were left.")
    api.ports.stores.stories.put([story])
    assert api.ask("GET", f"/stories/{story.id}").body["body"] == story.body
    assert api.ask("GET", "/stories", q="kursk").body["stories"][0]["highlights"]
    assert api.ask("GET", "/stories/unknown").problem == "not-found"
    assert api.ask("GET", "/stories", q="kursk", until=NOON.isoformat()).body["stories"] == []


def test_a_query_is_explained_and_tried_before_it_is_saved(api, clock):
    api.ports.stores.stories.put([builders.story(title="The defence of Kursk", published=clock.now())])
    read = api.ask("GET", "/queries/check", q="defence AND kursk").body
    assert any("defense" in str(one["variants"]) for one in read["clauses"])
    assert read["tree"]["says"] == "all of these"
    assert read["tree"]["parts"][0] == {"says": "defence", "also": ["defense"], "parts": []}
    tried = api.ask("GET", "/queries/preview", q="defense AND kursk", days="7").body
    assert (tried["stories"], tried["examples"][0]["title"]) == (1, "The defence of Kursk")


def test_when_a_mail_would_come_now_is_told_for_each_recipient(api):
    quiet = api.ask("POST", "/alerts", KURSK | {"policy": "daily 08:00", "recipients": ["ana@example.org"]}).body
    (told,) = api.ask("GET", f"/alerts/{quiet['id']}/next").body["recipients"]
    assert (told["recipient"], told["state"], told["at"][11:16]) == ("ana@example.org", "held", "08:00")


def test_all_that_a_search_finds_is_had_as_csv(api, clock):
    titles = [f"Kursk, day {number}" for number in range(120)]
    stories = [builders.story(title, title=title, published=clock.now()) for title in titles]
    api.ports.stores.stories.put([*stories, builders.story("other", title="=Sumy()", published=clock.now())])
    rows = list(csv.DictReader(io.StringIO(api.read("/stories/csv?q=kursk+OR+sumy"))))
    assert {row["title"] for row in rows} == {*titles, "'=Sumy()"}  # no cell is a formula
    assert api.ask("GET", "/stories/csv", q="kursk AND").problem == "query"


# -- once, and not too often


def test_a_post_sent_twice_under_one_key_is_done_once_and_answered_alike(api, clock):
    first, second = (api.ask("POST", "/alerts", KURSK, key="k1") for _ in range(2))
    assert (first.status, second.status, first.body) == (201, 201, second.body)
    assert api.ask("POST", "/alerts", KURSK).problem == "bad-input"
    assert api.ask("POST", "/alerts", KURSK | {"query": "pact"}, key="k1").status == 422
    clock.turn(replies.KEPT.total_seconds())
    assert api.ask("POST", "/alerts", KURSK, key="k1").problem == "bad-input"


def test_a_key_is_of_its_token_alone_and_is_free_again_after_a_failure(api):
    other = api.token_of(ANA, Role.ANALYST)
    assert api.ask("POST", "/alerts", KURSK | {"policy": "?"}, key="k1").status == 422
    assert api.ask("POST", "/alerts", KURSK, key="k1").status == 201
    assert api.ask("POST", "/alerts", KURSK | {"name": "theirs"}, key="k1", token=other).status == 201


def test_what_is_under_way_is_not_begun_again(api, clock):
    body = replies.UNDER_WAY.total_seconds()
    made = api.ask("POST", "/alerts", KURSK, key="k1")
    (kept,) = api.ports.stores.replies.all()
    api.ports.stores.replies.update([kept.id], lambda one: builders.under_way(one, clock.now() + replies.UNDER_WAY))
    assert (made.status, api.ask("POST", "/alerts", KURSK, key="k1").status) == (201, 409)
    clock.turn(body)
    assert api.ask("POST", "/alerts", KURSK, key="k1").problem == "bad-input"


def test_every_answer_says_what_is_left_and_beyond_it_is_429(api, monkeypatch):
    monkeypatch.setattr(callers, "OF_TOKEN", callers.RateLimitItemPerMinute(3))
    answers = [api.ask("GET", path) for path in ("/alerts", "/alerts/unknown", "/feeds", "/alerts")]
    assert [one.status for one in answers] == [200, 404, 200, 429]
    assert [one.headers["RateLimit"].split(";")[1] for one in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60


def test_who_tries_tokens_is_stopped(api, monkeypatch):
    monkeypatch.setattr(callers, "OF_STRANGER", callers.RateLimitItemPerMinute(2))
    assert [api.ask("GET", "/alerts", token=f"t{number}").status for number in range(3)] == [401, 401, 429]


# -- feeds, and what goes wrong


def test_a_feed_is_added_once_and_listed_with_its_health(api):
    added = api.ask("POST", "/feeds", {"url": "https://a.example/feed", "tags": ["world"]})
    assert (added.status, added.body["tags"]) == (201, ["world"])
    assert api.ask("POST", "/feeds", {"url": "https://a.example/feed/"}).problem == "bad-input"
    assert api.ask("POST", "/feeds", {"url": "file:///etc/passwd"}).problem == "bad-input"
    assert [one["id"] for one in api.ask("GET", "/feeds").body["feeds"]] == [added.body["id"]]


def test_a_lost_store_is_a_problem_that_says_when_to_try_again(api, monkeypatch):
    def lost(*_: object) -> None:
        raise StoreUnavailable("/secret/place: it is away")

    monkeypatch.setattr(api.ports.stores.alerts, "all", lost)
    answer = api.ask("GET", "/alerts")
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "30")
    assert "secret" not in str(answer.body)


def test_what_nobody_foresaw_is_a_problem_that_tells_nothing(api, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(api.ports.stores.alerts, "all", broken)
    answer = api.ask("GET", "/alerts")
    assert (answer.status, answer.problem, "secret" in str(answer.body)) == (500, "unforeseen", False)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("PATCH", "/alerts", 405), ("GET", "/alerts/a%0Ab", 404)]
)
def test_an_address_or_method_that_is_not_there_is_a_problem_too(api, method, path, status):
    assert (api.ask(method, path).status, api.ask(method, path).problem) == (status, "blank")


def test_a_session_of_the_console_opens_nothing_in_the_api(api):
    assert "wirewatch_session" not in json.dumps(api.ask("GET", "/openapi.json", token="").body)
    assert api.ask("GET", "/openapi.json", token="").body["components"]["securitySchemes"]["HTTPBearer"]


# -- whatever is sent, it answers as its description says


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """The address of an API on SQLite, and a token that may do everything."""
    from datetime import UTC, datetime

    from tests.fakes import Clock

    folder = tmp_path_factory.mktemp("api")
    stores = sqlite.open_stores(str(folder / "store.db"))
    stores.prepare()
    ports, port = world(stores, folder, Clock(datetime.now(UTC))), free_port()
    with pytest.MonkeyPatch.context() as patch, console(ports, port, [], by_session=True):
        patch.setattr(callers, "OF_TOKEN", callers.RateLimitItemPerMinute(1_000_000))
        stores.alerts.put([builders.alert()])
        stores.stories.put([builders.story(title="Kursk")])
        yield f"http://127.0.0.1:{port}/api/v1", Api(ports, port).token_of(ROOT, Role.ADMINISTRATOR)
    ports.fetcher.close()
    ports.extractor.close()
    stores.close()


def test_the_api_answers_as_its_description_says(described):
    address, token = described
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) == 76
    for operation in operations:
        hold_to_description(operation, token)


BEYOND_A_SCHEMA = [
    positive_data_acceptance,  # no schema says what a query, an address or a cursor of ours is
    ignored_auth,  # asks without the token, which has its own test, and would be stopped as a stranger (429)
]


def hold_to_description(operation: schemathesis.schemas.APIOperation, token: str) -> None:
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def answers(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(headers=headers, excluded_checks=BEYOND_A_SCHEMA, timeout=20)

    answers()
