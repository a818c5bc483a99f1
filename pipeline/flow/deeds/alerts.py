"""Alerts: save, pause, resume, remove, put back. What was removed is kept for REMOVED_FOR."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec.structs import replace

from pipeline.errors import BadInput, NotFound
from pipeline.flow.accounts.audit import record
from pipeline.flow.accounts.credentials import end_feeds_of
from pipeline.flow.alerts import manage
from pipeline.flow.alerts.language import understood
from pipeline.flow.alerts.manage import NewAlert
from pipeline.flow.lookback import look_back
from pipeline.flow.readers.people import checked_recipients
from pipeline.model import Alert, AlertState, RemovedAlert
from pipeline.ports import Ports

FIRST_DAY = date(1970, 1, 1)
"""On which there may be matches: Elasticsearch keeps no earlier moment."""
REMOVED_FOR = timedelta(days=7)
"""How long an alert that was removed may be put back."""


def save_alert(ports: Ports, who: str, new: NewAlert, *, replace_existing: bool = False, edited: str = "") -> Alert:
    """Save an alert. Raises BadInput, also when the name is taken and `replace_existing` is not set.

    Raises Superseded where it is another than the `edited` one by now (manage.edition), if that is said.
    """
    key = manage.alert_id(new.name)
    before = ports.stores.alerts.get([key]).get(key) if replace_existing else None
    after = manage.put_alert(ports, new, replace_existing=replace_existing, edited=edited)
    record(ports, who, "change alert" if before else "add alert", after.name, before, after)
    return after


def set_alert_state(ports: Ports, who: str, name: str, state: AlertState) -> Alert:
    """Pause or resume the alert of this name or id. Raises NotFound."""
    before = manage.find_alert(ports, name)
    after = manage.set_alert_state(ports, before.name, state)
    record(ports, who, "change alert", after.name, before, after)
    return after


def remove_alert(ports: Ports, who: str, name: str) -> Alert:
    """Remove the alert of this name or id; what it matched stays, and it may be put back. Raises NotFound."""
    alert, now = manage.find_alert(ports, name), ports.clock.now()
    # Kept before it goes, so that whoever dies in between loses nothing.
    ports.stores.removed_alerts.put([RemovedAlert(id=alert.id, alert=alert, by=who, at=now)])
    manage.remove_alert(ports, alert.name)
    record(ports, who, "remove alert", alert.name, alert, None)
    return alert


def removed_alerts(ports: Ports) -> list[RemovedAlert]:
    """What may be put back, the latest first."""
    since = ports.clock.now() - REMOVED_FOR
    there = (one for one in ports.stores.removed_alerts.all() if one.at > since)
    return sorted(there, key=lambda one: one.at, reverse=True)


def restore_alert(ports: Ports, who: str, alert_id: str) -> Alert:
    """Put a removed alert back under its id: the query and recipients it had, as they are understood today.

    Raises NotFound, and BadInput where its name is in use again, or a list or a group that it names is gone.
    """
    kept = next((one for one in removed_alerts(ports) if one.id == alert_id), None)
    if kept is None:
        raise NotFound("removed alert", alert_id)
    after = replace(_as_today(ports, kept.alert), updated_at=ports.clock.now())
    if not ports.stores.alerts.create([after])[0]:
        raise BadInput(f"there is an alert {after.name!r} again: remove or keep that one")
    ports.stores.removed_alerts.delete([alert_id])
    look_back(ports, [after])
    record(ports, who, "put back alert", after.name, None, after)
    return after


def _as_today(ports: Ports, alert: Alert) -> Alert:
    """Lists and groups were changed or removed without regard to it since it was removed itself."""
    try:
        meaning = understood(ports, alert.query, variants=alert.variants).text
        recipients = checked_recipients(ports, alert.recipients)
    except BadInput as error:
        raise BadInput(f"alert {alert.name!r} can't be put back as it was: {error}") from None
    return replace(alert, meaning=meaning, recipients=recipients, health="")


def forget_removed(ports: Ports) -> int:
    """Let go of the removed alerts whose time is over, and of the addresses of their feeds; how many alerts.

    One that has matches yet stays, to keep its name from other teams, who would come by them (manage.put_alert).
    """
    since = ports.clock.now() - REMOVED_FOR
    gone = [one.id for one in ports.stores.removed_alerts.all() if one.at <= since]
    end_feeds_of(ports, set(gone) - ports.stores.alerts.get(gone).keys())
    matched = ports.stores.matches.by_day(FIRST_DAY) if gone else {}
    return ports.stores.removed_alerts.delete([one for one in gone if one not in matched])
