"""Users of the console: who they are, how they prove it, what they may do. Every change is in the audit log.

Nobody is given a password. A one-time link lets its reader choose one: the first administrator's is printed where the
console is started, that of an invitation is shown to whoever invites and mailed; a forgotten password is a new link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pipeline.address import served_at
from pipeline.deliver.notice import invitation_mail
from pipeline.errors import BadInput, DeliveryRefused, DeliveryUnavailable, NotFound
from pipeline.flow.accounts import audit
from pipeline.flow.accounts.credentials import LINK_FOR, end_all_of, find_credential, holder, make_link, use_up
from pipeline.flow.readers.people import checked_mail_address, checked_team
from pipeline.ids import identify
from pipeline.model import Credential, CredentialKind, Role, User
from pipeline.ports import Ports
from pipeline.settings import Settings

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 1_000
"""Letters of a password (NIST SP 800-63B-4, 3.1.1.2, asks for length and for no mixture)."""
_BAD_LINK = "this link was used, is too old, or is none of ours: ask an administrator for a new one"

_at_once = BoundedSemaphore(2)  # a hash takes 64 MiB: a flood of sign-ins waits for its turn


@cache
def _hasher() -> PasswordHasher:
    """Argon2id, 64 MiB, 3 passes: the second choice of RFC 9106, section 4."""
    from argon2 import PasswordHasher  # noqa: PLC0415 -- most commands know no password, and need not wait for it

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """What is verified for an address that nobody has, so that it takes as long as for one that somebody has."""
    return _hasher().hash(b"the password of nobody")


def user_id(address: str) -> str:
    """The id of the user at `address`."""
    return identify("user", address)


def find_user(ports: Ports, address: str) -> User:
    """The user at that address, or with that id. Raises NotFound."""
    known = ports.stores.users.get([user_id(_as_kept(address)), address])
    if not known:
        raise NotFound("user", address)
    return next(iter(known.values()))


def _as_kept(address: str) -> str:
    """An address as somebody types it, in the spelling under which they were invited with it."""
    try:
        return checked_mail_address(address.strip())
    except BadInput:
        return address  # which nobody has


def users(ports: Ports) -> list[User]:
    """All users, by address."""
    return sorted(ports.stores.users.all(), key=lambda user: user.address)


def invite(
    ports: Ports, who: str, address: str, *, name: str = "", role: Role = Role.VIEWER, teams: Sequence[str] = ()
) -> User:
    """Make a user, who has no password yet. Raises BadInput for what can't be, or is there already."""
    user = _checked_user(address, name, role, teams)
    if not ports.stores.users.create([user])[0]:
        raise BadInput(f"there is a user {user.address} already: change that one")
    audit.record(ports, who, "add user", user.address, None, user)
    return user


def change_user(
    ports: Ports,
    who: str,
    address: str,
    *,
    name: str | None = None,
    role: Role | None = None,
    teams: Sequence[str] | None = None,
    disabled: bool | None = None,
) -> User:
    """Change what is said; the rest stays. A new role, or disabling, ends their sessions. Raises NotFound, BadInput."""
    before = find_user(ports, address)
    if role not in (None, before.role) or disabled:
        _refuse_last(ports, before)

    def changed(user: User) -> User:
        made = _checked_user(
            user.address,
            user.name if name is None else name,
            user.role if role is None else role,
            user.teams if teams is None else teams,
        )
        off = user.disabled if disabled is None else disabled
        version = user.version + (made.role is not user.role or off != user.disabled)
        return replace(user, name=made.name, role=made.role, teams=made.teams, disabled=off, version=version)

    after = _updated(ports, before, changed)
    if after != before:
        audit.record(ports, who, "change user", after.address, before, after)
    return after


def remove_user(ports: Ports, who: str, address: str) -> User:
    """Remove a user with all their sessions, links and tokens; their alerts stay. Raises NotFound, BadInput."""
    user = find_user(ports, address)
    _refuse_last(ports, user)
    ports.stores.users.delete([user.id])
    end_all_of(ports, user.id)
    audit.record(ports, who, "remove user", user.address, user, None)
    return user


def link_for(ports: Ports, who: str, user: User, base: str = "") -> str:
    """The address of a one-time link for `user`, under the console's own address `base` (by default as set)."""
    audit.record(ports, who, "make link for user", user.address, None, None)
    return link_address(base or console_address(ports.settings), make_link(ports, user))


def first_link(ports: Ports, base: str = "") -> str:
    """The address of a one-time link for the first administrator; empty where there is a user."""
    if ports.stores.users.count():
        return ""
    return link_address(base or console_address(ports.settings), make_link(ports, None))


def mail_link(ports: Ports, user: User, link: str) -> str:
    """Mail a one-time link to its user; what came of it, in words. The link may be handed over in other ways."""
    days = LINK_FOR.days
    try:
        ports.mailer.send(invitation_mail(user.address, link, days, ports.clock.now(), ports.settings))
    except (DeliveryUnavailable, DeliveryRefused) as error:
        return f"not mailed: {error}"
    return f"mailed to {user.address}"


def console_address(settings: Settings) -> str:
    """Where people reach the console, as far as the settings tell; without a / at its end."""
    return settings.public_url or served_at(settings.console_host, settings.console_port).rstrip("/")


def link_address(base: str, secret: str) -> str:
    """The address of the page where a one-time link is used."""
    return f"{base.rstrip('/')}/link/{secret}"


def link_user(ports: Ports, secret: str) -> tuple[Credential, User | None]:
    """The one-time link with this secret, and its user; None for the first administrator's. Raises BadInput."""
    link = find_credential(ports, secret, CredentialKind.LINK)
    if link is None:
        raise BadInput(_BAD_LINK)
    user = holder(ports, link) if link.user_id else None
    if (link.user_id and user is None) or (not link.user_id and ports.stores.users.count()):
        raise BadInput(_BAD_LINK)
    return link, user


def use_link(ports: Ports, secret: str, password: str, *, address: str = "") -> User:
    """Choose a password by a one-time link, which then works no more; the user. Raises BadInput.

    The first administrator says at which `address` they are.
    """
    link, user = link_user(ports, secret)
    hashed = _hashed(password)
    made = user or _checked_user(address, "", Role.ADMINISTRATOR, ())
    if not use_up(ports, link):
        raise BadInput(_BAD_LINK)
    if user is None:
        first = replace(made, password=hashed)
        if not ports.stores.users.create([first])[0]:
            raise BadInput(_BAD_LINK)
        audit.record(ports, first.address, "add user", first.address, None, first)
        return first
    return _with_password(ports, made, hashed)


def change_password(ports: Ports, user: User, current: str, new: str) -> User:
    """Give `user` another password, which ends all their sessions. Raises BadInput."""
    if not _verified(user.password or _nobodys(), current):
        raise BadInput("the current password is another one")
    return _with_password(ports, user, _hashed(new))


def sign_in(ports: Ports, address: str, password: str) -> User | None:
    """The user with this address and password, or None: which of the two was wrong can't be told, by time neither."""
    key = user_id(_as_kept(address))
    user = ports.stores.users.get([key]).get(key)
    nobodys = _nobodys()  # made by the first one who asks, whoever they say they are
    right = _verified(user.password if user and user.password else nobodys, password)
    return user if user and user.password and right and not user.disabled else None


def _checked_user(address: str, name: str, role: Role, teams: Sequence[str]) -> User:
    if not name.isprintable():
        raise BadInput(f"{name!r} is no name: leave out line breaks and control characters")
    known = checked_mail_address(address.strip())
    named = tuple(dict.fromkeys(checked_team(one) for one in teams if one.strip()))
    return User(id=user_id(known), address=known, name=name.strip(), role=role, teams=named)


def _refuse_last(ports: Ports, user: User) -> None:
    """Who was invited and has not chosen a password may never do so: they are nobody to leave the others to."""
    others = [one for one in ports.stores.users.all() if one.id != user.id and _administers(one)]
    signs_in = [one for one in others if one.password]
    if not _administers(user) or signs_in or (others and not user.password):
        return
    cure = "make another one first, who chooses a password"
    raise BadInput(f"{user.address} is the only administrator who can sign in: {cure}")


def _administers(user: User) -> bool:
    return user.role is Role.ADMINISTRATOR and not user.disabled


def _with_password(ports: Ports, user: User, hashed: str) -> User:
    after = _updated(ports, user, lambda one: replace(one, password=hashed, version=one.version + 1))
    audit.record(ports, user.address, "choose password of user", user.address, None, None)
    return after


def _updated(ports: Ports, user: User, change: Callable[[User], User]) -> User:
    changed = ports.stores.users.update([user.id], change)
    if not changed:  # somebody removed them in between
        raise NotFound("user", user.address)
    return changed[0]


def _hashed(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"a password of {len(password)} letters: give {SHORTEST} at the least, {LONGEST} at the most")
    with _at_once:
        return _hasher().hash(password.encode("utf-8", "surrogatepass"))


def _verified(hashed: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 -- as its hasher

    try:
        with _at_once:
            return _hasher().verify(hashed, password[: LONGEST + 1].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
