"""Channels: chats and webhooks that are told beside, or in place of, mail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.deliver.channel import Channel, channel_of, shown
from pipeline.errors import DeliveryRefused, DeliveryUnavailable, NotFound
from pipeline.flow.deeds.people import put_channel
from pipeline.flow.readers.channels import try_channel
from pipeline.model import Recipient
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Operator


class ChannelBody(BaseModel):
    """A channel, by its address (docs/channels.md)."""

    model_config = ConfigDict(extra="forbid")

    address: Annotated[str, Field(max_length=2_000)]
    name: Annotated[str, Field(max_length=200)] = ""
    secret: Annotated[str, Field(max_length=2_000, description="A webhook's own, or a Matrix account's token")] = ""


class ChannelOut(BaseModel):
    """A channel: of its address what is no secret."""

    id: str
    channel: str
    address: str
    name: str
    bounces: int
    bounced: str


class NewChannel(ChannelOut):
    """A channel that was just kept."""

    secret: str = Field(description="With which a webhook checks our signatures; shown this once")


class ChannelPage(BaseModel):
    """Channels in the order of their ids."""

    channels: list[ChannelOut]
    next: paging.Next


class Trial(BaseModel):
    """What was answered to a message that says it is a trial."""

    taken: bool
    answer: str


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/channels", tags=["channels"])

    @router.get("")
    def list_channels(_: Operator, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> ChannelPage:
        kept = (one for one in ports.stores.recipients.all() if channel_of(one.address) is not Channel.MAIL)
        found, following = paging.by_id(kept, cursor, limit)
        return ChannelPage(channels=[_out(one) for one in found], next=following)

    @router.post("", status_code=201)
    def keep_channel(body: ChannelBody, caller: Operator) -> NewChannel:
        """It may be done again, and takes no Idempotency-Key: answers with a secret are kept nowhere."""
        kept = put_channel(ports, caller.who, body.address, secret=body.secret, name=body.name)
        secret = kept.secret if channel_of(kept.address) is Channel.WEBHOOK else ""
        return NewChannel(**_out(kept).model_dump(), secret=secret)

    @router.post("/{channel_id}/test")
    def send_trial(channel_id: str, _: Operator) -> Trial:
        """Each one sends a message: it takes no Idempotency-Key."""
        known = ports.stores.recipients.get([channel_id]).get(channel_id)
        if known is None or channel_of(known.address) is Channel.MAIL:
            raise NotFound("channel", channel_id)
        try:
            return Trial(taken=True, answer=try_channel(ports, known.address).answer)
        except (DeliveryUnavailable, DeliveryRefused) as error:
            return Trial(taken=False, answer=str(error))

    return router


def _out(one: Recipient) -> ChannelOut:
    return ChannelOut(
        id=one.id,
        channel=channel_of(one.address),
        address=shown(one.address),
        name=one.name,
        bounces=one.bounces,
        bounced=one.bounced,
    )
