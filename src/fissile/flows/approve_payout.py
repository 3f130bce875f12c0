"""The second of two people: the payout goes out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.release_operations import lock_in_items, mark_paid
from fissile.domain.ledger.model import Account, Kind
from fissile.domain.ledger.operations import post
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.errors import PayoutOverdrawn
from fissile.domain.payouts.model import Batch
from fissile.domain.payouts.rules import OFFICERS, check_approval, end
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id

_OWED = text("""
SELECT kind, owner_id, credits_posted - debits_posted - debits_pending AS available FROM ledger_accounts
 WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE
""")


async def approve_payout(db: Database, *, batch_id: UUID, actor: Actor, at: datetime, rng: Chance) -> None:
    """
    Let a batch go out; a payout officer calls it, another one than its maker (the database holds that too).

    What is paid by hand counts as paid now: its transfers are posted and its commissions paid, but for those that a
    refund has taken back since it was made. What goes by a bank's file or the gateway is put into the outbox and
    paid when they say so. An item whose account changed since it was made is held there for a decision.

    :raises RoleNotAllowed: if the actor is no payout officer; the house may not either
    :raises PayoutUnknown: if there is no such batch
    :raises PayoutStateDiffers: if it was approved or dropped already, or is a proposal that nobody has taken over
    :raises SamePerson: if the actor made it
    :raises PayoutOverdrawn: if a refund since then has left a payee with less than the batch pays
    """
    require(actor, OFFICERS)
    if actor.member_id is None:
        raise RoleNotAllowed(needed=", ".join(OFFICERS))
    async with db.transaction() as connection:
        items = await operations.items_of(connection, batch_id=batch_id)
        by_hand = [item for item in items if item.method == "hand"]
        commission_ids = await lock_in_items(connection, item_ids=[item.id for item in by_hand])
        batch = await operations.lock_batch(connection, batch_id=batch_id, items=items)
        check_approval(batch, approver_id=actor.member_id)
        await _check_owed(connection, batch)

        await operations.mark_approved(connection, batch_id=batch_id, approved_by=actor.member_id, at=at)
        await operations.add_sendings(connection, batch_id=batch_id, items=items, at=at)
        held = await operations.hold_stale(connection, batch_id=batch_id, at=at)
        await mark_paid(connection, commission_ids=commission_ids, at=at)
        await post(
            connection,
            transfers=[one for item in by_hand for one in end(batch_id, item, phase="post", at=at, rng=rng)],
        )
        paid = await operations.finish_if_ended(connection, batch_id=batch_id, at=at)
        happened = [Event("payout.approved", batch_id, {"total": batch.total.minor})]
        for item in items:
            name = "payout_item.confirmed" if item.method == "hand" else "payout_item.owed"
            happened.append(Event(name, item.id, {"batch": str(batch_id), "amount": item.net.minor}))
        happened += [Event("payout_item.held", one, {"reason": reason}) for one, reason in held]
        happened += [Event("payout.paid", batch_id, {"total": batch.total.minor})] if paid else []
        happened += [Event("commission.paid", one, {"batch": str(batch_id)}) for one in commission_ids]
        await record_events(connection, happened=happened, actor=actor, at=at)
        await record_act(
            connection,
            act="approve_payout",
            subject=public_id("pob", batch_id),
            detail={"currency": batch.currency, "total_minor": batch.total.minor, "items": len(items)},
            actor=actor,
            at=at,
            rng=rng,
        )


async def _check_owed(connection: AsyncConnection, batch: Batch) -> None:
    """Lock the accounts and check that what the batch holds is still owed."""
    clearing = [Account(kind, None, batch.currency).id for kind in (Kind.PAYOUT_CLEARING, Kind.WITHHOLDING_PAYABLE)]
    rows = await connection.execute(_OWED, {"ids": [*clearing, *(item.account.id for item in batch.items)]})
    overdrawn = sum(row.available < 0 for row in rows if row.owner_id is not None)
    if overdrawn:
        raise PayoutOverdrawn(count=overdrawn)
