"""How often somebody may try a password: to sign in, or to have another one."""

from __future__ import annotations

from fastapi import Request
from limits import RateLimitItemPerMinute

from workers.console.windows import Windows

_OF_ADDRESS = RateLimitItemPerMinute(10, 15)
"""Tries for one address, whether anybody has it or not, in a quarter of an hour."""
_OF_CLIENT = RateLimitItemPerMinute(100, 15)
"""Tries from one client, which may be the proxy of a whole newsroom."""


LATER = "Too many tries. Wait a quarter of an hour, or ask an administrator for a link."


class Throttle:
    """Counts tries."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def admits(self, request: Request, address: str) -> bool:
        """Count a try; whether it may be made."""
        # In this order: a client that is stopped uses up no more tries of other people's addresses.
        return self._windows.hit(_OF_CLIENT, client_of(request)) and self._windows.hit(_OF_ADDRESS, _named(address))

    def forget(self, address: str) -> None:
        """Somebody has got in there. Their client's tries still count: it may have an account of its own, and guess."""
        self._windows.forget(_OF_ADDRESS, _named(address))


def client_of(request: Request) -> str:
    """The address a request comes from; behind a proxy on loopback, what that says (uvicorn's proxy_headers)."""
    return request.client.host if request.client else ""


def _named(address: str) -> str:
    return address.strip().lower()[:320]
