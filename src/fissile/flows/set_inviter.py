"""An operator says who invited a promoter, where the invitation's link was not used."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import invitations
from fissile.domain.members.errors import InvitedNoPromoter, InviterNoPromoter
from fissile.domain.members.rules import member_name, require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance


async def set_inviter(
    db: Database, *, member_id: UUID, inviter_id: UUID, actor: Actor, at: datetime, rng: Chance
) -> None:
    """
    Set who invited a promoter, once for all; an operator calls it, at the promoter's wish.

    It counts for orders placed from now on.

    :raises RoleNotAllowed: if the actor is no operator
    :raises InvitedNoPromoter, InviterNoPromoter: if one of both is no active promoter
    :raises InviterSetAlready: if it was set before
    :raises InvitationCycle: if the inviter is the promoter, or stands below them in the tree of invitations
    """
    require(actor, {"operator"})
    async with db.transaction() as connection:
        if not await invitations.is_promoter(connection, member_id=member_id):
            raise InvitedNoPromoter(member=member_name(member_id))
        if not await invitations.is_promoter(connection, member_id=inviter_id):
            raise InviterNoPromoter(member=member_name(inviter_id))
        await invitations.add_inviter(
            connection, member_id=member_id, inviter_id=inviter_id, decided_by=actor.member_id, at=at
        )
        told = {"inviter": str(inviter_id), "via": "operator"}
        await record_events(connection, happened=[Event("promoter.invited", member_id, told)], actor=actor, at=at)
        await record_act(
            connection,
            act="set_inviter",
            subject=member_name(member_id),
            detail={"inviter": member_name(inviter_id)},
            actor=actor,
            at=at,
            rng=rng,
        )
