"""Users: how they come to be, prove who they are and lose it again; on both backends."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from pipeline.errors import BadInput, NotFound
from pipeline.flow.accounts import audit, credentials
from pipeline.flow.accounts.credentials import (
    find_credential,
    holder,
    make_token,
    open_session,
    revoke_token,
    tokens_of,
)
from pipeline.flow.accounts.users import (
    change_password,
    change_user,
    find_user,
    first_link,
    invite,
    link_for,
    link_user,
    mail_link,
    remove_user,
    sign_in,
    use_link,
    users,
)
from pipeline.flow.operations.prune import Bounds, prune
from pipeline.flow.watchdog import EXPIRY, due_watchdogs, watch
from pipeline.model import CredentialKind, Role, Scope, User
from pipeline.ports import Ports
from tests import builders

ROOT, ANA = "root@example.org", "ana@example.org"
GOOD = "correct horse battery"


def secret_of(link: str) -> str:
    return link.rpartition("/")[2]


def administrator(ports: Ports) -> User:
    return use_link(ports, secret_of(first_link(ports)), GOOD, address=ROOT)


def holds(ports: Ports, secret: str) -> bool:
    session = find_credential(ports, secret, CredentialKind.SESSION)
    return session is not None and holder(ports, session) is not None


def test_the_first_link_makes_an_administrator_once(ports):
    one, other = first_link(ports), first_link(ports)
    made = use_link(ports, secret_of(one), GOOD, address="Root@Example.ORG")
    assert (made.address, made.role) == (ROOT, Role.ADMINISTRATOR)
    assert first_link(ports) == ""
    for link in (one, other):
        with pytest.raises(BadInput, match="link was used"):
            use_link(ports, secret_of(link), GOOD, address=ANA)
    assert users(ports) == [made]


def test_of_two_who_use_one_link_at_once_one_gets_in(ports):
    secret = secret_of(first_link(ports))

    def attempt(number: int) -> bool:
        try:
            return bool(use_link(ports, secret, GOOD, address=f"a{number}@example.org"))
        except BadInput:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]
    assert len(users(ports)) == 1


def test_a_link_with_a_refused_password_still_works(ports):
    secret = secret_of(first_link(ports))
    with pytest.raises(BadInput, match="12 at the least"):
        use_link(ports, secret, "short", address=ROOT)
    assert use_link(ports, secret, GOOD, address=ROOT)


def test_a_link_ends_after_three_days(ports, clock):
    secret = secret_of(first_link(ports))
    clock.turn(timedelta(days=3).total_seconds())
    with pytest.raises(BadInput, match="too old"):
        link_user(ports, secret)


def test_an_invited_user_signs_in_with_the_password_they_chose_and_no_other(ports):
    administrator(ports)
    ana = invite(ports, ROOT, ANA, name="Ana", role=Role.ANALYST, teams=["World", "world"])
    assert ana.teams == ("world",)
    assert sign_in(ports, ANA, "") is None
    use_link(ports, secret_of(link_for(ports, ROOT, ana)), GOOD)
    assert sign_in(ports, " Ana@example.org ", GOOD).id == ana.id
    assert sign_in(ports, ANA, GOOD + "!") is None
    assert sign_in(ports, "nobody@example.org", GOOD) is None


def test_a_password_is_kept_as_an_argon2_hash_and_a_secret_as_a_hash(ports):
    root = administrator(ports)
    assert root.password.startswith("$argon2id$v=19$m=65536,t=3,")
    secret = open_session(ports, root)
    (kept,) = ports.stores.credentials.all()
    assert secret not in repr(kept)


def test_a_session_ends_with_a_new_password_a_new_role_and_its_time(ports, clock):
    root = administrator(ports)
    session = open_session(ports, root)
    assert holds(ports, session)
    root = change_password(ports, root, GOOD, GOOD * 2)
    assert not holds(ports, session)
    ana = invite(ports, ROOT, ANA)
    session = open_session(ports, ana)
    assert change_user(ports, ROOT, ANA, name="Ana").version == ana.version
    assert holds(ports, session)
    change_user(ports, ROOT, ANA, role=Role.OPERATOR)
    assert not holds(ports, session)
    session = open_session(ports, root)
    clock.turn(credentials.SESSION_FOR.total_seconds())
    assert not holds(ports, session)


def test_the_current_password_is_asked_for_before_another(ports):
    root = administrator(ports)
    with pytest.raises(BadInput, match="current password"):
        change_password(ports, root, "a guess of mine", GOOD * 2)


def test_the_only_administrator_can_be_neither_removed_nor_demoted(ports):
    administrator(ports)
    for change in (
        lambda: remove_user(ports, ROOT, ROOT),
        lambda: change_user(ports, ROOT, ROOT, role=Role.VIEWER),
    ):
        with pytest.raises(BadInput, match="only administrator"):
            change()


def test_who_was_invited_and_chose_no_password_is_no_administrator_to_leave_alone(ports):
    administrator(ports)
    ana = invite(ports, ROOT, ANA, role=Role.ADMINISTRATOR)
    for change in (
        lambda: remove_user(ports, ROOT, ROOT),
        lambda: change_user(ports, ROOT, ROOT, disabled=True),
    ):
        with pytest.raises(BadInput, match="only administrator who can sign in"):
            change()
    other = invite(ports, ROOT, "slip@example.org", role=Role.ADMINISTRATOR)
    assert remove_user(ports, ROOT, other.address) == other
    use_link(ports, secret_of(link_for(ports, ROOT, ana)), GOOD)
    assert remove_user(ports, ROOT, ROOT).address == ROOT


def test_a_removed_user_leaves_nothing_that_lets_anybody_in(ports):
    administrator(ports)
    ana = invite(ports, ROOT, ANA)
    session, link = open_session(ports, ana), link_for(ports, ROOT, ana)
    make_token(ports, ana, "wall", [Scope.READ])
    remove_user(ports, ROOT, ANA)
    invite(ports, ROOT, ANA)
    assert not holds(ports, session)
    with pytest.raises(BadInput, match="link was used"):
        link_user(ports, secret_of(link))
    assert tokens_of(ports, ana) == []
    with pytest.raises(NotFound):
        find_user(ports, "nobody@example.org")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"address": "no address"}, "no mail address"),
        ({"name": "Ana\nBcc: x"}, "no name"),
        ({"teams": ["two words"]}, "no name of a team"),
    ],
)
def test_what_can_not_be_is_refused_by_name(ports, said, why):
    with pytest.raises(BadInput, match=why):
        invite(ports, ROOT, **{"address": ANA} | said)
    assert users(ports) == []


def test_a_second_invitation_of_an_address_changes_nothing(ports):
    invite(ports, ROOT, ANA, role=Role.OPERATOR)
    with pytest.raises(BadInput, match="there is a user"):
        invite(ports, ROOT, ANA.upper().lower())
    assert find_user(ports, ANA).role is Role.OPERATOR


def test_an_invitation_is_mailed_with_its_link(ports, mails):
    ana = invite(ports, ROOT, ANA)
    link = link_for(ports, ROOT, ana, "https://wirewatch.example")
    assert mail_link(ports, ana, link) == f"mailed to {ANA}"
    (mail,) = mails()
    assert mail["To"] == ANA
    assert re.search(r"https://wirewatch\.example/link/\S+", mail.get_content()).group() == link


def test_the_audit_log_says_who_changed_what_and_holds_no_secret(ports, clock):
    administrator(ports)
    clock.turn(1)
    ana = invite(ports, ROOT, ANA, role=Role.VIEWER)
    clock.turn(1)
    change_user(ports, ROOT, ANA, role=Role.ANALYST)
    clock.turn(1)
    use_link(ports, secret_of(link_for(ports, ROOT, find_user(ports, ana.address))), GOOD)
    clock.turn(1)
    remove_user(ports, ROOT, ANA)
    found = list(audit.audits(ports))
    assert (found[0].who, found[0].did, found[0].about, found[0].after) == (ROOT, "remove user", ANA, {})
    changed = next(one for one in found if one.did == "change user")
    assert (changed.before, changed.after) == ({"role": "viewer"}, {"role": "analyst"})
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert "argon2" not in repr(found)


def test_the_audit_log_holds_no_key_of_a_channel(ports):
    key = "slack+https://hooks.slack.com/services/T0/B0/hush-hush-hush"
    alert = builders.alert("kursk", recipients=(ANA, key))
    channel = builders.recipient(key, secret="signing-key")
    audit.record(ports, ROOT, "add alert", alert.name, None, alert)
    audit.record(ports, ROOT, "remove channel", "slack", channel, None)
    found = repr(list(audit.audits(ports)))
    assert "slack+https://hooks.slack.com/…" in found
    assert "hush-hush" not in found
    assert "signing-key" not in found
    assert ANA in found


def test_what_is_done_to_many_things_is_an_audit_for_each_of_500_and_a_count_of_the_rest(ports):
    audit.record_all(ports, ROOT, "pause feed", [audit.Changed(f"feed {number}") for number in range(600)])
    about = {one.about for one in audit.audits(ports)}
    assert about == {*(f"feed {number}" for number in range(500)), "100 more"}


def test_a_token_is_revoked_by_its_owner_alone(ports):
    root, ana = administrator(ports), invite(ports, ROOT, ANA)
    secret = make_token(ports, ana, "wall", [Scope.READ, Scope.READ])
    (token,) = tokens_of(ports, ana)
    assert (token.name, token.scopes, secret[:3]) == ("wall", (Scope.READ,), "ww_")
    with pytest.raises(NotFound):
        revoke_token(ports, root, token.id)
    revoke_token(ports, ana, token.id)
    assert find_credential(ports, secret, CredentialKind.TOKEN) is None


def test_what_has_ended_is_removed_once_a_day_and_nothing_else(ports, clock):
    root = administrator(ports)
    open_session(ports, root)
    clock.turn(credentials.SESSION_FOR.total_seconds() - 1)
    open_session(ports, root)
    assert prune(ports, Bounds()).expired == 0
    clock.turn(1)
    assert EXPIRY in due_watchdogs(ports, clock.now())
    watch(ports, EXPIRY)
    assert ports.stores.credentials.count() == 1
