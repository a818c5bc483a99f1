"""Deliveries as a mail: the sentence that matched, the headline, why, and the way to the article.

Well-formed by the standard library's email package (RFC 5322, 2045-2049), text and HTML of equal worth.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.deliver.card import LONGEST_NAME, Reader, card, in_text, reader_of, reasons, update
from pipeline.deliver.decide import first_tried
from pipeline.deliver.digest import sections, why_held
from pipeline.deliver.excerpt import cut
from pipeline.deliver.fit import Drawing, Shown, fit
from pipeline.deliver.item import Item
from pipeline.deliver.language import ENGLISH, Language, language, moment
from pipeline.deliver.line import one_line, web_address
from pipeline.deliver.links import HTTPS, links
from pipeline.ids import identify
from pipeline.model import DeliveryState, Recipient
from pipeline.settings import Settings

__all__ = ["Item", "in_text", "moment", "one_line", "reasons", "render", "subject", "update"]

SUBJECT_LENGTH = 150
LONGEST_IN_SUBJECT = 60
"""Letters of an alert's name: the headline has its place too."""
MOST_NOTES = 10
LONGEST_NOTE = 200
LONGEST_QUERY = 1_000
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


class _Addresses(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]  # as HeaderRegistry combines them
    """Addresses in angle brackets (RFC 2369), one a line: EmailMessage would encode those that are long as words."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {str(self).replace(', <', f',{policy.linesep} <')}{policy.linesep}"


class _Headers(HeaderRegistry):
    """Makes the class of a header once: the library does so for each value, an eighth of the time that a mail takes."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type[BaseHeader]] = {}

    def __getitem__(self, name: str) -> type[BaseHeader]:
        if name not in self._made:
            self._made[name] = super().__getitem__(name)
        return self._made[name]


_HEADERS = _Headers()
_HEADERS.map_to_type("subject", _Subject)
_HEADERS.map_to_type("list-unsubscribe", _Addresses)
POLICY = SMTP.clone(header_factory=_HEADERS)


def render(items: Sequence[Item], recipient: Recipient, settings: Settings, notes: Sequence[str] = ()) -> EmailMessage:
    """The mail of these deliveries, one or many. The same mail always has the same Message-ID.

    `notes` are lines before the stories of a digest, or below one story, such as which sources are silent. Raises
    BadInput for a recipient in a zone that there is not.
    """
    reader = reader_of(recipient, settings)
    message = _headed(items, reader)
    said = bounded(notes, reader.language)
    kind, facts = (
        ("match", _match(items[0], reader, said)) if len(items) == 1 else ("digest", _digest(items, reader, said))
    )
    facts |= {"reader": reader, "subject": str(message["Subject"])}
    templates = _templates(reader.language.code)
    _set_part(message, templates.get_template(f"{kind}.txt").render(facts), "plain")
    _set_part(message, templates.get_template(f"{kind}.html").render(facts), "html")
    return message


def bounded(notes: Sequence[str], said_in: Language) -> list[str]:
    """Notes as a message has them: so many, each on a line, and how many more there are."""
    lines = [one_line(note, LONGEST_NOTE) for note in notes[:MOST_NOTES]]
    more = len(notes) - len(lines)
    return [*lines, said_in.ngettext("and %(num)d more", "and %(num)d more", more)] if more else lines


def _headed(items: Sequence[Item], reader: Reader) -> EmailMessage:
    first, recipient, settings = items[0], reader.recipient, reader.settings
    domain = settings.mail_from.rpartition("@")[2]
    message = EmailMessage(policy=POLICY)
    message["Subject"] = one_line(subject(items, reader.language), SUBJECT_LENGTH)
    message["From"] = Address("Wirewatch", addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=recipient.address)
    message["Date"] = format_datetime(max(map(_dated, items)))
    message["Message-ID"] = f"<{first.delivery.mail_id or first.delivery.id}@{domain}>"
    thread = f"<{identify('thread', _about(items), recipient.address)}@{domain}>"
    message["References"] = thread
    message["In-Reply-To"] = thread
    if len({one.alert.id for one in items}) == 1:
        message["List-Id"] = f"<{first.alert.id}.alerts.{domain}>"
    for name, value in unsubscribe(items, recipient, settings).items():
        message[name] = value
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message["X-Wirewatch-Delivery"] = first.delivery.id
    return message


def _dated(item: Item) -> datetime:
    """When the alert fired, so that a mail that an outage held up says so; of what was held, when it first went out."""
    was_held = any(event.state is DeliveryState.HELD for event in item.delivery.history)
    return first_tried(item.delivery) if was_held else item.delivery.created_at


def _about(items: Sequence[Item]) -> str:
    """What a mail is in one thread with: a story with its copies and updates, or the other digests of its alert."""
    clusters, alerts = {one.cluster for one in items}, {one.alert.id for one in items}
    if len(clusters) == 1:
        return clusters.pop()
    return alerts.pop() if len(alerts) == 1 else "digest"


def subject(items: Sequence[Item], said_in: Language = ENGLISH) -> str:
    """What a message is about: the alert and the headline, of the most important story where it has many."""
    first = items[0]
    alert = one_line(first.alert.name, LONGEST_IN_SUBJECT)
    if len(items) == 1:
        title = _title(first)
        said = said_in.gettext("Update: %(title)s", title=title) if first.match.update else title
        return f"[{alert}] {said}"
    made = sections(items)
    count = _stories(_clusters(items), said_in)
    title = _title(made[0].clusters[0].lead)
    if len(made) == 1:
        return f"[{alert}] {count}: {title}"
    return said_in.ngettext(
        "%(stories)s for %(num)d alert: %(title)s",
        "%(stories)s for %(num)d alerts: %(title)s",
        len(made),
        stories=count,
        title=title,
    )


def _title(item: Item) -> str:
    return item.story.title.strip() or item.story.url


def _clusters(items: Sequence[Item]) -> int:
    """How many stories these are: one that several alerts matched is one."""
    return len({one.cluster for one in items})


def _stories(count: int, said_in: Language) -> str:
    return said_in.ngettext("%(num)d story", "%(num)d stories", count)


def unsubscribe(items: Sequence[Item], recipient: Recipient, settings: Settings) -> dict[str, str]:
    """The headers by which mail programs unsubscribe: from the mail's alert, or from all where it has several.

    RFC 2369: a link, where the console has a public address, and a mail to the sender. RFC 8058: under https one click.
    """
    first = items[0]
    one_alert = len({one.alert.id for one in items}) == 1
    made = links(first.delivery, settings)
    url = made.unsubscribe if one_alert else made.unsubscribe_all
    about = first.alert.name if one_alert else "all alerts"
    subject = quote(one_line(f"unsubscribe {recipient.address} from {about}", 80))  # a line holds 998 octets
    mail = f"<mailto:{settings.mail_from}?subject={subject}>"
    headers = {"List-Unsubscribe": f"<{url}>, {mail}" if url else mail}
    if url.startswith(HTTPS):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _match(item: Item, reader: Reader, notes: Sequence[str]) -> dict[str, object]:
    return {
        "card": card(item, item.elsewhere, reader),
        "alert_name": one_line(item.alert.name, LONGEST_NAME),
        "query": cut(item.alert.query, LONGEST_QUERY),
        "why": why_held([item], reader.language),
        "notes": notes,
    }


def _digest(items: Sequence[Item], reader: Reader, notes: Sequence[str]) -> dict[str, object]:
    made = sections(items)
    shown = fit(made, reader, _drawing(reader.language.code))
    return {
        "heading": _heading(len(items), _clusters(items), len(shown), reader.language),
        "why": why_held(items, reader.language),
        "notes": notes,
        "all_sections": shown,
        "shown_sections": [one for one in shown if one.full],
        "unseen": _unseen(shown, reader.language),
        "console": web_address(reader.settings.public_url),
        "links": shown[0].links,
    }


def _heading(matches: int, stories: int, alerts: int, said_in: Language) -> str:
    parts = [_stories(stories, said_in)]
    if alerts > 1:
        parts.append(said_in.ngettext("%(num)d alert", "%(num)d alerts", alerts))
    if matches != stories:
        parts.append(said_in.ngettext("%(num)d match", "%(num)d matches", matches))
    return " · ".join(parts)


def _unseen(shown: Sequence[Shown], said_in: Language) -> str:
    """How many stories the HTML has no line for, those of alerts that it does not name among them."""
    more = sum(one.more for one in shown)
    return (
        said_in.ngettext(
            "%(num)d story is not shown here; the plain text of this mail names it.",
            "%(num)d stories are not shown here; the plain text of this mail names them all.",
            more,
        )
        if more
        else ""
    )


def _set_part(message: EmailMessage, text: str, subtype: str) -> None:
    """Add a part, as readable where it is mostly ASCII; base64 is shorter where it isn't."""
    encoding = "quoted-printable" if 8 * len(text.encode()) < 9 * len(text) else "base64"
    if subtype == "plain":
        message.set_content(text, cte=encoding)
    else:
        message.add_alternative(text, subtype=subtype, cte=encoding)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


@cache
def _drawing(code: str) -> Drawing:
    parts = _templates(code).get_template("parts.html").module
    return Drawing(parts.section_head, parts.entry, parts.headline)  # type: ignore[attr-defined]  # macros


@cache
def _templates(code: str) -> Environment:
    """The templates, in a language."""
    environment = Environment(
        loader=PackageLoader("pipeline.deliver"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.filters |= {"wrapped": _wrapped, "in_text": in_text}
    environment.install_gettext_translations(language(code).catalogue, newstyle=True)  # type: ignore[attr-defined]
    return environment
