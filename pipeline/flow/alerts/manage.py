"""What people do to alerts: save, pause, resume, remove. Everything is checked before it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import msgspec
from msgspec.structs import replace

from pipeline.errors import BadInput, NotFound, Superseded
from pipeline.flow.alerts.language import lexicon, recheck_lists, understood
from pipeline.flow.lookback import look_back
from pipeline.flow.readers.people import checked_policy, checked_recipients, checked_team
from pipeline.ids import identify
from pipeline.model import Alert, AlertState
from pipeline.ports import Ports
from pipeline.query.meaning import Lexicon, understand

MOST_THROTTLE = 1_000
LONGEST_NAME = 200
_JOINERS = str.maketrans("", "", "\u200c\u200d")
"""Characters that are not seen and belong to words, in Persian for one, and to emoji."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """An alert as a person or a TOML file gives it."""

    name: str
    query: str
    recipients: tuple[str, ...] = ()
    variants: bool = True
    copies: bool = False
    updates: bool = False
    policy: str = "immediate"
    throttle: int = 0
    urgent: bool = False
    team: str = ""
    state: AlertState = AlertState.ACTIVE  # of one that is new; what is replaced keeps its own


def alert_id(name: str) -> str:
    """The id of the alert called `name`."""
    return identify("alert", name.strip())


def edition(alert: Alert) -> str:
    """What tells an alert from the same before somebody edited it; pausing it and what engines note is no edit."""
    said = [getattr(alert, one.name) for one in fields(NewAlert) if one.name != "state"]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]


def checked_alert(ports: Ports, new: NewAlert, *, groups: Sequence[str] = (), words: Lexicon | None = None) -> Alert:
    """Make the alert that `new` describes; `groups` are some that are about to be made, `words` the lists then.

    Raises QueryError, or BadInput for a name, a recipient, a policy, a throttle or a team that can't be.
    """
    _check_name(ports, new)
    meaning = understand(new.query, words or lexicon(ports), variants=new.variants).text
    try:
        recipients, policy = checked_recipients(ports, new.recipients, also=groups), checked_policy(new.policy)
        team = checked_team(new.team) if new.team else ""
        _check_throttle(new)
    except BadInput as error:
        raise BadInput(f"alert {new.name!r}: {error}") from None
    now = ports.clock.now()
    return Alert(
        id=alert_id(new.name),
        name=new.name.strip(),
        query=new.query,
        meaning=meaning,
        variants=new.variants,
        copies=new.copies,
        updates=new.updates,
        recipients=recipients,
        policy=policy,
        throttle=new.throttle,
        urgent=new.urgent,
        team=team,
        state=new.state,
        created_at=now,
        updated_at=now,
    )


def _check_name(ports: Ports, new: NewAlert) -> None:
    """One that is there already keeps its name, whatever was taken for one in its time."""
    name = new.name.strip()
    if not name:
        raise BadInput("an alert needs a name: give a short one")
    if len(name) <= LONGEST_NAME and name.translate(_JOINERS).isprintable():
        return
    if ports.stores.alerts.get([alert_id(name)]):
        return
    if len(name) > LONGEST_NAME:
        raise BadInput(f"a name of {len(name):,} letters: give one of {LONGEST_NAME} at the most")
    raise BadInput(f"{name!r} is no name: leave out line breaks, control characters and unusual blanks")


def _check_throttle(new: NewAlert) -> None:
    if not 0 <= new.throttle <= MOST_THROTTLE:
        raise BadInput(f"a throttle of {new.throttle}: give mails an hour, up to {MOST_THROTTLE}, or 0 for no bound")


def faults(ports: Ports, new: NewAlert) -> dict[str, BadInput]:
    """All for which `checked_alert` would refuse an alert, by field: for a form, which tells it in its place."""
    checks: dict[str, Callable[[], object]] = {
        "name": lambda: _check_name(ports, new),
        "query": lambda: understood(ports, new.query, variants=new.variants),
        "recipients": lambda: checked_recipients(ports, new.recipients),
        "policy": lambda: checked_policy(new.policy),
        "throttle": lambda: _check_throttle(new),
        "team": lambda: checked_team(new.team) if new.team else "",
    }
    found: dict[str, BadInput] = {}
    for field, check in checks.items():
        try:
            check()
        except BadInput as error:
            found[field] = error
    return found


def put_alert(ports: Ports, new: NewAlert, *, replace_existing: bool = False, edited: str = "") -> Alert:
    """Save an alert. Raises BadInput when the name is taken and `replace_existing` is not set.

    `edited` is the `edition` that `new` was made of: raises Superseded where there is another by now.
    """
    alert = checked_alert(ports, new)
    _check_freed(ports, alert)
    if ports.stores.alerts.create([alert])[0]:
        look_back(ports, [alert])
        return recheck_lists(ports, alert)
    if not replace_existing:
        raise BadInput(f"there is an alert {alert.name!r} already: choose another name, or remove it first")

    def replaced(known: Alert) -> Alert:
        if edited and edition(known) != edited:
            raise Superseded(f"alert {known.name!r} was changed meanwhile: look at what it is now, and save again")
        return replace(alert, created_at=known.created_at, state=known.state)

    changed = ports.stores.alerts.update([alert.id], replaced)
    if not changed:  # somebody removed it in between
        return put_alert(ports, new)
    look_back(ports, changed)
    return recheck_lists(ports, changed[0])


def _check_freed(ports: Ports, alert: Alert) -> None:
    """Matches stand under the alert's id, which is made of its name: with it another team would come by them."""
    removed = ports.stores.removed_alerts.get([alert.id]).get(alert.id)
    if removed and removed.alert.team != alert.team and not ports.stores.alerts.get([alert.id]):
        raise BadInput(f"an alert {alert.name!r} was removed that had another team: choose another name")


def set_alert_state(ports: Ports, name: str, state: AlertState) -> Alert:
    """Pause or resume an alert. Raises NotFound."""
    now = ports.clock.now()
    changed = ports.stores.alerts.update([alert_id(name)], lambda alert: replace(alert, state=state, updated_at=now))
    if not changed:
        raise NotFound("alert", name)
    look_back(ports, changed)
    return changed[0]


def remove_alert(ports: Ports, name: str) -> Alert:
    """Remove an alert; what it matched stays in the ledger. Raises NotFound."""
    alert = find_alert(ports, name)
    ports.stores.alerts.delete([alert.id])
    return alert


def find_alert(ports: Ports, name: str) -> Alert:
    """The alert of this name or id. Raises NotFound."""
    found = ports.stores.alerts.get([alert_id(name), name])
    if not found:
        raise NotFound("alert", name)
    return found.get(name) or found[alert_id(name)]


def all_alerts(ports: Ports) -> Iterable[Alert]:
    """Every alert."""
    return ports.stores.alerts.all()
