"""What people say of recipients and groups: who they are, when their mails go. All is checked before it is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from babel import Locale
from msgspec.structs import replace

from pipeline.deliver.channel import Channel, channel_of, one_spelling, shown
from pipeline.deliver.policy import read_policy, read_quiet, read_zone
from pipeline.errors import BadInput, NotFound
from pipeline.flow.readers.channels import check_channel
from pipeline.flow.readers.recipients import GROUP, change_recipient, group_id, recipient_id
from pipeline.model import Group, Recipient
from pipeline.ports import Ports

_SHORT_NAME = re.compile(r"\w[\w-]{0,60}")
_LOCAL = re.compile(r"(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
DESCRIBED = ("name", "zone", "language", "policy", "quiet")
"""What can be said of a recipient; all else is their own doing, or the mail server's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    """A recipient as a person or a TOML file describes them. None: as it stands, or else as Recipient has it."""

    address: str
    name: str | None = None
    zone: str | None = None
    language: str | None = None
    policy: str | None = None
    quiet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """A group as a person or a TOML file gives it."""

    name: str
    members: tuple[str, ...]


def checked_address(ports: Ports, address: str) -> str:
    """`address` as it is kept: of mail, or a channel's. Raises BadInput."""
    if channel_of(address) is Channel.MAIL:
        return checked_mail_address(address)
    check_channel(ports, address)
    return address


def checked_mail_address(address: str) -> str:
    """`address` in one spelling, its domain as the DNS has it (IDNA). Raises BadInput for what is no mail address.

    The part before the @ has to be a dot-string of RFC 5321 (4.1.2) in ASCII: what needs quotes or SMTPUTF8 is refused.
    """
    local, _, domain = address.rpartition("@")
    try:
        named = domain.encode("idna").decode().lower()  # refuses labels that are empty or too long
    except UnicodeError:
        named = ""
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(named):
        raise BadInput(
            f"{shown(address)!r} is no mail address: give one as analyst@example.org, or as docs/channels.md has it"
        )
    return one_spelling(f"{local}@{named}")


def checked_recipients(ports: Ports, named: Sequence[str], *, also: Sequence[str] = ()) -> tuple[str, ...]:
    """Addresses and groups that an alert names, each once. Raises BadInput for one that can't be.

    A group has to be there (or in `also`), so that no alert goes to nobody for a slip of the pen.
    """
    groups = [one.lower() for one in named if one.startswith(GROUP)]
    known = {GROUP + one.name for one in ports.stores.groups.get([group_id(one) for one in groups]).values()}
    for one in groups:
        if one not in known and one.removeprefix(GROUP) not in also:
            raise BadInput(f"there is no group {one}: make it first, wirewatch groups set {one[1:] or 'NAME'} ADDRESS")
    return tuple(dict.fromkeys(one.lower() if one.startswith(GROUP) else checked_address(ports, one) for one in named))


def checked_policy(text: str) -> str:
    """A policy as it is kept. Raises BadInput."""
    read_policy(text)
    return " ".join(text.lower().split())


def checked_team(name: str) -> str:
    """A team's name as it is kept, in lower case. Raises BadInput."""
    team = name.strip().lower()
    if not _SHORT_NAME.fullmatch(team):
        raise BadInput(f"{name!r} is no name of a team: use letters, digits and - without spaces")
    return team


def checked_recipient(ports: Ports, new: NewRecipient) -> Recipient:
    """The recipient that `new` describes, as if nothing else were known. Raises BadInput."""
    address, now = checked_address(ports, new.address), ports.clock.now()
    return _described(Recipient(id=recipient_id(address), address=address, updated_at=now), new, now)


def _described(recipient: Recipient, new: NewRecipient, now: datetime) -> Recipient:
    said = {name: getattr(new, name) for name in DESCRIBED if getattr(new, name) is not None}
    described = replace(recipient, **said, updated_at=now)
    if not described.name.isprintable():
        raise BadInput(f"{described.name!r} is no name: leave out line breaks and control characters")
    if not _is_language(described.language):
        raise BadInput(f"{described.language!r} is no language: give two letters as ISO 639-1 has them, such as en")
    read_zone(described.zone)
    read_quiet(described.quiet)
    return replace(described, policy=checked_policy(described.policy) if described.policy else "")


def _is_language(code: str) -> bool:
    return len(code) == 2 and code in Locale("en").languages


def put_recipient(ports: Ports, new: NewRecipient, *, reinstate: bool = False) -> Recipient:
    """Save what is said of a recipient; the rest stays. `reinstate` sends to an address that was given up.

    Raises BadInput.
    """
    now, made = ports.clock.now(), checked_recipient(ports, new)

    def described(known: Recipient) -> Recipient:
        after = _described(known, new, now)
        return replace(after, bounces=0, bounced="") if reinstate else after

    return change_recipient(ports, made.address, described)


def is_described(recipient: Recipient) -> bool:
    """Whether a person has said anything of them; else they are known for a bounce or a preference only."""
    usual = Recipient(id=recipient.id, address=recipient.address, updated_at=recipient.updated_at)
    return any(getattr(recipient, name) != getattr(usual, name) for name in DESCRIBED)


def checked_group(ports: Ports, new: NewGroup) -> Group:
    """The group that `new` describes. Raises BadInput for a name or a member that can't be, and for no members."""
    name = new.name.lower().removeprefix(GROUP)
    if not _SHORT_NAME.fullmatch(name):
        raise BadInput(f"{new.name!r} is no name of a group: use letters, digits and - without spaces")
    if not new.members:
        raise BadInput(f"group @{name} needs at least one address")
    try:
        members = tuple(dict.fromkeys(checked_address(ports, one) for one in new.members))
    except BadInput as error:
        raise BadInput(f"group @{name}: {error}") from None
    return Group(id=group_id(name), name=name, members=members, updated_at=ports.clock.now())


def put_group(ports: Ports, new: NewGroup) -> Group:
    """Make or replace a group; alerts that name it go to its members from the next match on. Raises BadInput."""
    group = checked_group(ports, new)
    ports.stores.groups.put([group])
    return group


def remove_group(ports: Ports, name: str) -> None:
    """Remove a group that no alert names. Raises NotFound, BadInput."""
    wanted = GROUP + name.lower().removeprefix(GROUP)
    users = [alert.name for alert in ports.stores.alerts.all() if wanted in alert.recipients]
    if users:
        raise BadInput(f"group {wanted} is used by {', '.join(map(repr, users[:5]))}: change those alerts first")
    if not ports.stores.groups.delete([group_id(wanted)]):
        raise NotFound("group", name)
