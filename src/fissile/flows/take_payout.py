"""An officer takes over what the schedule proposed: the first of two people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.errors import PayoutStateDiffers
from fissile.domain.payouts.rules import OFFICERS
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id


async def take_payout(db: Database, *, batch_id: UUID, actor: Actor, at: datetime, rng: Chance) -> None:
    """
    Stand for a proposed batch as its maker, after looking at it; a payout officer calls it. Another one approves it.

    :raises RoleNotAllowed: if the actor is no payout officer; the house may not either
    :raises PayoutUnknown: if there is no such batch
    :raises PayoutStateDiffers: if it is no proposal, or somebody else was first
    """
    require(actor, OFFICERS)
    if actor.member_id is None:
        raise RoleNotAllowed(needed=", ".join(OFFICERS))
    async with db.transaction() as connection:
        items = await operations.items_of(connection, batch_id=batch_id)
        batch = await operations.lock_batch(connection, batch_id=batch_id, items=items)
        if batch.state != "proposed":
            raise PayoutStateDiffers(state=batch.state)

        await operations.mark_taken(connection, batch_id=batch_id, made_by=actor.member_id, at=at)
        happened = [Event("payout.taken", batch_id, {"total": batch.total.minor})]
        await record_events(connection, happened=happened, actor=actor, at=at)
        await record_act(
            connection,
            act="take_payout",
            subject=public_id("pob", batch_id),
            detail={"currency": batch.currency, "total_minor": batch.total.minor, "items": len(items)},
            actor=actor,
            at=at,
            rng=rng,
        )
