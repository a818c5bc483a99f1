"""The HTTP adapter against a real server that behaves badly."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, repeat
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import brotli
import pytest
from backports import zstd

from pipeline import walls
from pipeline.adapters import decoding
from pipeline.adapters.http import HttpFetcher
from pipeline.errors import FetchRefused, FetchUnavailable
from pipeline.model import FetchRequest, FetchResponse
from pipeline.settings import load
from tests import web


@pytest.fixture
def fetcher():
    made = HttpFetcher(load({}, allow_private="127.0.0.1/32", host_spacing="0", read_timeout="1", fetch_timeout="2"))
    yield made
    made.close()


def get(fetcher: HttpFetcher, url: str, most: int = 100_000, **fields: Any):
    (outcome,) = fetcher.fetch([FetchRequest(url=url, max_bytes=most, **fields)])
    return outcome


def test_a_page_comes_decoded_with_its_headers(fetcher, site):
    packed = gzip.compress("häagen".encode())
    url = site.put("/a", packed, Content_Encoding="gzip", ETag='"1"')
    outcome = get(fetcher, url)
    assert (outcome.body.decode(), outcome.headers["etag"], outcome.status) == ("häagen", '"1"', 200)
    assert "Wirewatch" in site.requests[0][1]["user-agent"]
    assert "http" in site.requests[0][1]["user-agent"]


def test_validators_make_the_request_conditional(fetcher, site):
    url = site.put("/a", b"", status=304)
    assert get(fetcher, url, etag='W/"1"', last_modified="yesterday").status == 304
    headers = site.requests[0][1]
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('W/"1"', "yesterday")


def in_utf8(text: str) -> str:
    """A header's value that goes over the wire in UTF-8, by a server that sends latin-1."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("etag", ['"é"', in_utf8('"é"'), in_utf8("voilà")])
@pytest.mark.parametrize("last_modified", ["mer., 01 ao\xfbt 2025", in_utf8("mer., 01 août 2025")])
def test_validators_that_are_not_ascii_go_back_as_they_came(fetcher, site, etag, last_modified):
    came = get(fetcher, site.put("/a", "x", ETag=etag, Last_Modified=last_modified)).headers
    sent = get(fetcher, site.base + "/a", etag=came["etag"], last_modified=came["last-modified"])
    assert isinstance(sent, FetchResponse)
    headers = site.requests[1][1]
    assert (headers["if-none-match"], headers["if-modified-since"]) == (etag, last_modified)


def test_a_contact_may_be_written_in_any_letters(site):
    told = HttpFetcher(load({}, allow_private="127.0.0.1/32", contact="https://müller.example/bot"))
    assert get(told, site.put("/a", "x")).status == 200
    told.close()
    assert in_utf8("https://müller.example/bot") in site.requests[0][1]["user-agent"]


def test_a_validator_that_no_server_can_have_sent_is_left_out(fetcher, site):
    assert get(fetcher, site.put("/a", "x"), etag='"中"', last_modified="yesterday").status == 200
    headers = site.requests[0][1]
    assert ("if-none-match" in headers, headers["if-modified-since"]) == (False, "yesterday")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_unavailable(fetcher, site, status):
    outcome = get(fetcher, site.put("/a", b"", status=status, Retry_After="120"))
    assert isinstance(outcome, FetchUnavailable)
    assert (outcome.status, outcome.retry_after) == (status, 120)


@pytest.mark.parametrize("said", ["\xb2", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "", "soon"])
def test_a_retry_after_that_says_nothing_leaves_the_status(fetcher, site, said):
    outcome = get(fetcher, site.put("/a", b"", status=503, Retry_After=said))
    assert (outcome.status, outcome.retry_after) == (503, None)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_will_not_pass_is_refused(fetcher, site, status):
    outcome = get(fetcher, site.put("/a", b"", status=status))
    assert isinstance(outcome, FetchRefused)
    assert outcome.status == status


def test_a_form_is_posted_and_only_a_redirect_that_keeps_it_a_post_is_followed(fetcher, site):
    site.put("/there", "taken")
    form = (("hub.mode", "subscribe"), ("hub.topic", "https://a.example/?a=1&b=ü"))
    kept = get(fetcher, site.put("/kept", b"", status=307, Location="/there"), form=form)
    lost = get(fetcher, site.put("/lost", b"", status=302, Location="/there"), form=form)
    assert (kept.body, lost.status) == (b"taken", 302)
    assert [dict(parse_qsl(body.decode())) for _, body in site.posts] == [dict(form)] * 3
    assert [path for path, _ in site.posts] == ["/kept", "/there", "/lost"]


def test_redirects_are_followed_and_told(fetcher, site):
    last = site.put("/c", "here")
    site.put("/b", b"", status=302, Location="/c")
    outcome = get(fetcher, site.put("/a", b"", status=301, Location="/b"))
    assert (outcome.url, outcome.redirects) == (last, ((301, f"{site.base}/b"), (302, last)))


def test_a_request_that_stays_says_where_else_it_was_led(fetcher, site):
    with web.serve() as other:
        there = other.put("/b", "here")
        outcome = get(fetcher, site.put("/a", b"", status=302, Location=there), stays=True)
        assert (outcome.url, outcome.status, outcome.body, other.requests) == (there, 302, b"", [])
    assert outcome.redirects == ((302, there),)


@pytest.mark.parametrize(
    ("location", "asked"),
    [(in_utf8("/über/feed"), "/%C3%BCber/feed"), ("/%C3%BCber", "/%C3%BCber"), ("/\xfcber", "/%C3%BCber")],
)
def test_a_redirect_in_plain_letters_leads_where_it_says(fetcher, site, location, asked):
    site.put(asked, "here")
    assert get(fetcher, site.put("/a", b"", status=301, Location=location)).body == b"here"


def test_a_redirect_to_no_address_is_refused(fetcher, site):
    outcome = get(fetcher, site.put("/a", b"", status=301, Location="http://["))
    assert isinstance(outcome, FetchRefused)
    assert "sends to no usable address" in outcome.reason


def test_a_redirect_in_circles_ends(fetcher, site):
    site.put("/b", b"", status=302, Location="/a")
    outcome = get(fetcher, site.put("/a", b"", status=302, Location="/b"))
    assert "circles" in outcome.reason


@contextmanager
def sending(head: bytes, *pieces: bytes, for_ever: bool = False) -> Iterator[str]:
    """A server that sends these bytes to whoever asks first, the last piece `for_ever` if so told, and hangs up."""

    def send(server: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(head + b"\r\n\r\n")
                for piece in chain(pieces, repeat(pieces[-1]) if for_ever else ()):
                    connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=send, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("status", [b"404 Not Found", b"503 Service Unavailable"])
def test_a_refusal_without_an_end_is_a_refusal_all_the_same_and_soon(fetcher, status):
    began = time.monotonic()
    with sending(b"HTTP/1.1 " + status, b"<p>No.</p>" * 1_000, for_ever=True) as url:
        outcome = get(fetcher, url)
    assert (outcome.status, len(outcome.body)) == (int(status[:3]), walls.BEGINNING)
    assert time.monotonic() - began < 1


def test_a_redirect_whose_body_has_no_end_is_followed(fetcher, site):
    head = b"HTTP/1.1 301 Moved Permanently\r\nLocation: " + site.put("/there", "here").encode()
    with sending(head, bytes(10_000), for_ever=True) as url:
        assert get(fetcher, url).body == b"here"


def test_a_refusal_that_breaks_off_or_cant_be_unpacked_keeps_its_status(fetcher, site):
    with sending(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000", b"No.") as url:
        outcome = get(fetcher, url)
    assert (outcome.status, outcome.body) == (403, b"No.")
    assert get(fetcher, site.put("/a", "x", status=404, Content_Encoding="gzip, gzip")).status == 404


PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=1),
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", PACKED)
def test_each_coding_is_undone(fetcher, site, coding):
    body = b"".join(b"<item>%d</item>" % number for number in range(5_000))
    assert get(fetcher, site.put("/a", PACKED[coding](body), Content_Encoding=coding)).body == body


@pytest.mark.parametrize("coding", PACKED)
def test_a_compression_bomb_stops_at_the_cap(fetcher, site, coding):
    url = site.put("/a", PACKED[coding](bytes(200_000_000)), Content_Encoding=coding)
    started = time.monotonic()
    outcome = get(fetcher, url)
    assert isinstance(outcome, FetchRefused)
    assert "larger than 100,000 bytes" in outcome.reason
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("coding", PACKED)
def test_a_compressed_body_that_is_cut_is_none_though_nobody_said_how_long_it_is(fetcher, coding):
    packed = PACKED[coding](Random(1).randbytes(50_000))
    with sending(b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding.encode(), packed[:25_000]) as url:
        outcome = get(fetcher, url)
    assert isinstance(outcome, FetchUnavailable)
    assert "broke off" in outcome.reason


def test_a_file_that_is_gzip_in_itself_is_had_whole_or_not_at_all(fetcher, site):
    packed = gzip.compress(b"one, ") + gzip.compress(b"two")
    assert get(fetcher, site.put("/a", packed)).body == b"one, two"
    assert "broke off" in get(fetcher, site.put("/a", packed[:-3])).reason


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"one, ") + gzip.compress(b"") + gzip.compress(b"two")),
        ("gzip", gzip.compress(b"one, two") + bytes(512)),
        ("zstd", zstd.compress(b"one, ") + b"\x50\x2a\x4d\x18\x03\0\0\0xyz" + zstd.compress(b"two")),
        ("zstd", zstd.compress(b"one, two") + bytes(512)),
    ],
    ids=["members", "gzip padded", "frames", "zstd padded"],
)
@pytest.mark.parametrize("at_once", [1, 100_000])
def test_a_body_of_several_members_or_frames_is_read_to_its_end_and_padding_is_none(coding, body, at_once):
    stream = decoding.decoder(coding)
    pieces = (body[start : start + at_once] for start in range(0, len(body), at_once))
    assert b"".join(stream.decode(piece, 1_000) for piece in pieces) == b"one, two"
    assert stream.ended


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_of_countless_empty_members_is_refused_before_it_costs_anything(fetcher, site, coding):
    outcome = get(fetcher, site.put("/a", PACKED[coding](b"") * 200_000, Content_Encoding=coding))
    assert isinstance(outcome, FetchUnavailable)
    assert "pieces" in outcome.reason


def test_private_addresses_are_refused_also_behind_a_redirect(site):
    closed = HttpFetcher(load({}, host_spacing="0"))
    outcome = get(closed, site.put("/a", "x"))
    assert isinstance(outcome, FetchRefused)
    assert "WIREWATCH_ALLOW_PRIVATE=127.0.0.1" in outcome.reason
    assert not site.requests
    closed.close()


def test_a_redirect_to_a_private_address_is_refused(fetcher, site):
    outcome = get(fetcher, site.put("/a", b"", status=302, Location="http://127.0.0.2:1/"))
    assert isinstance(outcome, FetchRefused)
    assert "private" in outcome.reason


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example/", "http:///x", "nonsense"])
def test_only_http_is_fetched(fetcher, url):
    assert isinstance(get(fetcher, url), FetchRefused)


def test_a_server_that_says_nothing_times_out_and_holds_up_nobody(fetcher, site):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        good = site.put("/a", "x")
        slow, quick = fetcher.fetch([FetchRequest(url=url, max_bytes=10), FetchRequest(url=good, max_bytes=10)])
    assert isinstance(slow, FetchUnavailable)
    assert isinstance(quick, FetchResponse)


def test_a_server_that_drips_is_ended_by_the_whole_time(fetcher):
    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(40):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        outcome = get(fetcher, f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert isinstance(outcome, FetchUnavailable)
    assert "2 s" in outcome.reason


def test_a_server_that_leads_on_slowly_has_the_whole_time_for_all_its_redirects(fetcher):
    def lead_on(server: socket.socket) -> None:
        for number in range(4):
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                time.sleep(0.9)
                with suppress(OSError):
                    connection.sendall(
                        b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        % number
                    )

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lead_on, args=(server,), daemon=True).start()
        began = time.monotonic()
        outcome = get(fetcher, f"http://127.0.0.1:{server.getsockname()[1]}/")
        took = time.monotonic() - began
        server.shutdown(socket.SHUT_RDWR)
    assert isinstance(outcome, FetchUnavailable)
    assert took < 3  # of each of them alone none takes the 2 s that all may take


def test_an_unknown_host_is_nameless(fetcher):
    outcome = get(fetcher, "http://nowhere.invalid/")
    assert isinstance(outcome, FetchUnavailable)
    assert outcome.nameless


def test_one_host_gets_few_requests_at_once_and_spaced(site):
    polite = HttpFetcher(load({}, allow_private="127.0.0.1/32", host_spacing="0.1", host_parallel="2"))
    urls = [site.put(f"/{number}", "x") for number in range(4)]
    started = time.monotonic()
    outcomes = polite.fetch([FetchRequest(url=url, max_bytes=10) for url in urls])
    polite.close()
    assert all(isinstance(outcome, FetchResponse) for outcome in outcomes)
    assert time.monotonic() - started >= 0.3
