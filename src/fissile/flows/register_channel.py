"""A promoter registers an account or a community."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.channels.errors import BadChannelField, ChannelExists
from fissile.domain.channels.model import Draft
from fissile.domain.channels.operations import put_drafts
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance


async def register_channel(db: Database, *, draft: Draft, actor: Actor, at: datetime, rng: Chance) -> UUID:
    """
    Add one account or community to the list of the promoter who asks; return the promoter's id, whose list it is.

    :raises RoleNotAllowed: if the actor is no promoter
    :raises ChannelExists: if it is registered already: nothing is changed
    :raises BadChannelField: if its owner is no account of the promoter
    :raises TooManyChannels: if there would be more than one promoter can have
    """
    require(actor, {"promoter"})
    assert actor.member_id is not None, "a promoter is a member"
    async with db.transaction() as connection:
        applied = await put_drafts(connection, promoter_id=actor.member_id, drafts=[draft], at=at, rng=rng)
        if applied.faults:
            raise BadChannelField(column=applied.faults[0].column, reason=applied.faults[0].reason)
        if not applied.loaded:
            raise ChannelExists(handle=draft.handle)
        moved = applied.tally
        happened = Event(
            "channels.registered",
            actor.member_id,
            {
                "accounts": moved.accounts,
                "communities": moved.communities,
                "versions": moved.versions,
                "states": moved.states,
            },
        )
        await record_events(connection, happened=[happened], actor=actor, at=at)
    return actor.member_id
