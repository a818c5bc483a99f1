"""What waits and who works, what is kept, and the settings in force."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from pipeline.flow.operations.queues import looked_at, queues
from pipeline.ports import Ports
from pipeline.settings import in_force
from workers import broker
from workers.console.api.callers import Operator
from workers.console.operations import KEPT


class QueueOut(BaseModel):
    """What waits for a task: due, and not done."""

    task: str
    waiting: int
    named: int = Field(description="Of these, how many a message in the broker names")
    taken: int = Field(description="And how many a worker has under its lease")
    oldest: datetime | None
    more: bool = Field(description="There are more than were counted")


class WatchdogOut(BaseModel):
    """A standing look at whether all is well."""

    name: str
    look_at: datetime = Field(description="When it looks next")
    trouble_since: datetime | None


class BrokerOut(BaseModel):
    """What Redis says."""

    lengths: dict[str, int]
    workers: list[str]
    trouble: str


class Queues(BaseModel):
    """The queue of each task."""

    queues: list[QueueOut]
    looked_at: datetime | None = Field(description="When a worker last looked after the feeds")
    watchdogs: list[WatchdogOut]
    broker: BrokerOut | None = Field(description="null: it is in the memory of the process that works")


class Sizes(BaseModel):
    """How many things there are of each kind, and bytes on disk of each file or index."""

    counts: dict[str, int]
    deliveries: dict[str, int]
    bytes: dict[str, int]


class SettingOut(BaseModel):
    """A setting as it is; nothing secret."""

    name: str
    value: str
    default: str
    changed: bool
    meaning: str


class SettingsOut(BaseModel):
    """Every setting."""

    settings: list[SettingOut]


def make_router(ports: Ports) -> APIRouter:
    """The resources."""
    router = APIRouter(tags=["operations"])

    @router.get("/queues")
    def get_queues(_: Operator) -> Queues:
        found = [
            QueueOut(
                task=one.task, waiting=one.waiting, named=one.named, taken=one.taken, oldest=one.oldest, more=one.more
            )
            for one in queues(ports)
        ]
        dogs = [
            WatchdogOut(name=one.name, look_at=one.look_at, trouble_since=one.trouble_since)
            for one in ports.stores.watchdogs.all()
        ]
        return Queues(queues=found, looked_at=looked_at(ports), watchdogs=dogs, broker=_broker(ports))

    @router.get("/sizes")
    def get_sizes(_: Operator) -> Sizes:
        stores = ports.stores
        counts = {name: getattr(stores, name).count() for name in KEPT}
        return Sizes(counts=counts, deliveries=dict(stores.deliveries.counts()), bytes=dict(stores.sizes()))

    @router.get("/settings")
    def get_settings(_: Operator) -> SettingsOut:
        return SettingsOut(
            settings=[
                SettingOut(
                    name=one.name, value=one.value, default=one.default, changed=one.changed, meaning=one.meaning
                )
                for one in in_force(ports.settings)
            ]
        )

    return router


def _broker(ports: Ports) -> BrokerOut | None:
    said = broker.look(ports.settings)
    return BrokerOut(lengths=said.lengths, workers=list(said.workers), trouble=said.trouble) if said else None
