"""An operator gives a member a role."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from fissile.domain.catalogue.tables import merchants
from fissile.domain.members import operations, queries, rules
from fissile.domain.members.errors import MemberNotFound, MerchantNotFound
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id


async def grant_role(
    db: Database,
    *,
    member_id: UUID,
    role: str,
    merchant_id: UUID | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> bool:
    """
    Give a member a role and say if it was not held before; an operator calls it, for somebody else.

    ``merchant_id`` comes with ``merchant_staff`` and with no other role.

    :raises RoleNotAllowed, OwnRoles: if the actor may not
    :raises UnknownRole, RoleNeedsMerchant: if there is no such role, or it comes with or without a merchant wrongly
    :raises MemberNotFound, MerchantNotFound: if there is none, or the member is closed
    :raises StaffElsewhere: if the member is staff of another merchant
    """
    rules.check_role_change(actor=actor, member_id=member_id, role=role, merchant_id=merchant_id)
    detail = {"role": role} | ({"merchant_id": str(merchant_id)} if merchant_id else {})
    async with db.transaction() as connection:
        if await queries.roles_of(connection, member_id=member_id) is None:
            raise MemberNotFound(member=rules.member_name(member_id))
        if merchant_id is not None:
            found = await connection.execute(select(merchants.c.id).where(merchants.c.id == merchant_id))
            if found.first() is None:
                raise MerchantNotFound(merchant=public_id("mch", merchant_id))
        if not await operations.add_role(connection, member_id=member_id, role=role, merchant_id=merchant_id, at=at):
            return False
        await record_act(
            connection,
            act="grant_role",
            subject=rules.member_name(member_id),
            detail=detail,
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("member.role_granted", member_id, detail)], actor=actor, at=at)
    return True
