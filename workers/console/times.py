"""Moments as a visitor reads them: in their own zone where it is known, else in UTC, and the page says which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from pipeline.deliver.policy import read_zone
from pipeline.flow.recipients import recipients_of
from pipeline.model import User
from pipeline.ports import Ports


@dataclass(frozen=True, slots=True)
class Times:
    """Called with a moment, it writes it."""

    zone: ZoneInfo

    def __call__(self, moment: datetime) -> Markup:
        """A moment as a `time` element."""
        local = moment.astimezone(self.zone)
        return Markup('<time datetime="{}">{}</time>').format(
            local.isoformat(timespec="seconds"), f"{local.day} {local:%b %Y, %H:%M}"
        )

    @property
    def said(self) -> str:
        """In which zone a page's times are."""
        return f"Times are in {self.zone.key}."


def times_of(ports: Ports, user: User) -> Times:
    """In the zone of the recipient at the visitor's address."""
    return Times(read_zone(recipients_of(ports, [user.address])[user.address].zone))
