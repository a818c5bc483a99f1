"""What queries mean here: with the lists of the store and the spellings of the settings, and what follows an edit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from pipeline.errors import BadInput, NotFound, QueryError
from pipeline.flow.lookback import look_back
from pipeline.ids import identify
from pipeline.model import Alert, WordList
from pipeline.ports import Ports
from pipeline.query.meaning import Lexicon, understand
from pipeline.query.syntax import OPERATOR, Query, lists_named, parse

_LIST_NAME = re.compile(r"\w[\w-]{0,60}")


def understood(ports: Ports, typed: str, *, variants: bool = True) -> Query:
    """The query that `typed` means. Raises QueryError."""
    return understand(typed, lexicon(ports), variants=variants)


def lexicon(ports: Ports) -> Lexicon:
    """The lists and spellings in force."""
    return Lexicon({one.name: one.members for one in ports.stores.lists.all()}, ports.variants)


def list_id(name: str) -> str:
    """The id of the list called `name`."""
    return identify("list", name.lower().removeprefix("@"))


def put_list(ports: Ports, name: str, members: Sequence[str]) -> list[Alert]:
    """Save a list; the alerts that use it are understood anew, and those that changed come back.

    Raises BadInput for a name or a member that can't be, and for an edit that an alert would not outlive.
    """
    name, unique = checked_members(name, members)
    known = lexicon(ports)
    edited = Lexicon({**known.lists, name: unique}, known.variants)
    for alert in _users(ports, name):
        if isinstance(error := _meaning(alert, edited), QueryError):
            raise BadInput(f"alert {alert.name!r} would no longer be accepted: {error.reason}: {error.cure}")
    now = ports.clock.now()
    ports.stores.lists.put([WordList(id=list_id(name), name=name, members=unique, updated_at=now)])
    return _understand_anew(ports, _users(ports, name), edited)  # looked for again: one may just have been saved


def checked_members(name: str, members: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The name and members of a list as they are kept. Raises BadInput for what can't be."""
    name = name.lower().removeprefix("@")
    if not _LIST_NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a list: use letters, digits and - without spaces")
    unique = tuple(dict.fromkeys(member.strip() for member in members if member.strip()))
    if not unique:
        raise BadInput(f"list @{name} needs at least one word")
    for member in unique:
        _check_member(name, member)
    return name, unique


def remove_list(ports: Ports, name: str) -> None:
    """Remove a list that no alert uses. Raises NotFound, BadInput."""
    name = name.lower().removeprefix("@")
    users = [alert.name for alert in _users(ports, name)]
    if users:
        raise BadInput(f"list @{name} is used by {', '.join(map(repr, users[:5]))}: change those alerts first")
    if not ports.stores.lists.delete([list_id(name)]):
        raise NotFound("list", name)


def recheck_alerts(ports: Ports) -> list[Alert]:
    """Understand every alert anew, after an upgrade or an edit of the operator's table; those that changed.

    An alert that can't be understood any more keeps its meaning: it goes on firing as it did.
    """
    return _understand_anew(ports, ports.stores.alerts.all(), lexicon(ports))


def recheck_lists(ports: Ports, alert: Alert) -> Alert:
    """The alert, just saved, as the lists are now: one that it uses may have been edited while it was understood."""
    if not lists_named(alert.query):
        return alert
    changed = _understand_anew(ports, [alert], lexicon(ports))
    return changed[0] if changed else alert


def _check_member(name: str, member: str) -> None:
    if '"' in member:
        raise BadInput(f"list @{name}: leave the quotes out of {member!r}: each member is a word or a phrase")
    if any(OPERATOR.fullmatch(word) and word.isupper() for word in member.split()):
        raise BadInput(f"list @{name}: {member!r} has an operator: give each word or phrase as a member of its own")
    sign, words = ("=", member[1:]) if member.startswith("=") else ("", member)
    try:
        parse(f'{sign}"{words}"')
    except QueryError as error:
        raise BadInput(f"list @{name}: {member!r}: {error.reason}: {error.cure}") from None


def _users(ports: Ports, name: str) -> list[Alert]:
    return [alert for alert in ports.stores.alerts.all() if name in lists_named(alert.query)]


def _understand_anew(ports: Ports, alerts: Iterable[Alert], words: Lexicon) -> list[Alert]:
    """Have the alerts mean what `words` make of them; those that changed.

    One that can't be understood any more keeps its meaning. What counts is the query that is saved when it is written,
    which somebody may have edited since it was read.
    """
    now = ports.clock.now()
    concerned = [alert.id for alert in alerts if _meaning(alert, words) != alert.meaning]
    changed = ports.stores.alerts.update(concerned, lambda alert: _with_meaning(alert, words, now))
    look_back(ports, changed, began=now)
    return changed


def _with_meaning(alert: Alert, words: Lexicon, now: datetime) -> Alert | None:
    meaning = _meaning(alert, words)
    if isinstance(meaning, QueryError) or meaning == alert.meaning:
        return None
    return replace(alert, meaning=meaning, health="", updated_at=now)


def _meaning(alert: Alert, words: Lexicon) -> str | QueryError:
    try:
        return understand(alert.query, words, variants=alert.variants).text
    except QueryError as error:
        return error
