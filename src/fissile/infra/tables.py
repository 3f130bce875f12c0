"""Tables that belong to no concept: events, the audit log, kept answers, limits, secrets, the sandbox."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Identity, Index, LargeBinary, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import DateTime

from fissile.infra.schema import XID8, metadata, moment, number, uid, words

events = Table(
    "events",
    metadata,
    number("position", Identity(always=True), primary_key=True),
    # Exporters read below pg_snapshot_xmin by this, never by position: positions commit out of order.
    Column("tx", XID8(), nullable=False, server_default=text("pg_current_xact_id()")),
    words("name"),
    moment("occurred_at"),
    uid("actor_id", nullable=True),
    uid("subject_id"),
    Column("data", JSONB(), nullable=False),  # ids, counts and amounts only: nothing about a person
    comment="One row for each change of state; append-only.",
)
Index("events_subject_id_idx", events.c.subject_id)  # the history of one thing

audit_log = Table(
    "audit_log",
    metadata,
    uid("id", primary_key=True),
    uid("actor_id", nullable=True),
    words("actor_name"),
    words("act"),
    words("subject"),
    Column("detail", JSONB(), nullable=False),
    moment("occurred_at"),
    comment="Each administrative act; append-only.",
)

kept_answers = Table(
    "kept_answers",
    metadata,
    words("scope", primary_key=True),
    words("key", primary_key=True),
    Column("request_hash", LargeBinary(), nullable=False),
    Column("answer", JSONB(), nullable=False),
    words("kind"),
    moment("kept_at"),
    CheckConstraint("kind IN ('done', 'refused')", name="kind"),
    comment="First answers by idempotency key: 'done' of flows without a key column, 'refused' for 30 days.",
)
Index("kept_answers_kept_at_idx", kept_answers.c.kept_at)  # the sweep that forgets refusals

rate_limit_windows = Table(
    "rate_limit_windows",
    metadata,
    words("key", primary_key=True),
    Column("hits", ARRAY(DateTime(timezone=True)), nullable=False),
    moment("expires_at"),
    prefixes=["UNLOGGED"],
    comment="Sliding windows of sign-in and the like; lost at a crash, which only forgets attempts.",
)

secrets = Table(
    "secrets",
    metadata,
    words("name", primary_key=True),
    words("value"),
    moment("created_at"),
    comment="Keys that sign webhooks, guest links and form tokens.",
)

reference_versions = Table(
    "reference_versions",
    metadata,
    words("name", primary_key=True),
    number("version"),
    comment="A counter for each set of reference data that decisions are made on ('plans').",
)

sandbox_payouts = Table(
    "sandbox_payouts",
    metadata,
    uid("item_id", primary_key=True),
    words("account"),
    number("amount_minor"),
    words("currency"),
    moment("taken_at"),
    comment="What the sandbox's payout side has taken: it stands where a payout gateway's own database would.",
)
