"""The touches that an order was decided on. Who won stands on the order itself."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Table

from fissile.infra.schema import metadata, moment, uid, words

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
    comment="Written once, with the order; append-only.",
)
# At most one winner.
Index(
    "order_touches_winner_key",
    order_touches.c.order_id,
    unique=True,
    postgresql_where=order_touches.c.outcome == "won",
)
Index("order_touches_promoter_id_idx", order_touches.c.promoter_id)  # "why not me?"
