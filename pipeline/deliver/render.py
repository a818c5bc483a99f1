"""A match as a mail: the sentence that matched, the headline, why, and the way to the article.

Well-formed by the standard library's email package (RFC 5322, 2045-2049), text and HTML of equal worth.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.deliver.excerpt import Excerpt, excerpts
from pipeline.model import Alert, Delivery, Evidence, Match, Story, identify
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


def render(
    delivery: Delivery, alert: Alert, story: Story, match: Match, settings: Settings, elsewhere: Sequence[Story] = ()
) -> EmailMessage:
    """The mail of one delivery. The same delivery always gives the same Message-ID.

    `elsewhere` are the story's copies in other outlets, one an outlet.
    """
    domain = settings.mail_from.rpartition("@")[2]
    message = EmailMessage(policy=POLICY)
    message["Subject"] = one_line(f"[{alert.name}] {'Update: ' if match.update else ''}{story.title}", SUBJECT_LENGTH)
    message["From"] = Address("Wirewatch", addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=delivery.recipient)
    # When the alert fired: a mail that an outage held up says so by its date.
    message["Date"] = format_datetime(delivery.created_at)
    message["Message-ID"] = f"<{delivery.id}@{domain}>"
    thread = f"<{identify('thread', story.id, delivery.recipient)}@{domain}>"
    message["References"] = thread
    message["In-Reply-To"] = thread
    message["List-Id"] = f"<{alert.id}.alerts.{domain}>"
    message["List-Unsubscribe"] = unsubscribe(delivery, alert, settings)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message["X-Wirewatch-Delivery"] = delivery.id
    facts = _facts(delivery, alert, story, match) | _spread(elsewhere)
    message.set_content(_templates().get_template("match.txt").render(facts), cte="quoted-printable")
    html = _templates().get_template("match.html").render(facts)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def unsubscribe(delivery: Delivery, alert: Alert, settings: Settings) -> str:
    """List-Unsubscribe, RFC 2369: a mail to the sender until there is a public address of the console."""
    subject = quote(one_line(f"unsubscribe {delivery.recipient} from {alert.name}", 200))
    return f"<mailto:{settings.mail_from}?subject={subject}>"


def one_line(text: str, most: int) -> str:
    """`text` fit for a header: one line, no control characters, cut at a word."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else f"{line[: most - 2].rsplit(' ', 1)[0]} …"


def _facts(delivery: Delivery, alert: Alert, story: Story, match: Match) -> dict[str, object]:
    return {
        "alert": alert,
        "story": story,
        "delivery": delivery,
        "excerpts": excerpts(story, match.evidence),
        "update": update(story, match),
        "outlet": outlet(story),
        "published": moment(story.published),
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


def moment(when: datetime) -> str:
    """A time as a reader takes it in, in UTC until readers have zones."""
    when = when.astimezone(UTC)
    return f"{when:%A} {when.day} {when:%B %Y, %H:%M} UTC"


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
