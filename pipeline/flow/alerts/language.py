"""What queries mean here: with the lists of the store and the spellings of the settings, and what follows an edit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from pipeline.errors import BadInput, NotFound, QueryError
from pipeline.flow.lookback import look_back
from pipeline.model import Alert, WordList, identify
from pipeline.ports import Ports
from pipeline.query.meaning import Lexicon, understand
from pipeline.query.syntax import Query, parse

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
    name = name.lower().removeprefix("@")
    if not _LIST_NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a list: use letters, digits and - without spaces")
    unique = tuple(dict.fromkeys(member.strip() for member in members if member.strip()))
    if not unique:
        raise BadInput(f"list @{name} needs at least one word")
    for member in unique:
        _check_member(name, member)
    known = lexicon(ports)
    edited = Lexicon({**known.lists, name: unique}, known.variants)
    meanings, refused = _understood_anew(_users(ports, name), edited)
    for user, error in refused.items():
        raise BadInput(f"alert {user!r} would no longer be accepted: {error.reason}: {error.cure}")
    now = ports.clock.now()
    ports.stores.lists.put([WordList(id=list_id(name), name=name, members=unique, updated_at=now)])
    return _save(ports, meanings)


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
    meanings, _ = _understood_anew(ports.stores.alerts.all(), lexicon(ports))
    return _save(ports, meanings)


def _check_member(name: str, member: str) -> None:
    if '"' in member:
        raise BadInput(f"list @{name}: leave the quotes out of {member!r}: each member is a word or a phrase")
    try:
        parse(f'"{member}"')
    except QueryError as error:
        raise BadInput(f"list @{name}: {member!r}: {error.reason}: {error.cure}") from None


def _users(ports: Ports, name: str) -> list[Alert]:
    mention = re.compile(rf"@{re.escape(name)}(?![\w-])", re.IGNORECASE)
    return [alert for alert in ports.stores.alerts.all() if mention.search(alert.query)]


def _understood_anew(alerts: Iterable[Alert], words: Lexicon) -> tuple[dict[str, str], dict[str, QueryError]]:
    """The meanings that changed, by alert id, and what is wrong with the alerts no longer accepted, by name."""
    meanings: dict[str, str] = {}
    refused: dict[str, QueryError] = {}
    for alert in alerts:
        try:
            meaning = understand(alert.query, words, variants=alert.variants).text
        except QueryError as error:
            refused[alert.name] = error
            continue
        if meaning != alert.meaning:
            meanings[alert.id] = meaning
    return meanings, refused


def _save(ports: Ports, meanings: Mapping[str, str]) -> list[Alert]:
    now = ports.clock.now()
    changed = ports.stores.alerts.update(
        list(meanings), lambda alert: replace(alert, meaning=meanings[alert.id], health="", updated_at=now)
    )
    look_back(ports, changed, began=now)
    return changed
