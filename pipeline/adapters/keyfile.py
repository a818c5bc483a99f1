"""A key that nobody gave: made once, and kept in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from pipeline.errors import SettingError

LETTERS = 64


def kept_key(path: Path) -> str:
    """The key in the file `path`. Of processes that find none at once, one makes it, and all get that.

    Raises SettingError where the folder can't be written, or the file holds no key.
    """
    try:
        if not path.exists():
            _make(path)
        key = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise SettingError("data", str(path.parent), f"{path.name}: {error.strerror}") from None
    if len(key) < LETTERS:
        raise SettingError(
            "data", str(path.parent), f"{path.name} holds no key: restore it, or remove it for a new one"
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written whole under another name (mode 0600) and then linked: nobody reads half a key, and nobody replaces one.
    with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:
        draft.write(secrets.token_hex(LETTERS // 2))
        draft.flush()
        os.fsync(draft.fileno())
        with suppress(FileExistsError):
            os.link(draft.name, path)
