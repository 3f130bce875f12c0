"""
Orders, lines, payments, refunds.

What a fast path writes has no foreign keys: its function checks every reference of a set at once (a trigger for each
row took half of its time), and nobody may delete what is referred to. Source: docs/decisions/0004-fast-paths.md
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from fissile.infra.schema import metadata, moment, number, uid, words

orders = Table(
    "orders",
    metadata,
    uid("id", primary_key=True),
    uid("merchant_id"),
    uid("member_id", nullable=True),  # null: a guest
    uid("visitor_id"),
    uid("checkout_id", nullable=True),  # orders that were placed together from one cart
    words("state"),
    words("currency"),
    number("goods_minor"),
    number("shipping_minor"),  # the merchant's, without fee and commission
    number("total_minor"),
    number("refunded_minor", server_default="0"),
    number("shipping_refunded_minor", server_default="0"),
    words("idempotency_scope"),
    words("idempotency_key"),
    Column("request_hash", LargeBinary(), nullable=False),
    # Attribution, decided once at placement (the touches are in order_touches).
    uid("credit_share_id", nullable=True),
    uid("credit_promoter_id", nullable=True),
    uid("second_promoter_id", nullable=True),  # who had invited the credited promoter, at that moment
    words("credit_rule"),  # the policy's name, e.g. "last-touch@1 15d shop"
    words("credit_reason"),  # why this promoter, or why nobody
    uid("credit_policy_id", nullable=True),  # the version that decided; null: the built-in one
    uid("credit_binding_id", nullable=True),  # the order that had bound the buyer, where that decided
    Column("credit_unkept", JSONB(), nullable=True),  # touches judged but not kept in order_touches, by reason
    words("tracking", server_default=""),
    words("carrier", server_default=""),  # a code of domain/aftersales, or what staff wrote
    # What the shipping was decided on (null: the merchant had no terms, or nothing is sent).
    uid("shipping_terms_id", nullable=True),
    words("shipping_zone", server_default=""),
    number("weight_grams", server_default="0"),
    number("after_sale_days", server_default="0"),  # how long after its completion it may be given back
    moment("placed_at"),
    moment("reserved_until"),
    moment("paid_at", nullable=True),
    moment("shipped_at", nullable=True),
    moment("completed_at", nullable=True),
    moment("closed_at", nullable=True),  # cancelled, expired or refunded
    UniqueConstraint("idempotency_scope", "idempotency_key"),
    CheckConstraint(
        "state IN ('placed', 'paid', 'shipped', 'completed', 'cancelled', 'expired', 'refunded')",
        name="state",
    ),
    CheckConstraint("goods_minor >= 0 AND shipping_minor >= 0", name="parts"),
    CheckConstraint("total_minor = goods_minor + shipping_minor", name="total"),
    CheckConstraint("refunded_minor >= 0 AND refunded_minor <= total_minor", name="refunded"),
    CheckConstraint(
        "shipping_refunded_minor >= 0 AND shipping_refunded_minor <= shipping_minor", name="shipping_refunded"
    ),
    CheckConstraint("(credit_share_id IS NULL) = (credit_promoter_id IS NULL)", name="credit"),
    CheckConstraint("(credit_binding_id IS NULL) = (credit_reason <> 'binding')", name="binding"),
    CheckConstraint(
        "second_promoter_id IS NULL OR (credit_promoter_id IS NOT NULL AND second_promoter_id <> credit_promoter_id)",
        name="second",
    ),
    CheckConstraint("(state IN ('cancelled', 'expired', 'refunded')) = (closed_at IS NOT NULL)", name="closed"),
    CheckConstraint("state NOT IN ('paid', 'shipped', 'completed', 'refunded') OR paid_at IS NOT NULL", name="paid"),
)
# The sweep that lets unpaid reservations go.
Index("orders_reserved_until_idx", orders.c.reserved_until, postgresql_where=text("state = 'placed'"))
Index(
    "orders_member_id_idx",
    orders.c.member_id,
    orders.c.placed_at,
    postgresql_where=text("member_id IS NOT NULL"),
)
# The orders of one checkout.
Index("orders_checkout_id_idx", orders.c.checkout_id, postgresql_where=text("checkout_id IS NOT NULL"))
# The sweep that completes what was sent long ago.
Index("orders_shipped_at_idx", orders.c.shipped_at, postgresql_where=text("state = 'shipped'"))
Index("orders_merchant_id_idx", orders.c.merchant_id, orders.c.placed_at)
# The shop's list: of one state, and of all as the newest of each; how many wait.
Index("orders_state_idx", orders.c.state, orders.c.placed_at, orders.c.id)
# GMV of the last days, summed from the index alone.
Index(
    "orders_paid_at_idx",
    orders.c.paid_at,
    postgresql_include=["currency", "total_minor"],
    postgresql_where=text("paid_at IS NOT NULL"),
)
Index(
    "orders_credit_promoter_id_idx",
    orders.c.credit_promoter_id,
    orders.c.placed_at,
    postgresql_where=text("credit_promoter_id IS NOT NULL"),
)

order_lines = Table(
    "order_lines",
    metadata,
    uid("order_id", primary_key=True),
    number("line_no", primary_key=True, autoincrement=False),
    uid("sku_id"),
    words("title"),
    number("quantity"),
    number("unit_price_minor"),
    number("amount_minor"),
    number("tax_rate_ppm"),
    number("tax_minor"),  # included in the amount
    # What the line was decided on, and how its money will be divided; the merchant gets the rest.
    number("sku_version"),
    uid("fee_plan_version_id", nullable=True),
    number("fee_minor"),
    uid("commission_plan_version_id", nullable=True),  # explains both commissions
    number("commission_minor"),
    number("second_commission_minor"),
    number("hold_seconds"),
    number("refunded_minor", server_default="0"),
    number("refunded_quantity", server_default="0"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("refunded_minor >= 0 AND refunded_minor <= amount_minor", name="refunded"),
    CheckConstraint("refunded_quantity >= 0 AND refunded_quantity <= quantity", name="refunded_quantity"),
    CheckConstraint("amount_minor = unit_price_minor * quantity", name="amount"),
    CheckConstraint("tax_rate_ppm >= 0 AND tax_minor >= 0 AND tax_minor <= amount_minor", name="tax"),
    CheckConstraint("fee_minor >= 0 AND commission_minor >= 0 AND second_commission_minor >= 0", name="parts"),
    CheckConstraint("fee_minor + commission_minor + second_commission_minor <= amount_minor", name="split"),
)
Index("order_lines_sku_id_idx", order_lines.c.sku_id)  # stock of a SKU, recomputed by the audit

# About a person: erased without touching the order.
order_contacts = Table(
    "order_contacts",
    metadata,
    uid("order_id", ForeignKey("orders.id"), primary_key=True),
    words("name"),
    words("phone"),
    words("email"),
    words("address"),
)

payments = Table(
    "payments",
    metadata,
    uid("id", primary_key=True),
    uid("order_id"),
    words("gateway"),
    words("gateway_payment_id"),
    number("amount_minor"),
    words("currency"),
    words("outcome"),
    moment("paid_at"),
    moment("received_at"),
    UniqueConstraint("gateway", "gateway_payment_id"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("outcome IN ('settled', 'late', 'doubled', 'differs')", name="outcome"),
    comment="Money that arrived. settled pays its order; late, doubled or differing is given back at once.",
)
Index("payments_order_id_idx", payments.c.order_id)
# One settled payment an order.
Index("payments_settled_key", payments.c.order_id, unique=True, postgresql_where=payments.c.outcome == "settled")

gateway_messages = Table(
    "gateway_messages",
    metadata,
    words("gateway", primary_key=True),
    words("message_id", primary_key=True),
    Column("body_hash", LargeBinary(), nullable=False),
    words("kind"),
    words("outcome"),
    moment("received_at"),
    comment="Each verified webhook once, with what became of it.",
)

refunds = Table(
    "refunds",
    metadata,
    uid("id", primary_key=True),
    uid("order_id", ForeignKey("orders.id")),
    uid("payment_id", ForeignKey("payments.id")),
    number("amount_minor"),
    words("currency"),
    words("reason"),
    uid("requested_by", nullable=True),
    words("state"),
    words("idempotency_key", unique=True),
    Column("request_hash", LargeBinary(), nullable=True),  # of one that was asked for, not of a payment owed back
    moment("posted_at"),
    moment("returned_at", nullable=True),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("state IN ('posted', 'returned')", name="state"),
    CheckConstraint("(state = 'returned') = (returned_at IS NOT NULL)", name="returned"),
    comment="posted: owed to the buyer in the ledger; returned: the gateway said that the money is back.",
)
Index("refunds_order_id_idx", refunds.c.order_id)
Index("refunds_posted_at_idx", refunds.c.posted_at, refunds.c.id)  # the shop's list
Index("refunds_owed_idx", refunds.c.posted_at, postgresql_where=refunds.c.state == "posted")  # the sweep

refund_lines = Table(
    "refund_lines",
    metadata,
    uid("refund_id", ForeignKey("refunds.id"), primary_key=True),
    number("line_no", primary_key=True, autoincrement=False),  # 0: the shipping
    number("amount_minor"),
    number("quantity"),
    number("returned_quantity"),  # what of it was put back on hand: goods that were tracked and never shipped
    CheckConstraint("amount_minor >= 0 AND quantity >= 0 AND amount_minor + quantity > 0", name="amount"),
    CheckConstraint("returned_quantity >= 0 AND returned_quantity <= quantity", name="returned"),
    CheckConstraint("line_no > 0 OR quantity = 0", name="shipping"),
    comment="What a refund gives back of each line; append-only.",
)
