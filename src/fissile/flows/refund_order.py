"""A buyer gets money back, wholly or in part: of each line everybody gives their share, and the sum is owed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.reservations import return_sold
from fissile.domain.commissions.release_operations import lock_parts_of_order, take_parts_back
from fissile.domain.commissions.releases import Part, TakenBack, shares_of_refund, take_back
from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.ledger.operations import post
from fissile.domain.members.rules import require
from fissile.domain.orders import operations
from fissile.domain.orders.errors import (
    ClockBehind,
    OrderStateDiffers,
    RefundCurrencyDiffers,
    RefundKeyReused,
    RefundNothing,
    RefundSumDiffers,
    RefundTooLarge,
)
from fissile.domain.orders.model import LockedOrder, Refund, RefundableLine, RefundLine
from fissile.domain.orders.refunding import check_lines, spread, whole_pieces
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import Money

_PAID = ("paid", "shipped", "completed")
_BALANCES = text("""
SELECT id, (credits_posted - debits_posted - debits_pending)::bigint AS available FROM ledger_accounts
 WHERE id = ANY (CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a refund takes of one part of a line; ``debt_minor`` is what its payee then owes in all (0: nothing)."""

    taken: TakenBack
    debt_minor: int


@dataclass(frozen=True, slots=True)
class RefundPreview:
    """What a refund would do: to whom it is owed back, of which lines, from whom, and what returns to stock."""

    amount: Money
    lines: tuple[RefundLine, ...]
    consequences: tuple[Consequence, ...]
    returned: tuple[tuple[UUID, int], ...]
    closes: bool


@dataclass(frozen=True, slots=True)
class _Made:
    refund: Refund
    lines: tuple[RefundLine, ...]
    taken: tuple[TakenBack, ...]
    returned: tuple[tuple[UUID, int], ...]
    closes: bool


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
    lines: Sequence[RefundLine] | None = None,
    currency: str | None = None,
) -> Refund:
    """
    Refund an amount of a paid order; an operator calls it, as often as something is left. The same key again returns
    the first refund.

    ``amount_minor`` is in the order's currency. ``lines`` say what of it is of which line (0: the shipping) and how
    many pieces go with it; without them the amount is spread over all lines in proportion to what is left of each.
    ``currency``, where the asker names one, must be the order's.

    Of each line, promoter, inviter, platform and merchant give their share of it
    (:func:`~fissile.domain.commissions.releases.shares_of_refund`): parts that are still held are voided and what is
    left of them held again, released and paid ones are taken back, and who has spent theirs owes it.

    Pieces that were never shipped are back on hand at once, as ``returned`` movements; a refund that leaves nothing of
    an order takes all its pieces. Shipped goods are not: whether and in what state they come back is known only when
    they arrive, and staff then correct the stock with a reason.

    :raises RoleNotAllowed: if the actor is no operator
    :raises OrderUnknown: if there is no such order
    :raises RefundKeyReused: if the key was used for another refund
    :raises OrderStateDiffers: if the order was never paid
    :raises RefundCurrencyDiffers: if it was paid in another currency
    :raises ClockBehind: if it was paid after ``at``
    :raises RefundTooLarge: if more is asked than was paid and not yet refunded
    :raises RefundNothing, RefundLineTwice, RefundLineUnknown, RefundAmount, RefundLineTooLarge,
        RefundQuantityTooLarge, RefundSumDiffers: if the lines will not do
    """
    require(actor, {"operator"})
    async with db.transaction() as connection:
        made = await _refund(
            connection,
            order_id=order_id,
            amount_minor=amount_minor,
            currency=currency,
            lines=lines,
            reason=reason,
            actor=actor,
            key=f"order:{idempotency_key}",  # keys of payments that are owed back begin with "payment:"
            at=at,
            rng=rng,
        )
    return made.refund


async def preview_refund(
    db: Database,
    *,
    order_id: UUID,
    amount_minor: int,
    lines: Sequence[RefundLine] | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> RefundPreview:
    """
    Return what :func:`refund_order` would do now: the same path, rolled back.

    :raises Refusal: what :func:`refund_order` raises
    """
    require(actor, {"operator"})
    async with db.connected() as connection:
        transaction = await connection.begin()
        try:
            made = await _refund(
                connection,
                order_id=order_id,
                amount_minor=amount_minor,
                currency=None,
                lines=lines,
                reason="preview",
                actor=actor,
                key=f"preview:{new_id(at=at, rng=rng)}",
                at=at,
                rng=rng,
            )
            ids = {one.part.account.id for one in made.taken}
            found = await connection.execute(_BALANCES, {"ids": list(ids)})
            available = {row.id: int(row.available) for row in found}
        finally:
            await transaction.rollback()
    return RefundPreview(
        amount=made.refund.amount,
        lines=made.lines,
        consequences=tuple(Consequence(one, max(-available[one.part.account.id], 0)) for one in made.taken),
        returned=made.returned,
        closes=made.closes,
    )


async def _refund(
    connection: AsyncConnection,
    *,
    order_id: UUID,
    amount_minor: int,
    currency: str | None,
    lines: Sequence[RefundLine] | None,
    reason: str,
    actor: Actor,
    key: str,
    at: datetime,
    rng: Chance,
) -> _Made:
    order = await operations.lock_order(connection, order_id=order_id)
    hashed = _request_hash(order_id=order_id, amount_minor=amount_minor, lines=lines, reason=reason)
    if known := await operations.refund_by_key(connection, key=key):
        return await _replayed(connection, refund=known, order_id=order_id, hashed=hashed)
    refundable = await operations.lock_refundable(connection, order=order)
    asked = _checked(order, amount_minor=amount_minor, currency=currency, lines=lines, refundable=refundable, at=at)
    closes = order.left.minor == amount_minor
    given = whole_pieces(asked=asked, lines=refundable) if closes else tuple(asked)
    refund_id = new_id(at=at, rng=rng)
    row = {
        "id": refund_id,
        "order_id": order_id,
        "payment_id": await operations.settled_payment(connection, order_id=order_id),
        "amount_minor": amount_minor,
        "currency": order.currency,
        "reason": reason,
        "requested_by": actor.member_id,
        "state": "posted",
        "idempotency_key": key,
        "request_hash": hashed,
        "posted_at": at,
    }
    if not await operations.add_refund(connection, refund=row):
        raise RefundKeyReused()  # by another order, in this very moment

    shipping = sum(line.amount_minor for line in given if line.line_no == 0)
    values = {
        "refunded_minor": order.refunded_minor + amount_minor,
        "shipping_refunded_minor": order.shipping_refunded_minor + shipping,
    }
    closing = {"state": "refunded", "closed_at": at} if closes else {}
    await operations.change_states(connection, order_ids=[order_id], wanted=_PAID, values=values | closing)
    parts = await lock_parts_of_order(connection, order_id=order_id)
    taken = _taken(parts, given=given, refundable=refundable, refund_id=refund_id, at=at, rng=rng)
    await take_parts_back(connection, order_id=order_id, refund_id=refund_id, taken=taken, at=at)
    returned = await _unshipped(
        connection, order=order, given=given, refundable=refundable, reason=reason, actor=actor, at=at, rng=rng
    )
    await operations.add_refund_lines(
        connection,
        order_id=order_id,
        refund_id=refund_id,
        lines=given,
        returned=_by_line(returned, refundable=refundable),
    )
    owed = _owed(order, refund_id=refund_id, amount_minor=amount_minor, at=at, rng=rng)
    await post(connection, transfers=[*(transfer for one in taken for transfer in one.transfers), owed])
    happened = _happened(order, refund_id=refund_id, given=given, taken=taken, returned=returned, closes=closes)
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
    return _Made(made, given, tuple(taken), tuple(returned), closes)


async def _replayed(connection: AsyncConnection, *, refund: Refund, order_id: UUID, hashed: bytes) -> _Made:
    if (refund.order_id, refund.request_hash) != (order_id, hashed):
        raise RefundKeyReused()
    lines = await operations.lines_of_refund(connection, refund_id=refund.id)
    return _Made(refund, lines, (), (), closes=False)


def _request_hash(*, order_id: UUID, amount_minor: int, lines: Sequence[RefundLine] | None, reason: str) -> bytes:
    wanted = None if lines is None else sorted((one.line_no, one.amount_minor, one.quantity) for one in lines)
    return hashlib.sha256(msgspec.json.encode([order_id.hex, amount_minor, wanted, reason])).digest()


def _checked(
    order: LockedOrder,
    *,
    amount_minor: int,
    currency: str | None,
    lines: Sequence[RefundLine] | None,
    refundable: Sequence[RefundableLine],
    at: datetime,
) -> Sequence[RefundLine]:
    """Return the lines of a refund that may be; below it nothing is refused but by another transaction."""
    if order.paid_at is None:
        raise OrderStateDiffers(state=order.state, wanted=" or ".join(_PAID))
    if currency is not None and currency != order.currency:
        raise RefundCurrencyDiffers(paid=order.currency, asked=currency[:10])
    if at < order.paid_at:
        raise ClockBehind(paid=f"{order.paid_at:%Y-%m-%d %H:%M:%S} UTC", now=f"{at:%Y-%m-%d %H:%M:%S} UTC")
    if amount_minor > order.left.minor:
        raise RefundTooLarge(asked=_shown(Money(amount_minor, order.currency)), left=_shown(order.left))
    if amount_minor <= 0:
        raise RefundNothing()
    if lines is None:
        return spread(amount=Money(amount_minor, order.currency), lines=refundable)
    check_lines(asked=lines, lines=refundable, currency=order.currency)
    together = sum(line.amount_minor for line in lines)
    if together != amount_minor:
        raise RefundSumDiffers(
            lines=_shown(Money(together, order.currency)), asked=_shown(Money(amount_minor, order.currency))
        )
    return lines


def _taken(
    parts: Sequence[Part],
    *,
    given: Sequence[RefundLine],
    refundable: Sequence[RefundableLine],
    refund_id: UUID,
    at: datetime,
    rng: Chance,
) -> list[TakenBack]:
    by_line = {
        line_no: list(of_line)
        # By payee as well: who gets the unit that rounding leaves does not depend on ids.
        for line_no, of_line in groupby(
            sorted(parts, key=lambda one: (one.line_no, one.payee)), key=lambda one: one.line_no
        )
    }
    before = {line.line_no: line.refunded_minor for line in refundable}
    return [
        take_back(part, amount_minor=share, refund_id=refund_id, at=at, rng=rng)
        for line in given
        if line.amount_minor
        for part, share in zip(
            by_line[line.line_no],
            shares_of_refund(
                parts=by_line[line.line_no],
                refunded_before=before[line.line_no],
                refunded_after=before[line.line_no] + line.amount_minor,
            ),
            strict=True,
        )
        if share
    ]


async def _unshipped(
    connection: AsyncConnection,
    *,
    order: LockedOrder,
    given: Sequence[RefundLine],
    refundable: Sequence[RefundableLine],
    reason: str,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> list[tuple[UUID, int]]:
    """Put refunded pieces of an order that was never shipped back on hand; return what, as (SKU, quantity)."""
    skus = {line.line_no: line.sku_id for line in refundable}
    wanted = {sku: line.quantity for line in given if line.quantity and (sku := skus[line.line_no]) is not None}
    if order.state != "paid" or not wanted:
        return []
    assert order.paid_at is not None, "it is paid"
    return await return_sold(
        connection,
        order_id=order.id,
        quantities=wanted,
        sold_at=order.paid_at,
        reason=reason,
        actor_id=actor.member_id,
        at=at,
        rng=rng,
    )


def _by_line(returned: Sequence[tuple[UUID, int]], *, refundable: Sequence[RefundableLine]) -> dict[int, int]:
    line_of = {line.sku_id: line.line_no for line in refundable}
    return {line_of[sku_id]: quantity for sku_id, quantity in returned}


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
    given: Sequence[RefundLine],
    taken: Sequence[TakenBack],
    returned: Sequence[tuple[UUID, int]],
    closes: bool,
) -> list[Event]:
    data = {
        "refund": str(refund_id),
        "amount": sum(line.amount_minor for line in given),
        "currency": order.currency,
        "lines": [[line.line_no, line.amount_minor, line.quantity] for line in given],
        "returned": [[str(sku_id), quantity] for sku_id, quantity in returned],
    }
    return [Event("order.refunded" if closes else "order.partly_refunded", order.id, data)] + [
        _part_happened(one, refund_id=refund_id)
        for one in sorted(taken, key=lambda one: one.part.commission_id is None)  # commissions first
    ]


def _part_happened(one: TakenBack, *, refund_id: UUID) -> Event:
    part = one.part
    told = {"refund": str(refund_id), "line": part.line_no, "payee": part.payee, "amount": one.amount_minor}
    if part.commission_id is not None:
        return Event("commission.taken_back" if one.whole else "commission.reduced", part.commission_id, told)
    return Event("proceeds.taken_back" if one.whole else "proceeds.reduced", part.order_id, told)


def _shown(money: Money) -> str:
    return f"{money.major():f} {money.currency}"
