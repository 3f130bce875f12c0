"""Payouts for their payees and for officers: balances, accounts, items on their way, files, statements."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.payouts.rules import masked
from fissile.views.reading import row, rows

PAGE = 40

_KIND = "CASE :payee WHEN 'promoter' THEN 'commission_payable' ELSE 'merchant_payable' END"
# A debt is a balance below zero; what is in a payout is still on the balance, but reserved.
_BALANCES = text(f"""
SELECT a.id, a.currency, a.credits_pending AS on_hold, a.debits_pending AS in_payout,
       greatest(0, a.credits_posted - a.debits_posted - a.debits_pending)::bigint AS free,
       greatest(0, a.debits_posted + a.debits_pending - a.credits_posted)::bigint AS debt,
       coalesce(sent.paid, 0)::bigint AS paid, coalesce(sent.withheld, 0)::bigint AS withheld, held.until AS hold_until
  FROM ledger_accounts a
  LEFT JOIN LATERAL (
    SELECT sum(i.amount_minor - i.withheld_minor) AS paid, sum(i.withheld_minor) AS withheld
      FROM payout_items i JOIN payout_sendings s ON s.item_id = i.id AND s.state = 'confirmed'
     WHERE i.payee_id = a.owner_id AND i.payee = :payee AND i.currency = a.currency) sent ON true
  LEFT JOIN LATERAL (
    SELECT min(c.hold_until) AS until FROM commissions c
     WHERE :payee = 'promoter' AND c.promoter_id = a.owner_id AND c.currency = a.currency
       AND c.state = 'held') held ON true
 WHERE a.owner_id = :owner AND a.kind = {_KIND} ORDER BY a.currency LIMIT 20
""")
_ACCOUNTS = text("""
SELECT DISTINCT ON (v.currency) v.id, v.currency, v.version, v.method, v.state, v.made_at, v.usable_from,
       d.holder, d.bank, d.number
  FROM payout_account_versions v LEFT JOIN payout_account_details d ON d.version_id = v.id
 WHERE v.payee = :payee AND v.payee_id = :owner ORDER BY v.currency, v.version DESC LIMIT 20
""")
_PAYOUTS_OF = text("""
SELECT i.id, i.amount_minor, i.withheld_minor, i.currency, i.method, b.made_at, b.state AS batch_state,
       coalesce(s.state, b.state) AS state, s.reason, s.changed_at, d.number
  FROM payout_items i
  JOIN payout_batches b ON b.id = i.batch_id
  LEFT JOIN payout_sendings s ON s.item_id = i.id
  LEFT JOIN payout_account_details d ON d.version_id = i.account_version_id
 WHERE i.payee_id = :owner AND i.payee = :payee ORDER BY b.made_at DESC, i.id DESC LIMIT :limit
""")
_STATEMENTS_OF = text(f"""
SELECT s.id, s.currency, s.period_start, s.opening_minor, s.closing_minor, s.line_count, s.seal
  FROM statements s JOIN ledger_accounts a ON a.id = s.account_id
 WHERE a.owner_id = :owner AND a.kind = {_KIND} ORDER BY s.period_start DESC, s.currency LIMIT :limit
""")
_SEALED = text("""
SELECT s.id, s.currency, s.period_start, s.opening_minor, s.closing_minor, s.line_count, s.seal
  FROM statements s WHERE s.account_id = :account ORDER BY s.period_start DESC LIMIT 36
""")
_OWNER = text("""
SELECT a.kind, a.owner_id, a.currency, coalesce(who.display_name, m.name) AS name
  FROM statements s
  JOIN ledger_accounts a ON a.id = s.account_id
  LEFT JOIN member_profiles who ON a.kind = 'commission_payable' AND who.member_id = a.owner_id
  LEFT JOIN merchants m ON a.kind = 'merchant_payable' AND m.id = a.owner_id
 WHERE s.id = :sealed
""")
_ITEMS = text("""
SELECT i.id, i.payee, i.payee_id, i.amount_minor, i.withheld_minor, i.currency, i.method,
       coalesce(who.display_name, m.name) AS name, s.state, s.reason, s.attempts, s.reference, s.next_at, s.unclear,
       s.changed_at, d.bank, d.number,
       (SELECT count(*) FROM commissions c WHERE c.payout_item_id = i.id) AS commissions
  FROM payout_items i
  LEFT JOIN payout_sendings s ON s.item_id = i.id
  LEFT JOIN payout_account_details d ON d.version_id = i.account_version_id
  LEFT JOIN member_profiles who ON i.payee = 'promoter' AND who.member_id = i.payee_id
  LEFT JOIN merchants m ON i.payee = 'merchant' AND m.id = i.payee_id
 WHERE i.batch_id = :batch
 ORDER BY s.state IN ('held', 'unknown') DESC NULLS LAST, s.state = 'failed' DESC NULLS LAST, i.amount_minor DESC, i.id
 LIMIT 300
""")
_BANKS = text("""
SELECT d.bank, count(*) FILTER (WHERE s.state = 'owed') AS waiting, f.made_at, f.items, f.total_minor, f.sha256
  FROM payout_sendings s
  JOIN payout_items i ON i.id = s.item_id
  JOIN payout_account_details d ON d.version_id = i.account_version_id
  LEFT JOIN payout_files f ON f.batch_id = s.batch_id AND f.bank = d.bank
 WHERE s.batch_id = :batch AND s.method = 'file'
 GROUP BY d.bank, f.made_at, f.items, f.total_minor, f.sha256 ORDER BY d.bank LIMIT 50
""")
_OUTBOX = text("""
SELECT s.state, i.currency, count(*) AS items, sum(i.amount_minor - i.withheld_minor)::bigint AS amount_minor,
       min(s.changed_at) AS since, (array_agg(s.batch_id ORDER BY s.changed_at))[1] AS batch_id
  FROM payout_sendings s JOIN payout_items i ON i.id = s.item_id
 WHERE s.state IN ('owed', 'sending', 'sent', 'unknown', 'held') GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 50
""")
_TERMS = text("""
SELECT DISTINCT ON (t.payee, t.currency) t.*, who.display_name AS made_by_name
  FROM payout_terms t LEFT JOIN member_profiles who ON who.member_id = t.made_by
 ORDER BY t.payee, t.currency, t.version DESC LIMIT 100
""")
_WITHHOLDING = text("""
SELECT DISTINCT ON (t.payee, t.currency) t.*, who.display_name AS made_by_name
  FROM withholding_versions t LEFT JOIN member_profiles who ON who.member_id = t.made_by
 ORDER BY t.payee, t.currency, t.version DESC LIMIT 100
""")
_RESULTS = text("""
SELECT r.sha256, r.taken_at, r.told, who.display_name AS taken_by_name
  FROM payout_results r LEFT JOIN member_profiles who ON who.member_id = r.taken_by
 ORDER BY r.taken_at DESC LIMIT 10
""")


async def balances_of(connection: AsyncConnection, *, payee: str, owner_id: UUID) -> list[RowMapping]:
    """Return what a payee is owed by currency (minor units): on hold, free, in a payout, paid, withheld, debt."""
    return await rows(connection, _BALANCES, payee=payee, owner=owner_id)


async def accounts_of(connection: AsyncConnection, *, payee: str, owner_id: UUID) -> list[dict[str, object]]:
    """Return a payee's newest account of each currency; of the number only what may be shown."""
    found = await rows(connection, _ACCOUNTS, payee=payee, owner=owner_id)
    return [_hidden(one) for one in found]


async def payouts_of(
    connection: AsyncConnection, *, payee: str, owner_id: UUID, limit: int = PAGE
) -> list[dict[str, object]]:
    """Return a payee's newest payouts, each with its state and reason."""
    found = await rows(connection, _PAYOUTS_OF, payee=payee, owner=owner_id, limit=limit)
    return [_hidden(one) for one in found]


async def statements_of(
    connection: AsyncConnection, *, payee: str, owner_id: UUID, limit: int = PAGE
) -> list[RowMapping]:
    """Return a payee's sealed statements, newest first."""
    return await rows(connection, _STATEMENTS_OF, payee=payee, owner=owner_id, limit=limit)


async def sealed_of(connection: AsyncConnection, *, account_id: UUID) -> list[RowMapping]:
    """Return the sealed statements of one ledger account, newest first."""
    return await rows(connection, _SEALED, account=account_id)


async def statement_owner(connection: AsyncConnection, *, statement_id: UUID) -> RowMapping | None:
    """Return whose a statement is: kind of account, owner, name."""
    return await row(connection, _OWNER, sealed=statement_id)


async def items_of(connection: AsyncConnection, *, batch_id: UUID) -> list[dict[str, object]]:
    """Return the items of a batch, those that need a person first."""
    return [_hidden(one) for one in await rows(connection, _ITEMS, batch=batch_id)]


async def banks_of(connection: AsyncConnection, *, batch_id: UUID) -> list[RowMapping]:
    """Return the banks for which an approved batch has a file, and what was in it."""
    return await rows(connection, _BANKS, batch=batch_id)


async def outbox(connection: AsyncConnection) -> list[RowMapping]:
    """Return what is on its way, by state and currency, with the batch of the oldest."""
    return await rows(connection, _OUTBOX)


async def terms(connection: AsyncConnection) -> list[RowMapping]:
    """Return the newest terms of each kind of payee and currency."""
    return await rows(connection, _TERMS)


async def withholding(connection: AsyncConnection) -> list[RowMapping]:
    """Return the newest withholding rule of each kind of payee and currency."""
    return await rows(connection, _WITHHOLDING)


async def results(connection: AsyncConnection) -> Sequence[RowMapping]:
    """Return the result files that were taken last, with what became of each line."""
    return await rows(connection, _RESULTS.columns(told=JSONB))


def _hidden(one: RowMapping) -> dict[str, object]:
    """Return a row whose account number is only what may be shown; “erased” details stay empty."""
    return dict(one) | {"number": masked(one["number"]) if one["number"] else ""}
