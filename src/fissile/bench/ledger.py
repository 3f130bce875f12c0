"""
``fissile bench ledger``: durable transfers in batches through post_transfers_v1, beside bare inserts of the same rows.

One connection; each batch is a transaction of 1,000 transfers of 200 orders: a payment, three parts held of it, and a
part released. They touch the accounts of the house and of 50 promoters and merchants. What is measured is the statement
and its commit; making the rows is not. The limit inserts the same columns into a table with the same keys, indexes and
checks, in turn with the figure, batch by batch: without hashes compared, balances kept, mirrors checked, events told.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from fissile.bench.ground import Ground, bench_ground
from fissile.bench.report import peak_mb, report
from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.ledger.operations import OPEN_ACCOUNTS_SQL, account_columns
from fissile.infra.columns import columns
from fissile.infra.database import asyncpg_args
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id
from fissile.views.audit import run_audit

BATCH = 1_000
PAYEES = 50
_CHANCE = random.SystemRandom()
_TYPES = "uuid uuid uuid bigint text text uuid text uuid text bytea timestamptz".split()
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_TYPES, 1))
_POST = f"SELECT post_transfers_v1({_ARRAYS})"
_OPEN = OPEN_ACCOUNTS_SQL.format(*(f"${number}" for number in range(1, 7)))
_BARE = f"INSERT INTO bare_transfers SELECT * FROM unnest({_ARRAYS})"


def measure(*, settings: Settings, seconds: float) -> dict[str, Any]:
    """Return the report of this benchmark."""
    with bench_ground(settings=settings) as ground:
        figure, limit, took = asyncio.run(_measure(ground, seconds=seconds))
        took.sort()
        return report(
            name="ledger",
            figure=figure,
            unit="transfers/s",
            p50_ms=took[len(took) // 2] * 1e3,
            p99_ms=took[int(len(took) * 0.99)] * 1e3,
            limit=limit,
            limit_name=f"bare inserts of the same rows, {BATCH} a batch",
            peak_mb=peak_mb(os.getpid()),
            seconds=sum(took),
            audit=asyncio.run(_audit(ground)),
            batch=BATCH,
        )


async def _audit(ground: Ground) -> str:
    # Transfers without orders are named by the other checks rightly; what the ledger itself keeps is what counts here.
    db = ground.database()
    try:
        checks = (await run_audit(db)).checks
    finally:
        await db.close()
    kept = [check for check in checks if check.name in _LEDGER_CHECKS]
    assert len(kept) == len(_LEDGER_CHECKS), "the audit has these checks"
    found = sum(len(check.findings) for check in kept)
    return "clean" if not found else str(found)


_LEDGER_CHECKS = frozenset(
    {
        "balances are the sums of their transfers",
        "transfers join two accounts of their currency, and end a pending one as it was",
        "a holding account pays out no more than came in",
        "debits and credits of a currency are equal",
        "each transfer is told by one event, as it is",
        "events fold to balances",
        "account ids and bounds follow from kind and owner",
        "request hashes of transfers",
    }
)


async def _measure(ground: Ground, *, seconds: float) -> tuple[float, float, list[float]]:
    async with ground.open_house() as house:
        connection = await house.db.raw()
        owner = await asyncpg.connect(**asyncpg_args(ground.url))
        try:
            await owner.execute(
                "CREATE TABLE bare_transfers (LIKE ledger_transfers INCLUDING ALL);"
                " GRANT INSERT ON bare_transfers TO fissile_app"
            )
            payees = [(new_id(at=datetime.now(UTC), rng=_CHANCE), number % 2) for number in range(PAYEES)]
            await _batch(connection, _POST, _rows(payees), opening=payees)  # plans, caches, the first pages
            posted: list[float] = []
            bare: list[float] = []
            while sum(posted) < seconds:
                rows = _rows(payees)
                posted.append(await _batch(connection, _POST, rows, opening=payees))
                bare.append(await _batch(connection, _BARE, rows, opening=()))
            return BATCH * len(posted) / sum(posted), BATCH * len(bare) / sum(bare), posted
        finally:
            await connection.close()
            await owner.close()


async def _batch(
    connection: asyncpg.Connection, statement: str, rows: Sequence[Transfer], *, opening: Sequence[tuple[UUID, int]]
) -> float:
    """Run one batch and return how many seconds it took, its commit included."""
    if opening:
        accounts = {account for one in rows for account in (one.debit, one.credit)}
        await connection.execute(_OPEN, *account_columns(accounts, at=rows[0].at))
    given = columns([_columns(one) for one in rows], width=len(_TYPES))
    started = time.perf_counter()
    await connection.execute(statement, *given)
    return time.perf_counter() - started


def _rows(payees: Sequence[tuple[UUID, int]]) -> list[Transfer]:
    at = datetime.now(UTC)
    made: list[Transfer] = []
    for number in range(BATCH // 5):
        order_id = new_id(at=at, rng=_CHANCE)
        promoter, merchant = payees[2 * number % PAYEES][0], payees[(2 * number + 1) % PAYEES][0]
        holding = Account(Kind.ORDER_HOLDING, None, "CNY")
        made.append(_transfer(order_id, Account(Kind.GATEWAY_CLEARING, None, "CNY"), holding, 10_000, "single", at))
        parts = (
            (Account(Kind.COMMISSION_PAYABLE, promoter, "CNY"), 1_000),
            (Account(Kind.PLATFORM_FEE, None, "CNY"), 500),
            (Account(Kind.MERCHANT_PAYABLE, merchant, "CNY"), 8_500),
        )
        held = [_transfer(order_id, holding, account, amount, "pending", at) for account, amount in parts]
        made += held
        made.append(_transfer(order_id, holding, held[0].credit, 1_000, "post", at, pending_id=held[0].id))
    return made


def _transfer(
    order_id: UUID,
    debit: Account,
    credit: Account,
    amount_minor: int,
    phase: Any,
    at: datetime,
    *,
    pending_id: UUID | None = None,
) -> Transfer:
    return Transfer(
        id=new_id(at=at, rng=_CHANCE),
        debit=debit,
        credit=credit,
        amount_minor=amount_minor,
        phase=phase,
        reason="bench",
        subject_id=order_id,
        key=f"{phase}:{order_id}:{credit.kind}",
        at=at,
        pending_id=pending_id,
    )


def _columns(one: Transfer) -> tuple[Any, ...]:
    return (
        one.id,
        one.debit.id,
        one.credit.id,
        one.amount_minor,
        one.currency,
        one.phase,
        one.pending_id,
        one.reason,
        one.subject_id,
        one.key,
        one.request_hash,
        one.at,
    )
