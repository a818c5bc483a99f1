"""Things to JSON and back, the same on every backend."""

from typing import TypeVar

import msgspec

from pipeline.errors import StoreError

Thing = TypeVar("Thing")


def encode(thing: object) -> bytes:
    """`thing` as JSON: times as RFC 3339 in UTC, enums as their values."""
    return msgspec.json.encode(thing)


def decode(data: bytes | str, kind: type[Thing]) -> Thing:
    """Read what `encode` wrote. Raises StoreError for anything else. Fields of a later version are passed over."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise StoreError(f"a stored {kind.__name__} can't be read ({error}): restore it from a backup") from error


def plain(thing: object) -> dict[str, object]:
    """`thing` as plain values that JSON can hold."""
    return msgspec.to_builtins(thing)  # type: ignore[no-any-return]


def from_plain(values: object, kind: type[Thing]) -> Thing:
    """Read what `plain` gave. Raises StoreError."""
    try:
        return msgspec.convert(values, type=kind)
    except msgspec.ValidationError as error:
        raise StoreError(f"a stored {kind.__name__} can't be read ({error}): restore it from a backup") from error
