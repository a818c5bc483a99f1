"""Channels beside mail as people give them: checked before they are kept, with their secrets, and tried."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from pipeline.deliver import decide
from pipeline.deliver.channel import HAVE_SECRET, Channel, check_secret, new_secret, read_secret, read_target, shown
from pipeline.deliver.item import Item
from pipeline.errors import BadInput, FetchRefused
from pipeline.flow.readers.recipients import change_recipient, recipients_of
from pipeline.flow.send import Taken, send
from pipeline.ids import identify
from pipeline.model import Alert, Evidence, Match, Recipient, Story
from pipeline.ports import Ports


def check_channel(ports: Ports, address: str) -> Channel:
    """The channel of an address that posts go to.

    Raises BadInput when it has no form of one, is at a private address, or lacks the secret it needs.
    """
    channel = _reachable(ports, address)
    check_secret(recipients_of(ports, [address])[address])
    return channel


def put_channel(ports: Ports, address: str, *, secret: str = "", name: str = "") -> Recipient:
    """Keep the recipient at an address that posts go to; a webhook without a secret is given one.

    Raises BadInput for an address or a secret that can't be used.
    """
    channel = _reachable(ports, address)
    known = recipients_of(ports, [address])[address]
    secret = _secret(channel, address, secret or known.secret)
    return change_recipient(
        ports, address, lambda one: replace(one, secret=secret, name=name or one.name, bounces=0, bounced="")
    )


def try_channel(ports: Ports, address: str) -> Taken:
    """Send a message that says it is a trial. Raises BadInput, DeliveryUnavailable, DeliveryRefused."""
    check_channel(ports, address)
    recipient = recipients_of(ports, [address])[address]
    return send(ports, [_trial(ports, recipient, ports.clock.now())], recipient)


def _reachable(ports: Ports, address: str) -> Channel:
    target = read_target(address, ports.settings.allow_private)
    try:
        ports.fetcher.check(target.url)
    except FetchRefused as error:
        raise BadInput(f"{shown(address)}: {error.reason}") from None
    return target.channel


def _secret(channel: Channel, address: str, secret: str) -> str:
    if channel is Channel.WEBHOOK:
        secret = secret or new_secret()
        read_secret(secret)
    elif channel is Channel.MATRIX and not (secret.isprintable() and secret.strip()):
        raise BadInput(
            f"{shown(address)} needs the access token of an account that is in the room: give it as the secret"
        )
    elif channel not in HAVE_SECRET and secret:
        raise BadInput(f"{shown(address)} has no secret beside its address: leave it out")
    return secret


def _trial(ports: Ports, recipient: Recipient, now: datetime) -> Item:
    url = ports.settings.public_url or ports.settings.contact
    alert = Alert(
        id=identify("alert", "Trial"), name="Trial", query="trial", meaning="trial", created_at=now, updated_at=now
    )
    story = Story(
        id=identify("story", url),
        url=url,
        title="A trial of this channel",
        body="This is a trial. Alerts will come as this message does.",
        published=now,
        site="Wirewatch",
        first_seen_at=now,
        updated_at=now,
    )
    evidence = (Evidence(clause="trial", field="body", start=10, end=15, text="trial"),)
    match = Match(
        id=identify("match", "trial", now.isoformat()),
        alert_id=alert.id,
        story_id=story.id,
        story_version=1,
        matched_at=now,
        evidence=evidence,
    )
    return Item(decide.delivery_for(match, recipient.address, now), alert, story, match)
