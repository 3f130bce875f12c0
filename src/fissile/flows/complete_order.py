"""The goods have arrived."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.orders import operations
from fissile.domain.orders.errors import NotYourOrder
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events


async def complete_order(db: Database, *, order_id: UUID, actor: Actor, at: datetime) -> None:
    """
    Mark a shipped order as completed; its buyer calls it, staff of its merchant, or an operator.

    :raises OrderUnknown: if there is no such order
    :raises NotYourOrder: if it is somebody else's
    :raises OrderStateDiffers: if it was not shipped, or is completed already
    """
    async with db.transaction() as connection:
        order = await operations.lock_order(connection, order_id=order_id)
        is_buyer = order.member_id is not None and order.member_id == actor.member_id
        is_staff = "merchant_staff" in actor.roles and order.merchant_id in actor.merchant_ids
        if not (is_buyer or is_staff or actor.roles & {"operator", "house"}):
            raise NotYourOrder()

        await operations.change_states(
            connection, order_ids=[order_id], wanted=["shipped"], values={"state": "completed", "completed_at": at}
        )
        await record_events(connection, happened=[Event("order.completed", order_id, {})], actor=actor, at=at)
