"""
``fissile audit``: every invariant recomputed from the rows, in one snapshot, while the house runs.

What the audit trusts is nothing but the rows: no balance, no counter, no constraint and no trigger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.model import FeeVersion, PlanVersion
from fissile.domain.commissions.rules import split_line
from fissile.domain.ledger.model import BOUNDED, OWNED, Account, Kind
from fissile.infra.database import Database
from fissile.kernel.money import Money
from fissile.views.audit_attribution import ATTRIBUTION
from fissile.views.audit_checkout import CHECKOUT
from fissile.views.audit_events import FOLDS
from fissile.views.audit_invoices import INVOICES
from fissile.views.audit_mail import MAIL
from fissile.views.audit_money import MONEY
from fissile.views.audit_payouts import PAYOUTS
from fissile.views.audit_people import PEOPLE
from fissile.views.audit_rows import ROWS
from fissile.views.audit_rule import FINDINGS_MAX, Rule
from fissile.views.audit_shares import SHARES
from fissile.views.audit_statements import CHAINS, STATEMENTS, broken_chains

# Everything that is recomputed, in the order in which it is told.
RULES = (
    *ROWS,
    *ATTRIBUTION,
    *FOLDS,
    *MONEY,
    *CHECKOUT,
    *SHARES,
    *PEOPLE,
    *MAIL,
    *PAYOUTS,
    *STATEMENTS,
    *INVOICES,
)
_CHUNK = 5_000
# Whole tables are joined here, one after the other: with the server's few megabytes each would go through files.
_MEMORY = text("SET LOCAL work_mem = '64MB'")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that breaks an invariant, and how."""

    table: str
    row_id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant recomputed; ``invariant_number`` counts as docs/architecture.md, "What always holds", does."""

    name: str
    invariant_number: int
    rows_checked: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit found; of one check at most 1,000 findings are listed."""

    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings of all checks."""
        return tuple(finding for check in self.checks for finding in check.findings)

    @property
    def clean(self) -> bool:
        """Whether every invariant holds."""
        return not self.findings


async def run_audit(db: Database) -> AuditReport:
    """
    Recompute every invariant in one repeatable-read snapshot; anyone may go on working meanwhile.

    Sets are compared inside the database. Two things are recomputed here: the request hash of each transfer, row by
    row in a stream, and the split of each distinct kind of order line by the rule that made it.
    """
    async with db.reading() as connection:
        await connection.execute(_MEMORY)
        counts: dict[str, int] = {}
        checks = [await _check(connection, rule, counts) for rule in RULES]
        checks.append(
            await _streamed(connection, "account ids and bounds follow from kind and owner", _ACCOUNTS, _account)
        )
        checks.append(await _streamed(connection, "request hashes of transfers", _TRANSFERS, _transfer))
        checks.append(await _splits(connection, counts))
        sealed, changed = await broken_chains(connection)
        checks.append(Check(CHAINS, 4, sealed, tuple(Finding(*one) for one in changed[:FINDINGS_MAX])))
    return AuditReport(tuple(checks))


async def _check(connection: AsyncConnection, rule: Rule, counts: dict[str, int]) -> Check:
    found = await connection.execute(text(rule.sql + f" LIMIT {FINDINGS_MAX}"))
    findings = tuple(Finding(str(row[0]), str(row[1]), str(row[2])) for row in found)
    return Check(rule.name, rule.invariant, await _count(connection, rule.tables, counts), findings)


async def _count(connection: AsyncConnection, tables: tuple[str, ...], counts: dict[str, int]) -> int:
    for table in tables:
        if table not in counts:
            counts[table] = int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())
    return sum(counts[table] for table in tables)


_ACCOUNTS = "SELECT id, kind, owner_id, currency, bounded FROM ledger_accounts"
_TRANSFERS = """
SELECT id, debit_account_id, credit_account_id, amount_minor, currency, phase, pending_id, reason, subject_id,
       request_hash
  FROM ledger_transfers
"""


async def _streamed(
    connection: AsyncConnection, name: str, statement: str, judge: Callable[[Any], Finding | None]
) -> Check:
    findings: list[Finding] = []
    seen = 0
    result = await connection.stream(text(statement), execution_options={"yield_per": _CHUNK})
    async for rows in result.partitions():
        seen += len(rows)
        findings.extend(found for row in rows if (found := judge(row)) is not None)
    return Check(name, 4, seen, tuple(findings[:FINDINGS_MAX]))


def _account(row: Any) -> Finding | None:
    kind = next((one for one in Kind if one == row.kind), None)
    if kind is None:
        return Finding("ledger_accounts", str(row.id), f"its kind “{row.kind}” is none")
    if (kind in OWNED) != (row.owner_id is not None):
        return Finding("ledger_accounts", str(row.id), f"an account of kind {kind} has an owner, or not, wrongly")
    wanted = Account(kind, row.owner_id, row.currency)
    if wanted.id != row.id:
        return Finding("ledger_accounts", str(row.id), f"kind, owner and currency belong to the account {wanted.id}")
    if row.bounded != (kind in BOUNDED):
        return Finding("ledger_accounts", str(row.id), f"bounded is {row.bounded}, which is wrong for {kind}")
    return None


def _transfer(row: Any) -> Finding | None:
    *asked, kept = tuple(row)[1:]
    # Reckoned here again rather than by the ledger's own code: a mistake there would agree with itself.
    if hashlib.sha256("\x1f".join(str(part) for part in asked).encode()).digest() == kept:
        return None
    return Finding("ledger_transfers", str(row.id), "its request hash is not that of its contents")


# Lines that were decided alike are judged once.
_KINDS_OF_LINES = """
SELECT l.amount_minor, l.tax_minor, l.quantity, l.fee_minor, l.commission_minor, l.second_commission_minor, o.currency,
       l.commission_plan_version_id, l.fee_plan_version_id, o.credit_promoter_id IS NOT NULL AS credited,
       o.second_promoter_id IS NOT NULL AS invited, count(*) AS lines,
       min(l.order_id::text || '/' || l.line_no) AS first
  FROM order_lines l JOIN orders o ON o.id = l.order_id
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""


async def _splits(connection: AsyncConnection, counts: dict[str, int]) -> Check:
    plans = {
        row["id"]: PlanVersion(**row)
        for row in (await connection.execute(text("SELECT * FROM commission_plan_versions"))).mappings()
    }
    fees = {
        row["id"]: FeeVersion(**row)
        for row in (await connection.execute(text("SELECT * FROM fee_plan_versions"))).mappings()
    }
    findings: list[Finding] = []
    result = await connection.stream(text(_KINDS_OF_LINES), execution_options={"yield_per": _CHUNK})
    async for rows in result.partitions():
        for row in rows:
            if sentence := _split(row, plans, fees):
                others = f" (and {row.lines - 1} lines like it)" if row.lines > 1 else ""
                findings.append(Finding("order_lines", row.first, sentence + others))
    return Check(
        "lines are split as their plan versions say",
        5,
        await _count(connection, ("order_lines",), counts),
        tuple(findings[:FINDINGS_MAX]),
    )


def _split(row: Any, plans: Mapping[UUID, PlanVersion], fees: Mapping[UUID, FeeVersion]) -> str | None:
    plan_id, fee_id = row.commission_plan_version_id, row.fee_plan_version_id
    plan, fee = plans.get(plan_id), fees.get(fee_id)
    if plan_id is not None and plan is None:
        return f"its commission plan version {plan_id} does not exist"
    if fee_id is not None and fee is None:
        return f"its fee version {fee_id} does not exist"
    if plan is not None and plan.state != "open":
        return f"its commission plan version {plan_id} is {plan.state} and pays nothing"
    if row.quantity < 1 or not 0 <= row.tax_minor <= row.amount_minor:
        return "its amount, tax or quantity is below what an order may have"
    wanted = split_line(
        amount=Money(row.amount_minor, row.currency),
        tax=Money(row.tax_minor, row.currency),
        quantity=row.quantity,
        plan=plan,
        fee=fee,
        credited=row.credited,
        invited=row.invited,
    )
    parts = (row.commission_minor, row.second_commission_minor, row.fee_minor)
    if (wanted.commission.minor, wanted.second.minor, wanted.fee.minor) == parts:
        return None
    return (
        f"commission, the inviter's and fee are {parts}, but plan version {plan_id} and fee version {fee_id} give"
        f" {(wanted.commission.minor, wanted.second.minor, wanted.fee.minor)}"
    )
