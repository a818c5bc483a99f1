"""The Link header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.links import by_relation

FEED = "https://a.example/feed"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<https://h.example/?a=1,2;3>; rel="hub"', {"hub": "https://h.example/?a=1,2;3"}),
        ('<https://h.example/>;rel="self  HUB"', dict.fromkeys(["self", "hub"], "https://h.example/")),
        ("<https://one.example/>; rel=hub, <https://two.example/>; rel=hub", {"hub": "https://one.example/"}),
        ('<https://h.example/>; title="a, <b>; \\"rel=x\\""; rel=hub', {"hub": "https://h.example/"}),
        ("<https://h.example/>; rel=hub; rel=self", {"hub": "https://h.example/"}),
        ('<https://h.example/>; rel=hub; anchor="/other"', {}),
        ("<https://h.example/feed?>; rel=self", {"self": "https://h.example/feed?"}),
        ("<https://h.example/>", {}),
        ("nonsense; rel=hub", {}),
    ],
)
def test_link_headers_are_read_as_rfc_8288_has_them(header, found):
    assert by_relation(header, FEED) == found


@given(st.text(alphabet='<>;,=" \\\t/ahrelubsf:1', max_size=400))
def test_any_link_header_is_read_without_a_crash(header):
    assert all(address.startswith(("http://", "https://")) for address in by_relation(header, FEED).values())


_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)


@given(st.dictionaries(_NAMES, st.from_regex(r"[a-z0-9/?=&;,.~-]{1,30}", fullmatch=True), max_size=5))
def test_what_is_written_as_a_link_header_is_read_back(relations):
    written = ", ".join(f'<https://h.example/{path}>; rel="{name}"' for name, path in relations.items())
    assert by_relation(written, FEED) == {name: f"https://h.example/{path}" for name, path in relations.items()}
