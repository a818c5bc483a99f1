"""How a process logs: a line an event, as JSON for machines or as text for a person.

What serves (workers, beat, console, `up`) logs to stdout, a command to stderr: its stdout is for what was asked.

What an event is about is in its `extra`: ids of feed, entry, story, alert, match, delivery and mail (docs/logs.md).
Both forms have them, so that one search for an id finds the way of a story.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

IDS = ("feed", "entry", "story", "alert", "match", "delivery", "mail")
"""What an event may be about; an entry's may be several, where a story came by more than one."""
NOISY = ("elastic_transport", "trafilatura", "htmldate", "asyncio")
CELERYS_OWN = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "kombu.connection")
"""Who says that a task came and went, which is told by what it did."""


def set_up(level: str, form: str, stream: TextIO) -> None:
    """Log to `stream` from `level` on, in `form`: json, text, or auto for text on a terminal and else json."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Text() if is_text(form, stream) else as_json())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in (*NOISY, *(CELERYS_OWN if level == "INFO" else ())):
        logging.getLogger(noisy).setLevel("ERROR")


def is_text(form: str, stream: TextIO) -> bool:
    """Whether what is written there is for a person."""
    return form == "text" or (form == "auto" and stream.isatty())


def as_json() -> logging.Formatter:
    """A JSON object a line: `time` (RFC 3339), `level`, `logger`, `process`, `message`, what it is about, `error`."""
    return _Json(
        ("levelname", "name", "processName", "message"),
        rename_fields={"levelname": "level", "name": "logger", "processName": "process", "exc_info": "error"},
        timestamp="time",
        json_ensure_ascii=False,
    )


class _Json(JsonFormatter):
    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class Text(logging.Formatter):
    """As before there were ids, and these behind: `index: entry is in the story entry=… story=…`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's own name
        """The line, before an error's traceback."""
        return " ".join([super().formatMessage(record), *(_shown(record, name) for name in IDS if _id(record, name))])


def _id(record: logging.LogRecord, name: str) -> object:
    return getattr(record, name, "")


def _shown(record: logging.LogRecord, name: str) -> str:
    value = _id(record, name)
    return f"{name}={value if isinstance(value, str) else ','.join(map(str, value))}"  # type: ignore[call-overload]
