"""The time of this machine."""

from datetime import UTC, datetime


class SystemClock:
    """The Clock of everything but tests."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)
