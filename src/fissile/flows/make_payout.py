"""The first of two people: everybody with a balance is to be paid."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.release_operations import lock_payable, put_into_items
from fissile.domain.ledger.operations import post
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.errors import NothingDue, PayoutKeyReused
from fissile.domain.payouts.model import Batch, Item
from fissile.domain.payouts.rules import OFFICERS, hold
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import Money

# The clearing account too, so that all are locked in one order of ids.
_AVAILABLE = text("""
SELECT id, kind, owner_id, credits_posted - debits_posted - debits_pending AS available
  FROM ledger_accounts
 WHERE currency = :currency AND kind IN ('commission_payable', 'merchant_payable', 'payout_clearing')
 ORDER BY id FOR NO KEY UPDATE
""")
# Released after this transaction had locked what it pays: seen in the balances now, but left to the next payout.
_RELEASED_SINCE = text("""
SELECT promoter_id, sum(amount_minor - taken_back_minor)::bigint AS amount FROM commissions
 WHERE currency = :currency AND state = 'released' AND payout_item_id IS NULL AND id <> ALL (CAST(:locked AS uuid[]))
 GROUP BY promoter_id
""")


async def make_payout(
    db: Database, *, currency: str, actor: Actor, idempotency_key: str, at: datetime, rng: Chance
) -> Batch:
    """
    Make a batch that pays everybody who has a positive balance in a currency; a payout officer calls it.

    One item for each promoter and merchant: what is posted to their account and in no other payout. Debts from
    refunds lower it. The money is held by pending transfers until another officer approves or drops the batch. The
    same key again returns the first batch.

    :raises RoleNotAllowed: if the actor is no payout officer; the house may not either, a batch has a maker
    :raises PayoutKeyReused: if the key was used for another currency or by another officer
    :raises NothingDue: if there is nobody to pay
    """
    require(actor, OFFICERS)
    if actor.member_id is None:
        raise RoleNotAllowed(needed=", ".join(OFFICERS))
    batch_id = new_id(at=at, rng=rng)
    async with db.transaction() as connection:
        locked = await lock_payable(connection, currency=currency)
        if not await operations.open_batch(
            connection, batch_id=batch_id, currency=currency, made_by=actor.member_id, key=idempotency_key, at=at
        ):
            first = await operations.batch_by_key(connection, key=idempotency_key)
            if (first.currency, first.made_by) != (currency, actor.member_id):
                raise PayoutKeyReused()
            return first
        items = await _items(connection, currency=currency, locked=[one for one, _ in locked], at=at, rng=rng)
        if not items:
            raise NothingDue(currency=currency)

        await post(connection, transfers=[hold(batch_id, item, at=at) for item in items])
        await operations.add_items(connection, batch_id=batch_id, items=items)
        item_of = {item.payee_id: item.id for item in items if item.payee == "promoter"}
        await put_into_items(
            connection, item_of={one: item_of[promoter] for one, promoter in locked if promoter in item_of}
        )
        batch = Batch(
            id=batch_id,
            currency=currency,
            state="made",
            made_by=actor.member_id,
            approved_by=None,
            made_at=at,
            items=items,
        )
        told = {
            "currency": currency,
            "total": batch.total.minor,
            "items": [[str(item.id), item.payee, str(item.payee_id), item.amount.minor] for item in items],
        }
        await record_events(connection, happened=[Event("payout.made", batch_id, told)], actor=actor, at=at)
        await record_act(
            connection,
            act="make_payout",
            subject=public_id("pob", batch_id),
            detail={"currency": currency, "total_minor": batch.total.minor, "items": len(items)},
            actor=actor,
            at=at,
            rng=rng,
        )
    return batch


async def _items(
    connection: AsyncConnection, *, currency: str, locked: list[UUID], at: datetime, rng: Chance
) -> tuple[Item, ...]:
    """Lock every account that may be paid and return what each is paid, by account."""
    accounts: list[Row[Any]] = list(await connection.execute(_AVAILABLE, {"currency": currency}))
    found = await connection.execute(_RELEASED_SINCE, {"currency": currency, "locked": locked})
    since = {row.promoter_id: row.amount for row in found}
    made = []
    for row in accounts:
        amount = row.available - (since.get(row.owner_id, 0) if row.kind == "commission_payable" else 0)
        if row.owner_id is not None and amount > 0:
            made.append(
                Item(
                    id=new_id(at=at, rng=rng),
                    payee="promoter" if row.kind == "commission_payable" else "merchant",
                    payee_id=row.owner_id,
                    amount=Money(amount, currency),
                    transfer_id=new_id(at=at, rng=rng),
                )
            )
    return tuple(made)
