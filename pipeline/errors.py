"""One tree of errors. Each carries the ids a person needs and reads as one clear line with the cure.

    WirewatchError
      SettingError            a setting that can't be used
      BadInput                something a person gave: a file, a line, a name, an address
        BrokenArchive         a backup that is cut off, altered, or none
        Superseded            an edit of what somebody has changed since it was read
        QueryError            an alert query that is refused; has `position`, `reason`, `cure`
      NotFound                no such feed, alert, story, entry
      Unavailable             may pass next time: retried
        StoreUnavailable      the store does not answer
        FetchUnavailable      timeout, connection refused, 429, 5xx
          HostBusy            not asked: its host is to be left alone for now
        DeliveryUnavailable   who is to take a message does not now (4xx of a mail server, 429, 5xx, connection)
        ExtractorDied         the child process that extracts was killed by a page, or ran out of time
      Refused                 will not pass next time either: one owner, no retry
        FetchRefused          403, 404, 410, a forbidden address, too large
        DeliveryRefused       who is to take a message refuses it for good (5xx of a mail server, other 4xx)
        ParseError            not a feed
        ExtractError          a page out of which no article comes
      StoreError              the store answered, and not as it should (a mapping, a query it can't run)
        StoreNotReady         it is not set up, or does not let us in, whatever it is asked

Adapters translate the errors of their libraries into these, in one place each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


def without_secrets(text: str) -> str:
    """An address without the password in it, and without what its query says (where brokers take passwords too)."""
    scheme, found, rest = text.partition("://")
    if not found:
        return text
    place, _, query = rest.partition("?")
    if "@" in query:  # a password with a question mark in it, for all we know
        return f"{scheme}://…"
    user, at, host = place.rpartition("@")
    shown = f"{user.partition(':')[0]}:…@{host}" if at and ":" in user else place
    return f"{scheme}://{shown}" + ("?…" if query else "")


class WirewatchError(Exception):
    """Base of all: `str(error)` is a line for a person."""

    def __reduce__(self) -> tuple[Callable[..., WirewatchError], tuple[object, ...]]:
        """Let errors cross process borders, whatever their constructors take."""
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[WirewatchError], args: tuple[object, ...], state: dict[str, object]) -> WirewatchError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class BrokerUnavailable(WirewatchError):
    """The broker does not answer; it may next time."""


class SettingError(WirewatchError):
    """A setting that can't be used. Of an address it tells no password."""

    def __init__(self, name: str, value: str, cure: str) -> None:
        shown = without_secrets(value)
        super().__init__(f"WIREWATCH_{name.upper()}={shown!r} can't be used: {cure}")
        self.name, self.value, self.cure = name, shown, cure


class BadInput(WirewatchError):
    """Something a person gave can't be used."""


class BrokenArchive(BadInput):
    """An archive that can't be restored; the message begins with a verb, for the name of the file to stand before."""


class Superseded(BadInput):
    """An edit of a thing that somebody else has changed since it was read; nothing was written."""


class QueryError(BadInput):
    """A query that is refused. `position` is the 0-based offset in `query` where the trouble begins."""

    def __init__(self, query: str, position: int, reason: str, cure: str) -> None:
        super().__init__(f"{reason} (at {position + 1} in {query!r}): {cure}")
        self.query, self.position, self.reason, self.cure = query, position, reason, cure


class NotFound(WirewatchError):
    """There is no such thing under this id or name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} {name!r}: see `wirewatch {kind}s list`")
        self.kind, self.name = kind, name


class Unavailable(WirewatchError):
    """May pass next time; whoever owns the work tries again."""


class StoreUnavailable(Unavailable):
    """The store does not answer, or asks to be left alone for now."""


class FetchUnavailable(Unavailable):
    """The server could not be had this time.

    `retry_after` is in seconds when the server said so; `nameless` says that its name was not found, `unasked` that
    nothing of the request went out; `headers` and `body` (its beginning) are those of the answer, where one came.
    """

    def __init__(
        self,
        url: str,
        reason: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        nameless: bool = False,
        unasked: bool = False,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason, self.status = url, reason, status
        self.retry_after, self.nameless, self.unasked = retry_after, nameless, unasked
        self.headers, self.body = dict(headers or {}), body


class HostBusy(FetchUnavailable):
    """Not asked at all: its host asked to be left alone, or has as much to do as it may be given. No failure."""

    SOON = 60.0
    """Seconds: a turn within them is worth waiting for; beyond, the host asked to be left alone."""

    def __init__(self, url: str, reason: str, retry_after: float) -> None:
        super().__init__(url, reason, retry_after=retry_after, unasked=True)
        self.seconds = retry_after

    @property
    def is_soon(self) -> bool:
        """Whether the turn comes within a minute."""
        return self.seconds <= self.SOON


class DeliveryUnavailable(Unavailable):
    """Who is to take a message, as a mail server, does not now; or it is `uncertain` whether they did."""

    def __init__(self, recipient: str, answer: str, *, uncertain: bool = False) -> None:
        super().__init__(f"message to {recipient} not taken for now: {answer}")
        self.recipient, self.answer, self.uncertain = recipient, answer, uncertain


class ExtractorDied(Unavailable):
    """The process that extracts articles died of this page, or ran out of its time on it."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: extractor {reason}")
        self.url, self.reason = url, reason


class Refused(WirewatchError):
    """Will not pass next time either; recorded, not retried."""


class FetchRefused(Refused):
    """The server, or our own rules, will not give this address. `headers` and `body` as in FetchUnavailable."""

    def __init__(
        self,
        url: str,
        reason: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason, self.status = url, reason, status
        self.headers, self.body = dict(headers or {}), body


class DeliveryRefused(Refused):
    """Who is to take a message refuses it for good."""

    def __init__(self, recipient: str, answer: str) -> None:
        super().__init__(f"message to {recipient} refused: {answer}")
        self.recipient, self.answer = recipient, answer


class ParseError(Refused):
    """What came is not a feed."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason


class ExtractError(Refused):
    """No article comes out of this page."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason


class StoreError(WirewatchError):
    """The store answered, and not as it should."""


class StoreNotReady(StoreError):
    """The store, or a part of it, is not set up or does not let us in: no fault of what it was asked to do."""
