"""Carts: a row that changes of one cart take turns on, and its lines."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Table

from fissile.infra.schema import metadata, moment, number, uid, words

carts = Table(
    "carts",
    metadata,
    uid("owner_id", primary_key=True),  # a member, or a visitor
    Column("is_member", Boolean(), nullable=False),
    number("revision"),
    moment("changed_at"),
    CheckConstraint("revision > 0", name="revision"),
)
# The sweep that forgets what visitors left.
Index("carts_left_idx", carts.c.changed_at, postgresql_where=~carts.c.is_member)

cart_lines = Table(
    "cart_lines",
    metadata,
    uid("owner_id", ForeignKey("carts.owner_id", ondelete="CASCADE"), primary_key=True),
    uid("sku_id", ForeignKey("skus.id"), primary_key=True),
    number("quantity"),
    # What it cost when it was put in: only to mark that the price has changed since.
    number("seen_minor"),
    words("seen_currency"),
    moment("added_at"),
    CheckConstraint("quantity BETWEEN 1 AND 10000", name="quantity"),
)
