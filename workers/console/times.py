"""Times as a visitor reads them: in their zone where they have said one, else in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.deliver.policy import read_zone
from pipeline.flow.readers.recipients import recipients_of
from pipeline.health import span
from pipeline.model import User
from pipeline.ports import Ports


@dataclass(frozen=True, slots=True)
class Times:
    """Called with a moment, says it in `zone`. A page that uses it says `name` once."""

    zone: ZoneInfo
    now: datetime

    def __call__(self, moment: datetime | None) -> str:
        """`moment` in the visitor's zone, to the minute."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M") if moment else "–"

    @property
    def name(self) -> str:
        """The zone's, as IANA has it."""
        return self.zone.key

    def ago(self, moment: datetime | None) -> str:
        """How long ago it was."""
        return f"{span(max(0.0, (self.now - moment).total_seconds()))} ago" if moment else "never"


def times_of(ports: Ports, user: User) -> Times:
    """Times for `user`, whose zone is that of the recipient at their address."""
    return Times(read_zone(recipients_of(ports, [user.address])[user.address].zone), ports.clock.now())
