"""A promoter asks for the link that invites others."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import invitations
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance, new_id


async def invite_promoter(db: Database, *, actor: Actor, at: datetime, rng: Chance) -> UUID:
    """
    Return the promoter's one invitation, making it the first time; promoters call it for themselves.

    :raises RoleNotAllowed: if the actor is no promoter
    """
    require(actor, {"promoter"})
    if actor.member_id is None:
        raise RoleNotAllowed(needed="promoter")
    async with db.transaction() as connection:
        made = new_id(at=at, rng=rng)
        if await invitations.add_invitation(connection, invitation_id=made, promoter_id=actor.member_id, at=at):
            told = {"invitation": str(made)}
            await record_events(
                connection, happened=[Event("promoter.invitation_made", actor.member_id, told)], actor=actor, at=at
            )
            return made
        known = await invitations.invitation_of(connection, promoter_id=actor.member_id)
    assert known is not None, "it was there already"
    return known
