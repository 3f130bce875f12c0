"""Requests of buyers to give an order back."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table

from fissile.infra.schema import metadata, moment, uid, words

after_sale_requests = Table(
    "after_sale_requests",
    metadata,
    uid("id", primary_key=True),
    uid("order_id", ForeignKey("orders.id")),
    words("kind"),
    words("reason"),  # written by a person, like the answer: erased without touching the order
    words("state"),
    uid("asked_by", nullable=True),  # null: a guest, by the signed link
    moment("asked_at"),
    uid("decided_by", nullable=True),
    moment("decided_at", nullable=True),
    words("answer", server_default=""),
    CheckConstraint("kind IN ('refund', 'return')", name="kind"),
    CheckConstraint("state IN ('asked', 'accepted', 'refused', 'withdrawn')", name="state"),
    CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided"),
)
# One open request an order, and what the release of its parts waits for.
Index(
    "after_sale_requests_open_key",
    after_sale_requests.c.order_id,
    unique=True,
    postgresql_where=after_sale_requests.c.state == "asked",
)
Index("after_sale_requests_order_id_idx", after_sale_requests.c.order_id, after_sale_requests.c.asked_at)
