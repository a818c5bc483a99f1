"""What several tests of faults stand on."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.faults.wire import Wire, wire_to


@pytest.fixture
def wire(elasticsearch_url: str) -> Iterator[Wire]:
    """A wire to Elasticsearch, which can be cut."""
    address = urlsplit(elasticsearch_url)
    with wire_to((str(address.hostname), int(address.port or 9200))) as made:
        yield made
