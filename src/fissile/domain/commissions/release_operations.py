"""Changing the parts of paid lines: rows locked first, states changed by naming the old one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.releases import Part, TakenBack
from fissile.domain.commissions.tables import commissions, line_proceeds, refund_parts

_COMMISSIONS = select(
    commissions.c.id,
    commissions.c.order_id,
    commissions.c.line_no,
    commissions.c.level,
    commissions.c.promoter_id,
    commissions.c.amount_minor,
    commissions.c.taken_back_minor,
    commissions.c.currency,
    commissions.c.state,
    commissions.c.transfer_id,
)
_PROCEEDS = select(
    line_proceeds.c.order_id,
    line_proceeds.c.line_no,
    line_proceeds.c.payee,
    line_proceeds.c.merchant_id,
    line_proceeds.c.amount_minor,
    line_proceeds.c.taken_back_minor,
    line_proceeds.c.currency,
    line_proceeds.c.state,
    line_proceeds.c.transfer_id,
)
# One array, however many: a statement takes at most 32,767 single parameters.
_IDS = any_(bindparam("ids", type_=ARRAY(Uuid())))
_ITEMS = any_(bindparam("item_ids", type_=ARRAY(Uuid())))
_COMMISSIONS_OF_ORDER = (
    _COMMISSIONS.where(commissions.c.order_id == bindparam("order_id"))
    .order_by(commissions.c.id)
    .with_for_update(key_share=True)
)
_PROCEEDS_OF_ORDER = (
    _PROCEEDS.where(line_proceeds.c.order_id == bindparam("order_id"))
    .order_by(line_proceeds.c.order_id, line_proceeds.c.line_no, line_proceeds.c.payee)
    .with_for_update(key_share=True)
)
# Nobody waits here: what a refund holds at this moment is taken back by it, or is found by the next sweep.
_DUE_COMMISSIONS = (
    _COMMISSIONS.where(commissions.c.state == "held", commissions.c.hold_until <= bindparam("now"))
    .order_by(commissions.c.hold_until)
    .limit(bindparam("most"))
    .with_for_update(key_share=True, skip_locked=True)
)
_DUE_PROCEEDS = (
    _PROCEEDS.where(line_proceeds.c.state == "held", line_proceeds.c.hold_until <= bindparam("now"))
    .order_by(line_proceeds.c.hold_until)
    .limit(bindparam("most"))
    .with_for_update(key_share=True, skip_locked=True)
)
_RELEASE_PROCEEDS = text("""
UPDATE line_proceeds p SET state = 'released', released_at = :at
  FROM unnest(CAST(:orders AS uuid[]), CAST(:lines AS bigint[]), CAST(:payees AS text[]))
         AS k (order_id, line_no, payee)
 WHERE p.order_id = k.order_id AND p.line_no = k.line_no AND p.payee = k.payee AND p.state = 'held'
""")
# A held part that is left in part is held by another transfer from now on.
_TAKE_COMMISSIONS = text("""
UPDATE commissions c
   SET taken_back_minor = c.taken_back_minor + k.amount, transfer_id = coalesce(k.again, c.transfer_id),
       state = CASE WHEN c.taken_back_minor + k.amount = c.amount_minor THEN 'taken_back' ELSE c.state END,
       taken_back_at = CASE WHEN c.taken_back_minor + k.amount = c.amount_minor THEN CAST(:at AS timestamptz) END
  FROM unnest(CAST(:ids AS uuid[]), CAST(:amounts AS bigint[]), CAST(:again AS uuid[])) AS k (id, amount, again)
 WHERE c.id = k.id AND c.state <> 'taken_back'
""")
_TAKE_PROCEEDS = text("""
UPDATE line_proceeds p
   SET taken_back_minor = p.taken_back_minor + k.amount, transfer_id = coalesce(k.again, p.transfer_id),
       state = CASE WHEN p.taken_back_minor + k.amount = p.amount_minor THEN 'taken_back' ELSE p.state END
  FROM unnest(CAST(:lines AS bigint[]), CAST(:payees AS text[]), CAST(:amounts AS bigint[]), CAST(:again AS uuid[]))
         AS k (line_no, payee, amount, again)
 WHERE p.order_id = :order_id AND p.line_no = k.line_no AND p.payee = k.payee AND p.state <> 'taken_back'
""")
_PAYABLE = (
    select(commissions.c.id, commissions.c.promoter_id)
    .where(
        commissions.c.state == "released",
        commissions.c.payout_item_id.is_(None),
        commissions.c.currency == bindparam("currency"),
    )
    .order_by(commissions.c.id)
    .with_for_update(key_share=True)
)
_IN_ITEMS = (
    select(commissions.c.id, commissions.c.state)
    .where(commissions.c.payout_item_id == _ITEMS)
    .order_by(commissions.c.id)
    .with_for_update(key_share=True)
)
_PUT_INTO_ITEMS = text("""
UPDATE commissions SET payout_item_id = item.id
  FROM unnest(CAST(:commission_ids AS uuid[]), CAST(:item_ids AS uuid[])) AS item (commission_id, id)
 WHERE commissions.id = item.commission_id AND commissions.state = 'released' AND commissions.payout_item_id IS NULL
""")


async def lock_parts_of_order(connection: AsyncConnection, *, order_id: UUID) -> list[Part]:
    """Lock and return every part of an order's money: commissions by id, then proceeds by line and payee."""
    found = [_commission(row) for row in await connection.execute(_COMMISSIONS_OF_ORDER, {"order_id": order_id})]
    return found + [_proceeds(row) for row in await connection.execute(_PROCEEDS_OF_ORDER, {"order_id": order_id})]


# A condition on the id of an order.
Waits = Callable[[ColumnElement[UUID]], ColumnElement[bool]]


async def lock_due_parts(
    connection: AsyncConnection,
    *,
    at: datetime,
    limit: int,
    waits: Waits,
) -> list[Part]:
    """
    Lock up to ``limit`` held parts whose hold is over (its last moment included), commissions first.

    Parts of orders for which ``waits`` (a condition on the order's id) is true are left until it is not.
    """
    commissions_due = _DUE_COMMISSIONS.where(~waits(commissions.c.order_id))
    due = [_commission(row) for row in await connection.execute(commissions_due, {"now": at, "most": limit})]
    rest = limit - len(due)
    proceeds_due = _DUE_PROCEEDS.where(~waits(line_proceeds.c.order_id))
    return due + [_proceeds(row) for row in await connection.execute(proceeds_due, {"now": at, "most": rest})]


async def mark_released(connection: AsyncConnection, *, parts: Sequence[Part], at: datetime) -> None:
    """Change locked parts from held to released."""
    commission_ids = [part.commission_id for part in parts if part.commission_id is not None]
    if commission_ids:
        changed = await connection.execute(
            update(commissions)
            .where(commissions.c.id == _IDS, commissions.c.state == "held")
            .values(state="released", released_at=at),
            {"ids": commission_ids},
        )
        assert changed.rowcount == len(commission_ids), "they were locked as held"
    keys = [(part.order_id, part.line_no, part.payee) for part in parts if part.commission_id is None]
    if keys:
        changed = await connection.execute(
            _RELEASE_PROCEEDS,
            {
                "orders": [key[0] for key in keys],
                "lines": [key[1] for key in keys],
                "payees": [key[2] for key in keys],
                "at": at,
            },
        )
        assert changed.rowcount == len(keys), "they were locked as held"


async def take_parts_back(
    connection: AsyncConnection, *, order_id: UUID, refund_id: UUID, taken: Sequence[TakenBack], at: datetime
) -> None:
    """Write what a refund takes of the locked parts of an order, and count it on them."""
    earned = [one for one in taken if one.part.commission_id is not None]
    kept = [one for one in taken if one.part.commission_id is None]
    if earned:
        changed = await connection.execute(
            _TAKE_COMMISSIONS,
            {
                "ids": [one.part.commission_id for one in earned],
                "amounts": [one.amount_minor for one in earned],
                "again": [_held_again(one) for one in earned],
                "at": at,
            },
        )
        assert changed.rowcount == len(earned), "they were locked and not yet taken back wholly"
    if kept:
        changed = await connection.execute(
            _TAKE_PROCEEDS,
            {
                "order_id": order_id,
                "lines": [one.part.line_no for one in kept],
                "payees": [one.part.payee for one in kept],
                "amounts": [one.amount_minor for one in kept],
                "again": [_held_again(one) for one in kept],
            },
        )
        assert changed.rowcount == len(kept), "they were locked and not yet taken back wholly"
    if taken:
        await connection.execute(
            insert(refund_parts),
            [
                {
                    "refund_id": refund_id,
                    "line_no": one.part.line_no,
                    "payee": one.part.payee,
                    "amount_minor": one.amount_minor,
                    "ended_id": one.ended_id,
                    "transfer_id": one.transfer_id,
                }
                for one in taken
            ],
        )


async def lock_payable(connection: AsyncConnection, *, currency: str) -> list[tuple[UUID, UUID]]:
    """Lock released commissions that are in no payout; return (commission, promoter) by id."""
    return [(row.id, row.promoter_id) for row in await connection.execute(_PAYABLE, {"currency": currency})]


async def put_into_items(connection: AsyncConnection, *, item_of: dict[UUID, UUID]) -> None:
    """Write the payout item of each locked commission."""
    changed = await connection.execute(
        _PUT_INTO_ITEMS, {"commission_ids": list(item_of), "item_ids": list(item_of.values())}
    )
    assert changed.rowcount == len(item_of), "they were locked as released and in no payout"


async def lock_in_items(connection: AsyncConnection, *, item_ids: Sequence[UUID]) -> list[UUID]:
    """Lock the commissions of payout items; return those that were not taken back meanwhile."""
    found = await connection.execute(_IN_ITEMS, {"item_ids": list(item_ids)})
    return [row.id for row in found if row.state == "released"]


async def mark_paid(connection: AsyncConnection, *, commission_ids: Sequence[UUID], at: datetime) -> None:
    """Change locked commissions from released to paid."""
    changed = await connection.execute(
        update(commissions)
        .where(commissions.c.id == _IDS, commissions.c.state == "released")
        .values(state="paid", paid_at=at),
        {"ids": list(commission_ids)},
    )
    assert changed.rowcount == len(commission_ids), "they were locked as released"


async def lock_paid_in_items(connection: AsyncConnection, *, item_ids: Sequence[UUID]) -> list[UUID]:
    """Lock the commissions of payout items that came back; return those that are paid and were not taken back."""
    found = await connection.execute(_IN_ITEMS, {"item_ids": list(item_ids)})
    return [row.id for row in found if row.state == "paid"]


async def mark_unpaid(connection: AsyncConnection, *, commission_ids: Sequence[UUID]) -> None:
    """Change locked commissions whose payout came back from paid to released, free for the next payout."""
    changed = await connection.execute(
        update(commissions)
        .where(commissions.c.id == _IDS, commissions.c.state == "paid")
        .values(state="released", paid_at=None, payout_item_id=None),
        {"ids": list(commission_ids)},
    )
    assert changed.rowcount == len(commission_ids), "they were locked as paid"


async def take_out_of_items(connection: AsyncConnection, *, item_ids: Sequence[UUID]) -> None:
    """Free the commissions of dropped payout items, for the next payout."""
    await connection.execute(
        update(commissions).where(commissions.c.payout_item_id == _ITEMS).values(payout_item_id=None),
        {"item_ids": list(item_ids)},
    )


def _commission(row: Any) -> Part:
    return Part(
        order_id=row.order_id,
        line_no=row.line_no,
        payee="promoter" if row.level == 1 else "inviter",
        payee_id=row.promoter_id,
        commission_id=row.id,
        amount_minor=row.amount_minor,
        taken_back_minor=row.taken_back_minor,
        currency=row.currency,
        state=row.state,
        transfer_id=row.transfer_id,
    )


def _proceeds(row: Any) -> Part:
    return Part(
        order_id=row.order_id,
        line_no=row.line_no,
        payee=row.payee,
        payee_id=row.merchant_id,
        commission_id=None,
        amount_minor=row.amount_minor,
        taken_back_minor=row.taken_back_minor,
        currency=row.currency,
        state=row.state,
        transfer_id=row.transfer_id,
    )


def _held_again(taken: TakenBack) -> UUID | None:
    return None if taken.ended_id is None else taken.transfer_id
