"""One story in many outlets: one cluster and one mail, which says where else it stands, on both backends."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import Round, once
from pipeline.flow.stories.explain import explain
from pipeline.flow.stories.search import search
from pipeline.ports import Ports, StoryFilter
from pipeline.query.syntax import parse
from tests import web

WIRE = (
    "Two villages near Kursk were left in the night, officials of the region said on Tuesday, and a third was shelled.",
    "The governor wrote that buses had taken some four hundred people to a school in the next town before dawn, and "
    "that more would follow if the road stayed open. He gave no reason for the hour.",
    "A spokesman for the army would not comment. Reporters who were in the district the day before saw engineers lay "
    "mines along the river and cut down the trees on its far bank.",
)
OTHER = (
    "The harbour of the city stayed closed on Friday after a ship with grain had run aground. It was built in Kursk.",
    "Nobody was hurt. Divers found a scratch as long as a bus on the hull and no leak, the owners said, and the next "
    "tide was expected to lift it without the help of tugs.",
    "Three mills upstream will have to wait for a day, and a cruise with nine hundred guests was sent to another port.",
)


def tell(site: web.Site, name: str, paragraphs: Sequence[str], outlet: str = "", title: str = "") -> str:
    """A story at /name as `outlet` has it, which puts its name in front, with a feed of its own; the feed's address."""
    page = web.page(title or f"Story {name}", f"{outlet or name}: {paragraphs[0]}", *paragraphs[1:])
    named = page.replace("</head>", f'<meta property="og:site_name" content="{outlet or name}"></head>')
    link = site.put(f"/{name}", named)
    return site.put(f"/feed/{name}", web.rss((title or f"Story {name}", link)), web.RSS)


def watch(ports: Ports, *feeds: str, query: str = "kursk", **alert: bool) -> None:
    add_feeds(ports, [NewFeed(url=feed) for feed in feeds])
    put_alert(ports, NewAlert(name=query, query=query, recipients=("analyst@example.org",), **alert))


def one_round(ports: Ports) -> Round:
    return once(ports, everything=True, progress=lambda *_: None, threads=2)


def states(ports: Ports) -> list[str]:
    return sorted(one.state for one in ports.stores.deliveries.all())


def body(mail) -> str:
    return mail.get_body(("plain",)).get_content()


def test_a_wire_copy_in_many_outlets_is_one_mail_and_the_ledger_says_of_the_others_why(ports, site, mails):
    watch(ports, *(tell(site, name, WIRE) for name in ("one", "two", "three", "four")), tell(site, "ship", OTHER))
    outcome = one_round(ports)
    assert (outcome.matches, outcome.sent, outcome.suppressed) == (5, 2, 3)
    assert states(ports) == ["sent", "sent", "suppressed", "suppressed", "suppressed"]
    reasons = {one.reason for one in ports.stores.deliveries.all() if one.reason}
    mailed = {one.story_id for one in ports.stores.deliveries.all() if one.state == "sent"}
    (told,) = [one for one in ports.stores.stories.get(list(mailed)).values() if "ship" not in one.url]
    assert reasons == {f"a copy of {told.url}"}
    said = [body(mail) for mail in mails()]
    assert sum("+3 outlets" in one for one in said) == 1
    assert sum("outlets" in one for one in said) == 1


def test_a_copy_that_comes_later_mails_nobody_again(ports, site, clock, mails):
    watch(ports, tell(site, "one", WIRE))
    one_round(ports)
    clock.turn(600)
    watch(ports, tell(site, "two", WIRE, title="Villages are left"), query="villages")
    outcome = one_round(ports)
    assert sorted(str(mail["Subject"]) for mail in mails()) == ["[kursk] Story one", "[villages] Villages are left"]
    assert (outcome.matches, outcome.suppressed) == (2, 1)
    assert "+1 outlet ·" in [body(mail) for mail in mails()][1]
    assert "The same text in:" in [body(mail) for mail in mails()][1]


def test_an_alert_may_ask_for_every_copy(ports, site, mails):
    watch(ports, tell(site, "one", WIRE), tell(site, "two", WIRE), copies=True)
    assert one_round(ports).sent == 2
    assert all("+1 outlet" in body(mail) for mail in mails())


def test_what_only_a_copy_says_alerts(ports, site, mails):
    """The first seen does not match: it is no reason to hold back the copy that does."""
    watch(ports, tell(site, "one", WIRE), query="sudzha")
    one_round(ports)
    add_feeds(ports, [NewFeed(url=tell(site, "two", (*WIRE, "The road to Sudzha is closed.")))])
    one_round(ports)
    copy = next(one for one in ports.stores.stories.all() if one.url.endswith("/two"))
    assert copy.copy_of
    assert [str(mail["Subject"]) for mail in mails()] == ["[sudzha] Story two"]


def test_an_old_copy_does_not_stand_for_the_news(ports, site, clock, mails):
    old = tell(site, "one", WIRE)
    page = site.base + "/one"
    site.put("/feed/one", web.rss(("Story one", page), published=clock.now().replace(year=2020)), web.RSS)
    watch(ports, old)
    assert one_round(ports).suppressed == 1
    add_feeds(ports, [NewFeed(url=tell(site, "two", WIRE))])
    assert one_round(ports).sent == 1


def test_explain_and_search_tell_of_copies(ports, site, clock):
    watch(ports, tell(site, "one", WIRE), tell(site, "ship", OTHER))
    one_round(ports)
    clock.turn(600)
    add_feeds(ports, [NewFeed(url=tell(site, "two", WIRE))])
    one_round(ports)
    wire = [one for one in ports.stores.stories.all() if "ship" not in one.url]
    first, copy = sorted(wire, key=lambda one: one.copy_of)
    said = {step.name: step.said for step in explain(ports, copy.url, "kursk")}
    assert said["dedupe"] == f"a copy of {first.url}, which was seen first; +1 outlet"
    assert said["deliver"] == f"analyst@example.org: suppressed a copy of {first.url}"
    said = {step.name: step.said for step in explain(ports, first.url, None)}
    assert said["dedupe"] == "the first seen with this text; +1 outlet"
    asked = parse("kursk")
    assert {one.url for one in search(ports, asked, StoryFilter(), outlets=2)} == {first.url, copy.url}
    assert list(search(ports, asked, StoryFilter(), outlets=3)) == []


def test_short_texts_are_no_copies_of_each_other(ports, site):
    text = ("Kursk was quiet on Monday.",)
    watch(ports, tell(site, "one", text), tell(site, "two", text))
    assert one_round(ports).sent == 2
