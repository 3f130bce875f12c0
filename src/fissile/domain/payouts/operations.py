"""Writing payout batches and the outbox: rows locked first, states changed by naming the old one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.payouts.errors import PayoutItemUnknown, PayoutUnknown
from fissile.domain.payouts.model import OPEN_STATES, Batch, Item, Method, Run, Sending, SendingState
from fissile.domain.payouts.tables import (
    payout_batches,
    payout_files,
    payout_items,
    payout_results,
    payout_runs,
    payout_sendings,
)
from fissile.kernel.ids import public_id
from fissile.kernel.money import Money

_LOCK_BATCH = select(payout_batches).where(payout_batches.c.id == bindparam("batch_id")).with_for_update(key_share=True)
_BY_KEY = select(payout_batches).where(payout_batches.c.idempotency_key == bindparam("key"))
_ITEMS = select(payout_items).where(payout_items.c.batch_id == bindparam("batch_id")).order_by(payout_items.c.id)
_OUTBOX = ("state", "attempts", "changes", "unclear", "reference", "created_at", "confirmed_at")
_SENDING = (
    select(payout_items, *(payout_sendings.c[name] for name in _OUTBOX))
    .join(payout_sendings, payout_sendings.c.item_id == payout_items.c.id)
    .where(payout_items.c.id == bindparam("item_id"))
)
_IDS = any_(bindparam("ids", type_=ARRAY(Uuid())))
_LOCK_BATCHES_OF = (
    select(payout_batches.c.id)
    .where(payout_batches.c.id.in_(select(payout_sendings.c.batch_id).where(payout_sendings.c.item_id == _IDS)))
    .order_by(payout_batches.c.id)
    .with_for_update(key_share=True)
)
_LOCK_SENDINGS = (
    select(payout_sendings.c.item_id)
    .where(payout_sendings.c.item_id == _IDS)
    .order_by(payout_sendings.c.item_id)
    .with_for_update()
)
_FILE_MADE = text("""
SELECT EXISTS (
  SELECT FROM payout_sendings s
    JOIN payout_items i ON i.id = s.item_id
    JOIN payout_account_details d ON d.version_id = i.account_version_id
    JOIN payout_files f ON f.batch_id = s.batch_id AND f.bank = d.bank
   WHERE s.item_id = :item AND s.method = 'file')
""")
_LOCK_ACCOUNTS_OF = text("""
SELECT a.id FROM ledger_accounts a
 WHERE a.id IN (SELECT unnest(ARRAY[t.debit_account_id, t.credit_account_id])
                  FROM payout_items i JOIN ledger_transfers t ON t.id IN (i.transfer_id, i.withholding_transfer_id)
                 WHERE i.id = ANY (CAST(:ids AS uuid[])))
 ORDER BY a.id FOR NO KEY UPDATE
""")
# Items that wait to be sent, but not to the account that their payee has now, or that would pay more than is owed.
_HOLD_STALE = text("""
WITH stale AS (
  SELECT s.item_id,
         CASE WHEN n.state = 'closed' THEN 'account_closed' WHEN n.id <> i.account_version_id THEN 'account_changed'
              ELSE 'overdrawn' END AS reason
    FROM payout_sendings s
    JOIN payout_items i ON i.id = s.item_id
    JOIN LATERAL (SELECT v.id, v.state FROM payout_account_versions v
                   WHERE v.payee = i.payee AND v.payee_id = i.payee_id AND v.currency = i.currency
                   ORDER BY v.version DESC LIMIT 1) n ON true
    LEFT JOIN ledger_accounts a
      ON a.kind = CASE i.payee WHEN 'promoter' THEN 'commission_payable' ELSE 'merchant_payable' END
     AND a.owner_id = i.payee_id AND a.currency = i.currency
   WHERE s.state = 'owed' AND NOT s.unclear AND s.decided_by IS NULL
     AND (CAST(:batch_id AS uuid) IS NULL OR s.batch_id = :batch_id)
     AND (CAST(:payee_id AS uuid) IS NULL OR i.payee_id = :payee_id)
     AND (n.id <> i.account_version_id OR n.state = 'closed'
          OR a.credits_posted - a.debits_posted - a.debits_pending < 0)
   ORDER BY s.item_id FOR UPDATE OF s SKIP LOCKED
)
UPDATE payout_sendings s SET state = 'held', reason = stale.reason, changed_at = :at, next_at = NULL,
       changes = s.changes + 1
  FROM stale WHERE s.item_id = stale.item_id AND s.state = 'owed' RETURNING s.item_id, s.reason
""")
_CLAIM = text("""
WITH due AS (
  SELECT item_id FROM payout_sendings
   WHERE method = 'gateway' AND state = ANY (CAST(:states AS text[])) AND next_at <= :at
   ORDER BY next_at, item_id LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE payout_sendings s
   SET state = CASE s.state WHEN 'owed' THEN 'sending' WHEN 'sending' THEN 'unknown' ELSE s.state END,
       reason = CASE s.state WHEN 'sending' THEN 'interrupted' ELSE s.reason END,
       unclear = s.unclear OR s.state = 'sending',
       attempts = s.attempts + CASE s.state WHEN 'owed' THEN 1 ELSE 0 END,
       changes = s.changes + CASE WHEN s.state IN ('owed', 'sending') THEN 1 ELSE 0 END,
       changed_at = CASE WHEN s.state IN ('owed', 'sending') THEN :at ELSE s.changed_at END,
       next_at = :again_at
  FROM due WHERE s.item_id = due.item_id RETURNING s.item_id, s.state, s.attempts, s.changed_at = :at AS fresh
""")


async def open_batch(
    connection: AsyncConnection, *, batch_id: UUID, currency: str, made_by: UUID | None, key: str, at: datetime
) -> bool:
    """Write a batch and say if its key was new; a transaction that is writing the same key is waited for."""
    made = insert(payout_batches).values(
        id=batch_id,
        currency=currency,
        state="proposed" if made_by is None else "made",
        made_by=made_by,
        idempotency_key=key,
        made_at=at,
    )
    written = await connection.execute(
        made.on_conflict_do_nothing(index_elements=["idempotency_key"]).returning(payout_batches.c.id)
    )
    return written.first() is not None


async def add_items(connection: AsyncConnection, *, batch_id: UUID, items: tuple[Item, ...]) -> None:
    """Write the items of a batch."""
    await connection.execute(
        payout_items.insert(),
        [
            {
                "id": item.id,
                "batch_id": batch_id,
                "payee": item.payee,
                "payee_id": item.payee_id,
                "amount_minor": item.amount.minor,
                "currency": item.amount.currency,
                "transfer_id": item.transfer_id,
                "withheld_minor": item.withheld_minor,
                "withholding_id": item.withholding_id,
                "withholding_transfer_id": item.withholding_transfer_id,
                "account_version_id": item.account_version_id,
                "method": item.method,
            }
            for item in items
        ],
    )


async def items_of(connection: AsyncConnection, *, batch_id: UUID) -> tuple[Item, ...]:
    """Return the items of a batch; they never change."""
    return tuple(_item(row) for row in await connection.execute(_ITEMS, {"batch_id": batch_id}))


async def lock_batch(connection: AsyncConnection, *, batch_id: UUID, items: tuple[Item, ...]) -> Batch:
    """
    Lock a batch for the rest of the transaction and return it with its items.

    :raises PayoutUnknown: if there is none
    """
    row = (await connection.execute(_LOCK_BATCH, {"batch_id": batch_id})).first()
    if row is None:
        raise PayoutUnknown(payout=public_id("pob", batch_id))
    return _batch(row, items)


async def batch_by_key(connection: AsyncConnection, *, key: str) -> Batch:
    """Return the batch that this key has made."""
    row = (await connection.execute(_BY_KEY, {"key": key})).one()
    return _batch(row, await items_of(connection, batch_id=row.id))


async def mark_taken(connection: AsyncConnection, *, batch_id: UUID, made_by: UUID, at: datetime) -> None:
    """Change a locked batch from proposed to made."""
    await _change(connection, batch_id=batch_id, old={"proposed"}, state="made", made_by=made_by, taken_at=at)


async def mark_approved(connection: AsyncConnection, *, batch_id: UUID, approved_by: UUID, at: datetime) -> None:
    """Change a locked batch from made to approved."""
    await _change(
        connection, batch_id=batch_id, old={"made"}, state="approved", approved_by=approved_by, approved_at=at
    )


async def mark_dropped(connection: AsyncConnection, *, batch_id: UUID, at: datetime) -> None:
    """Change a locked batch that waits to dropped."""
    await _change(connection, batch_id=batch_id, old={"proposed", "made"}, state="dropped", dropped_at=at)


async def finish_if_ended(connection: AsyncConnection, *, batch_id: UUID, at: datetime) -> bool:
    """Change a locked approved batch to paid if none of its items is on its way, and say if it was changed."""
    waiting = select(payout_sendings.c.item_id).where(
        payout_sendings.c.batch_id == batch_id, payout_sendings.c.state.in_(OPEN_STATES)
    )
    changed = await connection.execute(
        update(payout_batches)
        .where(payout_batches.c.id == batch_id, payout_batches.c.state == "approved", ~waiting.exists())
        .values(state="paid", paid_at=at)
    )
    return changed.rowcount == 1


async def add_sendings(connection: AsyncConnection, *, batch_id: UUID, items: Sequence[Item], at: datetime) -> None:
    """Write the outbox of a batch that is approved: by hand is confirmed at once, the rest is owed."""
    await connection.execute(
        payout_sendings.insert(),
        [
            {
                "item_id": item.id,
                "batch_id": batch_id,
                "method": item.method,
                "state": "confirmed" if item.method == "hand" else "owed",
                "created_at": at,
                "changed_at": at,
                "next_at": at if item.method == "gateway" else None,
                "confirmed_at": at if item.method == "hand" else None,
            }
            for item in items
        ],
    )


async def hold_stale(
    connection: AsyncConnection, *, at: datetime, batch_id: UUID | None = None, payee_id: UUID | None = None
) -> list[tuple[UUID, str]]:
    """
    Hold items that wait to be sent, if their account changed since or they would pay more than is owed.

    Return the items with the reason; ``batch_id`` and ``payee_id`` narrow what is looked at.
    """
    found = await connection.execute(_HOLD_STALE, {"at": at, "batch_id": batch_id, "payee_id": payee_id})
    return [(row.item_id, row.reason) for row in found]


async def claim(
    connection: AsyncConnection, *, states: Collection[SendingState], at: datetime, again_at: datetime, limit: int
) -> list[tuple[UUID, SendingState, int, bool]]:
    """
    Claim gateway items whose moment has come; nobody else gets them before ``again_at``.

    What is owed becomes sending; what was left as sending by somebody who died becomes unknown. Return (item, state
    now, attempts, whether this call changed it).
    """
    values = {"states": list(states), "at": at, "again_at": again_at, "most": limit}
    found = await connection.execute(_CLAIM, values)
    return [(row.item_id, row.state, row.attempts, row.fresh) for row in found]


async def sending_of(connection: AsyncConnection, *, item_id: UUID, lock: bool = False) -> Sending:
    """
    Return an item in the outbox, locked for the rest of the transaction if asked for.

    :raises PayoutItemUnknown: if there is none
    """
    wanted = _SENDING.with_for_update(of=payout_sendings) if lock else _SENDING
    row = (await connection.execute(wanted, {"item_id": item_id})).first()
    if row is None:
        raise PayoutItemUnknown(item=public_id("poi", item_id))
    return Sending(
        item=_item(row),
        batch_id=row.batch_id,
        state=row.state,
        attempts=row.attempts,
        changes=row.changes,
        unclear=row.unclear,
        reference=row.reference,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
    )


async def lock_all_sendings(connection: AsyncConnection, *, item_ids: Sequence[UUID]) -> None:
    """
    Lock many items of any batches with all that their ends change, in the order of the house.

    Their commissions are locked before; one item after another would lock a batch after an account.
    """
    for statement in (_LOCK_BATCHES_OF, _LOCK_SENDINGS, _LOCK_ACCOUNTS_OF):
        await connection.execute(statement, {"ids": list(item_ids)})


async def change_sending(
    connection: AsyncConnection, *, sending: Sending, state: SendingState, at: datetime, **values: Any
) -> None:
    """Change a locked item of the outbox; ``values`` are further columns."""
    changed = await connection.execute(
        update(payout_sendings)
        .where(payout_sendings.c.item_id == sending.item.id, payout_sendings.c.changes == sending.changes)
        .values(state=state, changed_at=at, changes=sending.changes + 1, **values)
    )
    assert changed.rowcount == 1, "it was locked as it is"


async def ask_later(connection: AsyncConnection, *, item_id: UUID, next_at: datetime | None) -> None:
    """Set when the gateway is spoken to next about an item; no state changes."""
    await connection.execute(
        update(payout_sendings).where(payout_sendings.c.item_id == item_id).values(next_at=next_at)
    )


async def put_into_file(
    connection: AsyncConnection, *, file: dict[str, Any], item_ids: Sequence[UUID], at: datetime
) -> None:
    """Write a bank's file and change its locked items from owed to sent."""
    await connection.execute(payout_files.insert(), file)
    changed = await connection.execute(
        update(payout_sendings)
        .where(payout_sendings.c.item_id == _IDS, payout_sendings.c.state == "owed")
        .values(state="sent", file_id=file["id"], changed_at=at, changes=payout_sendings.c.changes + 1, attempts=1),
        {"ids": list(item_ids)},
    )
    assert changed.rowcount == len(item_ids), "they were locked as owed"


async def is_file_made(connection: AsyncConnection, *, item_id: UUID) -> bool:
    """Return whether an item of a locked batch goes by a bank whose file of this batch is made."""
    return bool((await connection.execute(_FILE_MADE, {"item": item_id})).scalar_one())


async def keep_results(
    connection: AsyncConnection, *, sha256: bytes, taken_by: UUID | None, told: list[Any], at: datetime
) -> datetime | None:
    """Keep a result file's hash and what it was answered; return when the same file was taken before, or None."""
    made = insert(payout_results).values(sha256=sha256, taken_by=taken_by, taken_at=at, told=told)
    if (await connection.execute(made.on_conflict_do_nothing().returning(payout_results.c.sha256))).first():
        return None
    found = select(payout_results.c.taken_at).where(payout_results.c.sha256 == sha256)
    before: datetime = (await connection.execute(found)).scalar_one()
    return before


async def add_run(connection: AsyncConnection, *, run: Run, batch_id: UUID | None, at: datetime) -> bool:
    """Write that a scheduled day was run, and say if it was the first time."""
    made = insert(payout_runs).values(
        payee=run.terms.payee,
        currency=run.terms.currency,
        day=run.day,
        terms_id=run.terms.id,
        batch_id=batch_id,
        ran_at=at,
    )
    return (await connection.execute(made.on_conflict_do_nothing().returning(payout_runs.c.day))).first() is not None


async def last_runs(connection: AsyncConnection) -> dict[tuple[str, str], date]:
    """Return the last day that was run, by (payee, currency)."""
    last = select(payout_runs.c.payee, payout_runs.c.currency, func.max(payout_runs.c.day).label("day"))
    found = await connection.execute(last.group_by(payout_runs.c.payee, payout_runs.c.currency))
    return {(row.payee, row.currency): row.day for row in found}


async def _change(connection: AsyncConnection, *, batch_id: UUID, old: set[str], **values: Any) -> None:
    changed = await connection.execute(
        update(payout_batches).where(payout_batches.c.id == batch_id, payout_batches.c.state.in_(old)).values(**values)
    )
    assert changed.rowcount == 1, "it was locked in the old state"


def _item(row: Any) -> Item:
    method: Method = row.method
    return Item(
        id=row.id,
        payee=row.payee,
        payee_id=row.payee_id,
        amount=Money(row.amount_minor, row.currency),
        transfer_id=row.transfer_id,
        withheld_minor=row.withheld_minor,
        withholding_id=row.withholding_id,
        withholding_transfer_id=row.withholding_transfer_id,
        account_version_id=row.account_version_id,
        method=method,
    )


def _batch(row: Any, items: tuple[Item, ...]) -> Batch:
    return Batch(
        id=row.id,
        currency=row.currency,
        state=row.state,
        made_by=row.made_by,
        approved_by=row.approved_by,
        made_at=row.made_at,
        items=items,
    )
