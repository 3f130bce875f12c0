"""Terms of merchants, and the carriers whose pages tell where a parcel is."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from fissile.infra.schema import metadata, moment, number, uid

shipping_terms = Table(
    "shipping_terms",
    metadata,
    uid("id", primary_key=True),
    uid("merchant_id", ForeignKey("merchants.id")),
    number("version"),
    Column("zones", JSONB(), nullable=False),
    number("after_sale_days", nullable=True),  # null: as the house's setting says
    uid("made_by", nullable=True),
    moment("valid_from"),
    UniqueConstraint("merchant_id", "version"),
    CheckConstraint("after_sale_days BETWEEN 0 AND 365", name="after_sale_days"),
    CheckConstraint("jsonb_typeof(zones) = 'array' AND jsonb_array_length(zones) > 0", name="zones"),
    comment="Each change is a new version, the newest decides; an order names the version that priced it.",
)
