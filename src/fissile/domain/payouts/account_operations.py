"""Writing where payees are paid, when, and what is withheld: always a next version, never a change of an old one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.payouts.errors import PayoutTermsChangedMeanwhile
from fissile.domain.payouts.model import AccountDetails, AccountVersion, Method, Payee, Rhythm, Terms, Withholding
from fissile.domain.payouts.tables import (
    payout_account_details,
    payout_account_versions,
    payout_terms,
    withholding_versions,
)

_NEWEST = text("""
SELECT DISTINCT ON (payee, payee_id, currency) * FROM payout_account_versions
 WHERE currency = :currency AND (CAST(:payee_id AS uuid) IS NULL OR payee_id = :payee_id)
 ORDER BY payee, payee_id, currency, version DESC
""")
_TERMS = text("SELECT DISTINCT ON (payee, currency) * FROM payout_terms ORDER BY payee, currency, version DESC")
_WITHHOLDING = text(
    "SELECT DISTINCT ON (payee, currency) * FROM withholding_versions ORDER BY payee, currency, version DESC"
)
_IN_USE = text("""
SELECT count(*) FROM payout_items i
  JOIN payout_batches b ON b.id = i.batch_id
  LEFT JOIN payout_sendings s ON s.item_id = i.id
  JOIN payout_account_versions v ON v.id = i.account_version_id
 WHERE v.payee = :payee AND v.payee_id = :payee_id
   AND (b.state IN ('proposed', 'made') OR s.state IN ('owed', 'sending', 'sent', 'unknown', 'held'))
""")


async def accounts_of(
    connection: AsyncConnection, *, currency: str, payee_id: UUID | None = None
) -> dict[tuple[str, UUID], AccountVersion]:
    """Return the newest account version of each payee in a currency (of one payee, if named), closed ones too."""
    found = await connection.execute(_NEWEST, {"currency": currency, "payee_id": payee_id})
    return {(row.payee, row.payee_id): account_of(row) for row in found}


async def details_of(connection: AsyncConnection, *, version_ids: Sequence[UUID]) -> dict[UUID, AccountDetails]:
    """Return the details of account versions; those that were erased are left out."""
    wanted = select(payout_account_details).where(payout_account_details.c.version_id.in_(version_ids))
    return {
        row.version_id: AccountDetails(row.holder, row.bank, row.number) for row in await connection.execute(wanted)
    }


async def add_account_version(
    connection: AsyncConnection,
    *,
    version_id: UUID,
    payee: Payee,
    payee_id: UUID,
    currency: str,
    method: Method,
    state: Literal["open", "closed"],
    details: AccountDetails | None,
    cooling: timedelta,
    made_by: UUID | None,
    at: datetime,
) -> AccountVersion:
    """
    Write the next version of a payee's account; a first one is usable at once, a later one after ``cooling``.

    :raises PayoutTermsChangedMeanwhile: if another transaction wrote that version first
    """
    table = payout_account_versions
    same = (table.c.payee == payee) & (table.c.payee_id == payee_id) & (table.c.currency == currency)
    number: int = (await connection.execute(select(func.count()).select_from(table).where(same))).scalar_one()
    values = {
        "id": version_id,
        "payee": payee,
        "payee_id": payee_id,
        "currency": currency,
        "version": number + 1,
        "method": method,
        "state": state,
        "made_by": made_by,
        "made_at": at,
        "usable_from": at if number == 0 else at + cooling,
    }
    row = await _add(connection, table, values)
    if details is not None:
        await connection.execute(
            payout_account_details.insert(),
            {"version_id": version_id, "holder": details.holder, "bank": details.bank, "number": details.number},
        )
    return account_of(row)


async def erase_details(connection: AsyncConnection, *, payee: Payee, payee_id: UUID) -> int:
    """Erase the details of every account version of a payee; return how many there were."""
    versions = select(payout_account_versions.c.id).where(
        payout_account_versions.c.payee == payee, payout_account_versions.c.payee_id == payee_id
    )
    gone = await connection.execute(
        delete(payout_account_details).where(payout_account_details.c.version_id.in_(versions))
    )
    return gone.rowcount


async def details_in_use(connection: AsyncConnection, *, payee: Payee, payee_id: UUID) -> bool:
    """Return whether a payout to one of a payee's accounts waits or is on its way."""
    found = await connection.execute(_IN_USE, {"payee": payee, "payee_id": payee_id})
    return bool(found.scalar_one())


async def terms_in_force(connection: AsyncConnection) -> dict[tuple[str, str], Terms]:
    """Return the newest terms by (payee, currency)."""
    return {(row.payee, row.currency): terms_of(row) for row in await connection.execute(_TERMS)}


async def withholding_in_force(connection: AsyncConnection) -> dict[tuple[str, str], Withholding]:
    """Return the newest withholding rules by (payee, currency)."""
    found = await connection.execute(_WITHHOLDING)
    return {(row.payee, row.currency): withholding_of(row) for row in found}


async def add_terms(
    connection: AsyncConnection,
    *,
    terms_id: UUID,
    payee: Payee,
    currency: str,
    rhythm: Rhythm,
    on_day: int,
    country: str,
    minimum_minor: int,
    made_by: UUID | None,
    at: datetime,
) -> Terms:
    """
    Write the next version of the terms of a kind of payee and currency.

    :raises PayoutTermsChangedMeanwhile: if another transaction wrote that version first
    """
    values = {
        "id": terms_id,
        "payee": payee,
        "currency": currency,
        "version": await _next(connection, payout_terms, payee=payee, currency=currency),
        "rhythm": rhythm,
        "on_day": on_day,
        "country": country,
        "minimum_minor": minimum_minor,
        "made_by": made_by,
        "valid_from": at,
    }
    return terms_of(await _add(connection, payout_terms, values))


async def add_withholding(
    connection: AsyncConnection,
    *,
    rule_id: UUID,
    payee: Payee,
    currency: str,
    brackets: Sequence[tuple[int, int]],
    made_by: UUID | None,
    at: datetime,
) -> Withholding:
    """
    Write the next version of what is withheld from a kind of payee in a currency.

    :raises PayoutTermsChangedMeanwhile: if another transaction wrote that version first
    """
    values = {
        "id": rule_id,
        "payee": payee,
        "currency": currency,
        "version": await _next(connection, withholding_versions, payee=payee, currency=currency),
        "from_minor": [start for start, _ in brackets],
        "rate_ppm": [rate for _, rate in brackets],
        "made_by": made_by,
        "valid_from": at,
    }
    return withholding_of(await _add(connection, withholding_versions, values))


async def _next(connection: AsyncConnection, table: Table, *, payee: Payee, currency: str) -> int:
    same: ColumnElement[bool] = (table.c.payee == payee) & (table.c.currency == currency)
    number: int = (
        await connection.execute(select(func.coalesce(func.max(table.c.version), 0)).where(same))
    ).scalar_one()
    return number + 1


async def _add(connection: AsyncConnection, table: Table, values: dict[str, Any]) -> Any:
    # Of two that computed the same number, the later waits at the unique index and finds it taken.
    row = (await connection.execute(insert(table).values(**values).on_conflict_do_nothing().returning(table))).first()
    if row is None:
        raise PayoutTermsChangedMeanwhile()
    return row


def account_of(row: Any) -> AccountVersion:
    """Return an account version from its row."""
    return AccountVersion(
        id=row.id,
        payee=row.payee,
        payee_id=row.payee_id,
        currency=row.currency,
        version=row.version,
        method=row.method,
        state=row.state,
        usable_from=row.usable_from,
        made_at=row.made_at,
    )


def terms_of(row: Any) -> Terms:
    """Return terms from their row."""
    return Terms(
        id=row.id,
        payee=row.payee,
        currency=row.currency,
        version=row.version,
        rhythm=row.rhythm,
        on_day=row.on_day,
        country=row.country,
        minimum_minor=row.minimum_minor,
        valid_from=row.valid_from,
    )


def withholding_of(row: Any) -> Withholding:
    """Return a withholding rule from its row."""
    return Withholding(
        id=row.id,
        payee=row.payee,
        currency=row.currency,
        version=row.version,
        brackets=tuple(zip(row.from_minor, row.rate_ppm, strict=True)),
        valid_from=row.valid_from,
    )
