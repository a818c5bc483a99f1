"""Secrets from files, and servers that are reached over TLS alone."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import trustme
from celery import Celery

from pipeline.adapters.elastic.client import connect, translated
from pipeline.adapters.redis_address import redis_address
from pipeline.errors import SettingError, StoreUnavailable
from pipeline.settings import load
from tests.tls import PASSWORD, redis_answers, redis_over_tls
from workers.app import configuration


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


# -- files


@pytest.mark.parametrize("name", ["store_password", "store_api_key", "broker_password", "mail_password"])
def test_every_secret_may_stand_in_a_file(name, tmp_path):
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    settings = load({f"WIREWATCH_{name.upper()}_FILE": str(tmp_path / "secret"), f"WIREWATCH_{name.upper()}": ""})
    assert getattr(settings, name) == PASSWORD


def test_a_file_of_settings_may_name_the_file_of_a_secret(tmp_path):
    (tmp_path / "secret").write_text(PASSWORD)
    (tmp_path / "wirewatch.toml").write_text(f"mail_password_file = '{tmp_path}/secret'\n")
    assert load({}, tmp_path / "wirewatch.toml").mail_password == PASSWORD


def test_a_secret_in_a_file_is_held_to_the_same_rule_and_is_not_shown(tmp_path):
    (tmp_path / "secret").write_text("short")
    with pytest.raises(SettingError, match="at least 32") as caught:
        load({"WIREWATCH_LINKS_SECRET_FILE": str(tmp_path / "secret")})
    assert "short" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ({"WIREWATCH_MAIL_PASSWORD_FILE": "/nowhere"}, "No such file"),
        ({"WIREWATCH_MAIL_PASSWORD_FILE": "/dev/null"}, "empty"),
        ({"WIREWATCH_MAIL_PASSWORD_FILE": "/dev/null", "WIREWATCH_MAIL_PASSWORD": "x"}, "give one of them"),
        ({"WIREWATCH_MAIL_FROM_FILE": "/dev/null"}, "no such setting"),  # it is no secret
    ],
)
def test_a_file_of_a_secret_that_cant_be_used_is_named_with_its_cure(given, cure):
    with pytest.raises(SettingError, match=cure):
        load(given)


# -- Redis over TLS


@pytest.mark.redis
def test_redis_is_reached_over_tls_with_a_password_by_its_client_and_by_celery(authority, tmp_path):
    with redis_over_tls(authority, tmp_path, name="localhost") as port:
        given = {
            "broker": f"rediss://localhost:{port}/0",
            "broker_password": PASSWORD,
            "broker_ca": f"{tmp_path}/ca.pem",
        }
        settings = load({}, **given)
        app = Celery("test", set_as_current=False)
        app.conf.update(configuration(settings))
        with app.connection() as connection:
            queue = connection.SimpleQueue("here")
            queue.put({"is": "there"})
            assert queue.get(timeout=5).payload == {"is": "there"}
        assert not redis_answers(load({}, **given | {"broker_ca": ""}))  # nobody public has signed it
        assert not redis_answers(load({}, **given | {"broker_password": "wrong"}))
        assert not redis_answers(load({}, **given | {"broker": f"rediss://127.0.0.1:{port}/0"}))  # not the name it has


def test_an_authority_of_redis_that_is_not_there_is_named():
    with pytest.raises(SettingError, match="WIREWATCH_BROKER_CA"):
        redis_address(load({}, broker="rediss://redis.example/0", broker_ca="/nowhere"))


def test_the_user_of_redis_is_kept_beside_the_password():
    settings = load({}, broker="redis://wire@redis.example:6380/2", broker_password="p@ss")
    assert redis_address(settings) == "redis://wire:p%40ss@redis.example:6380/2"


# -- Elasticsearch over TLS


class Elsewhere(BaseHTTPRequestHandler):
    """Says what Elasticsearch says of itself, and keeps by what right it was asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["Authorization"])
        body = b'{"version": {"number": "9.1.0"}}'
        self.send_response(200)
        for name, value in {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def elsewhere(authority: trustme.CA) -> Iterator[str]:
    Elsewhere.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(**given: str) -> None:
    with connect(load({}, **given)) as client, translated(client):
        client.info()


def test_elasticsearch_is_reached_over_tls_with_an_api_key_or_a_password(elsewhere, ca):
    ask(store=elsewhere, store_ca=str(ca), store_api_key="a2V5")
    ask(store=elsewhere.replace("//", "//wire@"), store_ca=str(ca), store_password="secret")
    assert Elsewhere.asked == ["ApiKey a2V5", f"Basic {base64.b64encode(b'wire:secret').decode()}"]


def test_a_certificate_that_nobody_we_trust_has_signed_is_refused_before_anything_secret_is_said(elsewhere):
    with pytest.raises(StoreUnavailable, match="certificate"):
        ask(store=elsewhere, store_api_key="a2V5")
    assert Elsewhere.asked == []


@pytest.mark.parametrize(("file", "cure"), [("/nowhere", "No such file"), ("/dev/null", "no certificate in it")])
def test_an_authority_of_elasticsearch_that_cant_be_used_is_named(file, cure):
    with pytest.raises(SettingError, match=cure):
        ask(store="https://elastic.example", store_ca=file)
