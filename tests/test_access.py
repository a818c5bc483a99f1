"""Signing in and out, and what is kept from whom: the real console over HTTP, on both backends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreUnavailable
from pipeline.flow.accounts.audit import audits
from pipeline.flow.accounts.users import change_user, first_link, invite, link_for, use_link
from pipeline.model import Role, User
from pipeline.ports import Ports
from tests import builders
from tests.browser import Browser
from tests.conftest import world
from tests.consoles import console
from tests.servers import free_port
from workers.console import throttle
from workers.console.access import sees
from workers.console.api.bodies import MOST_BYTES
from workers.console.sessions import local

ROOT, ANA, NOBODY = "root@example.org", "ana@example.org", "nob@example.org"
GOOD = "correct horse battery"


@dataclass(slots=True)
class Office:
    """A console where people have to sign in."""

    ports: Ports
    port: int
    users: dict[str, User] = field(default_factory=dict)

    def user(self, address: str, role: Role, *teams: str) -> User:
        """Somebody who has chosen the password GOOD."""
        made = invite(self.ports, "test", address, role=role, teams=teams)
        return use_link(self.ports, link_for(self.ports, "test", made).rpartition("/")[2], GOOD)

    def stranger(self) -> Browser:
        return Browser(self.port)

    def signed_in(self, address: str) -> Browser:
        browser = Browser(self.port)
        assert browser.sign_in(address, GOOD).status == 303
        return browser


@contextmanager
def opened(ports: Ports) -> Iterator[Office]:
    port = free_port()
    with console(ports, port, [], by_session=True):
        yield Office(ports, port)


@pytest.fixture
def office(ports: Ports) -> Iterator[Office]:
    with opened(ports) as made:
        yield made


# -- the first administrator


def test_the_first_link_lets_one_administrator_in_and_then_nobody(office):
    path = urlsplit(first_link(office.ports)).path
    browser = office.stranger()
    assert "Become the first administrator" in browser.get(path).text
    entered = browser.fill(path, path, address=ROOT, password=GOOD, again=GOOD)
    assert (entered.status, entered.headers["Location"]) == (303, "/")
    assert browser.get("/users").status == 200
    again = office.stranger()
    assert (again.get(path).status, "was used" in again.get(path).text) == (422, True)
    assert again.post(path, {"address": ANA, "password": GOOD, "again": GOOD}).status == 422
    assert office.ports.stores.users.count() == 1


def test_a_slip_in_the_password_is_said_and_the_link_goes_on_working(office):
    path = urlsplit(first_link(office.ports)).path
    browser = office.stranger()
    slipped = browser.fill(path, path, address=ROOT, password=GOOD, again=GOOD + "x")
    assert (slipped.status, "two passwords differ" in slipped.alert) == (422, True)
    assert "12 at the least" in browser.fill(path, path, address=ROOT, password="short", again="short").alert
    assert "no mail address" in browser.fill(path, path, address="root", password=GOOD, again=GOOD).alert
    assert browser.fill(path, path, address=ROOT, password=GOOD, again=GOOD).status == 303


# -- signing in and out


def test_a_stranger_is_sent_to_sign_in_and_then_on_to_where_they_wanted(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.stranger()
    sent = browser.get("/users?done=saved")
    assert (sent.status, sent.headers["Location"]) == (303, "/sign-in?next=%2Fusers%3Fdone%3Dsaved")
    assert 'value="/users?done=saved"' in browser.get(sent.headers["Location"]).text
    entered = browser.sign_in(ROOT, GOOD, next="/users?done=saved")
    assert (entered.status, entered.headers["Location"]) == (303, "/users?done=saved")
    assert browser.get("/users").status == 200


def test_a_part_of_a_page_says_in_its_place_that_its_visitor_is_signed_out(office):
    sent = office.stranger().get("/users", headers={"HX-Request": "true"})
    assert (sent.status, "HX-Redirect" in sent.headers) == (401, False)
    assert "You are signed out" in sent.words


def test_whoever_is_signed_out_while_they_write_keeps_what_they_wrote(office):
    written = {"name": "kursk", "query": "kursk <b>AND</b> pact", "password": "my secret", "form_token": "x"}
    lost = office.stranger().post("/alerts/new", written)
    assert lost.status == 401
    assert "kursk &lt;b&gt;AND&lt;/b&gt; pact</textarea>" in lost.text
    assert "my secret" not in lost.text
    office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.stranger()
    browser.sign_in(ROOT, GOOD)
    stale = browser.post("/alerts/new", written)  # of the session before
    assert (stale.status, "pact</textarea>" in stale.text) == (403, True)


def test_the_cookie_is_kept_from_scripts_and_other_sites(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    (cookie,) = (
        line for line in office.stranger().sign_in(ROOT, GOOD).headers.get_all("Set-Cookie") if "session" in line
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_never_goes_in_the_clear(stores, tmp_path, clock):
    ports = world(stores, tmp_path, clock, public_url="https://wirewatch.example", links_secret="0123456789" * 4)
    with opened(ports) as office:
        office.user(ROOT, Role.ADMINISTRATOR)
        cookies = office.stranger().sign_in(ROOT, GOOD).headers.get_all("Set-Cookie")
    assert all("Secure" in line for line in cookies if "session" in line)


def test_a_session_is_worth_nothing_after_signing_out(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.signed_in(ROOT)
    thief = Browser(office.port, dict(browser.cookies))
    assert browser.fill("/users", "/sign-out").status == 303
    assert [one.get("/users").status for one in (browser, thief)] == [303, 303]


def test_a_session_ends_with_another_role_and_another_password(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    office.user(ANA, Role.ADMINISTRATOR)
    browser, other = office.signed_in(ANA), office.signed_in(ANA)
    changed = browser.fill("/account", "/account/password", current=GOOD, new=GOOD * 2, again=GOOD * 2)
    assert changed.headers["Location"] == "/account?done=password"
    assert [one.get("/account").status for one in (browser, other)] == [200, 303]
    change_user(office.ports, ROOT, ANA, role=Role.VIEWER)
    assert browser.get("/account").status == 303
    assert browser.sign_in(ANA, GOOD * 2).status == 303  # with the cookie of the dead session still there
    assert browser.get("/account").status == 200


def test_an_unknown_address_and_a_wrong_password_are_answered_with_the_same_bytes(office):
    office.user(ANA, Role.VIEWER)
    browser = office.stranger()
    known = browser.sign_in(ANA, "a guess of mine")
    unknown = browser.sign_in(NOBODY, "a guess of mine")
    assert (known.status, unknown.status) == (422, 422)
    assert known.text.replace(ANA, NOBODY) == unknown.text
    named = {name for name in known.headers if name.lower() != "date"}
    assert {name: known.headers[name] for name in named - {"content-length"}} == {
        name: unknown.headers[name] for name in named - {"content-length"}
    }


def test_an_unknown_address_costs_a_password_hash_too(office, monkeypatch):
    verified = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *said: verified.append(said[1][:9]) or verify(*said))
    office.stranger().sign_in(NOBODY, GOOD)
    assert verified == ["$argon2id"]


def test_an_address_is_tried_ten_times_in_a_quarter_of_an_hour_whether_anybody_has_it_or_not(office):
    office.user(ANA, Role.VIEWER)
    browser = office.stranger()
    for address in (ANA, NOBODY):
        tried = [browser.sign_in(address, "a guess of mine").status for _ in range(11)]
        assert tried == [422] * 10 + [429]
    assert "Too many tries" in browser.sign_in(ANA, GOOD).alert
    office.user(ROOT, Role.VIEWER)
    assert browser.sign_in(ROOT, GOOD).status == 303


def test_a_client_that_tries_many_addresses_is_stopped_though_it_has_an_account_of_its_own(office, monkeypatch):
    monkeypatch.setattr(throttle, "_OF_CLIENT", throttle.RateLimitItemPerMinute(5, 15))
    office.user(ANA, Role.VIEWER)
    browser = office.stranger()
    assert [browser.sign_in(f"a{number}@example.org", GOOD).status for number in range(4)] == [422] * 4
    assert [office.stranger().sign_in(ANA, GOOD).status for _ in range(2)] == [303, 429]


def test_a_password_is_tried_ten_times_by_somebody_who_has_signed_in_too(office):
    office.user(ANA, Role.VIEWER)
    browser = office.signed_in(ANA)
    guess = {"current": "a guess of mine", "new": GOOD + "!", "again": GOOD + "!"}
    tried = [browser.fill("/account", "/account/password", **guess).status for _ in range(11)]
    assert tried == [422] * 10 + [429]
    assert browser.fill("/account", "/account/password", **(guess | {"current": GOOD})).status == 429


def test_an_address_signs_in_as_it_was_written_in_the_invitation(office):
    office.user("Ana@Bücher.example", Role.VIEWER)
    assert office.stranger().sign_in("ana@bücher.example", GOOD).status == 303


@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/alerts"])
def test_more_than_a_form_can_hold_is_refused_before_anybody_is_asked_who_they_are(office, path):
    page = office.stranger()._go("POST", path, b"x" * (MOST_BYTES + 1), {"Content-Type": "application/json"})
    assert page.status == 413


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "//[",
        "",
        "x",
    ],
)
def test_nobody_is_led_to_another_site_after_signing_in(target):
    assert local(target) == "/"


@given(st.text())
def test_whatever_the_target_it_stays_on_this_site(target):
    found = urlsplit(local(target))
    assert (found.scheme, found.netloc, found.path[:1]) == ("", "", "/")


# -- forms of other sites


def test_a_form_without_the_token_of_its_session_changes_nothing(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    browser, other = office.signed_in(ROOT), office.signed_in(ROOT)
    forged = {"missing": "", "made up": "0" * 64, "of another session": other.get("/users").token}
    for token in forged.values():
        assert browser.post("/users", {"address": ANA, "role": "administrator", "form_token": token}).status == 403
        assert browser.post("/sign-out", {"form_token": token}).status == 403
    assert office.ports.stores.users.count() == 1
    assert browser.fill("/users", "/users", address=ANA, role="viewer").status == 200


def test_no_other_site_signs_anybody_in(office):
    office.user(ANA, Role.VIEWER)
    answer = office.stranger().post("/sign-in", {"address": ANA, "password": GOOD})
    assert (answer.status, "wirewatch_session" in str(answer.headers)) == (403, False)


# -- roles, teams, the audit log


def test_what_a_role_may_not_do_is_refused_and_not_done(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    office.user(ANA, Role.VIEWER)
    browser = office.signed_in(ANA)
    assert browser.get("/users").status == 403
    assert browser.fill("/account", "/users", address=NOBODY, role="administrator").status == 403
    assert browser.fill("/account", "/users/audit").status in (403, 405)
    assert office.ports.stores.users.count() == 2
    assert 'href="/users"' not in browser.get("/account").text


def test_an_administrator_invites_changes_and_removes_and_the_log_says_so(office, mails):
    office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.signed_in(ROOT)
    invited = browser.fill("/users", "/users", address=ANA, name="<b>Ana</b>", role="viewer", teams="World, sport")
    assert "/link/" in invited.text
    assert str(mails()[0]["To"]) == ANA
    assert "&lt;b&gt;Ana" in browser.get("/users").text
    ana = next(one for one in office.ports.stores.users.all() if one.address == ANA)
    assert ana.teams == ("world", "sport")
    saved = browser.fill(f"/users/{ana.id}", f"/users/{ana.id}", name="Ana", role="analyst", teams="")
    assert saved.headers["Location"] == f"/users/{ana.id}?done=saved"
    assert browser.fill("/users", f"/users/{ana.id}/remove").status == 303
    done = [(one.who, one.did, one.about) for one in audits(office.ports)]
    for did in ("add user", "make link for user", "change user", "remove user"):
        assert (ROOT, did, ANA) in done
    log = browser.get("/users/audit").text
    assert "role: viewer" in log
    assert "argon2" not in log


def test_the_audit_log_is_read_to_its_beginning(office, monkeypatch):
    monkeypatch.setattr("workers.console.users.SHOWN", 2)
    office.user(ROOT, Role.ADMINISTRATOR)
    for number in range(5):
        office.user(f"user{number}@example.org", Role.VIEWER)
    browser, path, found = office.signed_in(ROOT), "/users/audit", []
    while path:
        page = browser.get(path)
        found += page.tree.xpath("//tbody/tr/th/text()")
        path = next(iter(page.tree.xpath("//a[@rel='next']/@href")), "")
    assert len(found) == office.ports.stores.audits.count() > 5
    assert found == [f"{one.did}: {one.about}" for one in audits(office.ports)]


@pytest.mark.parametrize("path", ["/healthz", "/sign-in", "/static/console.css", "/api/v1/openapi.json", "/nowhere"])
def test_who_asks_for_the_head_alone_gets_what_a_page_would_have(office, path):
    whole, head = (office.stranger()._go(method, path, b"", {}) for method in ("GET", "HEAD"))
    assert (head.status, head.text, head.headers["Content-Type"]) == (whole.status, "", whole.headers["Content-Type"])


def test_the_last_administrator_stays_and_is_told_why(office):
    root = office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.signed_in(ROOT)
    refused = browser.fill("/users", f"/users/{root.id}/remove")
    assert (refused.status, "only administrator" in refused.alert) == (422, True)


def test_a_user_sees_the_alerts_of_their_teams_and_of_no_team_and_an_administrator_all():
    mine, others, free = (builders.alert(team=team) for team in ("world", "sport", ""))
    user = User(id="u", address=ANA, role=Role.OPERATOR, teams=("world",))
    assert [sees(user, one) for one in (mine, others, free)] == [True, False, True]
    root = User(id="r", address=ROOT, role=Role.ADMINISTRATOR)
    assert all(sees(root, one) for one in (mine, others, free))


def test_a_new_token_is_shown_once_and_can_be_revoked(office):
    office.user(ANA, Role.ANALYST)
    browser = office.signed_in(ANA)
    made = browser.fill("/account", "/account/tokens", name="wall", scopes=["read", "write"])
    assert "ww_" in made.text
    later = browser.get("/account").text
    assert ("ww_" in later, "read, write" in later) == (False, True)
    assert "needs a scope" in browser.fill("/account", "/account/tokens", name="wall").alert
    (token,) = (one for one in office.ports.stores.credentials.all() if one.name == "wall")
    assert browser.fill("/account", f"/account/tokens/{token.id}/revoke").status == 303
    assert "wall" not in browser.get("/account").text


# -- what goes wrong


def test_an_unknown_page_and_an_unknown_user_are_pages_that_say_so(office):
    office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.signed_in(ROOT)
    assert (browser.get("/nowhere").status, browser.get("/users/nobody").status) == (404, 404)
    assert "There is no such user" in browser.get("/users/nobody").text


def test_a_lost_store_is_a_page_that_says_so(office, monkeypatch):
    office.user(ROOT, Role.ADMINISTRATOR)
    browser = office.signed_in(ROOT)

    def lost(*_: object) -> None:
        raise StoreUnavailable("it is away")

    monkeypatch.setattr(office.ports.stores.users, "get", lost)
    monkeypatch.setattr(office.ports.stores.users, "count", lost)
    answer = browser.get("/users")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert "The store does not answer" in answer.text
    assert (browser.get("/readyz").status, browser.get("/healthz").status) == (503, 200)


def test_a_console_with_its_store_is_ready(office):
    assert office.stranger().get("/readyz").status == 200
