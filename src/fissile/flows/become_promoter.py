"""A member decides to share for commission."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, queries, rules
from fissile.domain.members.errors import MemberNotFound
from fissile.domain.members.model import member_actor
from fissile.infra.database import Database
from fissile.infra.events import Event, record_act, record_events
from fissile.kernel.ids import Chance


async def become_promoter(db: Database, *, member_id: UUID, at: datetime, rng: Chance) -> bool:
    """
    Give a member the role promoter and say if it was not held before; members call it for themselves.

    :raises MemberNotFound: if there is no such member, or the member is closed
    """
    actor = member_actor(member_id=member_id)
    async with db.transaction() as connection:
        if await queries.roles_of(connection, member_id=member_id) is None:
            raise MemberNotFound(member=rules.member_name(member_id))
        if not await operations.add_role(connection, member_id=member_id, role="promoter", merchant_id=None, at=at):
            return False
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
            happened=[Event("member.role_granted", member_id, {"role": "promoter"})],
            actor=actor,
            at=at,
        )
    return True
