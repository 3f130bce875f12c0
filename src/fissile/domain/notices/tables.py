"""Notices, their mails, what a link in a mail proves, and how far events were read."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from fissile.infra.schema import metadata, moment, number, uid, words

notices = Table(
    "notices",
    metadata,
    uid("id", primary_key=True),
    words("key", unique=True),  # owed once
    words("kind"),
    uid("member_id", ForeignKey("members.id"), nullable=True),  # null: a guest, told by mail alone
    uid("subject_id", nullable=True),
    Column("data", JSONB(), nullable=False),  # ids, counts and amounts only
    moment("owed_at"),
    moment("read_at", nullable=True),
    comment="What somebody is owed to be told; members see it in their inbox.",
)
Index("notices_member_id_idx", notices.c.member_id, notices.c.id, postgresql_where=text("member_id IS NOT NULL"))
# The number in the top bar of every page.
Index("notices_unread_idx", notices.c.member_id, postgresql_where=text("read_at IS NULL AND member_id IS NOT NULL"))

# About a person: the address is erased without touching the notice.
notice_mails = Table(
    "notice_mails",
    metadata,
    uid("notice_id", ForeignKey("notices.id"), primary_key=True),
    words("address"),
    words("locale"),
    words("state"),
    number("attempts", server_default="0"),
    number("unknowns", server_default="0"),  # attempts of which nobody knows whether they arrived
    moment("due_at"),
    moment("claimed_at", nullable=True),
    moment("ended_at", nullable=True),
    words("reply", server_default=""),  # the server's last words
    CheckConstraint("state IN ('owed', 'sending', 'sent', 'refused', 'given_up', 'erased')", name="state"),
    CheckConstraint("(state = 'sending') = (claimed_at IS NOT NULL)", name="claimed"),
    CheckConstraint("(state IN ('owed', 'sending')) = (ended_at IS NULL)", name="ended"),
    comment="The mail of a notice: owed, sending (claimed by a worker), and how it ended.",
)
# The sweep.
Index("notice_mails_due_at_idx", notice_mails.c.due_at, postgresql_where=text("state IN ('owed', 'sending')"))

member_proofs = Table(
    "member_proofs",
    metadata,
    uid("id", primary_key=True),
    uid("member_id", ForeignKey("members.id")),
    words("purpose"),
    words("email"),  # erased with the login
    moment("made_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    CheckConstraint("purpose IN ('email', 'password')", name="purpose"),
    comment="Links in mails, each good once: only their signature, made with a secret, opens them.",
)
Index("member_proofs_member_id_idx", member_proofs.c.member_id)

event_readers = Table(
    "event_readers",
    metadata,
    words("name", primary_key=True),
    number("low_tx"),
    number("low_position"),
    number("mark_tx"),
    number("mark_position"),
    comment="How far a reader of events is: every transaction below low_tx was read; see flows/owe_notices.py.",
)
