"""An operator ends the lasting tie between a buyer and a promoter."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.attribution import operations
from fissile.domain.attribution.errors import BindingReasonMissing
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id

REASON_MAX = 200


async def end_binding(db: Database, *, order_id: UUID, reason: str, actor: Actor, at: datetime, rng: Chance) -> None:
    """
    End the binding that an order made; the buyer's next paid order with a credit makes another.

    Orders that it has decided keep their credit. ``reason`` stands in the audit log.

    :raises RoleNotAllowed: if the actor is no operator
    :raises BindingReasonMissing: if no reason is given, or one of more than 200 letters
    :raises BindingNotFound: if there is no such binding, or it has ended
    """
    require(actor, {"operator"})
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise BindingReasonMissing(most=REASON_MAX)
    async with db.transaction() as connection:
        ended = await operations.end_binding(
            connection, order_id=order_id, ended_by=actor.member_id, reason=reason, at=at
        )
        detail = {"member": str(ended.member_id), "promoter": str(ended.promoter_id)}
        await record_act(
            connection,
            act="end_binding",
            subject=public_id("ord", order_id),
            detail=detail | {"reason": reason},
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("binding.ended", order_id, detail)], actor=actor, at=at)
