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


class LeadingScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own scheduler in memory: what is due is derived from the store, so no schedule has to be kept."""

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
