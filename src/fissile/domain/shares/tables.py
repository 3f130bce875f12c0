"""Shares and visits."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table

from fissile.infra.schema import metadata, moment, number, uid, words

shares = Table(
    "shares",
    metadata,
    uid("id", primary_key=True),
    words("token", unique=True),  # 11 letters and a check character; /s/TOKEN and ₣TOKEN₣ alike
    uid("promoter_id", ForeignKey("members.id")),
    words("target_kind"),
    uid("target_id"),
    words("channel"),
    words("state"),
    number("version", server_default="1"),
    words("idempotency_key", unique=True),
    moment("created_at"),
    moment("expires_at", nullable=True),
    CheckConstraint("target_kind IN ('product', 'shop')", name="target_kind"),
    CheckConstraint("state IN ('active', 'paused', 'revoked')", name="state"),
)
Index("shares_promoter_id_idx", shares.c.promoter_id, shares.c.created_at)

visits = Table(
    "visits",
    metadata,
    uid("share_id", primary_key=True),
    uid("visitor_id", primary_key=True),
    number("window_no", primary_key=True, autoincrement=False),  # epoch seconds div the window's length
    uid("id"),
    words("form"),
    moment("first_at"),
    moment("last_at"),
    number("opens"),
    CheckConstraint("form IN ('link', 'code', 'comment', 'poster')", name="form"),
    CheckConstraint("opens > 0 AND last_at >= first_at", name="opens"),
    comment="Once per visitor and window; last_at is the touch that attribution sees.",
)
# The touches of a buyer. Without last_at, so that opening again stays a change of the row alone (HOT).
Index("visits_visitor_id_idx", visits.c.visitor_id)
