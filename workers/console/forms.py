"""What a form of our pages sends: application/x-www-form-urlencoded, of a bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, HTTPException, Request

MOST_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a form; what was not sent is empty."""

    values: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """The text of a field, its line ends as one character."""
        return self.values.get(name, [""])[0].replace("\r\n", "\n")

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self.values


async def _read(request: Request) -> Fields:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413)
    return Fields(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True))


Form = Annotated[Fields, Depends(_read)]
