"""A payout that waits for its approval is given up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.commissions.release_operations import lock_in_items, take_out_of_items
from fissile.domain.ledger.operations import post
from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.rules import OFFICERS, check_waiting, end
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id


async def drop_payout(db: Database, *, batch_id: UUID, actor: Actor, at: datetime, rng: Chance) -> None:
    """
    Drop a batch: nobody is paid, and all of it is free for the next one. A payout officer calls it, its maker too.

    :raises RoleNotAllowed: if the actor is no payout officer
    :raises PayoutUnknown: if there is no such batch
    :raises PayoutStateDiffers: if it was approved or dropped already
    """
    require(actor, OFFICERS)
    async with db.transaction() as connection:
        items = await operations.items_of(connection, batch_id=batch_id)
        item_ids = [item.id for item in items]
        await lock_in_items(connection, item_ids=item_ids)
        batch = await operations.lock_batch(connection, batch_id=batch_id, items=items)
        check_waiting(batch)

        await operations.mark_dropped(connection, batch_id=batch_id, at=at)
        await take_out_of_items(connection, item_ids=item_ids)
        await post(
            connection, transfers=[one for item in items for one in end(batch_id, item, phase="void", at=at, rng=rng)]
        )
        happened = Event("payout.dropped", batch_id, {"total": batch.total.minor})
        await record_events(connection, happened=[happened], actor=actor, at=at)
        await record_act(
            connection,
            act="drop_payout",
            subject=public_id("pob", batch_id),
            detail={"currency": batch.currency, "total_minor": batch.total.minor, "items": len(items)},
            actor=actor,
            at=at,
            rng=rng,
        )
