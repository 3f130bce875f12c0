"""Sealed statements and their lines."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Table, UniqueConstraint

from fissile.infra.schema import metadata, moment, number, uid, words

statements = Table(
    "statements",
    metadata,
    uid("id", primary_key=True),
    uid("account_id", ForeignKey("ledger_accounts.id")),
    words("currency"),
    moment("period_start"),
    moment("period_end"),
    number("opening_minor"),
    number("closing_minor"),
    number("line_count"),
    words("previous_seal", unique=False),
    words("seal", unique=True),  # the hash of its closing line
    moment("sealed_at"),
    UniqueConstraint("account_id", "period_start"),
    CheckConstraint("period_end > period_start AND sealed_at >= period_end", name="period"),
    CheckConstraint("line_count >= 0", name="lines"),
    comment="What moved on a promoter's or merchant's account in a month; append-only.",
)

statement_lines = Table(
    "statement_lines",
    metadata,
    uid("statement_id", ForeignKey("statements.id"), primary_key=True),
    number("line_no", primary_key=True, autoincrement=False),
    uid("account_id"),
    uid("transfer_id"),
    moment("occurred_at"),
    words("kind"),
    number("amount_minor"),
    number("change_minor"),
    number("balance_minor"),
    words("about"),  # the order or payout, as people see its id
    words("hash"),  # covers the hash of the line before
    # A transfer stands on one line of an account; the other account of it has its own statements.
    UniqueConstraint("account_id", "transfer_id"),
    CheckConstraint("line_no > 0 AND amount_minor > 0", name="amount"),
    comment="Append-only; a change of a past line breaks the chain and is named by the audit.",
)
