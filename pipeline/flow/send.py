"""A message is rendered for its recipient's channel and handed over: a mail to its server, a post to its address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pipeline.deliver.channel import Channel, channel_of, shown
from pipeline.deliver.item import Item
from pipeline.deliver.line import one_line
from pipeline.deliver.plan import mail_id
from pipeline.deliver.post import request_for
from pipeline.deliver.render import render
from pipeline.errors import DeliveryRefused, DeliveryUnavailable, FetchRefused, FetchUnavailable
from pipeline.model import FetchResponse, Recipient
from pipeline.ports import Ports

ANSWER_LENGTH = 200
"""Characters of an answer's body that the ledger keeps."""
GATEWAYS = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
"""Who says so does not know whether who stands behind has taken it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message was taken: what was answered, and the id under which it would be sent again."""

    answer: str
    message_id: str


def send(ports: Ports, items: Sequence[Item], recipient: Recipient, notes: Sequence[str] = ()) -> Taken:
    """Send one message of these deliveries; `notes` are lines beside the stories, such as which sources are silent.

    Raises DeliveryUnavailable, DeliveryRefused, and BadInput for an address, a secret or a zone that can't be used.
    """
    if channel_of(recipient.address) is Channel.MAIL:
        mail = render(items, recipient, ports.settings, notes)
        return Taken(ports.mailer.send(mail), str(mail["Message-ID"]))
    request = request_for(items, recipient, ports.settings, ports.clock.now(), notes)
    (outcome,) = ports.fetcher.fetch([request])
    answer = _in_a_line(outcome)
    if isinstance(outcome, FetchUnavailable):
        raise DeliveryUnavailable(shown(recipient.address), answer, uncertain=_may_be_taken(outcome))
    if isinstance(outcome, FetchRefused):
        raise DeliveryRefused(shown(recipient.address), answer)
    return Taken(answer, mail_id([one.delivery for one in items]))


def _may_be_taken(outcome: FetchUnavailable) -> bool:
    """Whether a post may have been read by whom it was for, though they did not say so."""
    return outcome.status in GATEWAYS or (outcome.status is None and not outcome.unasked)


def _in_a_line(outcome: FetchResponse | FetchUnavailable | FetchRefused) -> str:
    """An answer as the ledger keeps it: status and first words, or why there was none."""
    if not isinstance(outcome, FetchResponse) and outcome.status is None:
        return outcome.reason
    words = one_line(outcome.body.decode("utf-8", "replace"), ANSWER_LENGTH)
    return f"{outcome.status} {_phrase(outcome.status)} {words}".strip()


def _phrase(status: int | None) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
