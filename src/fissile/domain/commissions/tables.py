"""Plans, the platform's fee, commissions."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint, and_

from fissile.infra.schema import metadata, moment, number, uid, words

commission_plan_versions = Table(
    "commission_plan_versions",
    metadata,
    uid("id", primary_key=True),
    words("scope"),
    uid("scope_id", nullable=True),
    number("version"),
    words("kind"),
    number("rate_ppm", nullable=True),
    number("second_rate_ppm", nullable=True),  # of the same base, to who invited the promoter; there is no third level
    number("flat_minor", nullable=True),  # a piece, in the currency of the line
    number("cap_minor", nullable=True),  # a line at most
    number("hold_seconds"),
    words("state"),
    uid("made_by", nullable=True),
    moment("valid_from"),
    CheckConstraint("scope IN ('platform', 'merchant', 'category', 'product')", name="scope"),
    CheckConstraint("(scope = 'platform') = (scope_id IS NULL)", name="scope_id"),
    CheckConstraint("kind IN ('percent', 'flat')", name="kind"),
    CheckConstraint("(kind = 'percent') = (rate_ppm IS NOT NULL)", name="percent"),
    CheckConstraint("(kind = 'flat') = (flat_minor IS NOT NULL)", name="flat"),
    CheckConstraint("rate_ppm BETWEEN 0 AND 1000000", name="rate"),
    CheckConstraint("second_rate_ppm BETWEEN 0 AND 1000000", name="second_rate"),
    CheckConstraint("rate_ppm + second_rate_ppm <= 1000000", name="sum"),
    CheckConstraint("flat_minor >= 0", name="flat_minor"),
    CheckConstraint("cap_minor >= 0", name="cap"),
    CheckConstraint("hold_seconds >= 0", name="hold"),
    CheckConstraint("state IN ('open', 'ended')", name="state"),
    comment="A plan is its scope; each change is a new version, the newest decides (if ended, the wider scope does).",
)
Index(
    "commission_plan_versions_scope_key",
    commission_plan_versions.c.scope,
    commission_plan_versions.c.scope_id,
    commission_plan_versions.c.version,
    unique=True,
    postgresql_nulls_not_distinct=True,
)

fee_plan_versions = Table(
    "fee_plan_versions",
    metadata,
    uid("id", primary_key=True),
    uid("merchant_id", ForeignKey("merchants.id"), nullable=True),  # null: every merchant without its own
    number("version"),
    number("rate_ppm"),
    uid("made_by", nullable=True),
    moment("valid_from"),
    CheckConstraint("rate_ppm BETWEEN 0 AND 1000000", name="rate"),
)
Index(
    "fee_plan_versions_merchant_id_version_key",
    fee_plan_versions.c.merchant_id,
    fee_plan_versions.c.version,
    unique=True,
    postgresql_nulls_not_distinct=True,
)

commissions = Table(
    "commissions",
    metadata,
    uid("id", primary_key=True),
    uid("order_id"),
    number("line_no"),
    number("level"),  # 1: who has the credit; 2: who had invited them
    uid("promoter_id"),
    uid("share_id"),  # the one that has the credit, of both levels
    uid("plan_version_id"),
    number("base_minor"),
    number("amount_minor"),
    number("taken_back_minor", server_default="0"),  # by refunds, of the amount
    words("currency"),
    words("state"),
    uid("transfer_id"),  # the pending one; after a refund of a held part the one that holds what is left
    uid("payout_item_id", ForeignKey("payout_items.id"), nullable=True),
    moment("accrued_at"),
    moment("hold_until"),
    moment("released_at", nullable=True),
    moment("paid_at", nullable=True),
    moment("taken_back_at", nullable=True),
    UniqueConstraint("order_id", "line_no", "level"),
    CheckConstraint("level IN (1, 2)", name="level"),
    CheckConstraint("amount_minor > 0 AND amount_minor <= base_minor", name="amount"),
    CheckConstraint("state IN ('held', 'released', 'paid', 'taken_back')", name="state"),
    CheckConstraint("released_at IS NULL OR released_at >= hold_until", name="hold"),
    CheckConstraint("paid_at IS NULL OR released_at IS NOT NULL", name="paid"),
    CheckConstraint("(state = 'taken_back') = (taken_back_at IS NOT NULL)", name="taken_back"),
    CheckConstraint("taken_back_minor >= 0 AND taken_back_minor <= amount_minor", name="taken_back_minor"),
    CheckConstraint("(state = 'taken_back') = (taken_back_minor = amount_minor)", name="taken_back_whole"),
)
Index("commissions_promoter_id_idx", commissions.c.promoter_id, commissions.c.accrued_at)
Index("commissions_due_idx", commissions.c.hold_until, postgresql_where=commissions.c.state == "held")
# What the next payout takes.
Index(
    "commissions_payable_idx",
    commissions.c.currency,
    postgresql_where=and_(commissions.c.state == "released", commissions.c.payout_item_id.is_(None)),
)
# The commissions of a payout item.
Index(
    "commissions_payout_item_id_idx",
    commissions.c.payout_item_id,
    postgresql_where=commissions.c.payout_item_id.is_not(None),
)

# What the merchant and the platform get of a paid line, held and released with it; line 0 is the shipping.
line_proceeds = Table(
    "line_proceeds",
    metadata,
    uid("order_id", primary_key=True),
    number("line_no", primary_key=True, autoincrement=False),
    words("payee", primary_key=True),
    uid("merchant_id"),
    number("amount_minor"),
    number("taken_back_minor", server_default="0"),
    words("currency"),
    words("state"),
    uid("transfer_id"),
    moment("hold_until"),
    moment("released_at", nullable=True),
    CheckConstraint("payee IN ('merchant', 'platform')", name="payee"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("state IN ('held', 'released', 'taken_back')", name="state"),
    CheckConstraint("taken_back_minor >= 0 AND taken_back_minor <= amount_minor", name="taken_back_minor"),
    CheckConstraint("(state = 'taken_back') = (taken_back_minor = amount_minor)", name="taken_back_whole"),
)
Index("line_proceeds_due_idx", line_proceeds.c.hold_until, postgresql_where=line_proceeds.c.state == "held")

refund_parts = Table(
    "refund_parts",
    metadata,
    uid("refund_id", ForeignKey("refunds.id"), primary_key=True),
    number("line_no", primary_key=True, autoincrement=False),
    words("payee", primary_key=True),
    number("amount_minor"),
    uid("ended_id", nullable=True),  # the pending transfer that was voided; null: the part was released before
    uid("transfer_id", nullable=True),  # what holds the rest again, or takes back what was released
    CheckConstraint("payee IN ('promoter', 'inviter', 'merchant', 'platform')", name="payee"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("ended_id IS NOT NULL OR transfer_id IS NOT NULL", name="transfers"),
    comment="What a refund took back of each part of each line; append-only.",
)
