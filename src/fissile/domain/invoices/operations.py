"""Writing invoices: the counter's row is locked until the transaction ends, so that no number is lost or doubled."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.invoices.model import Content, Kind
from fissile.domain.invoices.rules import frozen
from fissile.domain.invoices.tables import invoices

_TAKE = text("""
INSERT INTO invoice_series AS s (merchant_id, year, kind, last_number) VALUES (:merchant_id, :year, :kind, 1)
ON CONFLICT (merchant_id, year, kind) DO UPDATE SET last_number = s.last_number + 1
RETURNING last_number
""")


async def take_number(connection: AsyncConnection, *, merchant_id: UUID, year: int, kind: Kind) -> int:
    """Take the next number of a merchant's year; whoever wants the one after it waits for this transaction's end."""
    values = {"merchant_id": merchant_id, "year": year, "kind": kind}
    return int((await connection.execute(_TAKE, values)).scalar_one())


async def add_invoice(
    connection: AsyncConnection,
    *,
    id: UUID,
    content: Content,
    merchant_id: UUID,
    number: int,
    order_id: UUID,
    refund_id: UUID | None,
    invoice_id: UUID | None,
    at: datetime,
) -> str:
    """Write a document and return the text that its content is kept as."""
    kept = frozen(content)
    await connection.execute(
        invoices.insert(),
        {
            "id": id,
            "kind": content.kind,
            "merchant_id": merchant_id,
            "year": at.year,
            "number": number,
            "order_id": order_id,
            "refund_id": refund_id,
            "invoice_id": invoice_id,
            "currency": content.currency,
            "total_minor": content.total_minor,
            "content": kept,
            "issued_at": at,
        },
    )
    return kept
