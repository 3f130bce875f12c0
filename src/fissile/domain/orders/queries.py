"""Reading orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.orders.model import PaidLine, PayableOrder
from fissile.domain.orders.tables import orders

_ORDERS = """
SELECT id, merchant_id, state, currency, total_minor, shipping_minor, credit_promoter_id, credit_share_id,
       second_promoter_id
  FROM orders WHERE id = ANY($1::uuid[])
"""
_LINES = """
SELECT order_id, line_no, sku_id, quantity, amount_minor, tax_minor, fee_minor, commission_minor,
       second_commission_minor, commission_plan_version_id, hold_seconds
  FROM order_lines WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, line_no
"""


async def payable_orders(connection: asyncpg.Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, PayableOrder]:
    """Return what settling needs of these orders; lines never change, so no lock is asked for."""
    lines: dict[UUID, list[PaidLine]] = {}
    for row in await connection.fetch(_LINES, order_ids):
        fields = dict(row)
        lines.setdefault(fields.pop("order_id"), []).append(PaidLine(**fields))
    return {
        row["id"]: PayableOrder(**row, lines=tuple(lines.get(row["id"], ())))
        for row in await connection.fetch(_ORDERS, order_ids)
    }


_BY_KEY = select(
    orders.c.id,
    orders.c.request_hash,
    orders.c.checkout_id,
    orders.c.merchant_id,
    orders.c.total_minor,
    orders.c.currency,
    orders.c.state,
)


async def order_by_key(connection: AsyncConnection, *, scope: str, key: str) -> RowMapping | None:
    """Return the order that an idempotency key has placed, the first of its checkout."""
    wanted = (orders.c.idempotency_scope == scope) & (orders.c.idempotency_key == key)
    return (await connection.execute(_BY_KEY.where(wanted))).mappings().first()


async def orders_of_checkout(connection: AsyncConnection, *, checkout_id: UUID) -> list[RowMapping]:
    """Return the orders that were placed together, by merchant."""
    together = _BY_KEY.where(orders.c.checkout_id == checkout_id).order_by(orders.c.merchant_id)
    return list((await connection.execute(together)).mappings())


async def checkout_of(connection: AsyncConnection, *, order_id: UUID) -> UUID | None:
    """Return the checkout in which an order was placed with others; None if it was placed by itself."""
    found: UUID | None = (
        await connection.execute(select(orders.c.checkout_id).where(orders.c.id == order_id))
    ).scalar_one_or_none()
    return found
