"""What a child does with a page that says how it kills; a module of its own, since each child imports it."""

from __future__ import annotations

import os
import signal

from pipeline.adapters import extractor
from pipeline.adapters.extractor import CHILD_BYTES
from pipeline.model import Article


def poisoned(html: bytes, url: str, content_type: str) -> Article:
    """As `extract`, but for pages that ask for all memory, or crash their parser."""
    if b"memory" in html:
        bytearray(CHILD_BYTES + 1)
    if b"crash" in html:
        os.kill(os.getpid(), signal.SIGSEGV)
    return extractor.extract(html, url, content_type)
