"""explain: what became of a story, and why an alert did or did not fire on it and reach somebody, step by step.

poll → parse → fetch → extract → dedupe → index       its story (story.py)
clause → match                                         an alert on it (alert.py)
policy → deliver → ledger → mail → answer              its way to a recipient (delivery.py)
"""

from __future__ import annotations

from pipeline.deliver.channel import one_spelling
from pipeline.flow.alerts.manage import find_alert
from pipeline.flow.stories.explain.alert import of_alert
from pipeline.flow.stories.explain.delivery import of_delivery, of_policy
from pipeline.flow.stories.explain.step import Step
from pipeline.flow.stories.explain.story import find_story, of_story, of_unseen
from pipeline.ports import Ports

__all__ = ["Step", "explain", "find_story"]


def explain(ports: Ports, url: str, alert_name: str | None, recipient: str = "") -> list[Step]:
    """The steps of the story at `url`; with an alert, on to its matches and mails; with a recipient, to theirs alone.

    Raises NotFound for the alert.
    """
    recipient = one_spelling(recipient)
    alert = find_alert(ports, alert_name) if alert_name else None
    story = find_story(ports, url)
    steps = of_unseen(ports, url) if story is None else of_story(ports, story)
    if story is not None and alert is not None:
        steps += of_alert(ports, alert, story)
    if alert is not None and recipient:
        steps += of_policy(ports, alert, recipient)
    if story is not None and alert is not None:
        steps += of_delivery(ports, alert, story, recipient)
    return steps
