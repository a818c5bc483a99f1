"""A worker that does nothing but sweep and notify, as a process of its own that a test may kill.

    python -m tests.faults.notifier [N]

With N it kills itself when the server has taken its Nth mail: after the 250, before anything is written.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from email.message import EmailMessage

from pipeline import flow
from pipeline.ports import Mailer
from pipeline.settings import load
from workers import bootstrap


class Doomed:
    """ports.Mailer over another, which kills its process at the `last` mail."""

    def __init__(self, mailer: Mailer, last: int) -> None:
        self.mailer, self.left = mailer, last

    def send(self, message: EmailMessage) -> str:
        answer = self.mailer.send(message)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def main() -> None:
    """Work until killed."""
    ports = bootstrap.make_ports(load())
    if len(sys.argv) > 1:
        ports = dataclasses.replace(ports, mailer=Doomed(ports.mailer, int(sys.argv[1])))
    while True:
        found = flow.sweep(ports).notifies
        for batch in found:
            flow.notify(ports, batch)
        time.sleep(0 if found else 0.05)


if __name__ == "__main__":
    main()
