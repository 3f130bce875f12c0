"""Changing orders and refunds: rows locked first, states changed by naming the old one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.orders.errors import OrderStateDiffers, OrderUnknown
from fissile.domain.orders.model import LockedOrder, Refund, RefundableLine, RefundLine
from fissile.domain.orders.tables import gateway_messages, order_lines, orders, payments, refund_lines, refunds
from fissile.kernel.ids import public_id
from fissile.kernel.money import Money

_IDS = any_(bindparam("order_ids", type_=ARRAY(Uuid())))
_LOCKED = select(
    orders.c.id,
    orders.c.merchant_id,
    orders.c.member_id,
    orders.c.visitor_id,
    orders.c.state,
    orders.c.currency,
    orders.c.total_minor,
    orders.c.refunded_minor,
    orders.c.shipping_minor,
    orders.c.shipping_refunded_minor,
    orders.c.paid_at,
    orders.c.completed_at,
    orders.c.after_sale_days,
).with_for_update(key_share=True)
_LOCK_ONE = _LOCKED.where(orders.c.id == bindparam("order_id"))
# The oldest first; what another sweep or a payment holds at this moment is left to it.
_EXPIRED = (
    select(orders.c.id)
    .where(orders.c.state == "placed", orders.c.reserved_until <= bindparam("now"))
    .order_by(orders.c.reserved_until)
    .limit(bindparam("most"))
    .with_for_update(key_share=True, skip_locked=True)
)
_SENT_LONG_AGO = (
    select(orders.c.id)
    .where(orders.c.state == "shipped", orders.c.shipped_at <= bindparam("before"))
    .order_by(orders.c.shipped_at)
    .limit(bindparam("most"))
    .with_for_update(key_share=True, skip_locked=True)
)
_QUANTITIES = (
    select(order_lines.c.order_id, order_lines.c.sku_id, func.sum(order_lines.c.quantity).label("quantity"))
    .where(order_lines.c.order_id == _IDS)
    .group_by(order_lines.c.order_id, order_lines.c.sku_id)
    .order_by(order_lines.c.order_id, order_lines.c.sku_id)
)
_REFUNDABLE = (
    select(
        order_lines.c.line_no,
        order_lines.c.sku_id,
        order_lines.c.title,
        order_lines.c.amount_minor,
        order_lines.c.quantity,
        order_lines.c.refunded_minor,
        order_lines.c.refunded_quantity,
    )
    .where(order_lines.c.order_id == bindparam("order_id"))
    .order_by(order_lines.c.line_no)
    .with_for_update(key_share=True)
)
_COUNT_REFUNDED = text("""
UPDATE order_lines l
   SET refunded_minor = l.refunded_minor + back.amount, refunded_quantity = l.refunded_quantity + back.quantity
  FROM unnest(CAST(:lines AS bigint[]), CAST(:amounts AS bigint[]), CAST(:quantities AS bigint[]))
         AS back (line_no, amount, quantity)
 WHERE l.order_id = :order_id AND l.line_no = back.line_no
""")
_REFUND_LINES = (
    select(refund_lines.c.line_no, refund_lines.c.amount_minor, refund_lines.c.quantity)
    .where(refund_lines.c.refund_id == bindparam("refund_id"))
    .order_by(refund_lines.c.line_no)
)
_REFUNDS = select(refunds, payments.c.gateway, payments.c.gateway_payment_id).join(
    payments, payments.c.id == refunds.c.payment_id
)
_BY_KEY = _REFUNDS.where(refunds.c.idempotency_key == bindparam("key"))
_LOCK_REFUND = _REFUNDS.where(refunds.c.id == bindparam("refund_id")).with_for_update(of=refunds, key_share=True)
_OWED = (
    _REFUNDS.where(refunds.c.state == "posted", payments.c.gateway == bindparam("gateway"))
    .order_by(refunds.c.posted_at, refunds.c.id)
    .limit(bindparam("most"))
)
_MESSAGE = select(gateway_messages.c.body_hash, gateway_messages.c.outcome).where(
    gateway_messages.c.gateway == bindparam("gateway"), gateway_messages.c.message_id == bindparam("message_id")
)
_SETTLED = select(payments.c.id).where(payments.c.order_id == bindparam("order_id"), payments.c.outcome == "settled")


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A gateway's message that was seen before, and what became of it."""

    body_hash: bytes
    outcome: str


async def lock_order(connection: AsyncConnection, *, order_id: UUID) -> LockedOrder:
    """
    Lock an order for the rest of the transaction and return it.

    :raises OrderUnknown: if there is none
    """
    row = (await connection.execute(_LOCK_ONE, {"order_id": order_id})).mappings().first()
    if row is None:
        raise OrderUnknown(order=public_id("ord", order_id))
    return LockedOrder(**row)


async def lock_expired_orders(connection: AsyncConnection, *, at: datetime, limit: int) -> list[UUID]:
    """Lock up to ``limit`` orders whose reservation has ended unpaid (its last moment included), by id."""
    found = await connection.execute(_EXPIRED, {"now": at, "most": limit})
    return sorted(found.scalars())


async def lock_sent_orders(connection: AsyncConnection, *, before: datetime, limit: int) -> list[UUID]:
    """Lock up to ``limit`` orders sent at ``before`` or earlier that nobody has completed, by id."""
    found = await connection.execute(_SENT_LONG_AGO, {"before": before, "most": limit})
    return sorted(found.scalars())


async def change_states(
    connection: AsyncConnection,
    *,
    order_ids: Sequence[UUID],
    wanted: Collection[str],
    values: dict[str, Any],
) -> None:
    """
    Change locked orders that are in one of the ``wanted`` states, all of them or none.

    :raises OrderStateDiffers: if one is in another state
    """
    changed = await connection.execute(
        update(orders)
        .where(orders.c.id == _IDS, orders.c.state.in_(list(wanted)))
        .values(**values)
        .returning(orders.c.id),
        {"order_ids": list(order_ids)},
    )
    missing = set(order_ids) - set(changed.scalars())
    if missing:
        found = await connection.execute(select(orders.c.state).where(orders.c.id == min(missing)))
        raise OrderStateDiffers(state=found.scalar_one(), wanted=" or ".join(sorted(wanted)))


async def quantities_of(
    connection: AsyncConnection, *, order_ids: Sequence[UUID]
) -> dict[UUID, list[tuple[UUID, int]]]:
    """Return how many of each SKU these orders hold: by order, (SKU, quantity) by SKU."""
    found: dict[UUID, list[tuple[UUID, int]]] = {}
    for row in await connection.execute(_QUANTITIES, {"order_ids": list(order_ids)}):
        found.setdefault(row.order_id, []).append((row.sku_id, int(row.quantity)))
    return found


async def lock_refundable(connection: AsyncConnection, *, order: LockedOrder) -> list[RefundableLine]:
    """Lock the lines of a locked order and return what can be refunded of them, its shipping first if it has any."""
    found = (await connection.execute(_REFUNDABLE, {"order_id": order.id})).mappings()
    lines = [RefundableLine(**row) for row in found]
    if not order.shipping_minor:
        return lines
    shipping = RefundableLine(
        line_no=0,
        sku_id=None,
        title="shipping",
        amount_minor=order.shipping_minor,
        quantity=0,
        refunded_minor=order.shipping_refunded_minor,
        refunded_quantity=0,
    )
    return [shipping, *lines]


async def add_refund_lines(
    connection: AsyncConnection,
    *,
    order_id: UUID,
    refund_id: UUID,
    lines: Sequence[RefundLine],
    returned: dict[int, int],
) -> None:
    """Write the lines of a refund and count them on the order's; ``returned`` are pieces put on hand, by line."""
    await connection.execute(
        insert(refund_lines),
        [
            {
                "refund_id": refund_id,
                "line_no": line.line_no,
                "amount_minor": line.amount_minor,
                "quantity": line.quantity,
                "returned_quantity": returned.get(line.line_no, 0),
            }
            for line in lines
        ],
    )
    goods = [line for line in lines if line.line_no]
    changed = await connection.execute(
        _COUNT_REFUNDED,
        {
            "order_id": order_id,
            "lines": [line.line_no for line in goods],
            "amounts": [line.amount_minor for line in goods],
            "quantities": [line.quantity for line in goods],
        },
    )
    assert changed.rowcount == len(goods), "they were locked"


async def lines_of_refund(connection: AsyncConnection, *, refund_id: UUID) -> tuple[RefundLine, ...]:
    """Return what a refund gave back of each line."""
    found = (await connection.execute(_REFUND_LINES, {"refund_id": refund_id})).mappings()
    return tuple(RefundLine(**row) for row in found)


async def settled_payment(connection: AsyncConnection, *, order_id: UUID) -> UUID:
    """Return the payment that paid an order; an order that is paid has one."""
    paid: UUID = (await connection.execute(_SETTLED, {"order_id": order_id})).scalar_one()
    return paid


async def refund_by_key(connection: AsyncConnection, *, key: str) -> Refund | None:
    """Return the refund that this key has made."""
    row = (await connection.execute(_BY_KEY, {"key": key})).first()
    return None if row is None else _refund(row)


async def lock_refund(connection: AsyncConnection, *, refund_id: UUID) -> Refund | None:
    """Lock a refund for the rest of the transaction and return it, or None if there is none."""
    row = (await connection.execute(_LOCK_REFUND, {"refund_id": refund_id})).first()
    return None if row is None else _refund(row)


async def owed_refunds(connection: AsyncConnection, *, gateway: str, limit: int) -> list[Refund]:
    """Return refunds whose money this gateway has not yet confirmed to be back, the oldest first."""
    found = await connection.execute(_OWED, {"gateway": gateway, "most": limit})
    return [_refund(row) for row in found]


async def add_refund(connection: AsyncConnection, *, refund: dict[str, Any]) -> bool:
    """Write a refund and say if its key was new; a transaction that is writing the same key is waited for."""
    made = insert(refunds).values(refund).on_conflict_do_nothing(index_elements=["idempotency_key"])
    return (await connection.execute(made.returning(refunds.c.id))).first() is not None


async def mark_returned(connection: AsyncConnection, *, refund_id: UUID, at: datetime) -> None:
    """Change a locked refund that is posted to returned."""
    changed = await connection.execute(
        update(refunds)
        .where(refunds.c.id == refund_id, refunds.c.state == "posted")
        .values(state="returned", returned_at=at)
    )
    assert changed.rowcount == 1, "it was locked and posted"


async def kept_message(connection: AsyncConnection, *, gateway: str, message_id: str) -> KeptMessage | None:
    """Return what became of a message that was seen before."""
    row = (await connection.execute(_MESSAGE, {"gateway": gateway, "message_id": message_id})).first()
    return None if row is None else KeptMessage(bytes(row.body_hash), row.outcome)


async def keep_message(
    connection: AsyncConnection,
    *,
    gateway: str,
    message_id: str,
    body_hash: bytes,
    kind: str,
    outcome: str,
    at: datetime,
) -> bool:
    """Keep a message with what became of it; say if its id was new."""
    kept = insert(gateway_messages).values(
        gateway=gateway, message_id=message_id, body_hash=body_hash, kind=kind, outcome=outcome, received_at=at
    )
    written = await connection.execute(kept.on_conflict_do_nothing().returning(gateway_messages.c.message_id))
    return written.first() is not None


def _refund(row: Row[Any]) -> Refund:
    return Refund(
        id=row.id,
        order_id=row.order_id,
        payment_id=row.payment_id,
        gateway=row.gateway,
        gateway_payment_id=row.gateway_payment_id,
        amount=Money(row.amount_minor, row.currency),
        reason=row.reason,
        state=row.state,
        posted_at=row.posted_at,
        returned_at=row.returned_at,
        request_hash=row.request_hash,
    )
