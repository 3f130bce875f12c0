"""Plans, fees, payouts and the ledger for pages. Balances are credits minus debits, in minor units."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import row, rows

PAGE = 40

_PLANS = text("""
SELECT DISTINCT ON (v.scope, v.scope_id) v.id, v.scope, v.scope_id, v.version, v.kind, v.rate_ppm, v.second_rate_ppm,
       v.flat_minor,
       v.cap_minor, v.hold_seconds, v.state, v.valid_from, who.display_name AS made_by,
       coalesce(m.name, c.path, p.title) AS name
  FROM commission_plan_versions v
  LEFT JOIN merchants m ON v.scope = 'merchant' AND m.id = v.scope_id
  LEFT JOIN categories c ON v.scope = 'category' AND c.id = v.scope_id
  LEFT JOIN products p ON v.scope = 'product' AND p.id = v.scope_id
  LEFT JOIN member_profiles who ON who.member_id = v.made_by
 ORDER BY v.scope, v.scope_id, v.version DESC LIMIT 200
""")
_FEES = text("""
SELECT DISTINCT ON (v.merchant_id) v.id, v.merchant_id, v.version, v.rate_ppm, v.valid_from, m.name,
       who.display_name AS made_by
  FROM fee_plan_versions v
  LEFT JOIN merchants m ON m.id = v.merchant_id
  LEFT JOIN member_profiles who ON who.member_id = v.made_by
 ORDER BY v.merchant_id NULLS FIRST, v.version DESC LIMIT 200
""")
_BATCH = """
SELECT b.id, b.currency, b.state, b.made_at, b.taken_at, b.approved_at, b.paid_at, b.dropped_at,
       b.made_by, maker.display_name AS made_by_name,
       approver.display_name AS approved_by_name, sums.items, sums.amount_minor
  FROM payout_batches b
  LEFT JOIN member_profiles maker ON maker.member_id = b.made_by
  LEFT JOIN member_profiles approver ON approver.member_id = b.approved_by
  LEFT JOIN LATERAL (
    SELECT count(*) AS items, coalesce(sum(i.amount_minor), 0)::bigint AS amount_minor
      FROM payout_items i WHERE i.batch_id = b.id
  ) sums ON true
"""
_BATCHES = text(
    _BATCH
    + """
 WHERE CAST(:before AS uuid) IS NULL OR (b.made_at, b.id) <
       (SELECT a.made_at, a.id FROM payout_batches a WHERE a.id = CAST(:before AS uuid))
 ORDER BY b.made_at DESC, b.id DESC LIMIT :limit
"""
)
_ONE_BATCH = text(_BATCH + " WHERE b.id = :batch")
# What is posted to people's and merchants' accounts and in no batch; debts lower only their own account. A balance
# below the minimum is carried on, and so is one whose payout account is closed or was changed a moment ago.
_READY = text("""
SELECT a.currency, count(*) FILTER (WHERE a.kind = 'commission_payable') AS promoters,
       count(*) FILTER (WHERE a.kind = 'merchant_payable') AS merchants,
       sum(a.credits_posted - a.debits_posted - a.debits_pending)::bigint AS amount_minor
  FROM ledger_accounts a
  LEFT JOIN LATERAL (
    SELECT t.minimum_minor FROM payout_terms t
     WHERE t.payee = split_part(replace(a.kind, 'commission', 'promoter'), '_', 1) AND t.currency = a.currency
     ORDER BY t.version DESC LIMIT 1) terms ON true
  LEFT JOIN LATERAL (
    SELECT v.state, v.usable_from FROM payout_account_versions v
     WHERE v.payee_id = a.owner_id AND v.payee = split_part(replace(a.kind, 'commission', 'promoter'), '_', 1)
       AND v.currency = a.currency ORDER BY v.version DESC LIMIT 1) pays ON true
 WHERE a.kind IN ('commission_payable', 'merchant_payable')
   AND a.credits_posted - a.debits_posted - a.debits_pending >= greatest(1, coalesce(terms.minimum_minor, 0))
   AND CASE WHEN pays.state IS NULL THEN :by_hand ELSE pays.state = 'open' AND pays.usable_from <= :at END
 GROUP BY a.currency ORDER BY a.currency LIMIT 20
""")
_ACCOUNT = """
SELECT a.id, a.kind, a.owner_id, a.currency, a.bounded, a.debits_posted, a.credits_posted, a.debits_pending,
       a.credits_pending, a.opened_at, coalesce(who.display_name, m.name) AS owner
  FROM ledger_accounts a
  LEFT JOIN member_profiles who ON a.kind = 'commission_payable' AND who.member_id = a.owner_id
  LEFT JOIN merchants m ON a.kind = 'merchant_payable' AND m.id = a.owner_id
"""
# Shared accounts first, then those of people by the size of their balance.
_ACCOUNTS = text(
    _ACCOUNT
    + """
 WHERE a.currency = :currency
 ORDER BY a.owner_id IS NOT NULL, a.kind, abs(a.credits_posted - a.debits_posted) DESC, a.id LIMIT :limit
"""
)
_ONE_ACCOUNT = text(_ACCOUNT + " WHERE a.id = :account")
# Summed from what the accounts carry; that each carries the sum of its transfers is for the audit: it reads them all.
_TRIAL = text("""
SELECT a.currency, count(*) AS accounts,
       sum(a.debits_posted)::bigint AS debits, sum(a.credits_posted)::bigint AS credits
  FROM ledger_accounts a GROUP BY a.currency ORDER BY a.currency LIMIT 20
""")
_BY_KIND = text("""
SELECT a.currency, a.kind, count(*) AS accounts, sum(a.debits_posted)::bigint AS debits,
       sum(a.credits_posted)::bigint AS credits, sum(a.debits_pending)::bigint AS debits_pending,
       sum(a.credits_pending)::bigint AS credits_pending
  FROM ledger_accounts a GROUP BY a.currency, a.kind ORDER BY a.currency, a.kind LIMIT 200
""")
# The newest of either side are a short walk along its index; of these the newest are the page.
_STATEMENT = """
SELECT t.id, t.occurred_at, t.phase, t.reason, t.amount_minor, t.currency, t.subject_id,
       t.debit_account_id = :account AS debited, other.id AS other_id, other.kind AS other_kind,
       coalesce(who.display_name, m.name) AS other_owner, o.id AS order_id
  FROM (
    SELECT * FROM (SELECT * FROM ledger_transfers WHERE debit_account_id = :account {before} {newest}) debits
    UNION ALL
    SELECT * FROM (SELECT * FROM ledger_transfers WHERE credit_account_id = :account {before} {newest}) credits
    {newest}
  ) t
  JOIN ledger_accounts other
    ON other.id = CASE WHEN t.debit_account_id = :account THEN t.credit_account_id ELSE t.debit_account_id END
  LEFT JOIN member_profiles who ON other.kind = 'commission_payable' AND who.member_id = other.owner_id
  LEFT JOIN merchants m ON other.kind = 'merchant_payable' AND m.id = other.owner_id
  LEFT JOIN orders o ON o.id = t.subject_id
 ORDER BY t.occurred_at DESC, t.id DESC
"""
_NEWEST = "ORDER BY occurred_at DESC, id DESC LIMIT :limit"
_BEFORE = "AND (occurred_at, id) < (SELECT b.occurred_at, b.id FROM ledger_transfers b WHERE b.id = :before)"


async def plans(connection: AsyncConnection) -> list[RowMapping]:
    """Return the newest version of every commission plan."""
    return await rows(connection, _PLANS)


async def fees(connection: AsyncConnection) -> list[RowMapping]:
    """Return the newest version of every fee, the platform's default first."""
    return await rows(connection, _FEES)


async def batches(connection: AsyncConnection, *, before: UUID | None, limit: int = PAGE) -> list[RowMapping]:
    """Return one page of payout batches, newest first."""
    return await rows(connection, _BATCHES, before=before, limit=limit)


async def batch(connection: AsyncConnection, *, batch_id: UUID) -> RowMapping | None:
    """Return one payout batch."""
    return await row(connection, _ONE_BATCH, batch=batch_id)


async def ready_for_payout(connection: AsyncConnection, *, by_hand: bool, at: datetime) -> list[RowMapping]:
    """Return what a batch made at this moment would pay, by currency (minor units), and to how many."""
    return await rows(connection, _READY, by_hand=by_hand, at=at)


async def accounts(connection: AsyncConnection, *, currency: str, limit: int = 200) -> list[RowMapping]:
    """Return the accounts of one currency with what they carry."""
    return await rows(connection, _ACCOUNTS, currency=currency, limit=limit)


async def account(connection: AsyncConnection, *, account_id: UUID) -> RowMapping | None:
    """Return one account."""
    return await row(connection, _ONE_ACCOUNT, account=account_id)


async def trial_balance(connection: AsyncConnection) -> list[RowMapping]:
    """Return debits and credits by currency (minor units), summed from what the accounts carry."""
    return await rows(connection, _TRIAL)


async def balances_by_kind(connection: AsyncConnection) -> list[RowMapping]:
    """Return the sums of each kind of account by currency."""
    return await rows(connection, _BY_KIND)


async def statement(
    connection: AsyncConnection, *, account_id: UUID, before: UUID | None, limit: int = PAGE
) -> list[RowMapping]:
    """Return one page of an account's transfers, newest first."""
    statement = text(_STATEMENT.format(before=_BEFORE if before else "", newest=_NEWEST))
    values: dict[str, object] = {"account": account_id, "limit": limit}
    return await rows(connection, statement, **values, **({"before": before} if before else {}))
