"""Posting: the only way money moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.ledger.errors import HoldingExceeded, TransferDiffers, TransferKeyReused
from fissile.domain.ledger.model import Account, Transfer

OPEN_ACCOUNTS_SQL = """
INSERT INTO ledger_accounts (id, kind, owner_id, currency, bounded, opened_at)
SELECT * FROM unnest({0}::uuid[], {1}::text[], {2}::uuid[], {3}::text[], {4}::bool[], {5}::timestamptz[])
ON CONFLICT DO NOTHING
"""

_OPEN = text(
    OPEN_ACCOUNTS_SQL.format(":id", ":kind", ":owner", ":currency", ":bounded", ":opened").replace("::", "\\:\\:")
)
_POST = text(
    "SELECT post_transfers_v1(:id, :debit, :credit, :amount, :currency, :phase, :pending, :reason, :subject,"
    " :key, :hash, :at)"
)


def account_columns(accounts: Iterable[Account], *, at: datetime) -> tuple[list[object], ...]:
    """Return parallel columns (id, kind, owner, currency, bounded, opened) of distinct accounts, by id."""
    rows = sorted({one.id: one for one in accounts}.items(), key=lambda pair: pair[0])
    return (
        [id for id, _ in rows],
        [str(one.kind) for _, one in rows],
        [one.owner_id for _, one in rows],
        [one.currency for _, one in rows],
        [one.bounded for _, one in rows],
        [at for _ in rows],
    )


async def post(connection: AsyncConnection, *, transfers: Sequence[Transfer]) -> int:
    """
    Post transfers, opening accounts that are new; return how many were new (known keys are skipped).

    :raises TransferKeyReused: if a key was used for another transfer
    :raises TransferDiffers: if a currency differs, or post/void differs from its pending transfer
    :raises HoldingExceeded: if a bounded account would pay out more than came in
    """
    if not transfers:
        return 0
    accounts = {account for one in transfers for account in (one.debit, one.credit)}
    opened = account_columns(accounts, at=min(one.at for one in transfers))
    await connection.execute(
        _OPEN, dict(zip(("id", "kind", "owner", "currency", "bounded", "opened"), opened, strict=True))
    )
    try:
        result = await connection.execute(
            _POST,
            {
                "id": [one.id for one in transfers],
                "debit": [one.debit.id for one in transfers],
                "credit": [one.credit.id for one in transfers],
                "amount": [one.amount_minor for one in transfers],
                "currency": [one.currency for one in transfers],
                "phase": [one.phase for one in transfers],
                "pending": [one.pending_id for one in transfers],
                "reason": [one.reason for one in transfers],
                "subject": [one.subject_id for one in transfers],
                "key": [one.key for one in transfers],
                "hash": [one.request_hash for one in transfers],
                "at": [one.at for one in transfers],
            },
        )
    except DBAPIError as error:
        raise _as_refusal(error) from error
    return int(result.scalar_one())


def _as_refusal(error: DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", None)
    if state == "FS422":
        return TransferKeyReused(key=str(error.orig).split("transfer key ")[-1].split(" ")[0])
    if state == "FS409" or "ledger_transfers_pending_id_key" in str(error.orig):
        return TransferDiffers()
    if "ledger_accounts_bounded_check" in str(error.orig):
        return HoldingExceeded()
    return error
