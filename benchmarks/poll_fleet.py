"""The first poll with Celery, Redis and Elasticsearch on this one machine: one worker a queue, as compose has it.

    .venv/bin/python -m benchmarks.poll_fleet [--feeds 200]

The same feeds and alerts as benchmarks/poll.py. Servers are found or started as the tests do. Time is counted from the
start of the workers until every entry is a story; a table line goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from benchmarks.poll import ITEMS, feedserver, note, watch
from pipeline.settings import load
from tests import servers
from tests.fleet import launched
from tests.servers import wait_until
from workers import bootstrap

LONGEST = 900.0


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--feeds", type=int, default=200)
    feeds = options.parse_args().feeds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = stack.enter_context(feedserver(feeds))
        chosen = {
            "data": str(folder),
            "store": stack.enter_context(servers.elasticsearch()),
            "store_prefix": f"bench-{uuid4().hex[:8]}",
            "broker": stack.enter_context(servers.redis()),
            "mail": f"maildir://{folder}/mail",
            "pages": "never",
            "host_spacing": "0",
            "host_parallel": "8",
            "sweep_every": "1",
            "allow_private": "127.0.0.0/8",
            "old_before_added": "10000000000",
            "old_when_seen": "10000000000",
            "log_level": "WARNING",
        }
        ports = bootstrap.make_ports(load({}, **chosen))
        stack.callback(bootstrap.close, ports)
        ports.stores.prepare()
        watch(ports, base)
        note(f"{feeds} feeds, {feeds * ITEMS} entries, a worker a queue …")
        with launched(folder, **chosen):
            began = time.perf_counter()
            wait_until(lambda: ports.stores.stories.count() == feeds * ITEMS, LONGEST, "every entry is a story")
            took = time.perf_counter() - began
    note(f"first poll on Celery, Redis and Elasticsearch: {took:.1f} s, {feeds * ITEMS / took:.0f} entries/s")
    print(json.dumps({"feeds": feeds, "first_poll_s": took, "first_poll_entries_per_s": feeds * ITEMS / took}))


if __name__ == "__main__":
    main()
