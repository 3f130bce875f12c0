"""A promoter changes or removes one account or community."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.channels.errors import ChannelChanged, ChannelUnknown
from fissile.domain.channels.model import Channel, Draft, Tally
from fissile.domain.channels.operations import remove_one, write_one
from fissile.domain.channels.queries import channel_by_id
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import public_id


async def change_channel(
    db: Database, *, channel_id: UUID, version: int, draft: Draft, actor: Actor, at: datetime
) -> bool:
    """
    Change name, tags, size, state and notes to what a form says, an empty field included (the name stays then).

    Return whether anything was changed. ``version`` is the one that the form was made from.

    :raises RoleNotAllowed: if the actor is no promoter
    :raises ChannelUnknown: if it is none of the promoter's
    :raises ChannelChanged: if it was changed since, in another tab for instance
    """
    async with db.transaction() as connection:
        channel = await _locked(connection, channel_id=channel_id, actor=actor)
        if channel.version != version:
            raise ChannelChanged()
        said: dict[str, object] = {
            "name": draft.name or channel.name,
            "tags": draft.tags or (),
            "size": draft.size,
            "state": draft.state or channel.state,
            "notes": draft.notes or "",
        }
        values = {name: one for name, one in said.items() if one != getattr(channel, name)}
        if not values:
            return False
        moved = Tally()
        await write_one(connection, before=channel, values=values, tally=moved, at=at)
        data = {"accounts": 0, "communities": 0, "versions": moved.versions, "states": moved.states}
        happened = Event("channels.changed", channel.promoter_id, data)
        await record_events(connection, happened=[happened], actor=actor, at=at)
    return True


async def remove_channel(db: Database, *, channel_id: UUID, version: int, actor: Actor, at: datetime) -> None:
    """
    Erase an account or a community; shares that named it stay and name nobody.

    :raises RoleNotAllowed, ChannelUnknown, ChannelChanged: as :func:`change_channel`
    """
    async with db.transaction() as connection:
        channel = await _locked(connection, channel_id=channel_id, actor=actor)
        if channel.version != version:
            raise ChannelChanged()
        moved = await remove_one(connection, channel=channel)
        data = {
            "accounts": moved.accounts,
            "communities": moved.communities,
            "versions": moved.versions,
            "states": moved.states,
        }
        happened = Event("channels.removed", channel.promoter_id, data)
        await record_events(connection, happened=[happened], actor=actor, at=at)


async def _locked(connection: AsyncConnection, *, channel_id: UUID, actor: Actor) -> Channel:
    require(actor, {"promoter"})
    channel = await channel_by_id(connection, channel_id=channel_id, lock="FOR UPDATE")
    if channel is None or channel.promoter_id != actor.member_id:
        raise ChannelUnknown(given=public_id("chn", channel_id))
    return channel
