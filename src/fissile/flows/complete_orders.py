"""The clock's work: what was sent long ago and nobody complained of is completed."""

from __future__ import annotations

from datetime import datetime, timedelta

from fissile.domain.orders import operations
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Event, record_events


async def complete_orders(db: Database, *, after: timedelta, at: datetime, limit: int = 500) -> int:
    """
    Complete up to ``limit`` orders sent ``after`` or longer ago, and return how many; the house calls it.

    The window in which they can be given back begins now.
    """
    async with db.transaction() as connection:
        order_ids = await operations.lock_sent_orders(connection, before=at - after, limit=limit)
        if not order_ids:
            return 0
        await operations.change_states(
            connection, order_ids=order_ids, wanted=["shipped"], values={"state": "completed", "completed_at": at}
        )
        happened = [Event("order.completed", order_id, {}) for order_id in order_ids]
        await record_events(connection, happened=happened, actor=HOUSE, at=at)
    return len(order_ids)
