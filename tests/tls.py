"""Servers that are reached over TLS alone, with certificates of an authority of the tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from redis import Redis
from redis.exceptions import RedisError

from pipeline.adapters.redis_address import redis_address
from pipeline.settings import Settings, load
from tests.servers import free_port, process, wait_until

PASSWORD = "a pass/word: with @ and %"
NGINX = """
daemon off;
error_log stderr;
pid nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  client_max_body_size 100m;
  server {{
    listen {host}:{port} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    location / {{
      if ($http_authorization != "ApiKey {api_key}") {{ return 401; }}
      proxy_pass {behind};
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


@contextmanager
def redis_over_tls(authority: trustme.CA, folder: Path, host: str = "127.0.0.1", name: str = "") -> Iterator[int]:
    """The port of a Redis with PASSWORD on `host`, whose certificate is of `name`, or of its address."""
    _needs("redis-server")
    _certify(authority, folder, name or host)
    port = free_port()
    tls = {"cert-file": "cert.pem", "key-file": "key.pem", "ca-cert-file": "ca.pem", "auth-clients": "no"}
    given = [part for option, value in tls.items() for part in (f"--tls-{option}", value)]
    arguments = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", host, "--save", "", *given]
    with process([*arguments, "--requirepass", PASSWORD], cwd=folder, stdout=subprocess.DEVNULL):
        address = f"rediss://{name or host}:{port}/0"
        settings = load({}, broker=address, broker_password=PASSWORD, broker_ca=f"{folder}/ca.pem")
        wait_until(lambda: redis_answers(settings), 20, "Redis answers over TLS")
        yield port


def redis_answers(settings: Settings) -> bool:
    """Whether the Redis of the settings lets us in."""
    try:
        with Redis.from_url(redis_address(settings)) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


@contextmanager
def elasticsearch_over_tls(authority: trustme.CA, folder: Path, host: str, behind: str, api_key: str) -> Iterator[str]:
    """The address of the Elasticsearch at `behind` as a managed one: over TLS, and for those who have the key."""
    _needs("nginx")
    _certify(authority, folder, host)
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(host=host, port=port, api_key=api_key, behind=behind.rstrip("/")))
    with process(["nginx", "-e", "stderr", "-p", str(folder), "-c", str(conf)], stderr=subprocess.DEVNULL):
        yield f"https://{host}:{port}"


def _needs(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"there is no {program} to start with a certificate")


def _certify(authority: trustme.CA, folder: Path, name: str) -> None:
    certificate = authority.issue_cert(name)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
