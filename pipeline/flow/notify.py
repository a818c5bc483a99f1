"""notify: pending deliveries are claimed, rendered, sent and recorded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from pipeline.deliver import decide, render
from pipeline.errors import MailRefused, MailUnavailable
from pipeline.flow.cluster import elsewhere
from pipeline.model import Delivery, DeliveryState
from pipeline.ports import Ports

log = logging.getLogger(__name__)


@dataclass(slots=True)
class NotifyReport:
    """What one notify came to."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0
    suppressed: int = 0


def notify(ports: Ports, delivery_ids: Sequence[str]) -> NotifyReport:
    """Deliver those among these that are due and that nobody else is delivering."""
    lease = timedelta(seconds=ports.settings.lease)
    report = NotifyReport()
    # One claim a delivery, just before it is sent: a lease need not outlast the whole batch.
    for delivery_id in delivery_ids:
        now = ports.clock.now()
        for delivery in ports.stores.deliveries.update([delivery_id], partial(decide.claim, now=now, lease=lease)):
            _record(ports, _deliver(ports, delivery), report)
    return report


def _deliver(ports: Ports, delivery: Delivery) -> Delivery:
    """Send one delivery; what it is afterwards."""
    alert = ports.stores.alerts.get([delivery.alert_id]).get(delivery.alert_id)
    story = ports.stores.stories.get([delivery.story_id]).get(delivery.story_id)
    match = ports.stores.matches.get([delivery.match_id]).get(delivery.match_id)
    if alert is None or story is None or match is None:
        gone = "alert" if alert is None else "story" if story is None else "match"
        return decide.suppressed(delivery, f"the {gone} is gone", ports.clock.now())
    try:
        message = render.render(delivery, alert, story, match, ports.settings, elsewhere(ports, story))
        answer = ports.mailer.send(message)
    except MailUnavailable as error:
        return decide.postponed(delivery, error.answer, ports.clock.now())
    except MailRefused as error:
        return decide.failed(delivery, error.answer, ports.clock.now())
    except Exception as error:
        # A template or an address that fails is this delivery's own trouble: recorded, and the rest goes on.
        log.exception("delivery %s", delivery.id)
        return decide.failed(delivery, f"{type(error).__name__}: {error}", ports.clock.now())
    return decide.sent(delivery, answer, str(message["Message-ID"]), ports.clock.now())


def _record(ports: Ports, delivery: Delivery, report: NotifyReport) -> None:
    # The number of the attempt fences: who lost the lease in between does not overwrite what came after.
    ports.stores.deliveries.update(
        [delivery.id], lambda current: delivery if current.attempts == delivery.attempts else None
    )
    report.sent += delivery.state is DeliveryState.SENT
    report.failed += delivery.state is DeliveryState.FAILED
    report.suppressed += delivery.state is DeliveryState.SUPPRESSED
    report.postponed += delivery.state is DeliveryState.PENDING
    if delivery.state is not DeliveryState.SENT:
        log.warning("delivery %s to %s: %s %s", delivery.id, delivery.recipient, delivery.state, delivery.reason)
