"""Counts: what the reports of the flow say, and how long its stages take."""

from __future__ import annotations

from contextlib import AbstractContextManager

from pipeline.flow import IngestReport, NotifyReport, PollReport
from pipeline.model import Stage
from workers.metrics import names


class Meter:
    """ports.Observer."""

    def stage(self, stage: Stage, **ids: str) -> AbstractContextManager[object]:  # noqa: ARG002 -- of no metric
        """Time it."""
        return names.STAGES.labels(stage.value).time()


def count_poll(report: PollReport) -> None:
    """Count what a poll came to."""
    unchanged, failed, put_off = report.unchanged, len(report.failed), len(report.put_off)
    names.POLLS.labels("unchanged").inc(unchanged)
    names.POLLS.labels("failed").inc(failed)
    names.POLLS.labels("put_off").inc(put_off)
    names.POLLS.labels("changed").inc(max(0, report.polled - unchanged - failed - put_off))
    count_entries(report.new, report.changed)


def count_entries(new: int, changed: int) -> None:
    """Count entries that were polled or pushed."""
    names.ENTRIES.labels("new").inc(new)
    names.ENTRIES.labels("changed").inc(changed)


def count_ingest(report: IngestReport) -> None:
    """Count what an ingest came to."""
    names.INGESTED.labels("story").inc(report.stories)
    names.INGESTED.labels("failed").inc(len(report.failed))
    names.INGESTED.labels("quarantined").inc(len(report.quarantined))
    names.MATCHES.inc(report.matches)
    names.DELIVERIES.labels("pending").inc(len(report.delivery_ids))
    names.DELIVERIES.labels("suppressed").inc(report.suppressed)


def count_notify(report: NotifyReport) -> None:
    """Count what a notify came to."""
    names.DELIVERIES.labels("sent").inc(report.sent)
    names.DELIVERIES.labels("held").inc(report.held)
    names.DELIVERIES.labels("postponed").inc(report.postponed)
    names.DELIVERIES.labels("failed").inc(report.failed)
    names.DELIVERIES.labels("suppressed").inc(report.suppressed)
    names.ERRORS.labels("mail").inc(report.postponed)
    for waited in report.waited:
        names.PUBLISHED_TO_MAIL.observe(waited.since_published)
        names.SEEN_TO_MAIL.observe(waited.since_seen)
