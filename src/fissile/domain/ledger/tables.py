"""Accounts and transfers."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, LargeBinary, Table

from fissile.infra.schema import metadata, moment, number, uid, words

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    uid("id", primary_key=True),  # named_id of kind, owner and currency: found without looking
    words("kind"),
    uid("owner_id", nullable=True),
    words("currency"),
    # True where what leaves may never pass what came in: other people's money held for them.
    Column("bounded", Boolean(), nullable=False),
    number("debits_posted", server_default="0"),
    number("credits_posted", server_default="0"),
    number("debits_pending", server_default="0"),
    number("credits_pending", server_default="0"),
    moment("opened_at"),
    CheckConstraint(
        "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
        name="positive",
    ),
    CheckConstraint("NOT bounded OR debits_posted + debits_pending <= credits_posted", name="bounded"),
)
Index(
    "ledger_accounts_kind_owner_id_currency_key",
    ledger_accounts.c.kind,
    ledger_accounts.c.owner_id,
    ledger_accounts.c.currency,
    unique=True,
    postgresql_nulls_not_distinct=True,
)

ledger_transfers = Table(
    "ledger_transfers",
    metadata,
    uid("id", primary_key=True),
    uid("debit_account_id"),
    uid("credit_account_id"),
    number("amount_minor"),
    words("currency"),
    words("phase"),
    uid("pending_id", nullable=True, unique=True),
    words("reason"),
    uid("subject_id"),  # the order, refund or payout that it is about
    words("idempotency_key", unique=True),
    Column("request_hash", LargeBinary(), nullable=False),
    moment("occurred_at"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("debit_account_id <> credit_account_id", name="accounts"),
    CheckConstraint("phase IN ('single', 'pending', 'post', 'void')", name="phase"),
    CheckConstraint("(phase IN ('post', 'void')) = (pending_id IS NOT NULL)", name="pending"),
    comment="single: at once; pending: held; post and void: what became of a pending one. Append-only.",
)
# A page of an account's statement: the newest of either side. Without id: equal moments are few, and each byte costs.
Index("ledger_transfers_debit_account_id_idx", ledger_transfers.c.debit_account_id, ledger_transfers.c.occurred_at)
Index("ledger_transfers_credit_account_id_idx", ledger_transfers.c.credit_account_id, ledger_transfers.c.occurred_at)
Index("ledger_transfers_subject_id_idx", ledger_transfers.c.subject_id)  # "what did this order move?"
