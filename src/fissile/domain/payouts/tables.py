"""Payout batches and their items, the outbox, accounts to pay to, schedules, withholding, files of banks."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from fissile.infra.schema import metadata, moment, number, uid, words

_PAYEE = "payee IN ('promoter', 'merchant')"

payout_batches = Table(
    "payout_batches",
    metadata,
    uid("id", primary_key=True),
    words("currency"),
    words("state"),
    uid("made_by", ForeignKey("members.id"), nullable=True),  # null: the schedule proposed it, nobody stands for it yet
    uid("approved_by", ForeignKey("members.id"), nullable=True),
    words("idempotency_key", unique=True),
    moment("made_at"),
    moment("taken_at", nullable=True),  # when an officer took a proposal over as its maker
    moment("approved_at", nullable=True),
    moment("paid_at", nullable=True),  # when the last of its items had ended
    moment("dropped_at", nullable=True),
    CheckConstraint("state IN ('proposed', 'made', 'approved', 'paid', 'dropped')", name="state"),
    CheckConstraint("approved_by <> made_by", name="two_people"),
    CheckConstraint("made_by IS NOT NULL OR state IN ('proposed', 'dropped')", name="maker"),
    CheckConstraint("state <> 'proposed' OR made_by IS NULL", name="proposed"),
    CheckConstraint(
        "(state IN ('approved', 'paid')) = (approved_by IS NOT NULL AND approved_at IS NOT NULL)", name="approved"
    ),
    CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name="paid"),
    CheckConstraint("(state = 'dropped') = (dropped_at IS NOT NULL)", name="dropped"),
)

payout_account_versions = Table(
    "payout_account_versions",
    metadata,
    uid("id", primary_key=True),
    words("payee"),
    uid("payee_id"),  # a member or a merchant
    words("currency"),
    number("version"),
    words("method"),
    words("state"),
    uid("made_by", nullable=True),
    moment("made_at"),
    moment("usable_from"),
    UniqueConstraint("payee", "payee_id", "currency", "version"),
    CheckConstraint(_PAYEE, name="payee"),
    CheckConstraint("method IN ('file', 'gateway')", name="method"),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
    CheckConstraint("usable_from >= made_at", name="usable"),
    comment="Where payees are paid; each change is a new version, the newest counts.",
)

# About a person: erased without touching anything else.
payout_account_details = Table(
    "payout_account_details",
    metadata,
    uid("version_id", ForeignKey("payout_account_versions.id"), primary_key=True),
    words("holder"),
    words("bank"),
    words("number"),
)

withholding_versions = Table(
    "withholding_versions",
    metadata,
    uid("id", primary_key=True),
    words("payee"),
    words("currency"),
    number("version"),
    Column("from_minor", ARRAY(BigInteger()), nullable=False),  # where each bracket begins, rising
    Column("rate_ppm", ARRAY(BigInteger()), nullable=False),  # of the part above it
    uid("made_by", nullable=True),
    moment("valid_from"),
    UniqueConstraint("payee", "currency", "version"),
    CheckConstraint(_PAYEE, name="payee"),
    CheckConstraint("cardinality(from_minor) = cardinality(rate_ppm)", name="brackets"),
    CheckConstraint("0 <= ALL (from_minor) AND 0 <= ALL (rate_ppm) AND 1000000 > ALL (rate_ppm)", name="rates"),
    comment="What is withheld from payouts, the operator's data; each change is a new version, the newest counts.",
)

payout_terms = Table(
    "payout_terms",
    metadata,
    uid("id", primary_key=True),
    words("payee"),
    words("currency"),
    number("version"),
    words("rhythm"),
    number("on_day"),
    words("country"),  # whose working days count; empty: every day
    number("minimum_minor"),
    uid("made_by", nullable=True),
    moment("valid_from"),
    UniqueConstraint("payee", "currency", "version"),
    CheckConstraint(_PAYEE, name="payee"),
    CheckConstraint("rhythm IN ('week', 'month', 'asked')", name="rhythm"),
    CheckConstraint("on_day BETWEEN 1 AND 31 AND (rhythm <> 'week' OR on_day <= 7)", name="on_day"),
    CheckConstraint("minimum_minor >= 0", name="minimum"),
    comment="When payees are paid and from which amount on; each change is a new version, the newest counts.",
)

payout_runs = Table(
    "payout_runs",
    metadata,
    words("payee", primary_key=True),
    words("currency", primary_key=True),
    Column("day", Date(), primary_key=True),
    uid("terms_id", ForeignKey("payout_terms.id")),
    uid("batch_id", ForeignKey("payout_batches.id"), nullable=True),  # null: nobody was due
    moment("ran_at"),
    comment="Each scheduled day that was run, once, also where nobody was due.",
)

payout_items = Table(
    "payout_items",
    metadata,
    uid("id", primary_key=True),
    uid("batch_id", ForeignKey("payout_batches.id")),
    words("payee"),
    uid("payee_id"),  # a member or a merchant
    number("amount_minor"),  # what leaves the balance
    words("currency"),
    uid("transfer_id", ForeignKey("ledger_transfers.id")),  # the pending one of the net amount
    number("withheld_minor", server_default="0"),
    uid("withholding_id", ForeignKey("withholding_versions.id"), nullable=True),
    uid("withholding_transfer_id", ForeignKey("ledger_transfers.id"), nullable=True),
    uid("account_version_id", ForeignKey("payout_account_versions.id"), nullable=True),  # null: paid by hand
    words("method", server_default="hand"),
    UniqueConstraint("batch_id", "payee_id"),
    CheckConstraint(_PAYEE, name="payee"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("withheld_minor >= 0 AND withheld_minor < amount_minor", name="withheld"),
    CheckConstraint("(withheld_minor > 0) = (withholding_transfer_id IS NOT NULL)", name="withholding"),
    CheckConstraint("method IN ('hand', 'file', 'gateway')", name="method"),
    CheckConstraint("(method = 'hand') = (account_version_id IS NULL)", name="account"),
)
Index("payout_items_payee_id_idx", payout_items.c.payee_id)

payout_files = Table(
    "payout_files",
    metadata,
    uid("id", primary_key=True),
    uid("batch_id", ForeignKey("payout_batches.id")),
    words("bank"),
    number("items"),
    number("total_minor"),
    Column("sha256", LargeBinary(), nullable=False),  # of the file's bytes: made again it is the same
    uid("made_by", nullable=True),
    moment("made_at"),
    UniqueConstraint("batch_id", "bank"),
    CheckConstraint("items > 0 AND total_minor > 0", name="sums"),
)

payout_sendings = Table(
    "payout_sendings",
    metadata,
    uid("item_id", ForeignKey("payout_items.id"), primary_key=True),  # also its key at the gateway, for ever
    uid("batch_id", ForeignKey("payout_batches.id")),
    words("method"),
    words("state"),
    words("reason", server_default=""),  # why it waits or has failed
    number("attempts", server_default="0"),
    # True once a request may have reached the gateway without an answer: from then on its key is never left.
    Column("unclear", Boolean(), nullable=False, server_default="false"),
    number("changes", server_default="1"),  # each is told by one event
    words("reference", server_default=""),  # the gateway's or bank's own name of it
    uid("file_id", ForeignKey("payout_files.id"), nullable=True),
    moment("created_at"),
    moment("changed_at"),
    moment("next_at", nullable=True),  # when the gateway is spoken to next
    moment("confirmed_at", nullable=True),
    uid("decided_by", ForeignKey("members.id"), nullable=True),
    CheckConstraint(
        "state IN ('owed', 'sending', 'sent', 'unknown', 'held', 'confirmed', 'failed', 'returned')", name="state"
    ),
    CheckConstraint("(state IN ('confirmed', 'returned')) = (confirmed_at IS NOT NULL)", name="confirmed"),
    CheckConstraint("attempts >= 0 AND changes > 0", name="counts"),
    CheckConstraint("state NOT IN ('held', 'failed', 'returned', 'unknown') OR reason <> ''", name="reason"),
    comment="The outbox: each approved item on its way out, exactly one row.",
)
# What the sweep speaks to the gateway about next.
Index("payout_sendings_next_at_idx", payout_sendings.c.next_at, postgresql_where=payout_sendings.c.next_at.is_not(None))
Index("payout_sendings_batch_id_idx", payout_sendings.c.batch_id)
# Whether a batch has items on their way: asked at the end of each.
Index(
    "payout_sendings_open_idx",
    payout_sendings.c.batch_id,
    postgresql_where=payout_sendings.c.state.in_(("owed", "sending", "sent", "unknown", "held")),
)

payout_results = Table(
    "payout_results",
    metadata,
    Column("sha256", LargeBinary(), primary_key=True),  # the same file twice is told, not done twice
    uid("taken_by", nullable=True),
    moment("taken_at"),
    Column("told", JSONB(), nullable=False),  # line by line, what became of it
)
