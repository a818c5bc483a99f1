"""Stories that are taken down."""

from __future__ import annotations

from pipeline.flow.accounts.audit import record
from pipeline.flow.stories import forget as forgetting
from pipeline.flow.stories.forget import Forgotten
from pipeline.ports import Ports


def forget(ports: Ports, who: str, url: str) -> Forgotten:
    """Erase the story at `url` wherever it is kept, and keep it from coming back. Raises BadInput."""
    gone = forgetting.forget(ports, url)
    record(ports, who, "take down story", url, None, None)
    return gone
