"""robots: which pages are left alone, and what becomes of their stories."""

from __future__ import annotations

import gzip
import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import robots
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import once
from pipeline.flow.pages import MOST_HOSTS, fetch_pages
from pipeline.model import FetchResponse, TextFrom
from tests import web
from tests.builders import NOON
from tests.conftest import world

PAGE = "https://a.example/news/one"
NEAR_KURSK = "Two villages near Kursk were left in the night."


def answer(body: bytes = b"", **fields) -> FetchResponse:
    known = {"url": "https://a.example/robots.txt", "status": 200, "headers": {}, "body": body}
    return FetchResponse(**known | fields)


def refusal(text: str, url: str = PAGE) -> str:
    return robots.rules(answer(text.encode()), NOON).refusal(url)


# -- the rules


def test_the_group_of_our_name_comes_before_that_of_everybody():
    text = "User-agent: *\nDisallow: /\n\nUser-agent: wirewatch\nDisallow: /private/\n"
    assert refusal(text) == ""
    assert refusal(text, "https://a.example/private/x") == (
        "robots.txt of a.example does not open this page to Wirewatch"
    )


def test_the_longest_rule_wins_and_wildcards_hold():
    text = "User-agent: *\nDisallow: /news/\nAllow: /news/one\nDisallow: /*.pdf$\n"
    assert refusal(text) == ""
    assert refusal(text, "https://a.example/news/two")
    assert refusal(text, "https://a.example/x.pdf")
    assert not refusal(text, "https://a.example/x.pdf?page=2")


@pytest.mark.parametrize(
    ("outcome", "may"),
    [
        (answer(b""), True),
        (answer(b"<!doctype html><html>Not a robots.txt</html>"), True),
        (answer(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /"), False),
        (FetchRefused(PAGE, "answers 404 Not Found", status=404), True),
        (FetchRefused(PAGE, "answers 403 Forbidden", status=403), True),
        (FetchUnavailable(PAGE, "answers 503 Service Unavailable", status=503), False),
        (FetchUnavailable(PAGE, "answers 429 Too Many Requests", status=429), False),
        (FetchUnavailable(PAGE, "does not answer in time"), False),
        (answer(b"User-agent: *\nDisallow: /", redirects=((301, "x"),) * 5), False),
        (answer(b"User-agent: *\nDisallow: /", redirects=((301, "x"),) * 6), True),
    ],
)
def test_an_answer_means_what_rfc_9309_says(outcome, may):
    assert (robots.rules(outcome, NOON).refusal(PAGE) == "") is may


def test_what_could_not_be_had_is_asked_for_again_soon_and_says_why():
    rules = robots.rules(FetchUnavailable(PAGE, "does not answer in time"), NOON)
    assert rules.until - NOON < timedelta(hours=1)
    assert "does not answer in time" in rules.refusal(PAGE)


def test_only_the_first_500_kib_are_read():
    head = b"User-agent: *\nDisallow: /news/\n"
    filler = b"# " + b"x" * 60 + b"\n"
    long = head + filler * (robots.MOST_BYTES // len(filler) + 1) + b"Disallow: /late/\n"
    rules = robots.rules(answer(long), NOON)
    assert rules.refusal(PAGE)
    assert not rules.refusal("https://a.example/late/x")


def test_robots_txt_stands_at_the_root_of_the_pages_own_host_and_port():
    asked = robots.request_for("http://user:secret@A.example:8080/x?y#z")
    assert asked.url == "http://a.example:8080/robots.txt"


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_robots_txt_gives_an_answer_for_any_page(body, path):
    assert isinstance(robots.rules(answer(body), NOON).refusal(f"https://a.example/{path}"), str)


@pytest.mark.parametrize(
    ("header", "noted"),
    [
        ("noindex", "noindex"),
        ("NoIndex, nofollow", "NoIndex"),
        ("max-snippet: 50, noarchive", "noarchive"),
        ("max-image-preview:large", ""),
        ("googlebot: noindex, nofollow", ""),
        ("googlebot: nofollow, wirewatch: noindex", "noindex"),
        ("unavailable_after: 25 Jun 2027 15:00:00 PST", "unavailable_after: 25 Jun 2027 15:00:00 PST"),
        ("all", ""),
        ("", ""),
    ],
)
def test_what_x_robots_tag_asks_of_us_is_read(header, noted):
    assert robots.tag(answer(headers={"x-robots-tag": header})) == noted


# -- pages


def watched(ports, site, **headers):
    link = site.put("/one", web.page("A headline", *web.article(NEAR_KURSK)), **headers)
    add_feeds(ports, [NewFeed(url=site.put("/feed", web.rss(("A headline", link), summary="Kursk. […]"), web.RSS))])
    put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=("a@example.org",)))
    return once(ports, everything=True, progress=lambda *_: None, threads=2)


def test_a_page_that_robots_txt_closes_is_not_asked_for_and_its_story_goes_on_with_the_feeds_text(ports, site, mails):
    site.put("/robots.txt", "User-agent: *\nDisallow: /one\n", "text/plain")
    watched(ports, site)
    (story,) = ports.stores.stories.all()
    assert (story.text_from, site.asked("/one"), len(mails())) == (TextFrom.FEED, 0, 1)
    assert "robots.txt of 127.0.0.1" in story.text_reason


def test_a_feed_is_polled_whatever_robots_txt_says(ports, site):
    site.put("/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
    assert watched(ports, site).entries == 1


def test_a_server_without_a_robots_txt_opens_its_pages_and_is_asked_once_a_day(ports, site, clock):
    page = site.put("/one", web.page("One", *web.article("Nothing.")))
    for _ in range(2):
        (outcome,) = fetch_pages(ports, [page])
        assert isinstance(outcome, FetchResponse)
    assert site.asked("/robots.txt") == 1
    clock.turn(robots.KEPT.total_seconds() + 1)
    fetch_pages(ports, [page])
    assert site.asked("/robots.txt") == 2


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_robots_txt_of_any_size_is_obeyed_as_far_as_it_is_read(ports, site, coding):
    closed = site.put("/one", web.page("One", *web.article("Nothing.")))
    text = b"User-agent: *\nDisallow: /one\n" + b"# and so on\n" * 500_000
    assert len(text) > ports.settings.page_bytes
    site.put("/robots.txt", gzip.compress(text) if coding else text, "text/plain", Content_Encoding=coding)
    (outcome,) = fetch_pages(ports, [closed])
    assert isinstance(outcome, FetchRefused)
    assert (site.asked("/one"), "does not open this page" in outcome.reason) == (0, True)


@pytest.mark.parametrize("closed", [True, False])
def test_where_a_page_leads_to_another_site_it_is_that_ones_robots_txt_that_opens_it(ports, site, closed):
    with web.serve() as other:
        other.put("/robots.txt", "User-agent: *\nDisallow: /closed\n", "text/plain")
        there = other.put("/closed/one" if closed else "/one", web.page("One", *web.article("Nothing.")))
        site.put("/near", "", status=302, Location=there)
        (outcome,) = fetch_pages(ports, [site.put("/short", "", status=301, Location="/near")])
        assert [path for path, _ in other.requests] == (["/robots.txt"] if closed else ["/robots.txt", "/one"])
        assert outcome.url == there
        assert isinstance(outcome, FetchRefused if closed else FetchResponse)


def test_a_page_that_leads_from_site_to_site_without_end_is_given_up(ports, site):
    with web.serve() as other:
        other.put("/one", "", status=302, Location=f"{site.base}/one")
        fine = site.put("/fine", web.page("One", *web.article("Nothing.")))
        led, had = fetch_pages(ports, [site.put("/one", "", status=302, Location=f"{other.base}/one"), fine])
    assert isinstance(led, FetchUnavailable)
    assert "leads through more than 5 sites" in led.reason
    assert (had.status, site.asked("/one") + other.asked("/one")) == (200, 5)


def test_a_page_that_leads_on_slowly_does_not_hold_the_others_up_for_longer_than_one_may_take(ports, site, clock):
    with web.serve() as other:
        there = other.put("/one", web.page("One", *web.article("Nothing.")))

        def slow() -> web.Answer:
            clock.turn(ports.settings.fetch_timeout + 1)
            return web.Answer(status=302, headers={"Location": there})

        site.answers["/one"] = slow
        (outcome,) = fetch_pages(ports, [f"{site.base}/one"])
        assert (other.requests, "too slowly" in outcome.reason) == ([], True)


def test_robots_txt_and_page_have_the_time_of_one_request_together(ports, site, clock):
    """Of each its own, a slow host took the lease of a whole batch."""

    def slow() -> web.Answer:
        clock.turn(ports.settings.fetch_timeout - 0.2)
        return web.Answer(b"User-agent: *\nAllow: /\n", headers={"Content-Type": "text/plain"})

    answered = threading.Event()
    site.answers["/robots.txt"] = slow
    site.answers["/one"] = lambda: answered.wait(20) and web.Answer(b"late")
    (outcome,) = fetch_pages(ports, [f"{site.base}/one"])
    answered.set()
    assert isinstance(outcome, FetchUnavailable)


def test_a_robots_txt_that_fails_closes_the_pages_until_it_answers(ports, site, clock):
    page = site.put("/one", web.page("One", *web.article("Nothing.")))
    site.put("/robots.txt", "", status=503)
    (outcome,) = fetch_pages(ports, [page])
    assert "503" in outcome.reason
    site.put("/robots.txt", "User-agent: *\nAllow: /\n", "text/plain")
    clock.turn(robots.UNREACHABLE_KEPT.total_seconds() + 1)
    assert isinstance(fetch_pages(ports, [page])[0], FetchResponse)


def test_answers_keep_their_order_and_what_is_no_address_stops_nothing(ports, site):
    site.put("/robots.txt", "User-agent: *\nDisallow: /closed\n", "text/plain")
    page = site.put("/open", web.page("One", *web.article("Nothing.")))
    outcomes = fetch_pages(ports, [site.base + "/closed", "mailto:a@example.org", page, "http://[", page])
    assert [isinstance(one, FetchResponse) for one in outcomes] == [False, False, True, False, True]
    assert "robots.txt" in outcomes[0].reason


def test_robots_txt_is_not_asked_for_when_it_is_switched_off(stores, site, clock, tmp_path):
    ports = world(stores, tmp_path, clock, robots="false")
    site.put("/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
    page = site.put("/one", web.page("One", *web.article("Nothing.")))
    assert isinstance(fetch_pages(ports, [page])[0], FetchResponse)
    assert site.asked("/robots.txt") == 0
    ports.fetcher.close()


def test_the_rules_of_the_hosts_asked_longest_ago_are_forgotten(ports, site):
    ports.robots.update({f"https://{number}.example": robots.Rules(NOON) for number in range(MOST_HOSTS)})
    fetch_pages(ports, [site.put("/one", "x")])
    assert len(ports.robots) == MOST_HOSTS
    assert site.base in ports.robots


def test_what_a_page_asks_of_search_engines_is_noted_on_its_entry(ports, site):
    watched(ports, site, X_Robots_Tag="noindex")
    (entry,) = ports.stores.entries.all()
    assert entry.notes == ("its page says X-Robots-Tag: noindex",)
    assert next(iter(ports.stores.stories.all())).text_from is TextFrom.PAGE
