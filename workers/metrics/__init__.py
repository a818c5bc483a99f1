"""Metrics, by prometheus-client: `names` has them all, `meter` counts, `timing` times tasks, `serve` shows them.

They are kept as that library keeps those of several processes: each writes a file of its own into one folder, and
whoever is scraped adds up the files. So a Celery worker tells of its children, and `up` of its crew. The library
decides that when it is first imported; hence the folder is made here, before any room of this package can be. Children
find it in their environment, and a process that finds it counts (workers/bootstrap.py).
"""

import atexit
import os
import shutil
import tempfile

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment that the library reads."""


def _make_folder() -> None:
    made, owner = tempfile.mkdtemp(prefix="wirewatch-metrics-"), os.getpid()
    os.environ[FOLDER] = made
    atexit.register(_remove, made, owner)


def _remove(made: str, owner: int) -> None:
    if os.getpid() == owner:  # and no child of a fork
        shutil.rmtree(made, ignore_errors=True)


if FOLDER not in os.environ:
    _make_folder()
