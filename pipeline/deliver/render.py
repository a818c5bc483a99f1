"""A match as a mail: the sentence that matched, the headline, why, and the way to the article.

Well-formed by the standard library's email package (RFC 5322, 2045-2049), text and HTML of equal worth.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.deliver.excerpt import Excerpt, excerpts
from pipeline.deliver.policy import read_zone
from pipeline.model import Alert, Delivery, Evidence, Match, Recipient, Story, identify
from pipeline.outlets import in_words, outlet
from pipeline.settings import Settings

SUBJECT_LENGTH = 150
MOST_ENTITIES = 8
MOST_OUTLETS = 20
MOST_REASONS = 6
WIDTH = 72


class _Subject(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]  # as HeaderRegistry combines them
    """A subject that reads after folding as it read before.

    EmailMessage encodes only the words that need it and leaves a second space at the fold; here the whole text is
    encoded, in which white space between encoded words does not count (RFC 2047, section 6.2).
    """

    def fold(self, *, policy: Policy) -> str:
        if self.isascii():
            return super().fold(policy=policy)
        encoded = Header(str(self), "utf-8", header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {encoded}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("subject", _Subject)
POLICY = SMTP.clone(header_factory=_HEADERS)


@dataclass(frozen=True, slots=True)
class Item:
    """What a mail says of one delivery; `elsewhere` are the story's copies in other outlets, one an outlet."""

    delivery: Delivery
    alert: Alert
    story: Story
    match: Match
    elsewhere: tuple[Story, ...] = ()


def render(items: Sequence[Item], recipient: Recipient, settings: Settings) -> EmailMessage:
    """The mail of these deliveries, one or many. The same mail always has the same Message-ID."""
    first = items[0]
    domain = settings.mail_from.rpartition("@")[2]
    message = EmailMessage(policy=POLICY)
    message["Subject"] = one_line(subject(items), SUBJECT_LENGTH)
    message["From"] = Address("Wirewatch", addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=recipient.address)
    # When the alert fired: a mail that an outage held up says so by its date.
    message["Date"] = format_datetime(max(one.delivery.created_at for one in items))
    message["Message-ID"] = f"<{first.delivery.mail_id or first.delivery.id}@{domain}>"
    about = first.story.id if len(items) == 1 else first.alert.id
    thread = f"<{identify('thread', about, recipient.address)}@{domain}>"
    message["References"] = thread
    message["In-Reply-To"] = thread
    if len({one.alert.id for one in items}) == 1:
        message["List-Id"] = f"<{first.alert.id}.alerts.{domain}>"
    message["List-Unsubscribe"] = unsubscribe(recipient, first.alert, settings)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message["X-Wirewatch-Delivery"] = first.delivery.id
    kind, facts = ("match", _facts(first, recipient)) if len(items) == 1 else ("digest", _digest(items, recipient))
    message.set_content(_templates().get_template(f"{kind}.txt").render(facts), cte="quoted-printable")
    html = _templates().get_template(f"{kind}.html").render(facts)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def subject(items: Sequence[Item]) -> str:
    """What a message about these deliveries is about."""
    first = items[0]
    if len(items) == 1:
        return f"[{first.alert.name}] {'Update: ' if first.match.update else ''}{first.story.title}"
    alerts = {one.alert.id for one in items}
    if len(alerts) > 1:
        return f"{len(items)} stories for {len(alerts)} alerts"
    return f"[{first.alert.name}] {len(items)} stories"


def unsubscribe(recipient: Recipient, alert: Alert, settings: Settings) -> str:
    """List-Unsubscribe, RFC 2369: a mail to the sender until there is a public address of the console."""
    subject = quote(one_line(f"unsubscribe {recipient.address} from {alert.name}", 200))
    return f"<mailto:{settings.mail_from}?subject={subject}>"


def one_line(text: str, most: int) -> str:
    """`text` fit for a header: one line, no control characters, cut at a word."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else f"{line[: most - 2].rsplit(' ', 1)[0]} …"


def _digest(items: Sequence[Item], recipient: Recipient) -> dict[str, object]:
    by_alert: dict[str, list[Item]] = {}
    for one in items:
        by_alert.setdefault(one.alert.id, []).append(one)
    groups = [(ones[0].alert, [_facts(one, recipient) for one in ones]) for ones in by_alert.values()]
    return {"groups": groups, "recipient": recipient, "count": len(items), "wrapped": _wrapped, "in_text": in_text}


def _facts(item: Item, recipient: Recipient) -> dict[str, object]:
    story, match = item.story, item.match
    return _spread(item.elsewhere) | {
        "alert": item.alert,
        "story": story,
        "delivery": item.delivery,
        "recipient": recipient,
        "excerpts": excerpts(story, match.evidence),
        "update": update(story, match),
        "outlet": outlet(story),
        "published": moment(story.published, read_zone(recipient.zone)),
        "reasons": reasons(match.evidence),
        "entities": ", ".join(entity.name for entity in story.entities[:MOST_ENTITIES]),
        "from_feed": story.text_reason,
        "wrapped": _wrapped,
        "in_text": in_text,
    }


def _spread(elsewhere: Sequence[Story]) -> dict[str, object]:
    shown = [(outlet(one), one.url) for one in elsewhere[:MOST_OUTLETS]]
    return {"spread": in_words(elsewhere), "elsewhere": shown, "more_outlets": len(elsewhere) - len(shown)}


def update(story: Story, match: Match) -> str:
    """What a new version changed, for those who were alerted to an earlier one; empty for a first alert."""
    revision = next((one for one in story.revisions if one.version == match.story_version), None)
    if not match.update or revision is None:
        return ""
    changes = revision.changes
    said = [
        f"headline was “{changes.headline_before}”" if changes.headline_before else "",
        f"{_sentences(len(changes.added))} added" if changes.added else "",
        f"{_sentences(len(changes.removed))} removed" if changes.removed else "",
    ]
    return "; ".join(filter(None, said))


def _sentences(count: int) -> str:
    return f"{count} sentence{'s' * (count > 1)}"


def moment(when: datetime, zone: tzinfo = UTC) -> str:
    """A time as a reader in `zone` takes it in."""
    when = when.astimezone(zone)
    return f"{when:%A} {when.day} {when:%B %Y, %H:%M %Z}"


def reasons(evidence: tuple[Evidence, ...]) -> list[tuple[str, str]]:
    """Each clause that held, and how it stands in the story."""
    found: dict[str, list[str]] = {}
    for one in evidence:
        where = one.text if one.field in ("title", "body", "lead") else f"{one.text} ({one.field})"
        words = found.setdefault(one.clause, [])
        if where not in words:
            words.append(where)
    return [(clause, ", ".join(words[:4])) for clause, words in list(found.items())[:MOST_REASONS]]


def in_text(excerpt: Excerpt) -> str:
    """An excerpt for a text mail or a terminal: what matched stands between asterisks."""
    return "".join(f"*{part.text}*" if part.marked else part.text for part in excerpt)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("pipeline.deliver"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
