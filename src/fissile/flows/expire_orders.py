"""The clock's work: unpaid orders whose reservation has ended let their stock go."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.catalogue.reservations import release_reserved
from fissile.domain.orders import operations
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Event, record_events
from fissile.kernel.ids import Chance


async def expire_orders(db: Database, *, at: datetime, rng: Chance, limit: int = 500) -> int:
    """
    Expire up to ``limit`` placed orders reserved until ``at`` or earlier, and return how many; the house calls it.

    An order that is being paid at this moment is left to its payment. One that is paid later is owed back.
    """
    async with db.transaction() as connection:
        order_ids = await operations.lock_expired_orders(connection, at=at, limit=limit)
        if not order_ids:
            return 0
        await operations.change_states(
            connection, order_ids=order_ids, wanted=["placed"], values={"state": "expired", "closed_at": at}
        )
        released = await operations.quantities_of(connection, order_ids=order_ids)
        await release_reserved(connection, quantities=(pair for pairs in released.values() for pair in pairs))
        happened = [
            Event("order.expired", order_id, {"released": [[str(sku), many] for sku, many in released[order_id]]})
            for order_id in order_ids
        ]
        await record_events(connection, happened=happened, actor=HOUSE, at=at)
    return len(order_ids)
