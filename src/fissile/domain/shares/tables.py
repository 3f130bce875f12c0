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
    words("channel"),  # a note in the promoter's own words
    words("channel_kind", server_default="none"),
    uid("channel_id", nullable=True),  # no foreign key: a channel can be erased, its shares stay
    words("state"),
    number("version", server_default="1"),
    words("idempotency_key", unique=True),
    moment("created_at"),
    moment("expires_at", nullable=True),
    CheckConstraint("target_kind IN ('product', 'shop')", name="target_kind"),
    CheckConstraint("state IN ('active', 'paused', 'revoked')", name="state"),
    CheckConstraint("channel_kind IN ('account', 'community', 'offline', 'none')", name="channel_kind"),
    CheckConstraint("(channel_kind IN ('account', 'community')) = (channel_id IS NOT NULL)", name="channel"),
)
Index("shares_channel_id_idx", shares.c.channel_id)  # what a channel brought
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
    words("kind", server_default="person"),  # own: its promoter's; a touch like any other, but in no statistics
    words("referrer", server_default=""),
    words("device", server_default="unknown"),
    words("os", server_default=""),
    words("browser", server_default=""),
    words("app", server_default=""),  # whose built-in browser it was
    CheckConstraint("form IN ('link', 'code', 'comment', 'poster')", name="form"),
    CheckConstraint("opens > 0 AND last_at >= first_at", name="opens"),
    CheckConstraint("kind IN ('person', 'own')", name="kind"),
    comment="Once per visitor and window; last_at is the touch that attribution sees. Machines are in machine_opens.",
)
# The touches of a buyer. Without last_at, so that opening again stays a change of the row alone (HOT).
Index("visits_visitor_id_idx", visits.c.visitor_id)
# The pages of the last days. Visits come in nearly the order of time, so that this one costs next to nothing.
Index("visits_first_at_idx", visits.c.first_at, postgresql_using="brin")

machine_opens = Table(
    "machine_opens",
    metadata,
    uid("id", primary_key=True),
    uid("share_id"),
    words("kind"),
    words("agent"),
    words("form"),
    words("referrer"),
    moment("opened_at"),
    CheckConstraint("kind IN ('preview', 'bot', 'prefetch')", name="kind"),
    comment="Shares that link previews, crawlers and prefetching browsers opened: no visits, no touches.",
)
Index("machine_opens_share_id_idx", machine_opens.c.share_id)
Index("machine_opens_opened_at_idx", machine_opens.c.opened_at, postgresql_using="brin")  # the last days
