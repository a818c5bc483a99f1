"""How much of a digest is shown: stories in full while there is room, then headlines, then how many more there are.

Gmail clips a mail whose HTML is longer than 102 KB, and hides the rest with the unsubscribing at its end. The text part
has no such bound: it names every story.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.deliver.card import LONGEST_NAME, Card, Headline, Reader, card, headline_of
from pipeline.deliver.digest import Cluster, Section, in_turn
from pipeline.deliver.line import one_line
from pipeline.deliver.links import Links, links

HTML_BYTES = 58_000
"""For all stories. With frame and notes (14,000 at the most), and a third longer in base64, it stays below 102,400."""
FULL_BYTES = 38_000
AROUND_BYTES = 300
"""What stands around the headlines of a section, and after them."""
MOST_IN_FULL = 25


@dataclass(slots=True)
class Shown:
    """What is shown of a section, by the text part: `cards` and `lines`; by the HTML: `full` and `brief`, drawn."""

    alert_name: str
    count: int
    links: Links
    cards: list[Card] = field(default_factory=list)
    lines: list[Headline] = field(default_factory=list)  # all that have no card
    full: list[str] = field(default_factory=list)  # the section's head, and stories in full
    brief: list[str] = field(default_factory=list)  # headlines
    more: int = 0  # stories for which there was no room


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the parts of a section are made into HTML; what comes is marked as such, so that it is not escaped again."""

    head: Callable[[str, int, Links], str]
    card: Callable[[Card], str]
    line: Callable[[Headline], str]


@dataclass(slots=True)
class _Room:
    """What is left of the bytes. Once something did not fit, nothing of its kind does: the order stays."""

    drawing: Drawing
    reader: Reader
    left: int = HTML_BYTES
    in_full: int = MOST_IN_FULL

    def place(self, shown: Shown, cluster: Cluster) -> None:
        if self.in_full and self._in_full(shown, cluster):
            return
        line = headline_of(cluster.lead, cluster.elsewhere, self.reader)
        shown.lines.append(line)
        drawn = self.drawing.line(line) if self.left else ""
        if self._has_room(shown, drawn, 0):
            shown.brief.append(drawn)
        else:
            self.left = 0
            shown.more += 1

    def _in_full(self, shown: Shown, cluster: Cluster) -> bool:
        made = card(cluster.lead, cluster.elsewhere, self.reader)
        drawn = self.drawing.card(made)
        if not self._has_room(shown, drawn, HTML_BYTES - FULL_BYTES):
            self.in_full = 0
            return False
        self.in_full -= 1
        shown.cards.append(made)
        shown.full.append(drawn)
        return True

    def _has_room(self, shown: Shown, drawn: str, kept: int) -> bool:
        """Take the room that `drawn` needs, if `kept` bytes are left then; a section's first brings its head."""
        head = "" if shown.full else self.drawing.head(shown.alert_name, shown.count, shown.links)
        size = len(drawn.encode()) + (len(head.encode()) + AROUND_BYTES if head else 0)
        if not self.left or self.left - size < kept:
            return False
        self.left -= size
        shown.full += [head] if head else []
        return True


def fit(made: Sequence[Section], reader: Reader, drawing: Drawing) -> list[Shown]:
    """What is shown of each section, in their order."""
    shown = {
        one.alert.id: Shown(
            one_line(one.alert.name, LONGEST_NAME),
            len(one.clusters),
            links(one.clusters[0].lead.delivery, reader.settings),
        )
        for one in made
    }
    room = _Room(drawing, reader)
    for section, cluster in in_turn(made):
        room.place(shown[section.alert.id], cluster)
    return list(shown.values())
