"""parse: the fast path gives what the parser of record gives, or hands over."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import event, given

from pipeline.errors import ParseError
from pipeline.parse import fast, record
from pipeline.parse.encoding import as_utf8
from tests import feedwriter
from tests.test_parse import corpus

URL = "https://a.example/dir/feed"


def both(url: str, document: bytes):
    """What the fast path says and what the parser of record says."""
    try:
        return fast.read(url, document), record.read(url, document, "", document)
    except ParseError:
        return None, None


@given(feedwriter.feeds())
def test_a_document_is_read_as_the_parser_of_record_reads_it_or_handed_over(document):
    quick, thorough = both(URL, document)
    event("read" if quick else "handed over")
    assert quick is None or quick == thorough
