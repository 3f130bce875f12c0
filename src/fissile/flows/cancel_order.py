"""An unpaid order is given up: its stock is free again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.catalogue.reservations import release_reserved
from fissile.domain.orders import operations
from fissile.domain.orders.errors import NotYourOrder
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id


async def cancel_order(
    db: Database, *, order_id: UUID, actor: Actor, at: datetime, rng: Chance, visitor_id: UUID | None = None
) -> None:
    """
    Cancel a placed order; its buyer calls it, or an operator.

    ``visitor_id`` is the cookie of a guest: an order without a member belongs to the visitor who placed it.
    A payment that arrives later is owed back.

    :raises OrderUnknown: if there is no such order
    :raises NotYourOrder: if it is somebody else's
    :raises OrderStateDiffers: if it is not waiting for its payment any more
    """
    async with db.transaction() as connection:
        order = await operations.lock_order(connection, order_id=order_id)
        is_member = order.member_id is not None and order.member_id == actor.member_id
        is_guest = order.member_id is None and visitor_id is not None and order.visitor_id == visitor_id
        if not (is_member or is_guest or actor.roles & {"operator", "house"}):
            raise NotYourOrder()

        await operations.change_states(
            connection, order_ids=[order_id], wanted=["placed"], values={"state": "cancelled", "closed_at": at}
        )
        released = (await operations.quantities_of(connection, order_ids=[order_id]))[order_id]
        await release_reserved(connection, quantities=released)
        happened = Event("order.cancelled", order_id, {"released": [[str(sku), many] for sku, many in released]})
        await record_events(connection, happened=[happened], actor=actor, at=at)
        if not (is_member or is_guest):
            await record_act(
                connection,
                act="cancel_order",
                subject=public_id("ord", order_id),
                detail={},
                actor=actor,
                at=at,
                rng=rng,
            )
