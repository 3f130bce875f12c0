"""Writing statements: the account is locked, so that what is sealed is exactly what was posted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.statements.model import NO_SEAL, Movement, Statement
from fissile.domain.statements.tables import statement_lines, statements

_DUE = text("""
SELECT a.id FROM ledger_accounts a
 WHERE a.kind IN ('commission_payable', 'merchant_payable') AND a.opened_at < :until
   AND NOT EXISTS (SELECT FROM statements s WHERE s.account_id = a.id AND s.period_end >= :until)
 ORDER BY a.id LIMIT :most
""")
_LOCK = text("SELECT id, currency, opened_at FROM ledger_accounts WHERE id = :account FOR NO KEY UPDATE")
_LAST = text("SELECT * FROM statements WHERE account_id = :account ORDER BY period_start DESC LIMIT 1")
_OPEN = text("""
SELECT t.id, t.occurred_at, t.phase, t.credit_account_id = :account AS credited, t.reason, t.amount_minor, t.subject_id
  FROM ledger_transfers t
 WHERE (t.debit_account_id = :account OR t.credit_account_id = :account) AND t.occurred_at < :until
   AND NOT EXISTS (SELECT FROM statement_lines l WHERE l.account_id = :account AND l.transfer_id = t.id)
 ORDER BY t.occurred_at, t.id
""")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an account's next statement goes on from; ``since`` is None if there was none before."""

    account_id: UUID
    currency: str
    opened_at: datetime
    since: datetime | None
    opening_minor: int
    previous_seal: str


async def accounts_due(connection: AsyncConnection, *, until: datetime, limit: int) -> list[UUID]:
    """Return up to ``limit`` accounts of promoters and merchants that are not sealed up to ``until``."""
    return [row.id for row in await connection.execute(_DUE, {"until": until, "most": limit})]


async def lock_beginning(connection: AsyncConnection, *, account_id: UUID) -> Beginning:
    """Lock an account for the rest of the transaction and return what its next statement goes on from."""
    account = (await connection.execute(_LOCK, {"account": account_id})).one()
    last = (await connection.execute(_LAST, {"account": account_id})).first()
    if last is None:
        return Beginning(account_id, account.currency, account.opened_at, None, 0, NO_SEAL)
    return Beginning(account_id, account.currency, account.opened_at, last.period_end, last.closing_minor, last.seal)


async def movements_before(connection: AsyncConnection, *, account_id: UUID, until: datetime) -> list[Movement]:
    """Return an account's movements before a moment that stand in no statement, the oldest first."""
    found = await connection.execute(_OPEN, {"account": account_id, "until": until})
    return [
        Movement(
            transfer_id=row.id,
            occurred_at=row.occurred_at,
            phase=row.phase,
            credited=row.credited,
            reason=row.reason,
            amount_minor=row.amount_minor,
            subject_id=row.subject_id,
        )
        for row in found
    ]


async def add_statement(connection: AsyncConnection, *, statement: Statement, at: datetime) -> None:
    """Write a statement with its lines."""
    await connection.execute(
        statements.insert(),
        {
            "id": statement.id,
            "account_id": statement.account_id,
            "currency": statement.currency,
            "period_start": statement.period_start,
            "period_end": statement.period_end,
            "opening_minor": statement.opening_minor,
            "closing_minor": statement.closing_minor,
            "line_count": len(statement.lines),
            "previous_seal": statement.previous_seal,
            "seal": statement.seal,
            "sealed_at": at,
        },
    )
    if statement.lines:
        await connection.execute(
            statement_lines.insert(),
            [
                {
                    "statement_id": statement.id,
                    "line_no": line.no,
                    "account_id": statement.account_id,
                    "transfer_id": line.transfer_id,
                    "occurred_at": line.occurred_at,
                    "kind": line.kind,
                    "amount_minor": line.amount_minor,
                    "change_minor": line.change_minor,
                    "balance_minor": line.balance_minor,
                    "about": line.about,
                    "hash": line.hash,
                }
                for line in statement.lines
            ],
        )
