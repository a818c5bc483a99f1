"""What can go wrong around a fleet, as something that is done to it for so many seconds and then mended."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from pipeline.adapters.elastic import indices
from pipeline.adapters.elastic.client import connect
from tests.faults.scene import Scene

TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/html\r\nContent-Length: 18\r\nConnection: close\r\n\r\n"
    b"<h1>Slow down</h1>"
)
"""As a proxy in front says it: nothing in it is Elasticsearch's."""
KILL_EVERY = 5.0


def redis_restarted_empty(scene: Scene, seconds: float) -> None:
    scene.victims["redis"].kill()
    scene.victims["redis"].start()
    time.sleep(seconds)


def redis_gone(scene: Scene, seconds: float) -> None:
    _cut(scene, "redis", seconds)


def redis_drops_connections(scene: Scene, seconds: float) -> None:
    scene.wires["redis"].drop()
    time.sleep(seconds)


def elasticsearch_gone(scene: Scene, seconds: float) -> None:
    _cut(scene, "store", seconds)


def mail_server_gone(scene: Scene, seconds: float) -> None:
    _cut(scene, "smtp", seconds)


def elasticsearch_killed(scene: Scene, seconds: float) -> None:
    scene.victims["store"].kill()
    time.sleep(seconds)
    scene.victims["store"].start()


def elasticsearch_busy(scene: Scene, seconds: float) -> None:
    scene.wires["store"].instead = TOO_MANY
    time.sleep(seconds)
    scene.wires["store"].instead = b""


def elasticsearch_read_only(scene: Scene, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # again and again: Elasticsearch frees indices by itself when it sees room
        _set_read_only(scene, blocked=True)
        time.sleep(1)
    _set_read_only(scene, blocked=False)


def workers_killed(scene: Scene, seconds: float) -> None:
    chance, until = random.Random(10), time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(KILL_EVERY, seconds / 3))
        victim = chance.choice(["poll", "ingest", "notify"])
        scene.fleet.kill(victim)
        scene.fleet.start(victim)


def beat_killed_and_doubled(scene: Scene, seconds: float) -> None:
    scene.fleet.kill("beat")
    time.sleep(seconds)
    scene.fleet.start("beat")
    scene.fleet.start("beat-2")
    time.sleep(seconds)
    scene.fleet.kill("beat-2")


FAULTS: dict[str, Callable[[Scene, float], None]] = {
    "Redis restarted empty": redis_restarted_empty,
    "Redis gone": redis_gone,
    "Redis drops all connections": redis_drops_connections,
    "Elasticsearch gone": elasticsearch_gone,
    "Elasticsearch killed": elasticsearch_killed,
    "Elasticsearch answers 429": elasticsearch_busy,
    "Elasticsearch read-only by the disk watermark": elasticsearch_read_only,
    "workers killed": workers_killed,
    "mail server gone": mail_server_gone,
    "beat killed and doubled": beat_killed_and_doubled,
}


def _cut(scene: Scene, name: str, seconds: float) -> None:
    scene.wires[name].cut()
    time.sleep(seconds)
    scene.wires[name].mend()


def _set_read_only(scene: Scene, *, blocked: bool) -> None:
    names = indices.Names(scene.ports.settings.store_prefix)
    with connect(scene.ports.settings) as client:
        client.indices.put_settings(
            index=[one.name for one in indices.existing(client, names)],
            settings={"index.blocks.read_only_allow_delete": True if blocked else None},
        )
