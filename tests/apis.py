"""The API on a port of loopback, and somebody who asks it over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlencode

from pipeline.flow.accounts.credentials import make_token
from pipeline.flow.accounts.users import find_user, invite
from pipeline.model import Role, Scope
from pipeline.ports import Ports
from tests.consoles import console
from tests.servers import free_port

ROOT = "root@example.org"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: Any

    @property
    def problem(self) -> str:
        """The kind of problem it tells."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.body["status"] == self.status
        return self.body["type"].rpartition(":")[2]


@dataclass(slots=True)
class Api:
    """The API, and who asks it unless somebody else is named."""

    ports: Ports
    port: int
    token: str = ""
    queued: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None, **said: str) -> Answer:
        """`said` are the token, a key, the ETag to match, or parameters of the query; bytes are sent as they are."""
        token, key, match = said.pop("token", self.token), said.pop("key", ""), said.pop("match", "")
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"If-Match": match} if match else {}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self.port}/api/v1{path}" + (f"?{urlencode(said)}" if said else "")
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, json.loads(answer.read() or b"null"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, json.loads(error.read()))

    def read(self, path: str) -> str:
        """What is no JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def token_for(self, address: str) -> str:
        """A token of a user who is there."""
        return make_token(self.ports, find_user(self.ports, address), "test", tuple(Scope))

    def token_of(self, address: str, role: Role, *scopes: Scope, teams: tuple[str, ...] = ()) -> str:
        user = invite(self.ports, "test", address, role=role, teams=teams)
        return make_token(self.ports, user, "test", scopes or tuple(Scope))


@contextmanager
def asking(ports: Ports) -> Iterator[Api]:
    """The API for as long as the context lasts, asked by an administrator."""
    port, queued = free_port(), []
    with console(ports, port, queued, by_session=True):
        made = Api(ports, port, queued=queued)
        made.token = made.token_of(ROOT, Role.ADMINISTRATOR)
        yield made
