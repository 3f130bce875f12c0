"""Policies, the touches that an order was decided on, and bindings. Who won stands on the order itself."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Table

from fissile.infra.schema import metadata, moment, number, uid, words

attribution_policy_versions = Table(
    "attribution_policy_versions",
    metadata,
    uid("id", primary_key=True),
    uid("merchant_id", ForeignKey("merchants.id"), nullable=True),  # null: every merchant without its own
    number("version"),
    words("model"),
    number("window_days"),
    words("level"),
    words("binding"),
    Column("self_purchase", Boolean(), nullable=False),
    words("state"),
    uid("made_by", nullable=True),
    moment("valid_from"),
    CheckConstraint("model IN ('last_touch', 'first_touch')", name="model"),
    CheckConstraint("window_days BETWEEN 1 AND 365", name="window"),
    CheckConstraint("level IN ('shop', 'product')", name="level"),
    CheckConstraint("binding IN ('off', 'after', 'before')", name="binding"),
    CheckConstraint("state IN ('open', 'ended')", name="state"),
    CheckConstraint("state = 'open' OR merchant_id IS NOT NULL", name="ended"),
    comment="Each change is a new version, the newest decides; a merchant's ended one leaves it to everyone's.",
)
Index(
    "attribution_policy_versions_merchant_id_version_key",
    attribution_policy_versions.c.merchant_id,
    attribution_policy_versions.c.version,
    unique=True,
    postgresql_nulls_not_distinct=True,
)

order_touches = Table(
    "order_touches",
    metadata,
    uid("order_id", primary_key=True),
    uid("share_id", primary_key=True),
    uid("promoter_id"),
    moment("touched_at"),
    words("outcome"),
    words("reason"),
    CheckConstraint("outcome IN ('won', 'lost')", name="outcome"),
    CheckConstraint("(outcome = 'won') = (reason IN ('last_touch', 'first_touch'))", name="reason"),
    comment="Written once, with the order; append-only. orders.credit_unkept counts those that were too many.",
)
# At most one winner.
Index(
    "order_touches_winner_key",
    order_touches.c.order_id,
    unique=True,
    postgresql_where=order_touches.c.outcome == "won",
)
Index("order_touches_promoter_id_idx", order_touches.c.promoter_id)  # "why not me?"

buyer_bindings = Table(
    "buyer_bindings",
    metadata,
    uid("order_id", primary_key=True),  # the paid order that made it
    uid("member_id"),
    uid("promoter_id"),
    uid("share_id"),
    moment("bound_at"),
    moment("ended_at", nullable=True),
    uid("ended_by", nullable=True),  # null: the house
    words("end_reason", server_default=""),
    CheckConstraint("member_id <> promoter_id", name="two_people"),
    CheckConstraint("(ended_at IS NULL) = (end_reason = '')", name="ended"),
    comment="A buyer's lasting tie to a promoter; kept when policies change, used only where one says so.",
)
# A buyer has one at a time: of two orders that are paid at the same moment, one makes it.
Index(
    "buyer_bindings_member_id_key",
    buyer_bindings.c.member_id,
    unique=True,
    postgresql_where=buyer_bindings.c.ended_at.is_(None),
)
Index("buyer_bindings_bound_at_idx", buyer_bindings.c.bound_at, buyer_bindings.c.order_id)  # the operator's list
