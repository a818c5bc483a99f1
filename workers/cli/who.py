"""Who it is at the machine's shell, for the audit log."""

from __future__ import annotations

import getpass
import os

from pipeline.flow.accounts.audit import of_shell


def who() -> str:
    """The user of the operating system, by name or, where that is not known (in a container), by number."""
    try:
        return of_shell(getpass.getuser())
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return of_shell(str(os.getuid()))
