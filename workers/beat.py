"""The scheduler of `celery beat`: it names sweeps only while it leads, so that any number of beats may run."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from typing import Any

from celery.beat import ScheduleEntry, Scheduler

from pipeline.errors import WirewatchError
from pipeline.flow.beat import lead
from workers import bootstrap

log = logging.getLogger(__name__)


class SteadyScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own scheduler in memory, which goes on when the clock is set back: Celery's waits for the old time."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Send what is due; what ran in what is now the future counts as run now. Seconds until the next look."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self._heap = None  # made anew by Celery
        return float(super().tick(*arguments, **options))


class LeadingScheduler(SteadyScheduler):
    """What is due is derived from the store, so no schedule has to be kept."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # Unlike any other's, also where processes of two containers have the same number.
        self._name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._leads = False
        super().__init__(*arguments, **options)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send what is due, with the token of the lead; nothing while another beat has it or the store is away."""
        try:
            token = lead(bootstrap.ports(), self._name)
        except WirewatchError as error:
            log.warning("beat: %s", error)
            return
        self._tell(leads=bool(token))
        if token:
            entry.kwargs = {**entry.kwargs, "token": token}
            super().apply_entry(entry, producer)

    def _tell(self, *, leads: bool) -> None:
        if leads != self._leads:
            log.info("beat: %s", "this one leads" if leads else "another one leads")
        self._leads = leads
