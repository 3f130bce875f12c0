"""The merchant hands the goods to a carrier."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members.rules import require
from fissile.domain.orders import operations
from fissile.domain.orders.errors import NotYourOrder
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events

TRACKING_MAX = 100
CARRIER_MAX = 40


async def ship_order(
    db: Database, *, order_id: UUID, tracking: str, carrier: str = "", actor: Actor, at: datetime
) -> None:
    """
    Mark a paid order as shipped; staff of its merchant call it, or an operator.

    ``tracking`` is the carrier's number, cut to 100 characters; it may be empty. ``carrier`` is one of ``CARRIERS``,
    whose page the buyer is led to, or any other name.

    :raises RoleNotAllowed: if the actor is neither
    :raises OrderUnknown: if there is no such order
    :raises NotYourOrder: if it is another merchant's
    :raises OrderStateDiffers: if it is not paid, or was shipped already
    """
    require(actor, {"merchant_staff", "operator"})
    async with db.transaction() as connection:
        order = await operations.lock_order(connection, order_id=order_id)
        is_staff = "merchant_staff" in actor.roles and order.merchant_id in actor.merchant_ids
        if not (is_staff or actor.roles & {"operator", "house"}):
            raise NotYourOrder()

        await operations.change_states(
            connection,
            order_ids=[order_id],
            wanted=["paid"],
            values={
                "state": "shipped",
                "shipped_at": at,
                "tracking": tracking.strip()[:TRACKING_MAX],
                "carrier": carrier.strip()[:CARRIER_MAX],
            },
        )
        await record_events(connection, happened=[Event("order.shipped", order_id, {})], actor=actor, at=at)
