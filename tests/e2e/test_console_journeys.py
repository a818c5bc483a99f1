"""The console in a real browser: whole journeys of an administrator, an analyst and an operator, on both backends.

Every page on the way fits into 360 and 1280 px, has no grave finding of axe, in dark and in light, and asks no other
host: `tests/windows.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial

import pytest
from playwright.sync_api import Route, expect

from pipeline.errors import StoreUnavailable
from pipeline.flow.accounts.users import first_link, user_id
from pipeline.flow.alerts.manage import all_alerts
from pipeline.model import DeliveryState, EntryState, Role, User
from pipeline.ports import Ports
from tests import builders
from tests.windows import Window, window

PASSWORD = "correct horse battery"
HEADLINES = (
    "Quiet night in Kursk",
    '<img src="http://elsewhere.invalid/x.png" onerror="alert(1)"> seen in Kursk',
    "كورسك Kursk بين الأمس واليوم",
    "Kursk " + "Donaudampfschifffahrtsgesellschaft" * 8,
)
OTHER_PAGES = {
    "/account": "Your account",
    "/explain": "Why didn't it fire?",
    "/feeds/new": "Add feeds",
    "/inbox": "Inbox",
    "/inbox/preferences": "What comes to you, and when",
    "/nowhere": "There is no such page",
    "/operations": "Operations",
    "/operations/ledger": "Ledger",
    "/operations/ledger/reconciliation": "Does the ledger add up?",
    "/operations/quarantine": "Quarantine",
    "/operations/settings": "Settings in force",
    "/trends": "Trends",
    "/users": "Users",
    "/users/audit": "Audit log",
}
"""Pages that no journey comes by, and how they are headed."""

Open = Callable[..., AbstractContextManager[Window]]


@pytest.fixture
def visit(chromium, ports) -> Open:
    """Opens a window before the console of `ports`."""
    return partial(window, chromium, ports)


@pytest.fixture
def stocked(ports) -> None:
    """A story a day for some days, with headlines that are hard on pages."""
    now = ports.clock.now()
    ports.stores.stories.put(
        [
            builders.story(
                str(day),
                title=title,
                body=f"First. The defense of Kursk went on, day {day}. Last.",
                published=now - timedelta(days=day, hours=1),
            )
            for day, title in enumerate(HEADLINES)
        ]
    )


def something_of_everything(ports: Ports) -> None:
    """What the pages of readers and operators have rows and plots of, in `stocked` stores."""
    now, story = ports.clock.now(), builders.story("0")
    ports.stores.alerts.create([builders.alert()])
    ports.stores.feeds.create([builders.feed(error="answers 500")])
    ports.stores.entries.create([builders.entry(state=EntryState.QUARANTINED, error=f"no article: {HEADLINES[1]}")])
    ports.stores.matches.create([builders.match(story_id=story.id, matched_at=now)])
    ports.stores.deliveries.create(
        [
            builders.delivery(
                story_id=story.id,
                recipient=user(Role.ADMINISTRATOR).address,
                state=DeliveryState.SENT,
                created_at=now,
                updated_at=now,
            )
        ]
    )


def unavailable(*_: object, **__: object) -> object:
    raise StoreUnavailable("the store does not answer")


def user(role: Role) -> User:
    address = f"{role}@example.org"
    return User(id=user_id(address), address=address, role=role)


def test_the_first_link_leads_through_a_password_to_the_next_steps(visit, ports):
    with visit() as seen:
        seen.page.goto(first_link(ports, seen.origin))
        seen.shows("Become the first administrator")
        seen.page.get_by_label("Your mail address").fill("root@example.org")
        seen.page.get_by_label("Password", exact=True).fill(PASSWORD)
        seen.page.get_by_label("Once more").fill(PASSWORD)
        seen.button("Save and sign in").click()
        seen.shows("Wirewatch")
        expect(seen.heading("Next steps")).to_be_visible()
        expect(seen.page.locator("main ol > li > a").first).to_have_attribute("href", "/feeds/new")
        seen.button("Sign out").click()
        seen.shows("Sign in")
        seen.page.get_by_label("Mail address").fill("root@example.org")
        seen.page.get_by_label("Password").fill(PASSWORD)
        seen.button("Sign in").click()
        seen.shows("Wirewatch")


def test_a_preview_that_can_not_be_had_says_why_and_is_never_of_the_query_before(visit, stocked, ports, monkeypatch):
    with visit(user(Role.ANALYST)) as seen:
        seen.go("/alerts/new")
        query, preview = seen.page.get_by_label("Query"), seen.page.locator("#preview")
        query.fill("kursk")
        expect(preview.locator(".plot svg rect")).to_have_count(31)
        with monkeypatch.context() as away:
            away.setattr(ports.stores.stories, "narrow", unavailable)
            query.fill("defense")
            expect(preview.get_by_role("alert")).to_contain_text("Not now")
            expect(preview.get_by_role("alert")).to_contain_text("Try again in half a minute")
            expect(preview.locator(".plot")).to_have_count(0)
            seen.holds()
        query.fill("kursk")
        expect(preview.locator(".plot svg rect")).to_have_count(31)
        seen.page.context.set_offline(True)
        query.fill("defense")
        expect(preview.get_by_role("alert")).to_contain_text("The console does not answer.")
        expect(preview.locator(".plot")).to_have_count(0)
        seen.complaints.clear()  # htmx logs each


def test_a_preview_that_is_being_looked_up_again_says_so(visit, stocked):
    with visit(user(Role.ANALYST)) as seen:
        seen.go("/alerts/new")
        query, preview = seen.page.get_by_label("Query"), seen.page.locator("#preview")
        query.fill("kursk")
        expect(preview.locator(".plot svg rect")).to_have_count(31)
        waiting: list[Route] = []
        seen.page.route("**/alerts/preview", lambda route: waiting.append(route))  # noqa: PLW0108 -- it takes no built-in
        query.fill("defense")
        expect(preview).to_have_class("htmx-request")
        waiting[0].continue_()
        expect(preview).not_to_have_class("htmx-request")


def test_an_analyst_tries_a_query_while_typing_saves_pauses_deletes_and_restores_it(visit, stocked, ports):
    with visit(user(Role.ANALYST)) as seen:
        seen.go("/alerts/new")
        seen.shows("New alert")
        query, preview = seen.page.get_by_label("Query"), seen.page.locator("#preview")
        query.press_sequentially("kursk defence")
        expect(seen.heading("How it is understood")).to_be_visible()
        expect(preview.locator(".plot svg rect")).to_have_count(31)
        expect(preview.locator("mark", has_text="Kursk").first).to_be_visible()
        expect(preview.locator("mark", has_text="defense").first).to_be_visible()
        seen.holds()

        query.fill("kursk AND (belgorod")
        expect(preview.locator("mark.here")).to_have_text("(")
        expect(preview.get_by_role("alert")).to_contain_text("Close it.")
        seen.holds()

        query.fill("kursk")
        seen.button("Save the alert").click()
        expect(seen.page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
        expect(seen.page.locator("#name-wrong")).to_be_visible()
        seen.shows("New alert")

        seen.page.get_by_label("Name").fill("The front")
        seen.page.get_by_label("Who gets it").fill("ana@example.org")
        seen.button("Save the alert").click()
        seen.shows("The front")
        expect(seen.page.get_by_role("status")).to_contain_text("Saved.")

        seen.link("Alerts").click()
        seen.shows("Alerts")
        seen.link("The front").click()
        seen.button("Pause").click()
        expect(seen.page.get_by_role("status")).to_contain_text("Paused")
        seen.button("Delete").click()
        seen.shows("Alerts")
        assert list(all_alerts(ports)) == []
        seen.go("/stories")  # it can be put back from any page, and later
        seen.link("Alerts").click()
        seen.button("Put “The front” back").click()
        seen.shows("The front")
        expect(seen.page.get_by_text("It is paused.")).to_be_visible()
        seen.button("Make the address").click()
        seen.shows("The feed of The front")


def test_a_search_becomes_an_alert_and_a_story_has_its_page(visit, stocked):
    with visit(user(Role.ANALYST)) as seen:
        seen.go("/stories")
        seen.shows("Stories")
        seen.page.get_by_label("Search, in the language of alerts").fill("kursk")
        seen.button("Search").click()
        stories = seen.page.locator("ol.stories > li")
        expect(stories).to_have_count(len(HEADLINES))
        expect(stories.first.locator("mark").first).to_have_text("Kursk")
        seen.shows("Stories")

        for title in HEADLINES:
            seen.link(title).click()
            seen.shows(title)
            expect(seen.page.locator("article")).to_contain_text("The defense of Kursk went on")
            expect(seen.link("Other stories of the same event")).to_have_count(0)
            seen.page.go_back()

        seen.link("Make an alert of this search").click()
        seen.shows("New alert")
        expect(seen.page.get_by_label("Query")).to_have_value("kursk")
        expect(seen.heading("How it is understood")).to_be_visible()


def test_an_alert_is_made_by_the_keyboard_alone_and_the_focus_is_always_seen(visit, stocked):
    with visit(user(Role.ANALYST)) as seen:
        seen.go("/alerts/new")
        keyboard = seen.page.keyboard
        keyboard.press("Tab")
        expect(seen.link("Skip to content")).to_be_focused()
        expect(seen.link("Skip to content")).to_be_in_viewport()
        keyboard.press("Enter")
        seen.tab_to(seen.page.get_by_label("Name"))
        keyboard.type("front")
        seen.tab_to(seen.page.get_by_label("Query"))
        keyboard.type("kursk defence")
        expect(seen.heading("How it is understood")).to_be_visible()
        seen.tab_to(seen.page.get_by_label("Who gets it"))
        keyboard.type("ana@example.org")
        seen.tab_to(seen.button("Save the alert"))
        keyboard.press("Enter")
        seen.shows("front")


def test_an_operator_pauses_a_feed_that_needs_a_person(visit, ports):
    ports.stores.feeds.create(
        [builders.feed("broken", title="The Broken Times", error="answers 500"), builders.feed("well")]
    )
    with visit(user(Role.OPERATOR)) as seen:
        seen.go("/")
        seen.shows("Wirewatch")
        seen.link("Feeds").click()
        seen.shows("Feeds")
        broken = seen.page.get_by_role("row", name="The Broken Times")
        expect(broken).to_contain_text("answers 500")
        broken.get_by_role("checkbox").check()
        seen.button("Pause").click()
        seen.shows("Feeds")
        expect(broken).to_contain_text("paused")
        seen.link("The Broken Times").click()
        seen.shows("The Broken Times")
        seen.button("Resume").click()
        expect(seen.button("Pause")).to_be_visible()


def test_without_scripts_a_query_is_tried_and_saved_all_the_same(visit, stocked):
    with visit(user(Role.ANALYST), scripts=False) as seen:
        seen.go("/alerts/new")
        seen.page.get_by_label("Name").fill("front")
        seen.page.get_by_label("Query").fill("kursk defence")
        seen.button("See what it finds").click()
        expect(seen.heading("How it is understood")).to_be_visible()
        expect(seen.page.locator("#preview .plot svg rect")).to_have_count(31)
        expect(seen.page.get_by_label("Name")).to_have_value("front")
        seen.page.get_by_label("Who gets it").fill("ana@example.org")
        seen.button("Save the alert").click()
        expect(seen.heading("front")).to_be_visible()  # axe is a script itself
        expect(seen.page.get_by_role("status")).to_contain_text("Saved.")


def test_a_reader_says_when_mails_come_and_mutes_an_alert(visit, ports):
    reader = user(Role.VIEWER)
    ports.stores.alerts.create([builders.alert(recipients=(reader.address,))])
    with visit(reader) as seen:
        seen.go("/inbox/preferences")
        seen.page.get_by_label("Time zone").fill("Europe/Kyiv")
        seen.page.get_by_label("Quiet hours").fill("at night")
        seen.button("Save").click()
        expect(seen.page.get_by_role("alert")).to_contain_text("at night")
        seen.shows("What comes to you, and when")
        seen.page.get_by_label("Quiet hours").fill("22:00-07:00")
        seen.button("Save").click()
        expect(seen.page.get_by_role("status")).to_contain_text("Saved.")
        seen.page.get_by_role("button", name="Mute").first.click()
        seen.shows("What comes to you, and when")
    (known,) = ports.stores.recipients.all()
    assert (known.zone, known.quiet, list(known.muted)) == ("Europe/Kyiv", "22:00-07:00", [builders.alert().id])


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
def test_an_administrator_gives_a_user_another_role_and_lets_them_in_no_more(visit, ports):
    ports.stores.users.create([builders.user(Role.VIEWER)])
    with visit(user(Role.ADMINISTRATOR)) as seen:
        seen.go("/users")
        seen.link("ana@example.org").click()
        seen.shows("ana@example.org")
        seen.page.get_by_label("Role").select_option("operator")
        seen.button("Save").click()
        expect(seen.page.get_by_role("status")).to_contain_text("Saved.")
        seen.button("Disable ana@example.org").click()
        expect(seen.button("Enable ana@example.org")).to_be_visible()
        seen.shows("ana@example.org")
    known = ports.stores.users.get([builders.user().id])[builders.user().id]
    assert (known.role, known.disabled) == (Role.OPERATOR, True)


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)  # what the files hold has tests of its own
def test_files_are_downloaded_under_their_names(visit, stocked, ports):
    something_of_everything(ports)
    with visit(user(Role.ADMINISTRATOR)) as seen:
        for path, link, name in (
            ("/stories?q=kursk", "CSV", "stories.csv"),
            ("/stories?q=kursk", "JSON", "stories.json"),
            ("/feeds", "Export as OPML", "feeds.opml"),
            ("/operations/ledger", "All of these as CSV", "ledger.csv"),
        ):
            seen.go(path)
            with seen.page.expect_download() as coming:
                seen.link(link).click()
            assert coming.value.suggested_filename == name
            assert coming.value.path().stat().st_size > 100


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)  # how pages look is no matter of backends
def test_all_other_pages_fit_and_can_be_used_by_everybody(visit, stocked, ports):
    something_of_everything(ports)
    with visit(user(Role.ADMINISTRATOR)) as seen:
        for path, heading in OTHER_PAGES.items():
            seen.go(path)
            seen.shows(heading)
