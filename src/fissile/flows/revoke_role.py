"""An operator takes a role from a member."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, rules
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance


async def revoke_role(
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
    Take a role from a member and say if it was held; an operator calls it, for somebody else.

    Sessions and keys of the member lose it with the next request, for both read roles anew.

    :raises RoleNotAllowed, OwnRoles: if the actor may not
    :raises UnknownRole, RoleNeedsMerchant: if there is no such role, or it comes with or without a merchant wrongly
    """
    rules.check_role_change(actor=actor, member_id=member_id, role=role, merchant_id=merchant_id)
    detail = {"role": role} | ({"merchant_id": str(merchant_id)} if merchant_id else {})
    async with db.transaction() as connection:
        if not await operations.remove_role(connection, member_id=member_id, role=role, merchant_id=merchant_id):
            return False
        await record_act(
            connection,
            act="revoke_role",
            subject=rules.member_name(member_id),
            detail=detail,
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("member.role_revoked", member_id, detail)], actor=actor, at=at)
    return True
