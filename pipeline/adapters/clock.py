"""The time of this machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The Clock of everything but tests."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        time.sleep(seconds)
