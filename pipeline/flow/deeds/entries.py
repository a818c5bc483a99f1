"""Entries in quarantine: try them again, or discard them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flow.accounts import audit
from pipeline.flow.operations import quarantine
from pipeline.model import Entry
from pipeline.ports import Ports


def replay(ports: Ports, who: str, entry_ids: Sequence[str]) -> list[Entry]:
    """Have entries tried again as if they were new; those that were in quarantine."""
    before = ports.stores.entries.get(entry_ids)
    return _logged(ports, who, "replay entry", before, quarantine.replay(ports, entry_ids))


def discard(ports: Ports, who: str, entry_ids: Sequence[str], reason: str) -> list[Entry]:
    """Want no more of entries in quarantine; those that were waiting there. Raises BadInput without a reason."""
    before = ports.stores.entries.get(entry_ids)
    return _logged(ports, who, "discard entry", before, quarantine.discard(ports, entry_ids, reason=reason, by=who))


def _logged(ports: Ports, who: str, did: str, before: dict[str, Entry], after: list[Entry]) -> list[Entry]:
    changed = [audit.Changed(one.url or one.title or one.identity, before.get(one.id), one) for one in after]
    audit.record_all(ports, who, did, changed)
    return after
