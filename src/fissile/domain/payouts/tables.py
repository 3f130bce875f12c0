"""Payout batches and their items."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint

from fissile.infra.schema import metadata, moment, number, uid, words

payout_batches = Table(
    "payout_batches",
    metadata,
    uid("id", primary_key=True),
    words("currency"),
    words("state"),
    uid("made_by", ForeignKey("members.id")),
    uid("approved_by", ForeignKey("members.id"), nullable=True),
    words("idempotency_key", unique=True),
    moment("made_at"),
    moment("paid_at", nullable=True),
    moment("dropped_at", nullable=True),
    CheckConstraint("state IN ('made', 'paid', 'dropped')", name="state"),
    CheckConstraint("approved_by <> made_by", name="two_people"),
    CheckConstraint("(state = 'paid') = (approved_by IS NOT NULL AND paid_at IS NOT NULL)", name="paid"),
    CheckConstraint("(state = 'dropped') = (dropped_at IS NOT NULL)", name="dropped"),
)

payout_items = Table(
    "payout_items",
    metadata,
    uid("id", primary_key=True),
    uid("batch_id", ForeignKey("payout_batches.id")),
    words("payee"),
    uid("payee_id"),  # a member or a merchant
    number("amount_minor"),
    words("currency"),
    uid("transfer_id", ForeignKey("ledger_transfers.id")),  # the pending one, posted at approval
    UniqueConstraint("batch_id", "payee_id"),
    CheckConstraint("payee IN ('promoter', 'merchant')", name="payee"),
    CheckConstraint("amount_minor > 0", name="amount"),
)
Index("payout_items_payee_id_idx", payout_items.c.payee_id)
