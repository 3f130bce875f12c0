"""Invoices for pages and files, and what of an order is frozen into one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import row, rows

PAGE = 30
CSV_ROWS_MAX = 50_000

_FACTS = text("""
SELECT o.placed_at, o.paid_at, o.currency, o.shipping_minor, o.total_minor, m.name AS seller,
       coalesce(c.name, '') AS buyer_name, coalesce(c.address, '') AS buyer_address
  FROM orders o JOIN merchants m ON m.id = o.merchant_id LEFT JOIN order_contacts c ON c.order_id = o.id
 WHERE o.id = :order
""")
_LINES = text("""
SELECT line_no, title, quantity, unit_price_minor, amount_minor, tax_rate_ppm, tax_minor FROM order_lines
 WHERE order_id = :order ORDER BY line_no
""")
_UNCREDITED = text("""
SELECT r.id, r.amount_minor FROM refunds r
 WHERE r.order_id = :order AND EXISTS (SELECT FROM refund_lines b WHERE b.refund_id = r.id)
   AND NOT EXISTS (SELECT FROM invoices i WHERE i.refund_id = r.id)
 ORDER BY r.posted_at, r.id
""")
# ``before_minor``: what credit notes before this one gave back of the line.
_REFUND_LINES = text("""
SELECT b.line_no, b.amount_minor, b.quantity,
       (SELECT coalesce(sum(x.amount_minor), 0)::bigint FROM refund_lines x JOIN invoices i ON i.refund_id = x.refund_id
         WHERE i.order_id = :order AND x.line_no = b.line_no) AS before_minor
  FROM refund_lines b WHERE b.refund_id = :refund ORDER BY b.line_no
""")
_DUE = text("""
SELECT DISTINCT i.order_id FROM invoices i JOIN refunds r ON r.order_id = i.order_id
 WHERE i.kind = 'invoice' AND EXISTS (SELECT FROM refund_lines b WHERE b.refund_id = r.id)
   AND NOT EXISTS (SELECT FROM invoices c WHERE c.refund_id = r.id)
 ORDER BY i.order_id LIMIT :most
""")
_COLUMNS = """
SELECT i.id, i.kind, i.year, i.number, i.order_id, i.refund_id, i.currency, i.total_minor, i.issued_at, i.content,
       i.merchant_id, m.name AS merchant, i.content::jsonb->>'number' AS shown
  FROM invoices i JOIN merchants m ON m.id = i.merchant_id
"""
_OF_ORDER = text(_COLUMNS + " WHERE i.order_id = :order ORDER BY i.kind DESC, i.issued_at, i.number LIMIT 200")
_ONE = text(
    "SELECT i.id, i.kind, i.order_id, i.merchant_id, i.content, o.member_id"
    " FROM invoices i JOIN orders o ON o.id = i.order_id WHERE i.id = :invoice"
)
_LIST = text(
    _COLUMNS
    + """
 WHERE (CAST(:merchants AS uuid[]) IS NULL OR i.merchant_id = ANY (CAST(:merchants AS uuid[])))
   AND (CAST(:before AS uuid) IS NULL OR i.id < CAST(:before AS uuid))
 ORDER BY i.id DESC LIMIT :limit
"""
)


async def order_facts(connection: AsyncConnection, *, order_id: UUID) -> RowMapping:
    """Return what of an order, its merchant and its buyer stands on an invoice."""
    found = await row(connection, _FACTS, order=order_id)
    assert found is not None, "the order is locked, so it is there"
    return found


async def order_lines(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the lines of an order with their taxes."""
    return await rows(connection, _LINES, order=order_id)


async def uncredited(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the refunds of an order that no credit note tells yet, the oldest first."""
    return await rows(connection, _UNCREDITED, order=order_id)


async def refund_lines(connection: AsyncConnection, *, order_id: UUID, refund_id: UUID) -> list[RowMapping]:
    """Return what a refund gives back of each line (0: the shipping), and what credit notes gave back before."""
    return await rows(connection, _REFUND_LINES, order=order_id, refund=refund_id)


async def orders_to_credit(connection: AsyncConnection, *, limit: int) -> list[UUID]:
    """Return orders with an invoice and a refund that no credit note tells yet."""
    return list((await connection.execute(_DUE, {"most": limit})).scalars())


async def documents_of(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return an order's invoice and credit notes, the invoice first."""
    return await rows(connection, _OF_ORDER, order=order_id)


async def document(connection: AsyncConnection, *, invoice_id: UUID) -> RowMapping | None:
    """Return one document with whose order it is of."""
    return await row(connection, _ONE, invoice=invoice_id)


async def documents(
    connection: AsyncConnection, *, merchant_ids: Sequence[UUID] | None, before: UUID | None, limit: int
) -> list[RowMapping]:
    """Return documents, the newest first; of these merchants only, unless ``merchant_ids`` is None."""
    merchants = None if merchant_ids is None else list(merchant_ids)
    return await rows(connection, _LIST, merchants=merchants, before=before, limit=limit)
