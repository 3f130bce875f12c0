"""Writing payout batches."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.payouts.errors import PayoutUnknown
from fissile.domain.payouts.model import Batch, Item
from fissile.domain.payouts.tables import payout_batches, payout_items
from fissile.kernel.ids import public_id
from fissile.kernel.money import Money

_LOCK_BATCH = select(payout_batches).where(payout_batches.c.id == bindparam("batch_id")).with_for_update(key_share=True)
_BY_KEY = select(payout_batches).where(payout_batches.c.idempotency_key == bindparam("key"))
_ITEMS = select(payout_items).where(payout_items.c.batch_id == bindparam("batch_id")).order_by(payout_items.c.id)


async def open_batch(
    connection: AsyncConnection, *, batch_id: UUID, currency: str, made_by: UUID, key: str, at: datetime
) -> bool:
    """Write a batch and say if its key was new; a transaction that is writing the same key is waited for."""
    made = insert(payout_batches).values(
        id=batch_id, currency=currency, state="made", made_by=made_by, idempotency_key=key, made_at=at
    )
    written = await connection.execute(
        made.on_conflict_do_nothing(index_elements=["idempotency_key"]).returning(payout_batches.c.id)
    )
    return written.first() is not None


async def add_items(connection: AsyncConnection, *, batch_id: UUID, items: tuple[Item, ...]) -> None:
    """Write the items of a batch."""
    await connection.execute(
        payout_items.insert(),
        [
            {
                "id": item.id,
                "batch_id": batch_id,
                "payee": item.payee,
                "payee_id": item.payee_id,
                "amount_minor": item.amount.minor,
                "currency": item.amount.currency,
                "transfer_id": item.transfer_id,
            }
            for item in items
        ],
    )


async def items_of(connection: AsyncConnection, *, batch_id: UUID) -> tuple[Item, ...]:
    """Return the items of a batch; they never change."""
    found = await connection.execute(_ITEMS, {"batch_id": batch_id})
    return tuple(
        Item(
            id=row.id,
            payee=row.payee,
            payee_id=row.payee_id,
            amount=Money(row.amount_minor, row.currency),
            transfer_id=row.transfer_id,
        )
        for row in found
    )


async def lock_batch(connection: AsyncConnection, *, batch_id: UUID, items: tuple[Item, ...]) -> Batch:
    """
    Lock a batch for the rest of the transaction and return it with its items.

    :raises PayoutUnknown: if there is none
    """
    row = (await connection.execute(_LOCK_BATCH, {"batch_id": batch_id})).first()
    if row is None:
        raise PayoutUnknown(payout=public_id("pob", batch_id))
    return _batch(row, items)


async def batch_by_key(connection: AsyncConnection, *, key: str) -> Batch:
    """Return the batch that this key has made."""
    row = (await connection.execute(_BY_KEY, {"key": key})).one()
    return _batch(row, await items_of(connection, batch_id=row.id))


async def mark_paid(connection: AsyncConnection, *, batch_id: UUID, approved_by: UUID, at: datetime) -> None:
    """Change a locked batch from made to paid."""
    await _change(connection, batch_id=batch_id, state="paid", approved_by=approved_by, paid_at=at)


async def mark_dropped(connection: AsyncConnection, *, batch_id: UUID, at: datetime) -> None:
    """Change a locked batch from made to dropped."""
    await _change(connection, batch_id=batch_id, state="dropped", dropped_at=at)


async def _change(connection: AsyncConnection, *, batch_id: UUID, **values: Any) -> None:
    changed = await connection.execute(
        update(payout_batches).where(payout_batches.c.id == batch_id, payout_batches.c.state == "made").values(**values)
    )
    assert changed.rowcount == 1, "it was locked as made"


def _batch(row: Any, items: tuple[Item, ...]) -> Batch:
    return Batch(
        id=row.id,
        currency=row.currency,
        state=row.state,
        made_by=row.made_by,
        approved_by=row.approved_by,
        made_at=row.made_at,
        items=items,
    )
