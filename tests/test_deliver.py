"""deliver: the states of a delivery, the sentence that matched, and the mail."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import match
from pipeline.deliver import decide
from pipeline.deliver.excerpt import excerpts, sentence
from pipeline.deliver.plan import plan
from pipeline.deliver.render import Item, in_text, render
from pipeline.ids import delivery_id
from pipeline.model import Delivery, DeliveryState, Story
from pipeline.query.document import Document
from pipeline.query.syntax import parse
from pipeline.settings import load
from tests import builders, strategies
from tests.builders import NOON, later

SETTINGS = load({}, mail_from="wirewatch@news.example")
LEASE = timedelta(seconds=120)
BODY = (
    "Gen. Holt arrived at noon. Officers from the Kursk region wrote the annex.\n\n"
    "It has a mutual defence clause. Nobody voted against it."
)


def mail(query: str = "kursk", story: Story | None = None, recipient: str = "analyst@example.org") -> EmailMessage:
    story = story or builders.story(title="Two neighbours sign a treaty", body=BODY, site="A News")
    alert = builders.alert(query)
    found = match.match(alert.id, parse(query), Document(story), NOON)
    assert found
    delivery = decide.delivery_for(found, recipient, NOON)
    sent = render([Item(delivery, alert, story, found)], builders.recipient(recipient), SETTINGS)
    return message_from_bytes(sent.as_bytes(), _class=EmailMessage, policy=policy.default)


def text(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content()


# -- the mail


def test_a_mail_is_multipart_with_text_and_html_of_equal_worth():
    message = mail()
    assert message.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        said = text(message, kind)
        for words in ("Two neighbours sign a treaty", "A News", "https://a.example/a", "kursk", "analyst@example.org"):
            assert words in said
    assert "*Kursk*" in text(message)
    assert ">Kursk</mark>" in text(message, "html")


def test_the_subject_reads_as_the_headline_does_in_any_script():
    for title in (
        "Two neighbours sign a treaty that binds each to the other’s aid",
        "Путін у Києві: «довгий заголовок, який треба кодувати», — сказав він учора ввечері",
        "北京が長い見出しを" * 5,
    ):
        message = mail("title:*".replace("*", title.split()[0].strip("’")), builders.story(title=title))
        assert str(message["Subject"]).endswith(title)


def test_the_same_delivery_has_the_same_message_id_and_another_another():
    assert mail()["Message-ID"] == mail()["Message-ID"]
    assert mail()["Message-ID"] != mail(recipient="other@example.org")["Message-ID"]
    assert str(mail()["Message-ID"]).endswith("@news.example>")


def test_a_mail_can_be_unsubscribed_from_and_calls_for_no_answer():
    message = mail()
    assert str(message["List-Unsubscribe"]).startswith("<mailto:wirewatch@news.example?subject=unsubscribe")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["References"] == message["In-Reply-To"]


def test_nothing_of_a_page_is_markup_or_a_header_in_the_mail():
    story = builders.story(
        title="Kursk <script>alert(1)</script>\r\nBcc: x@evil.example", body="<img src=x> Kursk", site="<b>A</b>"
    )
    message = mail(story=story)
    assert message["Bcc"] is None
    assert "<script>" not in text(message, "html")
    assert "<img" not in text(message, "html")


def test_no_line_of_the_text_is_too_long_for_a_terminal():
    story = builders.story(title="Kursk " * 40, body="Kursk and " + "many words " * 200)
    prose = [line for line in text(mail(story=story)).splitlines() if "://" not in line]
    assert max(map(len, prose)) <= 130


def test_a_text_from_the_feed_says_so():
    story = builders.story(title="x", body="Kursk", text_reason="answers 403 Forbidden")
    assert "Text from the feed: answers 403 Forbidden." in text(mail(story=story))


# -- the sentence


def first_excerpt(query: str, body: str, title: str = "") -> str:
    story = builders.story(title=title, body=body)
    found = match.match("a", parse(query), Document(story), NOON)
    assert found
    return in_text(excerpts(story, found.evidence)[0])


def test_the_sentence_that_matched_is_shown_whole_with_its_words_marked():
    assert first_excerpt("kursk", BODY) == "Officers from the *Kursk* region wrote the annex."
    assert first_excerpt('"mutual defence"', BODY) == "It has a *mutual defence* clause."


def test_an_abbreviation_ends_no_sentence():
    assert first_excerpt("noon", BODY) == "Gen. Holt arrived at *noon*."


def test_a_long_sentence_is_cut_around_the_words():
    shown = first_excerpt("kursk", "word " * 200 + "Kursk " + "word " * 200)
    assert "*Kursk*" in shown
    assert len(shown) < 400
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_where_only_the_title_matched_the_title_is_shown():
    assert first_excerpt("kursk", "Nothing here.", title="Kursk again") == "*Kursk* again"


@given(strategies.texts(30), st.data())
def test_a_sentence_holds_the_words_it_is_about(body, data):
    if not body:
        return
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start + 1, min(len(body), start + 40)))
    left, right = sentence(body, start, end)
    assert 0 <= left <= start < end <= right <= len(body)


# -- decide: the ledger


def test_a_delivery_has_an_id_that_stays():
    found = builders.match()
    one, other = (
        decide.delivery_for(found, "a@example.org", NOON),
        decide.delivery_for(found, "a@example.org", later(9)),
    )
    assert one.id == other.id == delivery_id(found.id, "mail", "a@example.org")
    assert decide.delivery_for(found, "b@example.org", NOON).id != one.id


def test_deliveries_that_are_silent_for_age_are_suppressed_until_its_story_comes_as_news():
    made = decide.delivery_for(builders.match(), "analyst@example.org", NOON)
    old = decide.suppressed(made, "old: published 3 days ago", NOON)
    assert (old.state, old.reason) == (DeliveryState.SUPPRESSED, "old: published 3 days ago")
    assert [event.state for event in old.history] == ["pending", "suppressed"]
    assert decide.claim(old, "m", NOON, LEASE) is None
    revived = decide.revived(old, builders.delivery(due_at=later(9)), later(9))
    assert revived
    assert (revived.state, revived.reason, revived.due_at) == (DeliveryState.PENDING, "", later(9))
    assert decide.claim(revived, "m", later(9), LEASE)


def test_nothing_else_that_has_ended_is_revived():
    for state, reason in (("sent", ""), ("failed", "old: no"), ("suppressed", "the alert is gone")):
        ended = builders.delivery(state=DeliveryState(state), reason=reason)
        assert decide.revived(ended, builders.delivery(), NOON) is None


def held(name: str, alert: str, reason: str) -> Delivery:
    return builders.delivery(name, alert_id=alert, state=DeliveryState.HELD, reason=reason)


def test_what_quiet_hours_held_is_released_in_one_mail():
    due = [held(str(number), f"alert {number % 2}", "quiet hours, 22:00-07:00") for number in range(4)]
    alerts = {f"alert {number}": builders.alert(name=f"alert {number}") for number in range(2)}
    made = plan(due, {key: replace(one, id=key) for key, one in alerts.items()}, builders.recipient(), (), NOON)
    assert (made.mails, made.changed) == ([tuple(due)], [])


def test_what_a_throttle_held_goes_in_the_next_mail_with_what_came_since():
    due = [held("a", "one", "throttle: 2 mails an hour"), builders.delivery("b", alert_id="one")]
    alerts = {"one": builders.alert(throttle=2, id="one")}
    sent = [("one", NOON - timedelta(minutes=50))]
    assert plan(due, alerts, builders.recipient(), sent, NOON).mails == [tuple(due)]


def test_what_may_have_gone_out_is_marked_also_when_its_alert_is_gone():
    lost = builders.delivery("a", state=DeliveryState.SENDING, mail_id="m", attempts=1, lease_until=later(-1))
    recipient = builders.recipient()
    (changed,) = plan([lost], {}, recipient, (), NOON).changed
    assert (changed.state, changed.reason, changed.repeated) == (DeliveryState.SUPPRESSED, "the alert is gone", True)
    waiting = builders.delivery("b")
    assert [one.repeated for one in plan([waiting], {}, recipient, (), NOON).changed] == [False]


def test_only_what_is_due_and_in_nobodys_hands_is_claimed():
    pending = builders.delivery()
    assert decide.claim(pending, "m", later(-1), LEASE) is None
    claimed = decide.claim(pending, "m", NOON, LEASE)
    assert claimed
    assert (claimed.state, claimed.attempts, claimed.repeated) == (DeliveryState.SENDING, 1, False)
    assert decide.claim(claimed, "m", later(119), LEASE) is None
    again = decide.claim(claimed, "m", later(120), LEASE)
    assert again
    assert (again.attempts, again.repeated) == (2, True)


def test_waits_grow_and_end_after_a_day():
    delivery, waits = builders.delivery(), []
    now = NOON
    while True:
        claimed = decide.claim(delivery, "m", now, LEASE)
        assert claimed
        delivery = decide.postponed(claimed, "451 later", now)
        if delivery.state is DeliveryState.FAILED:
            break
        waits.append((delivery.due_at - now).total_seconds())
        now = delivery.due_at
    assert 20 <= waits[0] <= 40
    assert max(waits) <= 3600 * 1.2
    assert "given up after a day: 451 later" in delivery.reason


STEPS = st.sampled_from(["claim", "sent", "failed", "suppressed", "postponed", "wait"])


@given(st.lists(STEPS, max_size=25))
def test_a_delivery_that_has_ended_stays_ended_and_its_history_tells_each_step(steps):
    ends = {DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SUPPRESSED}
    delivery, now, ended = builders.delivery(), NOON, None
    for step in steps:
        before: Delivery = delivery
        if step == "wait":
            now += timedelta(hours=2)
        elif step == "claim":
            delivery = decide.claim(delivery, "m", now, LEASE) or delivery
        elif delivery.state is DeliveryState.SENDING:
            if step == "sent":
                delivery = decide.sent(delivery, "250", "<m@x>", now)
            else:
                delivery = getattr(decide, step)(delivery, "because", now)
        if ended:
            assert delivery == ended
        if delivery is not before:
            assert len(delivery.history) == len(before.history) + 1
            assert delivery.history[-1].state == delivery.state
        if delivery.state in ends:
            ended = delivery
            assert delivery.lease_until is None
