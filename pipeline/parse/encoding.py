"""Encodings as declared, as sent, or as found: the first two here, the last by feedparser, which guesses."""

from __future__ import annotations

import codecs
import re
from typing import Any

from feedparser.encodings import NonXMLContentType, convert_to_utf8

_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_SENT = re.compile(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)

# Python knows codecs that are no character encodings (`unicode_escape`) and some that change the bytes' width.
_ORDINARY = frozenset(
    {"utf-8", "ascii", "koi8-r", "koi8-u", "gb18030", "big5", "euc_jp", "shift_jis", "cp932", "euc_kr", "cp949"}
    | {f"cp{number}" for number in range(1250, 1259)}
    | {f"iso8859-{part}" for part in range(1, 17)}
)
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030"}
"""What says the first is often written in the second, which holds it whole."""


def as_utf8(body: bytes, content_type: str) -> bytes | None:
    """`body` in UTF-8 and without a byte order mark, where what states its encoding is true; None where none is.

    The document's own word goes before the server's, which is often only a default, and UTF-8 is what XML means when
    nobody says anything. The declaration stays as it was written.
    """
    if b"\0" in body[:4]:
        return None  # UTF-16 and UTF-32 of English would pass for UTF-8
    body = body.removeprefix(codecs.BOM_UTF8)
    declared = _DECLARED.match(body)
    sent = _SENT.search(content_type)
    stated = [declared.group(1).decode() if declared else "", sent.group(1) if sent else ""]
    for name in [one for one in stated if one] or ["utf-8"]:
        converted = _converted(body, name)
        if converted is not None:
            return converted
    return None


def guessed_utf8(body: bytes, content_type: str) -> tuple[bytes, str]:
    """`body` in UTF-8 in whatever encoding feedparser takes it to be, and what was odd about that.

    What guards feedparser reads the bytes of markup, so they must be those that it parses: also of UTF-16.
    """
    found: dict[str, Any] = {}
    headers = {"content-type": content_type} if content_type else {"content-location": ""}
    converted = convert_to_utf8(headers, body, found)
    error = found.get("bozo_exception")
    odd = "" if error is None or isinstance(error, NonXMLContentType) else " ".join(str(error).split())
    return converted.decode("utf-8", "replace").encode(), odd


def _converted(body: bytes, name: str) -> bytes | None:
    try:
        codec = codecs.lookup(name).name
        codec = _WIDER.get(codec, codec)
        if codec not in _ORDINARY:
            return None
        text = body.decode(codec)
    except (LookupError, UnicodeDecodeError):
        return None
    return body if codec == "utf-8" else text.encode()
