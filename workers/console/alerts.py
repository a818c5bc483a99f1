"""/alerts: the list, and the editor that shows what a query means and finds while it is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from pipeline.deliver.channel import shown as shown_address
from pipeline.errors import BadInput, NotFound, QueryError, Superseded
from pipeline.flow.alerts import manage, syndicate
from pipeline.flow.alerts.history import EXAMPLES
from pipeline.flow.alerts.language import lexicon
from pipeline.flow.alerts.manage import NewAlert
from pipeline.flow.alerts.preview import Preview, first_deliveries, next_mails, preview
from pipeline.flow.alerts.trends import days_until, volumes
from pipeline.flow.deeds import alerts as deeds
from pipeline.flow.readers.preferences import irrelevant_stories
from pipeline.model import Alert, AlertState, Delivery, RemovedAlert, Role, Story, User
from pipeline.ports import Ports
from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.syntax import parse
from pipeline.query.variants import without
from workers.console import plots
from workers.console.access import Analyst, Viewer, sees
from workers.console.fields import Fields, Form
from workers.console.shell import Finished, page, seen
from workers.console.times import times_of

ON_A_PAGE = 50
MOST_REMOVED = 20
"""Removed alerts below the list, the latest; others are found by their names."""
LATELY = 7
"""Days, with today, whose matches are counted in the list."""
POLICIES = ("immediate", "hourly", "daily 08:00", "weekdays 08:00", "weekly mon 08:00")
DONE = {
    "saved": "Saved. It fires on what is ingested from now on.",
    "paused": "Paused: it is not matched until you resume it.",
    "removed": "Deleted. What it has sent stays in the ledger; below it can be put back for a week.",
    "restored": "Put back, with its lists and groups as they are now.",
    "withdrawn": "Withdrawn: the address of its feed leads nowhere any more.",
    "resumed": "Resumed. It fires on what is ingested from now on.",
}

SAID = {
    "query": "Query",
    "variants": "Other spellings too",
    "recipients": "Who gets it",
    "team": "Team that sees it",
    "policy": "When",
    "throttle": "Mails an hour at the most",
    "urgent": "Urgent",
    "copies": "Every copy",
    "updates": "Edits",
}
"""What an editor says of an alert that is saved, and how that is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an editor shows beside the query: what it finds, or why it can't be asked; and whom it would tell when."""

    found: Preview | None = None
    refused: QueryError | None = None
    a_day: float | None = None  # mails; None where the policy can't be read
    next: tuple[Delivery, ...] = ()
    unwanted: tuple[tuple[Story, bool], ...] = ()  # stories called not relevant, and whether they are still found


def make_router(ports: Ports) -> APIRouter:
    """The pages of alerts."""
    router = APIRouter(prefix="/alerts")

    @router.get("")
    def listed(request: Request, user: Viewer, done: Finished, find: str = "", number: int = 1) -> Response:
        found = [one for one in visible(ports, user) if find.casefold() in f"{one.name}\n{one.query}".casefold()]
        number = max(1, min(number, -(-len(found) // ON_A_PAGE)))  # the last page is as far as it goes
        first = (number - 1) * ON_A_PAGE
        gone = [one for one in removed(ports, user) if find.casefold() in one.alert.name.casefold()]
        shown = found[first : first + ON_A_PAGE]
        return page(
            request,
            "alerts.html",
            rows=zip(shown, next_mails(ports, shown), strict=True) if shown else [],
            count=len(found),
            counts=_lately(ports, shown),
            lately=LATELY,
            removed=gone[:MOST_REMOVED],
            more_removed=len(gone[MOST_REMOVED:]),
            find=find,
            done=done.said(DONE),
            before=_page_link(find, number - 1) if first else "",
            after=_page_link(find, number + 1) if first + ON_A_PAGE < len(found) else "",
            times=times_of(ports, user),
        )

    @router.get("/new")
    def new(request: Request, user: Analyst, query: str = "", copy: str = "") -> Response:
        draft = (
            _copied(visible_alert(ports, user, copy))
            if copy
            else NewAlert(name="", query=query, team=_first_team(user, None))
        )
        return _editor(ports, request, user, draft)

    @router.post("/new")
    def create(request: Request, user: Analyst, form: Form) -> Response:
        return _saved(ports, request, user, form, None)

    @router.post("/preview")
    def previewed(request: Request, user: Analyst, form: Form) -> Response:
        saved = visible_alert(ports, user, form.text("id")) if form.text("id") else None
        draft = _draft(form, user, saved)
        return page(request, "alerts_preview.html", 200, **_preview_facts(ports, user, draft, saved))

    @router.get("/{alert_id}")
    def edit(request: Request, user: Viewer, alert_id: str, done: Finished) -> Response:
        alert = visible_alert(ports, user, alert_id)
        return _editor(ports, request, user, _as_draft(alert), alert, done=done.said(DONE))

    @router.post("/{alert_id}")
    def save(request: Request, user: Analyst, form: Form, alert_id: str) -> Response:
        return _saved(ports, request, user, form, visible_alert(ports, user, alert_id))

    @router.post("/{alert_id}/pause")
    def pause(request: Request, user: Analyst, alert_id: str) -> Response:
        _set_state(ports, user, alert_id, AlertState.PAUSED)
        return seen(request, f"/alerts/{alert_id}", "paused")

    @router.post("/{alert_id}/resume")
    def resume(request: Request, user: Analyst, alert_id: str) -> Response:
        _set_state(ports, user, alert_id, AlertState.ACTIVE)
        return seen(request, f"/alerts/{alert_id}", "resumed")

    @router.post("/{alert_id}/delete")
    def delete(request: Request, user: Analyst, alert_id: str) -> Response:
        deeds.remove_alert(ports, user.address, visible_alert(ports, user, alert_id).id)
        return seen(request, "/alerts", "removed")

    @router.post("/{alert_id}/restore")
    def restore(request: Request, user: Analyst, alert_id: str) -> Response:
        put_back = deeds.restore_alert(ports, user.address, removed_alert(ports, user, alert_id).id)
        return seen(request, f"/alerts/{put_back.id}", "restored")

    return router


def _lately(ports: Ports, alerts: list[Alert]) -> dict[str, int]:
    """How many matches each alert has had in the last LATELY days, by its id."""
    found = volumes(ports, alerts, days_until(ports.clock.now(), LATELY)) if alerts else []
    return {one.alert.id: one.total for one in found}


def visible(ports: Ports, user: User) -> list[Alert]:
    """The alerts that a user sees, by name."""
    return sorted((one for one in manage.all_alerts(ports) if sees(user, one)), key=lambda one: one.name.casefold())


def visible_alert(ports: Ports, user: User, key: str) -> Alert:
    """The alert of this id or name. Raises NotFound, also for one that the user does not see."""
    alert = manage.find_alert(ports, key)
    if not sees(user, alert):
        raise NotFound("alert", key)
    return alert


def removed(ports: Ports, user: User) -> list[RemovedAlert]:
    """The removed alerts that a user sees and may still put back, the latest first."""
    return [one for one in deeds.removed_alerts(ports) if sees(user, one.alert)]


def removed_alert(ports: Ports, user: User, alert_id: str) -> RemovedAlert:
    """The one of this id. Raises NotFound, also for one that the user does not see."""
    found = next((one for one in removed(ports, user) if one.id == alert_id), None)
    if found is None:
        raise NotFound("removed alert", alert_id)
    return found


def _set_state(ports: Ports, user: User, key: str, state: AlertState) -> None:
    deeds.set_alert_state(ports, user.address, visible_alert(ports, user, key).id, state)


def _teams(ports: Ports, user: User, alert: Alert | None) -> list[str]:
    """The teams that a user may give an alert to: their own, for an administrator all; and the one it has."""
    others = [team for one in ports.stores.users.all() for team in one.teams] if user.may(Role.ADMINISTRATOR) else []
    return sorted({*user.teams, *others, alert.team if alert else ""} - {""})


def _page_link(find: str, number: int) -> str:
    return "/alerts?" + urlencode({"find": find, "number": number})


def _saved(ports: Ports, request: Request, user: User, form: Fields, saved: Alert | None) -> Response:
    """Save what the form says, or show it again: with what is wrong, a spelling switched off, or only a look at it."""
    draft, edited = _draft(form, user, saved), form.text("edition")
    if form.flag("spelling"):
        less = _without_spelling(ports, draft, form.text("spelling"))
        return _editor(ports, request, user, less, saved, look=True, edition=edited)
    if form.flag("look"):
        return _editor(ports, request, user, draft, saved, look=True, edition=edited)
    wrong: Mapping[str, BadInput] = manage.faults(ports, draft)
    if draft.team and draft.team not in _teams(ports, user, saved):
        wrong = {"team": BadInput(f"you are not of team {draft.team}: choose another, or none")}
    if not wrong:
        try:
            alert = deeds.save_alert(ports, user.address, draft, replace_existing=saved is not None, edited=edited)
        except Superseded:
            now = visible_alert(ports, user, draft.name)
            return _editor(ports, request, user, draft, now, 409, look=True, differs=_differing(draft, now))
        except BadInput as error:
            wrong = {"name": error}
        else:
            return seen(request, f"/alerts/{alert.id}", "saved")
    return _editor(ports, request, user, draft, saved, 422, look=True, wrong=wrong, edition=edited)


def _differing(draft: NewAlert, saved: Alert) -> dict[str, str]:
    """What is saved where it is not as in the draft, by what it is called."""
    return {
        called: _in_words(getattr(saved, name))
        for name, called in SAID.items()
        if getattr(saved, name) != getattr(draft, name)
    }


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _editor(
    ports: Ports,
    request: Request,
    user: User,
    draft: NewAlert,
    saved: Alert | None = None,
    status: int = 200,
    *,
    look: bool = False,
    **came: object,
) -> Response:
    """The editor of a draft; `came` is what came of saving it, and the edition that it was made of."""
    facts: dict[str, object] = (
        _preview_facts(ports, user, draft, saved)
        if look
        else {"shown": None, "draft": draft, "times": times_of(ports, user)}
    )
    nothing: dict[str, object] = {"wrong": {}, "differs": None, "done": ""}
    nothing["edition"] = manage.edition(saved) if saved else ""
    return page(
        request,
        "alerts_editor.html",
        status,
        saved=saved,
        policies=POLICIES,
        teams=_teams(ports, user, saved),
        # The address of a chat holds its secret: whoever can't change it need not see it.
        named=draft.recipients if user.may("analyst") else tuple(map(shown_address, draft.recipients)),
        may_edit=user.may("analyst"),
        fired=list(syndicate.latest(ports, saved)) if saved else [],
        has_feed=saved is not None and syndicate.has_address(ports, user, saved),
        **facts,
        **nothing | came,
    )


def _preview_facts(ports: Ports, user: User, draft: NewAlert, saved: Alert | None) -> dict[str, object]:
    shown = _shown(ports, user, draft, saved) if draft.query.strip() else Shown()
    plot = plots.bars(list(shown.found.by_day.items()), label="Stories a day") if shown.found else ""
    return {"draft": draft, "shown": shown, "plot": plot, "times": times_of(ports, user), "most": EXAMPLES}


def _shown(ports: Ports, user: User, draft: NewAlert, saved: Alert | None) -> Shown:
    meaning = saved.meaning if saved and (saved.query, saved.variants) != (draft.query, draft.variants) else None
    try:
        found = preview(ports, draft.query, variants=draft.variants, copies=draft.copies, saved=meaning)
    except QueryError as error:
        return Shown(refused=error)
    unwanted = irrelevant_stories(ports, saved.id) if saved else []
    return Shown(
        found=found,
        a_day=_a_day(found, draft, times_of(ports, user).zone.key),
        next=_next(ports, draft),
        unwanted=tuple((one, matches(found.meant, Document(one))) for one in unwanted[:EXAMPLES]),
    )


def _a_day(found: Preview, draft: NewAlert, zone: str) -> float | None:
    try:
        return found.mails_a_day(draft.policy, draft.throttle, zone)
    except BadInput:
        return None  # which the form says when it is saved


def _next(ports: Ports, draft: NewAlert) -> tuple[Delivery, ...]:
    """When mails would come now; nothing while recipients and policy are half typed."""
    try:
        alert = manage.checked_alert(ports, replace(draft, name=draft.name.strip() or "new"))
    except BadInput:
        return ()
    return tuple(*first_deliveries(ports, [alert]))


def _draft(form: Fields, user: User, saved: Alert | None) -> NewAlert:
    """What a form says. The name of an alert that is saved stays: its id, and so its matches, hang on it."""
    throttle = form.text("throttle").strip() or "0"
    return NewAlert(
        name=saved.name if saved else form.text("name"),
        query=" ".join(form.text("query").split("\n")),
        recipients=tuple(re.split(r"[\s,;]+", form.text("recipients").strip()))
        if form.text("recipients").strip()
        else (),
        variants=form.flag("variants"),
        copies=form.flag("copies"),
        updates=form.flag("updates"),
        policy=form.text("policy").strip() or "immediate",
        throttle=int(throttle) if re.fullmatch(r"[0-9]{1,6}", throttle) else -1,  # which is refused as it stands
        urgent=form.flag("urgent"),
        team=form.text("team") if form.flag("team") else _first_team(user, saved),
        state=AlertState.PAUSED if form.text("state") == AlertState.PAUSED else AlertState.ACTIVE,
    )


def _first_team(user: User, saved: Alert | None) -> str:
    """The team of an alert as it stands, or that a new one begins with."""
    return saved.team if saved else next(iter(user.teams), "")


def _as_draft(alert: Alert) -> NewAlert:
    return NewAlert(
        name=alert.name,
        query=alert.query,
        recipients=alert.recipients,
        variants=alert.variants,
        copies=alert.copies,
        updates=alert.updates,
        policy=alert.policy,
        throttle=alert.throttle,
        urgent=alert.urgent,
        team=alert.team,
        state=alert.state,
    )


def _copied(alert: Alert) -> NewAlert:
    return replace(_as_draft(alert), name=f"{alert.name} (copy)", state=AlertState.ACTIVE)


def _without_spelling(ports: Ports, draft: NewAlert, given: str) -> NewAlert:
    """With a spelling less, given as offset.length of query.spelling; as it was where the query has changed since."""
    found = re.fullmatch(r"([0-9]{1,6})\.([0-9]{1,6})\.(.+)", given)
    if found is None or int(found.group(2)) != len(draft.query):
        return draft
    words = lexicon(ports)
    try:
        typed = parse(draft.query, words.lists)
    except QueryError:
        return draft
    return replace(draft, query=without(typed, words.variants, int(found.group(1)), found.group(3)))
