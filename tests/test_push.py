"""subscribe and push, on both backends, with a real hub, a real console and real mails."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from pipeline import flow, websub
from pipeline.errors import StoreUnavailable
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds, set_feed_state
from pipeline.flow.once import once
from pipeline.flow.subscribe import end
from pipeline.model import FeedState, Subscription, SubscriptionState
from pipeline.ports import Ports
from tests import web
from tests.conftest import world
from tests.consoles import console
from tests.hub import Hub, open_hub, signature
from tests.servers import free_port, wait_until

KURSK = "Two villages near Kursk were left in the night."


@dataclass(slots=True)
class Newsroom:
    """A site whose feed names a hub, the hub, and us: with a console that the hub can call."""

    ports: Ports
    site: web.Site
    hub: Hub
    queued: list[str] = field(default_factory=list)

    @property
    def feed(self) -> str:
        return f"{self.site.base}/feed"

    def put(self, *names: str) -> str:
        """Serve the stories of these names, each at its page and all in the feed, which is returned."""
        links = [
            (f"Story {name}", self.site.put(f"/{name}", web.page(f"Story {name}", *web.article(KURSK, name))))
            for name in names
        ]
        body = web.rss(*links)
        offer = f'<{self.hub.url}>; rel="hub", <{self.feed}>; rel="self"'
        self.site.put("/feed", body, web.RSS, Link=offer, ETag=f'"{"-".join(names)}"')
        return body

    def round(self) -> None:
        """Poll every feed, process and deliver."""
        once(self.ports, everything=True, progress=lambda *_: None, threads=2)

    def ask(self) -> int:
        """Ask the hubs that are due, as the sweep has it done; how many."""
        return sum(flow.subscribe(self.ports, batch).asked for batch in flow.sweep(self.ports).subscribes)

    def deliver(self) -> None:
        """Process and deliver what was pushed, without a poll."""
        report = flow.ingest(self.ports, self.queued)
        self.queued.clear()
        flow.notify(self.ports, report.delivery_ids)

    def subscription(self) -> Subscription:
        (one,) = self.ports.stores.subscriptions.all()
        return one

    def state(self) -> SubscriptionState:
        return self.subscription().state

    def become(self, state: SubscriptionState) -> None:
        wait_until(lambda: self.state() is state, 10, f"the subscription is {state}")
        wait_until(lambda: state is not SubscriptionState.VERIFIED or self.hub.subscribers, 10, "the hub has it")

    def subscribed(self) -> None:
        """From nothing to a verified subscription."""
        add_feeds(self.ports, [NewFeed(url=self.feed)])
        put_alert(self.ports, NewAlert(name="kursk", query="kursk", recipients=("analyst@example.org",)))
        self.put("one")
        self.round()
        assert self.ask() == 1
        self.become(SubscriptionState.VERIFIED)

    def callback(self) -> str:
        return websub.callback(self.subscription(), self.ports.settings)


@pytest.fixture
def newsroom(stores, tmp_path, clock, site) -> Iterator[Newsroom]:
    port = free_port()
    callback = f"http://127.0.0.1:{port}/websub/"
    ports = world(
        stores, tmp_path, clock, websub_callback=callback, feed_bytes="20000", poll_floor="300", fetch_timeout="3"
    )
    with open_hub() as hub:
        made = Newsroom(ports, site, hub)
        with console(ports, port, made.queued):
            yield made
    ports.fetcher.close()
    ports.extractor.close()


# -- the whole path


def test_news_that_a_hub_pushes_are_mailed_without_a_poll(newsroom, mails):
    newsroom.subscribed()
    assert len(mails()) == 1
    polls = newsroom.site.asked("/feed")
    assert newsroom.hub.publish(newsroom.feed, newsroom.put("one", "two")) == [202]
    newsroom.deliver()
    assert [str(mail["Subject"]) for mail in mails()] == ["[kursk] Story one", "[kursk] Story two"]
    assert newsroom.site.asked("/feed") == polls


def test_pushed_twice_and_polled_too_is_mailed_once(newsroom, mails):
    newsroom.subscribed()
    body = newsroom.put("one", "two")
    assert newsroom.hub.publish(newsroom.feed, body) + newsroom.hub.publish(newsroom.feed, body) == [202, 202]
    newsroom.deliver()
    newsroom.round()
    newsroom.round()
    assert len(mails()) == 2


def test_a_push_of_the_new_entries_alone_hides_nothing_from_the_next_poll(newsroom, mails):
    newsroom.subscribed()
    newsroom.put("one", "two", "three")
    page = newsroom.site.base + "/three"
    newsroom.hub.publish(newsroom.feed, web.rss(("Story three", page)))
    newsroom.deliver()
    newsroom.round()
    asked = [headers for path, headers in newsroom.site.requests if path == "/feed"]
    assert asked[-1]["if-none-match"] == '"one"'  # the validator of the last poll
    assert [str(mail["Subject"]) for mail in mails()] == [f"[kursk] Story {name}" for name in ("one", "three", "two")]


def test_a_feed_whose_news_is_pushed_is_still_polled_and_more_slowly(newsroom, clock):
    newsroom.subscribed()
    clock.turn(1000)
    newsroom.round()
    (before,) = newsroom.ports.stores.feeds.all()
    newsroom.hub.publish(newsroom.feed, newsroom.put("one", "two"))
    newsroom.round()
    newsroom.round()
    (after,) = newsroom.ports.stores.feeds.all()
    assert after.next_poll_at - clock.now() > 2 * (before.next_poll_at - clock.now())


# -- intent


def test_a_hub_that_verifies_before_it_answers_is_believed(newsroom):
    newsroom.hub.at_once = True
    newsroom.subscribed()
    assert newsroom.subscription().attempts == 0
    assert newsroom.ask() == 0


def test_a_subscription_that_is_denied_says_why_and_polling_goes_on(newsroom, mails):
    newsroom.hub.denies = "no strangers"
    add_feeds(newsroom.ports, [NewFeed(url=newsroom.feed)])
    newsroom.put("one")
    newsroom.round()
    newsroom.ask()
    newsroom.become(SubscriptionState.DENIED)
    assert "no strangers" in newsroom.subscription().error
    assert newsroom.hub.push(newsroom.callback(), "x", signature(newsroom.subscription().secret, "x")) == 410
    assert newsroom.ask() == 0
    newsroom.put("one", "two")
    newsroom.round()
    assert newsroom.ports.stores.entries.count() == 2


def test_only_who_knows_the_callback_and_the_topic_is_confirmed(newsroom):
    newsroom.subscribed()
    ask, ours = newsroom.hub.ask, newsroom.callback()
    wish = {"hub.mode": "subscribe", "hub.topic": newsroom.feed, "hub.challenge": "c", "hub.lease_seconds": "9"}
    before = newsroom.subscription()
    assert ask(ours[:-1] + "x", wish)[0] == 404
    assert ask(ours.replace(before.id, "nobody"), wish)[0] == 404
    assert ask(ours, wish | {"hub.topic": "https://other.example/"})[0] == 404
    assert ask(ours, wish | {"hub.mode": "unsubscribe"})[0] == 404
    assert ask(ours, {})[0] == 404
    assert newsroom.subscription() == before
    assert ask(ours, wish) == (200, "c")


# -- content


@pytest.mark.parametrize("forged", ["", "sha256=" + "0" * 64, "md5=x", "other"])
def test_content_that_is_not_signed_with_our_secret_is_ignored_and_the_hub_not_told(newsroom, forged):
    newsroom.subscribed()
    body = newsroom.put("one", "two")
    forged = signature("other", body) if forged == "other" else forged
    assert newsroom.hub.push(newsroom.callback(), body, forged) == 202
    assert newsroom.queued == []
    assert newsroom.ports.stores.entries.count() == 1
    assert newsroom.subscription().pushed_at is None


def test_content_that_is_no_feed_is_ignored(newsroom):
    newsroom.subscribed()
    assert newsroom.hub.publish(newsroom.feed, "<html>sorry</html>") == [202]
    assert newsroom.ports.stores.entries.count() == 1
    (feed,) = newsroom.ports.stores.feeds.all()
    assert (feed.error, feed.pushed_until) == ("", None)


def test_content_for_nobody_or_before_it_is_verified_or_after_its_lease_is_turned_away(newsroom, clock):
    add_feeds(newsroom.ports, [NewFeed(url=newsroom.feed)])
    body = newsroom.put("one")
    newsroom.round()
    ours = newsroom.callback()
    signed = signature(newsroom.subscription().secret, body)
    assert newsroom.hub.push(ours, body, signed) == 404
    assert newsroom.hub.push(ours[:-1] + "x", body, signed) == 404
    newsroom.ask()
    newsroom.become(SubscriptionState.VERIFIED)
    assert newsroom.hub.push(ours, body, signed) == 202
    clock.turn(newsroom.hub.lease)
    assert newsroom.hub.push(ours, body, signed) == 410


def test_a_body_larger_than_a_feed_may_be_is_refused(newsroom):
    newsroom.subscribed()
    assert newsroom.hub.publish(newsroom.feed, "x" * 20_001) == [413]


def test_a_flood_of_pushes_is_taken_or_told_to_come_again_and_none_is_lost(newsroom):
    newsroom.subscribed()
    names = [f"number-{number}" for number in range(12)]
    bodies = [web.rss((name, f"{newsroom.site.base}/{name}")) for name in names]
    waiting = list(bodies)
    with ThreadPoolExecutor(12) as pool:
        while waiting:
            answers = [one for (one,) in pool.map(lambda body: newsroom.hub.publish(newsroom.feed, body), waiting)]
            assert 202 in answers
            assert set(answers) <= {202, 503}
            waiting = [body for body, answer in zip(waiting, answers, strict=True) if answer == 503]
    assert newsroom.ports.stores.entries.count() == 1 + len(names)


def test_a_hub_that_drips_holds_up_only_itself_and_not_for_long(newsroom):
    newsroom.subscribed()
    other = newsroom.site.put("/other", web.rss(), web.RSS, Link=f'<{newsroom.hub.url}>; rel="hub"')
    add_feeds(newsroom.ports, [NewFeed(url=other)])
    newsroom.round()
    newsroom.ask()
    wait_until(lambda: len(newsroom.hub.subscribers) == 2, 10, "the other is subscribed to")
    (ours,) = [callback for topic, callback in newsroom.hub.subscribers if topic == newsroom.feed]
    body = newsroom.put("one", "two")
    with dripping(ours) as one, dripping(ours) as two:
        assert newsroom.hub.push(ours, "x") == 503
        assert newsroom.hub.publish(other, body) == [202]
        assert b" 408 " in one.recv(100)
        assert b" 408 " in two.recv(100)
    assert newsroom.hub.publish(newsroom.feed, body) == [202]


def test_a_hub_that_hangs_up_in_the_middle_leaves_room_for_the_next(newsroom):
    newsroom.subscribed()
    for _ in range(3):
        with dripping(newsroom.callback()):
            pass
    body = newsroom.put("one", "two")
    wait_until(lambda: newsroom.hub.publish(newsroom.feed, body) == [202], 2, "the next is taken")


@contextmanager
def dripping(callback: str) -> Iterator[socket.socket]:
    """A push whose body is waited for, and does not come."""
    parts = urlsplit(callback)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        headers = "Host: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(f"POST {parts.path} HTTP/1.1\r\n{headers}".encode())
        assert b" 100 " in connection.recv(100)  # its body is asked for: it is under way
        yield connection


class Away:
    """A store that does not answer."""

    def get(self, ids: Sequence[str]) -> dict[str, Subscription]:
        raise StoreUnavailable("nobody answers")


def test_a_store_that_is_away_has_the_hub_come_again(newsroom):
    newsroom.subscribed()
    stores = dataclasses.replace(newsroom.ports.stores, subscriptions=Away())
    with console(dataclasses.replace(newsroom.ports, stores=stores), port := free_port(), []):
        address = f"http://127.0.0.1:{port}/websub/a/b"
        assert (newsroom.hub.ask(address, {})[0], newsroom.hub.push(address, "x")) == (503, 503)


# -- leases, and the end


def test_a_lease_is_renewed_before_it_ends_under_the_same_callback(newsroom, clock):
    newsroom.subscribed()
    first = newsroom.subscription()
    newsroom.hub.publish(newsroom.feed, newsroom.put("one", "two"))
    clock.turn(newsroom.hub.lease * websub.RENEW_AT - 1)
    assert newsroom.ask() == 0
    clock.turn(1)
    assert newsroom.ask() == 1
    wait_until(lambda: newsroom.subscription().expires_at > first.expires_at, 10, "the lease is longer")
    assert newsroom.hub.modes() == ["subscribe", "subscribe"]
    assert newsroom.hub.forms[0]["hub.callback"] == newsroom.hub.forms[1]["hub.callback"]
    wait_until(
        lambda: next(newsroom.ports.stores.feeds.all()).pushed_until == newsroom.subscription().expires_at,
        10,
        "the feed knows of it",
    )


def test_a_paused_feed_is_unsubscribed_and_a_resumed_one_subscribed_again(newsroom):
    newsroom.subscribed()
    secret = newsroom.subscription().secret
    set_feed_state(newsroom.ports, newsroom.feed, FeedState.PAUSED)
    assert newsroom.hub.push(newsroom.callback(), "x", signature(secret, "x")) == 410
    assert newsroom.ask() == 1
    newsroom.become(SubscriptionState.ENDED)
    wait_until(lambda: not newsroom.hub.subscribers, 10, "the hub has forgotten us")
    assert newsroom.ask() == 0
    set_feed_state(newsroom.ports, newsroom.feed, FeedState.ACTIVE)
    assert newsroom.ask() == 1
    newsroom.become(SubscriptionState.VERIFIED)
    assert newsroom.hub.modes() == ["subscribe", "unsubscribe", "subscribe"]


def test_a_removed_feed_is_unsubscribed(newsroom):
    newsroom.subscribed()
    feed_id = newsroom.subscription().feed_id
    newsroom.ports.stores.feeds.delete([feed_id])
    end(newsroom.ports, [feed_id])
    newsroom.ask()
    newsroom.become(SubscriptionState.ENDED)


def test_a_feed_that_was_removed_without_a_word_ends_with_the_next_push(newsroom):
    newsroom.subscribed()
    newsroom.ports.stores.feeds.delete([newsroom.subscription().feed_id])
    assert newsroom.hub.publish(newsroom.feed, newsroom.put("two")) == [410]
    newsroom.ask()
    newsroom.become(SubscriptionState.ENDED)


def test_a_feed_that_moves_to_another_hub_is_subscribed_there_under_a_new_secret(newsroom):
    newsroom.subscribed()
    before = newsroom.subscription()
    with open_hub() as other:
        old, newsroom.hub = newsroom.hub, other
        newsroom.put("one", "two")
        newsroom.round()
        assert newsroom.ask() == 1
        newsroom.become(SubscriptionState.VERIFIED)
        after = newsroom.subscription()
        assert (after.hub, after.secret != before.secret, after.token != before.token) == (other.url, True, True)
        assert old.publish(newsroom.feed, "x") == [404]


def test_a_feed_that_names_no_hub_any_more_is_unsubscribed(newsroom):
    newsroom.subscribed()
    newsroom.site.put("/feed", web.rss(("Story two", newsroom.site.base + "/two")), web.RSS)
    newsroom.round()
    newsroom.ask()
    newsroom.become(SubscriptionState.ENDED)


# -- hubs that can't be had


def test_a_hub_at_a_private_address_is_refused_with_the_cure_and_polling_goes_on(newsroom):
    newsroom.hub = dataclasses.replace(newsroom.hub, url=newsroom.hub.url.replace("127.0.0.1", "127.0.0.2"))
    add_feeds(newsroom.ports, [NewFeed(url=newsroom.feed)])
    newsroom.put("one")
    newsroom.round()
    newsroom.ask()
    assert "127.0.0.2 is private" in newsroom.subscription().error
    assert newsroom.hub.forms == []
    (feed,) = newsroom.ports.stores.feeds.all()
    assert feed.error == ""


def test_a_hub_that_fails_is_asked_again_later(newsroom, clock):
    newsroom.hub.status = 500
    add_feeds(newsroom.ports, [NewFeed(url=newsroom.feed)])
    newsroom.put("one")
    newsroom.round()
    assert newsroom.ask() == 1
    assert newsroom.subscription().error.startswith("the hub answers 500")
    assert newsroom.ask() == 0
    newsroom.hub.status = 202
    clock.turn(websub.FIRST_WAIT)
    assert newsroom.ask() == 1
    newsroom.become(SubscriptionState.VERIFIED)


def test_without_a_callback_no_hub_is_asked_and_no_door_is_open(ports, site):
    with open_hub() as hub, console(ports, port := free_port(), []):
        newsroom = Newsroom(ports, site, hub)
        add_feeds(ports, [NewFeed(url=newsroom.feed)])
        newsroom.put("one")
        newsroom.round()
        assert (newsroom.ask(), ports.stores.subscriptions.count()) == (0, 0)
        assert hub.ask(f"http://127.0.0.1:{port}/websub/a/b", {})[0] == 404
        assert hub.ask(f"http://127.0.0.1:{port}/healthz", {})[0] == 200
