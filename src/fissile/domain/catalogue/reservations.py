"""Stock that orders held and no longer need: reservations given back, sold goods returned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.tables import sku_stock, stock_movements
from fissile.kernel.ids import Chance, new_id

_SKUS = any_(bindparam("sku_ids", type_=ARRAY(Uuid())))
_LOCK = (
    select(sku_stock.c.sku_id)
    .where(sku_stock.c.sku_id == _SKUS)
    .order_by(sku_stock.c.sku_id)
    .with_for_update(key_share=True)
)
_RELEASE = text("""
UPDATE sku_stock SET reserved = reserved - change.quantity
  FROM unnest(CAST(:skus AS uuid[]), CAST(:quantities AS bigint[])) AS change (sku_id, quantity)
 WHERE sku_stock.sku_id = change.sku_id
""")
_TAKE_IN = text("""
UPDATE sku_stock SET on_hand = on_hand + change.quantity
  FROM unnest(CAST(:skus AS uuid[]), CAST(:quantities AS bigint[])) AS change (sku_id, quantity)
 WHERE sku_stock.sku_id = change.sku_id
""")
# Sold at the very moment at which the order was paid: so the index by SKU and moment finds them.
_SOLD = (
    select(stock_movements.c.sku_id)
    .where(
        stock_movements.c.sku_id == _SKUS,
        stock_movements.c.occurred_at == bindparam("sold_at"),
        stock_movements.c.order_id == bindparam("order_id"),
        stock_movements.c.kind == "sold",
    )
    .order_by(stock_movements.c.sku_id)
)


async def release_reserved(connection: AsyncConnection, *, quantities: Iterable[tuple[UUID, int]]) -> None:
    """Give back what unpaid orders had reserved; rows are locked by id."""
    by_sku: Counter[UUID] = Counter()
    for sku_id, quantity in quantities:
        by_sku[sku_id] += quantity
    await _lock(connection, by_sku)
    await connection.execute(_RELEASE, {"skus": list(by_sku), "quantities": list(by_sku.values())})


async def return_sold(
    connection: AsyncConnection,
    *,
    order_id: UUID,
    quantities: Mapping[UUID, int],
    sold_at: datetime,
    reason: str,
    actor_id: UUID | None,
    at: datetime,
    rng: Chance,
) -> list[tuple[UUID, int]]:
    """
    Put so many of what an order had taken from stock back on hand; return what was, as (SKU, quantity).

    The caller counts how many of each were returned before. What was not tracked when it was sold has no movement, so
    it does not come back either.
    """
    await _lock(connection, quantities)
    parameters = {"sku_ids": list(quantities), "sold_at": sold_at, "order_id": order_id}
    sold = [(sku_id, quantities[sku_id]) for sku_id in (await connection.execute(_SOLD, parameters)).scalars()]
    if not sold:
        return []
    await connection.execute(
        stock_movements.insert(),
        [
            {
                "id": new_id(at=at, rng=rng),
                "sku_id": sku_id,
                "kind": "returned",
                "quantity": quantity,
                "reason": reason,
                "order_id": order_id,
                "actor_id": actor_id,
                "occurred_at": at,
            }
            for sku_id, quantity in sold
        ],
    )
    await connection.execute(
        _TAKE_IN, {"skus": [sku_id for sku_id, _ in sold], "quantities": [quantity for _, quantity in sold]}
    )
    return sold


async def _lock(connection: AsyncConnection, sku_ids: Iterable[UUID]) -> None:
    await connection.execute(_LOCK, {"sku_ids": sorted(set(sku_ids))})
