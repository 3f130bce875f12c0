"""A buyer gets the money back: everybody's part is taken back, and the whole is owed to the buyer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.reservations import return_sold
from fissile.domain.commissions.release_operations import lock_parts_of_order, mark_parts
from fissile.domain.commissions.releases import Part, take_back
from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.ledger.operations import post
from fissile.domain.members.rules import require
from fissile.domain.orders import operations
from fissile.domain.orders.errors import OrderStateDiffers, RefundKeyReused, RefundPartial, RefundTooLarge
from fissile.domain.orders.model import LockedOrder, Refund
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import Money

_PAID = ("paid", "shipped", "completed")


async def refund_order(
    db: Database,
    *,
    order_id: UUID,
    amount_minor: int,
    reason: str,
    actor: Actor,
    idempotency_key: str,
    at: datetime,
    rng: Chance,
) -> Refund:
    """
    Refund a paid order as a whole; an operator calls it. The same key again returns the first refund.

    ``amount_minor`` is in the order's currency and must be what was paid and not yet refunded. Parts that are still
    held are voided; released and paid ones are taken back, and who has spent theirs owes it.

    Goods that were never shipped are back on hand at once, as ``returned`` movements. Shipped goods are not: whether
    and in what state they come back is known only when they arrive, and staff then correct the stock with a reason.

    :raises RoleNotAllowed: if the actor is no operator
    :raises OrderUnknown: if there is no such order
    :raises RefundKeyReused: if the key was used for another order, amount or reason
    :raises OrderStateDiffers: if the order was never paid
    :raises RefundTooLarge: if more is asked than was paid and not yet refunded
    :raises RefundPartial: if less is asked
    """
    require(actor, {"operator"})
    key = f"order:{idempotency_key}"  # keys of payments that are owed back begin with "payment:"
    async with db.transaction() as connection:
        order = await operations.lock_order(connection, order_id=order_id)
        known = await operations.refund_by_key(connection, key=key)
        if known is not None:
            if (known.order_id, known.amount.minor, known.reason) != (order_id, amount_minor, reason):
                raise RefundKeyReused()
            return known
        _check(order, amount_minor=amount_minor)
        refund_id = new_id(at=at, rng=rng)
        payment_id = await operations.settled_payment(connection, order_id=order_id)
        row = {
            "id": refund_id,
            "order_id": order_id,
            "payment_id": payment_id,
            "amount_minor": amount_minor,
            "currency": order.currency,
            "reason": reason,
            "requested_by": actor.member_id,
            "state": "posted",
            "idempotency_key": key,
            "posted_at": at,
        }
        if not await operations.add_refund(connection, refund=row):
            raise RefundKeyReused()  # by another order, in this very moment

        await operations.change_states(
            connection,
            order_ids=[order_id],
            wanted=_PAID,
            values={"state": "refunded", "refunded_minor": order.refunded_minor + amount_minor, "closed_at": at},
        )
        parts = [
            part for part in await lock_parts_of_order(connection, order_id=order_id) if part.state != "taken_back"
        ]
        await mark_parts(connection, parts=parts, state="taken_back", at=at)
        returned = await _unshipped(connection, order=order, reason=reason, actor=actor, at=at, rng=rng)
        owed = _owed(order, refund_id=refund_id, amount_minor=amount_minor, at=at, rng=rng)
        await post(connection, transfers=[*(take_back(part, at=at, rng=rng) for part in parts), owed])
        happened = _happened(order, refund_id=refund_id, amount_minor=amount_minor, parts=parts, returned=returned)
        await record_events(connection, happened=happened, actor=actor, at=at)
        await record_act(
            connection,
            act="refund_order",
            subject=public_id("ord", order_id),
            detail={"refund": public_id("rfd", refund_id), "amount_minor": amount_minor, "currency": order.currency},
            actor=actor,
            at=at,
            rng=rng,
        )
        made = await operations.refund_by_key(connection, key=key)
    assert made is not None, "it was just written"
    return made


def _check(order: LockedOrder, *, amount_minor: int) -> None:
    if order.paid_at is None:
        raise OrderStateDiffers(state=order.state, wanted=" or ".join(_PAID))
    left = order.left
    if amount_minor > left.minor:
        raise RefundTooLarge(asked=_shown(Money(amount_minor, order.currency)), left=_shown(left))
    if amount_minor < left.minor:
        raise RefundPartial(left=_shown(left))
    if order.state not in _PAID:
        raise OrderStateDiffers(state=order.state, wanted=" or ".join(_PAID))


async def _unshipped(
    connection: AsyncConnection, *, order: LockedOrder, reason: str, actor: Actor, at: datetime, rng: Chance
) -> list[tuple[UUID, int]]:
    """Put the goods of an order that was never shipped back on hand; return what, as (SKU, quantity)."""
    if order.state != "paid":
        return []
    assert order.paid_at is not None, "it is paid"
    quantities = (await operations.quantities_of(connection, order_ids=[order.id]))[order.id]
    return await return_sold(
        connection,
        order_id=order.id,
        sku_ids=[sku_id for sku_id, _ in quantities],
        sold_at=order.paid_at,
        reason=reason,
        actor_id=actor.member_id,
        at=at,
        rng=rng,
    )


def _owed(order: LockedOrder, *, refund_id: UUID, amount_minor: int, at: datetime, rng: Chance) -> Transfer:
    return Transfer(
        id=new_id(at=at, rng=rng),
        debit=Account(Kind.ORDER_HOLDING, None, order.currency),
        credit=Account(Kind.REFUND_PAYABLE, None, order.currency),
        amount_minor=amount_minor,
        phase="single",
        reason="refund",
        subject_id=order.id,
        key=f"refund:{refund_id}",
        at=at,
    )


def _happened(
    order: LockedOrder,
    *,
    refund_id: UUID,
    amount_minor: int,
    parts: Sequence[Part],
    returned: Sequence[tuple[UUID, int]],
) -> list[Event]:
    data = {
        "refund": str(refund_id),
        "amount": amount_minor,
        "currency": order.currency,
        "returned": [[str(sku_id), quantity] for sku_id, quantity in returned],
    }
    return [Event("order.refunded", order.id, data)] + [
        Event("commission.taken_back", part.commission_id, {"amount": part.amount_minor})
        if part.commission_id is not None
        else Event("proceeds.taken_back", order.id, {"line": part.line_no, "payee": part.payee})
        for part in parts
    ]


def _shown(money: Money) -> str:
    return f"{money.major()} {money.currency}"
