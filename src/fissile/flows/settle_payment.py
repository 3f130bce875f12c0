"""A gateway reports a payment: the order is paid, its money divided and held, its stock gone; or it is owed back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import asyncpg

from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.ledger.operations import OPEN_ACCOUNTS_SQL, account_columns
from fissile.domain.orders.errors import MessageDiffers, OrderUnknown
from fissile.domain.orders.model import GatewayPayment, PayableOrder
from fissile.infra.columns import columns
from fissile.kernel.ids import Chance, new_id, public_id

if TYPE_CHECKING:
    from fissile.flows.house import House

_TYPES = (
    "uuid uuid text text text bytea text bigint text timestamptz timestamptz uuid "
    "int uuid uuid bigint "
    "int bigint text uuid bigint uuid bigint uuid uuid uuid bigint timestamptz "
    "int text uuid uuid uuid bigint text text uuid text bytea"
).split()
_CALL = f"SELECT * FROM settle_payments_v1({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(_TYPES, 1))})"
_OPEN = OPEN_ACCOUNTS_SQL.format(*(f"${n}" for n in range(1, 7)))


class _Movement(NamedTuple):
    id: UUID
    sku_id: UUID
    quantity: int


class _Part(NamedTuple):
    """What somebody gets of a line (0: the shipping); columns from ``level`` to ``base_minor`` are promoters' only."""

    line_no: int
    payee: str
    payee_id: UUID
    amount_minor: int
    transfer_id: UUID
    level: int | None
    commission_id: UUID | None
    share_id: UUID | None
    plan_version_id: UUID | None
    base_minor: int | None
    hold_until: datetime


@dataclass(frozen=True, slots=True)
class PaymentItem:
    """A decided payment on its way to the database: what it does if it settles, and what if it is given back."""

    head: tuple[Any, ...]
    movements: tuple[_Movement, ...]
    parts: tuple[_Part, ...]
    settling: tuple[Transfer, ...]
    returning: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class PaymentAnswer:
    """What the database said."""

    outcome: str
    order_state: str


@dataclass(frozen=True, slots=True)
class Settled:
    """
    What became of a payment: settled, late, doubled, differs (the last three are owed back), or known.

    ``replayed`` tells that the same message had arrived before.
    """

    outcome: str
    order_state: str
    replayed: bool


async def settle_payment(
    house: House,
    *,
    payment: GatewayPayment,
    message_id: str,
    body_hash: bytes,
    at: datetime,
    rng: Chance,
) -> Settled:
    """
    Settle a verified payment; a message that was seen before gets its first answer.

    :raises OrderUnknown: if there is no such order: the gateway should look at its own books
    :raises MessageDiffers: if the message's id was used with another body
    :raises Busy, DatabaseAway: the gateway should send it again
    """
    order = await house.payables.get(payment.order_id)
    if order is None:
        raise OrderUnknown(order=public_id("ord", payment.order_id))
    item = _item(order=order, payment=payment, message_id=message_id, body_hash=body_hash, at=at, rng=rng)
    try:
        answer = await house.payments.submit(item)
    except asyncpg.UniqueViolationError:
        # The same message or payment, through another process in this very moment: now it is known.
        answer = await house.payments.submit(item)
    if answer.outcome == "other_body":
        raise MessageDiffers(message=message_id)
    first, _, again = answer.outcome.partition(":")
    return Settled(again or first, answer.order_state, replayed=bool(again))


def _item(
    *,
    order: PayableOrder,
    payment: GatewayPayment,
    message_id: str,
    body_hash: bytes,
    at: datetime,
    rng: Chance,
) -> PaymentItem:
    payment_id, refund_id = new_id(at=at, rng=rng), new_id(at=at, rng=rng)
    head = (
        payment_id,
        order.id,
        payment.gateway,
        payment.gateway_payment_id,
        message_id,
        body_hash,
        "payment.succeeded",
        payment.amount_minor,
        payment.currency,
        payment.paid_at,
        at,
        refund_id,
    )
    clearing = Account(Kind.GATEWAY_CLEARING, None, payment.currency)
    returning = Transfer(
        id=new_id(at=at, rng=rng),
        debit=clearing,
        credit=Account(Kind.REFUND_PAYABLE, None, payment.currency),
        amount_minor=payment.amount_minor,
        phase="single",
        reason="payment owed back",
        subject_id=refund_id,
        key=f"owe:{refund_id}",
        at=at,
    )
    holding = Account(Kind.ORDER_HOLDING, None, order.currency)
    settling = [
        Transfer(
            id=new_id(at=at, rng=rng),
            debit=Account(Kind.GATEWAY_CLEARING, None, order.currency),
            credit=holding,
            amount_minor=order.total_minor,
            phase="single",
            reason="payment",
            subject_id=order.id,
            key=f"pay:{order.id}",
            at=at,
        )
    ]
    parts = []
    for part in _parts(order, at=at, rng=rng):
        payee = "inviter" if part.level == 2 else part.payee
        parts.append(part)
        settling.append(
            Transfer(
                id=part.transfer_id,
                debit=holding,
                credit=_payable(part, currency=order.currency),
                amount_minor=part.amount_minor,
                phase="pending",
                reason=f"{payee}'s part",
                subject_id=order.id,
                key=f"accrue:{order.id}:{part.line_no}:{payee}",
                at=at,
            )
        )
    movements = tuple(_Movement(new_id(at=at, rng=rng), line.sku_id, line.quantity) for line in order.lines)
    return PaymentItem(head, movements, tuple(parts), tuple(settling), (returning,))


def _parts(order: PayableOrder, *, at: datetime, rng: Chance) -> Iterator[_Part]:
    """
    Yield who gets what of an order: of each line promoter, inviter, platform, and the merchant the rest.

    The shipping is the merchant's wholly, as line 0, and waits as long as the line that waits longest.
    """
    for line in order.lines:
        until = at + timedelta(seconds=line.hold_seconds)
        earned = (
            (1, line.commission_minor, order.credit_promoter_id),
            (2, line.second_commission_minor, order.second_promoter_id),
        )
        rest = line.amount_minor - line.fee_minor - line.commission_minor - line.second_commission_minor
        for level, amount, promoter_id in earned:
            if amount:
                assert promoter_id is not None, "a line has a commission only where somebody has the credit"
                yield _Part(
                    line.line_no,
                    "promoter",
                    promoter_id,
                    amount,
                    new_id(at=at, rng=rng),
                    level,
                    new_id(at=at, rng=rng),
                    order.credit_share_id,
                    line.commission_plan_version_id,
                    line.base_minor,
                    until,
                )
        if line.fee_minor:
            yield _proceeds(order, line.line_no, "platform", line.fee_minor, until, at=at, rng=rng)
        if rest:
            yield _proceeds(order, line.line_no, "merchant", rest, until, at=at, rng=rng)
    if order.shipping_minor:
        until = at + timedelta(seconds=max(line.hold_seconds for line in order.lines))
        yield _proceeds(order, 0, "merchant", order.shipping_minor, until, at=at, rng=rng)


def _proceeds(
    order: PayableOrder, line_no: int, payee: str, amount: int, until: datetime, *, at: datetime, rng: Chance
) -> _Part:
    transfer_id = new_id(at=at, rng=rng)
    return _Part(line_no, payee, order.merchant_id, amount, transfer_id, None, None, None, None, None, until)


def _payable(part: _Part, *, currency: str) -> Account:
    match part.payee:
        case "promoter":
            return Account(Kind.COMMISSION_PAYABLE, part.payee_id, currency)
        case "merchant":
            return Account(Kind.MERCHANT_PAYABLE, part.payee_id, currency)
        case _:
            return Account(Kind.PLATFORM_FEE, None, currency)


async def settle_payments(connection: asyncpg.Connection, items: Sequence[PaymentItem]) -> list[PaymentAnswer]:
    """Settle a set of payments in one call; return an answer for each, in order."""
    movements: list[tuple[Any, ...]] = []
    parts: list[tuple[Any, ...]] = []
    transfers: list[tuple[Any, ...]] = []
    accounts: set[Account] = set()
    for number, item in enumerate(items, 1):
        movements.extend((number, *one) for one in item.movements)
        parts.extend((number, *one) for one in item.parts)
        for goal, ones in (("settled", item.settling), ("returned", item.returning)):
            for one in ones:
                accounts.update((one.debit, one.credit))
                transfers.append(
                    (
                        number,
                        goal,
                        one.id,
                        one.debit.id,
                        one.credit.id,
                        one.amount_minor,
                        one.phase,
                        one.reason,
                        one.subject_id,
                        one.key,
                        one.request_hash,
                    )
                )
    await connection.execute(_OPEN, *account_columns(accounts, at=items[0].head[10]))
    arguments = [
        *columns([item.head for item in items], width=12),
        *columns(movements, width=4),
        *columns(parts, width=12),
        *columns(transfers, width=11),
    ]
    return [PaymentAnswer(outcome, state) for outcome, state in await connection.fetch(_CALL, *arguments)]
