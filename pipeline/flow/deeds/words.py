"""Named lists, which queries use as @name."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flow.accounts.audit import record
from pipeline.flow.alerts import language
from pipeline.flow.alerts.language import list_id
from pipeline.model import Alert, WordList
from pipeline.ports import Ports


def put_list(ports: Ports, who: str, name: str, members: Sequence[str]) -> list[Alert]:
    """Save a list; the alerts whose meaning changed with it. Raises BadInput."""
    before = _known(ports, name)
    changed = language.put_list(ports, name, members)
    after = _known(ports, name)
    record(ports, who, "change list" if before else "add list", after.name if after else name, before, after)
    return changed


def remove_list(ports: Ports, who: str, name: str) -> None:
    """Remove a list that no alert uses. Raises NotFound, BadInput."""
    before = _known(ports, name)
    language.remove_list(ports, name)
    record(ports, who, "remove list", before.name if before else name, before, None)


def _known(ports: Ports, name: str) -> WordList | None:
    return ports.stores.lists.get([list_id(name)]).get(list_id(name))
