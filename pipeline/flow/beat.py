"""beat: of all that run, one names the sweeps. It holds the lead, a lease in the store with a fencing token.

The token grows whenever the lead changes hands, and goes with each sweep. One that was named by a beat which was held
up (a paused machine, say) and has been followed meanwhile is refused where it would be done, whatever that beat
believes. What the last sweep found stands in the same record, for health checks and whoever looks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace

from pipeline.ids import identify
from pipeline.model import Beat
from pipeline.ports import Ports

log = logging.getLogger(__name__)

BEAT = identify("beat")
SWEEPS = 3
"""For which a beat leads that is heard no more; another follows it then."""


def known_beat(ports: Ports) -> Beat:
    """The record, also where none has been written yet."""
    return ports.stores.beats.get([BEAT]).get(BEAT, Beat(id=BEAT))


def lead(ports: Ports, holder: str) -> int:
    """Take the lead or keep it, as `holder`; its token, or 0 while somebody else has it."""
    now = ports.clock.now()
    until = now + timedelta(seconds=SWEEPS * ports.settings.sweep_every)

    def take(one: Beat) -> Beat | None:
        if one.holder == holder:
            return replace(one, lease_until=until)
        if (one.lease_until or now) > now:
            return None
        return replace(one, holder=holder, token=one.token + 1, lease_until=until)

    taken = _change(ports, take)
    return taken.token if taken else 0


def admits(ports: Ports, token: int | None) -> bool:
    """Whether a sweep under `token` may be done; None is of a beat that can't have been succeeded."""
    latest = known_beat(ports).token
    if token is None or token >= latest:
        return True
    log.warning("sweep: refused, its beat has lost the lead (token %d, now %d)", token, latest)
    return False


def swept(ports: Ports, slowed: str) -> None:
    """Note that a sweep has come to its end, and why feeds are polled less often than is due, if they are."""
    now = ports.clock.now()
    before = known_beat(ports).slowed
    _change(ports, lambda one: replace(one, swept_at=now, slowed=slowed))
    if slowed and not before:
        log.warning("polling slows down: %s", slowed)
    elif before and not slowed:
        log.warning("polling is back at its pace")


def _change(ports: Ports, change: Callable[[Beat], Beat | None]) -> Beat | None:
    """Change the record, which is made when it is first needed; what it is now, None where it was left as it is."""
    if not ports.stores.beats.get([BEAT]):
        ports.stores.beats.create([Beat(id=BEAT)])
    return next(iter(ports.stores.beats.update([BEAT], change)), None)
