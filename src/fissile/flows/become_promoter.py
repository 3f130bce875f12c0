"""A member decides to share for commission."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import invitations, operations, queries, rules
from fissile.domain.members.errors import InvitationUnknown, MemberNotFound, OwnInvitation
from fissile.domain.members.model import member_actor
from fissile.infra.database import Database
from fissile.infra.events import Event, record_act, record_events
from fissile.kernel.ids import Chance


async def become_promoter(
    db: Database, *, member_id: UUID, at: datetime, rng: Chance, invitation_id: UUID | None = None
) -> bool:
    """
    Give a member the role promoter and say if it was not held before; members call it for themselves.

    With an invitation, its promoter becomes the inviter, once for all: they earn the second level of what the new
    promoter's shares sell, where a plan pays one, and nothing for the invitation. Who is a promoter already keeps the
    inviter that they have, or none.

    :raises MemberNotFound: if there is no such member, or the member is closed
    :raises InvitationUnknown: if there is no such invitation, or its promoter is one no more
    :raises OwnInvitation: if it is the member's own
    :raises InvitationCycle: if its promoter stands below the member in the tree of invitations
    """
    actor = member_actor(member_id=member_id)
    async with db.transaction() as connection:
        if await queries.roles_of(connection, member_id=member_id) is None:
            raise MemberNotFound(member=rules.member_name(member_id))
        if not await operations.add_role(connection, member_id=member_id, role="promoter", merchant_id=None, at=at):
            return False
        happened = [Event("member.role_granted", member_id, {"role": "promoter"})]
        if invitation_id is not None:
            inviter_id = await invitations.inviter_by_invitation(connection, invitation_id=invitation_id)
            if inviter_id == member_id:
                raise OwnInvitation
            if inviter_id is None or not await invitations.is_promoter(connection, member_id=inviter_id):
                raise InvitationUnknown
            await invitations.add_inviter(
                connection, member_id=member_id, inviter_id=inviter_id, decided_by=None, at=at
            )
            happened.append(Event("promoter.invited", member_id, {"inviter": str(inviter_id), "via": "invitation"}))
        # Their own doing, but a role all the same: the log shows where each one came from.
        await record_act(
            connection,
            act="become_promoter",
            subject=rules.member_name(member_id),
            detail={"role": "promoter"},
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(
            connection,
            happened=happened,
            actor=actor,
            at=at,
        )
    return True
