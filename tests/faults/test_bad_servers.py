"""Servers that break off, lie, loop and can't be trusted: each is one clear answer, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import hypercorn.asyncio
import hypercorn.config
import pytest
import trustme

from pipeline import parse
from pipeline.adapters.curl import may_connect
from pipeline.adapters.http import HttpFetcher
from pipeline.errors import FetchRefused, FetchUnavailable, ParseError
from pipeline.model import FetchRequest, FetchResponse
from pipeline.settings import load
from tests import web
from tests.servers import free_port

Talk = Callable[[socket.socket], None]
RST_ON_CLOSE = struct.pack("ii", 1, 0)


@contextmanager
def server(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Speaks with each connection as `talk` does, after it read a request; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), connection:
                    wrapped = context.wrap_socket(connection, server_side=True) if context else connection
                    wrapped.recv(65_536)
                    talk(wrapped)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if context else ''}://localhost:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    connection.close()


def say(text: str) -> Talk:
    return lambda connection: connection.sendall(text.encode())


@pytest.fixture
def fetcher() -> Iterator[HttpFetcher]:
    allowed = "127.0.0.1/32,::1/128"
    made = HttpFetcher(load({}, allow_private=allowed, host_spacing="0", read_timeout="1", fetch_timeout="3"))
    yield made
    made.close()


def get(fetcher: HttpFetcher, url: str) -> FetchResponse | FetchUnavailable | FetchRefused:
    return fetcher.fetch([FetchRequest(url=url, max_bytes=100_000)])[0]


BROKEN = {
    "reset": reset,
    "closed without a word": lambda connection: None,
    "cut off in the head": say("HTTP/1.1 200 OK\r\nContent-Le"),
    "shorter than it said": say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<rss>"),
    "cut off between chunks": say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<rss>\r\n"),
    "a length that is none": say("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n<rss>"),
    "no HTTP at all": say("SSH-2.0-OpenSSH_9.2\r\n"),
    "a coding it does not keep": say("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nplain"),
    "a coding nobody knows": say("HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 5\r\n\r\nplain"),
    "a head without an end": say("HTTP/1.1 200 OK\r\n" + "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 20_000),
}


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN.keys())
def test_what_breaks_off_may_pass_next_time_and_holds_up_nobody(fetcher, site, talk):
    good = site.put("/good", "well")
    with server(talk) as url:
        broken, well = fetcher.fetch([FetchRequest(url=one, max_bytes=100_000) for one in (url, good)])
    assert isinstance(broken, FetchUnavailable)
    assert broken.reason
    assert isinstance(well, FetchResponse)


def test_an_answer_may_be_longer_than_it_said_and_what_was_said_counts(fetcher):
    with server(say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<rss> and more")) as url:
        assert get(fetcher, url).body == b"<rss>"


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(fetcher):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with server(say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"), context) as url:
        outcome = get(fetcher, url)
    assert isinstance(outcome, FetchUnavailable)
    assert "TLS can't be trusted" in outcome.reason


def test_an_endless_chain_of_redirects_ends(fetcher, site):
    for number in range(30):
        site.put(f"/{number}", b"", status=302, Location=f"/{number + 1}")
    outcome = get(fetcher, f"{site.base}/0")
    assert isinstance(outcome, FetchUnavailable)
    assert "circles" in outcome.reason
    assert len(site.requests) == 11


def test_a_page_that_says_200_and_is_no_feed_is_told_from_one(fetcher, site):
    page = get(fetcher, site.put("/feed", "<!doctype html><html><body>We will be back soon</body></html>"))
    with pytest.raises(ParseError, match="web page"):
        parse.parse(page.url, page.body, page.headers["content-type"])


def test_an_error_keeps_its_head_and_the_beginning_of_its_body(fetcher, site):
    wall = "<title>Just a moment...</title>" + "x" * 50_000
    outcome = get(fetcher, site.put("/feed", wall, status=403, CF_Ray="7"))
    assert outcome.headers["cf-ray"] == "7"
    assert outcome.body.startswith(b"<title>Just a moment...")
    assert len(outcome.body) == 4_096


def test_a_connection_closed_while_it_was_idle_is_made_anew(fetcher):
    with server(say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")) as url:  # promises to go on, and closes
        assert [get(fetcher, url).body for _ in range(3)] == [b"well"] * 3


def test_headers_can_not_be_smuggled_in_by_what_a_server_sent_as_validator(fetcher, site):
    url = site.put("/a", "x")
    fetcher.fetch([FetchRequest(url=url, max_bytes=10, etag='"1"\r\nX-Evil: yes')])
    assert "x-evil" not in site.requests[0][1]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "100::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::", "64:ff9b::a9fe:a9fe",
        "168.63.129.16", "192.0.0.192", "::ffff:168.63.129.16", "64:ff9b::c000:c0",
    ],
)  # fmt: skip
def test_no_address_inside_is_connected_to(address):
    assert not may_connect(address, ())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_outside_are_connected_to(address):
    assert may_connect(address, ())


def test_a_range_that_was_opened_opens_nothing_else():
    allowed = load({}, allow_private="10.1.0.0/16").allow_private
    assert may_connect("10.1.2.3", allowed)
    assert may_connect("::ffff:10.1.2.3", allowed)
    assert not may_connect("10.2.0.1", allowed)
    assert not may_connect("169.254.169.254", allowed)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_name_or_spelling_of_an_address_inside_is_refused_when_it_is_connected_to(host, site):
    closed = HttpFetcher(load({}, host_spacing="0"))
    outcome = get(closed, f"http://{host}:{site.base.rpartition(':')[2]}/")
    closed.close()
    assert isinstance(outcome, FetchRefused)
    assert "private" in outcome.reason
    assert not site.requests


def test_http_2_is_spoken_where_it_is_offered(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with h2_server(authority, tmp_path) as url:
        fetcher = HttpFetcher(load({}, allow_private="127.0.0.1/32", host_spacing="0"))
        outcome = get(fetcher, url)
        fetcher.close()
    assert outcome.body == b"2"


@contextmanager
def h2_server(authority: trustme.CA, folder) -> Iterator[str]:
    """A server that answers with the version of HTTP it was asked in."""
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    config = hypercorn.config.Config()
    port = free_port()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile = config.keyfile = str(folder / "server.pem")
    stop, loop = asyncio.Event(), asyncio.new_event_loop()

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["http_version"].encode()})

    def serve() -> None:
        loop.run_until_complete(hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    web.wait_for(port)
    try:
        yield f"https://localhost:{port}/"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
