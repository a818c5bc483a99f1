"""The scheduler of `celery beat`, which goes on when the clock is set back."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler


class SteadyScheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's own waits for the old time to come again, both in its heap and in what it keeps of the last runs."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Send what is due; what ran in what is now the future counts as run now. Seconds until the next look."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self._heap = None  # made anew by Celery
        return float(super().tick(*arguments, **options))
