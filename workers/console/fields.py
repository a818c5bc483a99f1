"""The fields of a form of ours, of a bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, Request

MOST_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a form; what was not sent is empty."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """The text of a field, its line ends as one character."""
        return self.values.get(name, "").replace("\r\n", "\n")

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self.values


async def _read(request: Request) -> Fields:
    if int(request.headers.get("content-length", MOST_BYTES + 1)) > MOST_BYTES:
        raise HTTPException(413)
    sent = await request.form(max_files=0)
    return Fields({name: value for name, value in sent.items() if isinstance(value, str)})


Form = Annotated[Fields, Depends(_read)]
