"""Accounts and communities of promoters."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from fissile.infra.schema import metadata, moment, number, uid, words

channels = Table(
    "channels",
    metadata,
    uid("id", primary_key=True),
    uid("promoter_id", ForeignKey("members.id")),
    words("kind"),
    words("network"),
    words("handle"),
    words("handle_key"),  # folded: the import finds it by this
    words("name"),
    Column("tags", ARRAY(Text(collation="C")), nullable=False),
    number("size", nullable=True),  # followers or members
    words("state"),
    uid("owner_id", nullable=True),
    words("notes"),
    Column("search", TSVECTOR(), nullable=False),
    words("search_text"),  # folded name and handle: rechecked with position()
    number("version", server_default="1"),
    moment("created_at"),
    moment("changed_at"),
    UniqueConstraint("promoter_id", "kind", "network", "handle_key"),
    CheckConstraint("kind IN ('account', 'community')", name="kind"),
    CheckConstraint("state IN ('active', 'resting', 'blocked', 'closed')", name="state"),
    CheckConstraint("name <> '' AND handle <> ''", name="name"),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("owner_id IS NULL OR kind = 'community'", name="owner"),
    comment="Personal as a whole: handles and names stand nowhere else, and rows can be erased.",
)
Index("channels_promoter_id_idx", channels.c.promoter_id, channels.c.id)  # the promoter's list, newest first
Index("channels_search_idx", channels.c.search, postgresql_using="gin")
