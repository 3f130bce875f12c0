"""Invoices, credit notes, and the counters of their numbers."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint, text

from fissile.infra.schema import metadata, moment, number, uid, words

_KIND = "kind IN ('invoice', 'credit_note')"

invoice_series = Table(
    "invoice_series",
    metadata,
    uid("merchant_id", ForeignKey("merchants.id"), primary_key=True),
    number("year", primary_key=True, autoincrement=False),
    words("kind", primary_key=True),
    number("last_number"),
    CheckConstraint(_KIND, name="kind"),
    CheckConstraint("last_number > 0", name="last_number"),
    comment="The last number taken; the row is locked until the document that took it is written, or nothing is.",
)

# By law kept for years with the buyer's name: not erased with a member's or an order's contact.
invoices = Table(
    "invoices",
    metadata,
    uid("id", primary_key=True),
    words("kind"),
    uid("merchant_id", ForeignKey("merchants.id")),
    number("year"),
    number("number"),
    uid("order_id", ForeignKey("orders.id")),
    uid("refund_id", ForeignKey("refunds.id"), nullable=True, unique=True),
    uid("invoice_id", ForeignKey("invoices.id"), nullable=True),  # what a credit note corrects
    words("currency"),
    number("total_minor"),
    words("content"),  # JSON: all that the document says
    moment("issued_at"),
    UniqueConstraint("merchant_id", "year", "kind", "number"),
    CheckConstraint(_KIND, name="kind"),
    CheckConstraint("number > 0 AND total_minor >= 0", name="number"),
    CheckConstraint("(kind = 'credit_note') = (refund_id IS NOT NULL)", name="refund"),
    CheckConstraint("(kind = 'credit_note') = (invoice_id IS NOT NULL)", name="corrects"),
    CheckConstraint("year = extract(year FROM issued_at AT TIME ZONE 'UTC')", name="year"),
    comment="Invoices of orders and credit notes of refunds, frozen at issue; append-only.",
)
# One invoice an order.
Index("invoices_order_key", invoices.c.order_id, unique=True, postgresql_where=text("kind = 'invoice'"))
Index("invoices_order_id_idx", invoices.c.order_id)
Index("invoices_merchant_id_idx", invoices.c.merchant_id, invoices.c.id)
