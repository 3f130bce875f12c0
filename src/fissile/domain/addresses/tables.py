"""Address books: about a person, erased without touching anything else."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from fissile.domain.addresses.model import ADDRESSES_MAX
from fissile.infra.schema import metadata, moment, number, uid, words

member_addresses = Table(
    "member_addresses",
    metadata,
    uid("id", primary_key=True),
    uid("member_id", ForeignKey("members.id")),
    number("slot"),  # 1 to the most a book holds: the limit is this column's check and key, not a count
    words("name"),
    words("phone"),
    words("email"),
    words("country"),
    words("region"),
    words("city"),
    words("street"),
    words("postcode"),
    Column("is_default", Boolean(), nullable=False),
    moment("changed_at"),
    UniqueConstraint("member_id", "slot"),
    CheckConstraint(f"slot BETWEEN 1 AND {ADDRESSES_MAX}", name="slot"),
    CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
)
# One default a member.
Index(
    "member_addresses_default_key",
    member_addresses.c.member_id,
    unique=True,
    postgresql_where=member_addresses.c.is_default,
)
