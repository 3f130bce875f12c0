"""A buyer places an order: quote, credit, split, and the one SQL function that guards stock and keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import asyncpg

from fissile.domain.attribution.model import Basket, BuyerBinding, Credit, Policies, PolicyVersion, Touch
from fissile.domain.attribution.queries import TouchKey
from fissile.domain.attribution.rules import credit, holds_between
from fissile.domain.catalogue.model import Offer
from fissile.domain.commissions.model import LineSplit, Plans
from fissile.domain.commissions.rules import split_line
from fissile.domain.orders.errors import (
    IdempotencyKeyReused,
    OfferKeptChanging,
    QuoteChanged,
    SoldOut,
)
from fissile.domain.orders.model import Contact, OrderState, PlacedOrder, Quote
from fissile.domain.orders.queries import order_by_key
from fissile.domain.orders.rules import quote, request_hash, wanted_quantities
from fissile.domain.shares.errors import CodeMistyped, ShareExpired, SharePaused, ShareRevoked, ShareUnknown
from fissile.domain.shares.model import Share
from fissile.domain.shares.rules import check_open, is_sound
from fissile.infra.columns import columns
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import Money

if TYPE_CHECKING:
    from fissile.flows.house import House

_TRIES = 4
_MANY_TOUCHES = 50

_TYPES = (
    "uuid text text bytea uuid uuid uuid uuid text bigint bigint uuid uuid uuid text text timestamptz timestamptz "
    "bigint uuid uuid text bigint "
    "int int "
    "int bigint uuid text bigint bigint bigint bigint bigint uuid bigint uuid bigint bigint bigint "
    "int uuid uuid timestamptz text text "
    "int text text text text"
).split()
_CALL = f"SELECT * FROM place_orders_v1({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(_TYPES, 1))})"


class ItemHead(NamedTuple):
    """An order's own columns, in the order of the SQL function's parameters."""

    id: UUID
    scope: str
    key: str
    request_hash: bytes
    merchant_id: UUID
    member_id: UUID | None
    visitor_id: UUID
    checkout_id: UUID | None
    currency: str
    goods_minor: int
    shipping_minor: int
    credit_share_id: UUID | None
    credit_promoter_id: UUID | None
    second_promoter_id: UUID | None
    credit_rule: str
    credit_reason: str
    placed_at: datetime
    reserved_until: datetime
    plans_version: int
    credit_policy_id: UUID | None
    credit_binding_id: UUID | None
    credit_unkept: str | None
    policies_version: int


class ItemLine(NamedTuple):
    """A line's columns."""

    line_no: int
    sku_id: UUID
    title: str
    quantity: int
    unit_price_minor: int
    tax_rate_ppm: int
    tax_minor: int
    sku_version: int
    fee_plan_version_id: UUID | None
    fee_minor: int
    commission_plan_version_id: UUID | None
    commission_minor: int
    second_commission_minor: int
    hold_seconds: int


class ItemTouch(NamedTuple):
    """A judged touch's columns."""

    share_id: UUID
    promoter_id: UUID
    touched_at: datetime
    outcome: str
    reason: str


class OrderItem(NamedTuple):
    """A decided order on its way to the database."""

    head: ItemHead
    lines: tuple[ItemLine, ...]
    touches: tuple[ItemTouch, ...]
    contact: Contact | None


class OrderAnswer(NamedTuple):
    """What the database said: placed, known, other_body, refused, stale or sold_out."""

    outcome: str
    order_id: UUID
    total_minor: int
    currency: str
    state: OrderState
    detail: dict[str, Any] | None


async def place_order(
    house: House,
    *,
    lines: Sequence[tuple[UUID, int]],
    share_token: str | None,
    member_id: UUID | None,
    visitor_id: UUID,
    visitor_is_new: bool = False,
    contact: Contact | None,
    expected_total: Money | None,
    idempotency_scope: str,
    idempotency_key: str,
    at: datetime,
    rng: Chance,
) -> PlacedOrder:
    """
    Place an order and reserve its stock; the same key again returns the first answer.

    ``lines`` are (SKU, quantity). ``expected_total`` is what the buyer was shown: another total is asked again.
    A share given with the order counts as a touch of this moment. ``visitor_is_new`` tells that this cookie was
    made just now, so there are no earlier touches to read.

    :raises EmptyOrder, BadQuantity, TooManyLines, SkuNotOffered, SeveralMerchants, NothingToPay: before anything
    :raises ShareUnknown, CodeMistyped: if the share given is none
    :raises QuoteChanged: if the total is not the one that was shown
    :raises SoldOut: if stock is short; this answer is kept for the key
    :raises IdempotencyKeyReused: if the key was used for another order
    :raises Busy, DatabaseAway: send the same request again
    """
    wanted = wanted_quantities(lines)
    asked = tuple(wanted.items())
    hashed = request_hash(wanted=wanted, share_token=share_token, contact=contact, expected_total=expected_total)
    for _ in range(_TRIES):
        try:
            offers = {sku_id: await house.offers.get(sku_id) for sku_id in wanted}
            shown = tuple(offers.values())
            quoted = house.quotes.get(asked, shown, partial(quote, wanted=wanted, offers=offers))
            total = quoted.total
            if expected_total is not None and expected_total != total:
                raise QuoteChanged(shown=_shown(expected_total), total=_shown(total))
            touches = await _touches(
                house, share_token=share_token, key=TouchKey(visitor_id, member_id), new=visitor_is_new, at=at
            )
        except Refusal:
            # An order that this key has placed already is still the answer, whatever has changed since.
            if known := await _known(house, scope=idempotency_scope, key=idempotency_key, hashed=hashed):
                return known
            raise
        policies, policies_version = await house.policies.get("policies") or (Policies(), 0)
        policy = policies.policy_for(quoted.merchant_id)
        decided = _credit(
            house,
            touches=touches,
            policy=policy,
            basket=_basket(quoted, buyer_id=member_id, at=at),
            binding=await _binding(house, policy=policy, member_id=member_id),
        )
        plans, plans_version = await house.plans.get("plans") or (Plans.of(plans=(), fees=()), 0)
        credited = decided.promoter_id
        second = await _second(house, promoter_id=credited, buyer_id=member_id) if credited else None
        split = house.splits.get(
            (asked, credited is not None, second is not None),
            (*shown, plans),
            partial(
                item_lines,
                quoted=quoted,
                offers=offers,
                plans=plans,
                credited=credited is not None,
                invited=second is not None,
            ),
        )
        head = ItemHead(
            id=new_id(at=at, rng=rng),
            scope=idempotency_scope,
            key=idempotency_key,
            request_hash=hashed,
            merchant_id=quoted.merchant_id,
            member_id=member_id,
            visitor_id=visitor_id,
            checkout_id=None,
            currency=total.currency,
            goods_minor=total.minor,
            shipping_minor=0,
            credit_share_id=decided.share_id,
            credit_promoter_id=decided.promoter_id,
            second_promoter_id=second,
            credit_rule=policy.name,
            credit_reason=decided.reason,
            placed_at=at,
            reserved_until=at + timedelta(seconds=house.settings.reservation_seconds),
            plans_version=plans_version,
            credit_policy_id=policy.id,
            credit_binding_id=decided.binding.order_id if decided.binding else None,
            credit_unkept=json.dumps(decided.unkept) if decided.unkept else None,
            policies_version=policies_version,
        )
        answer = await _submit(house, OrderItem(head, split, item_touches(decided), contact))
        if answer.outcome != "stale":
            return _placed(answer, offers)
        house.forget()
    raise OfferKeptChanging()


async def _submit(house: House, item: OrderItem) -> OrderAnswer:
    try:
        return await house.orders.submit(item)
    except asyncpg.UniqueViolationError:
        # The same key with other goods, placed through another process in this very moment: now it is known.
        return await house.orders.submit(item)


async def _touches(house: House, *, share_token: str | None, key: TouchKey, new: bool, at: datetime) -> list[Touch]:
    touches: list[Touch] = [] if new and key.member_id is None else await house.touches.get(key) or []
    if share_token is not None:
        share = await house.shares.get(share_token)
        if share is None:
            raise (
                ShareUnknown(given=share_token[:40]) if is_sound(share_token) else CodeMistyped(given=share_token[:40])
            )
        return [*touches, _given_touch(share, at=at)]
    return touches


async def _second(house: House, *, promoter_id: UUID, buyer_id: UUID | None) -> UUID | None:
    """Return who invited the credited promoter; nobody, if it is the buyer: what one buys earns one nothing."""
    inviter = await house.inviters.get(promoter_id)
    return None if inviter is None or inviter.id == buyer_id else inviter.id


def _given_touch(share: Share, *, at: datetime) -> Touch:
    """Return the touch that a share given with an order is: now, if the share is open."""
    try:
        check_open(share, at=at)
    except (ShareExpired, SharePaused, ShareRevoked):
        is_open = False
    else:
        is_open = True
    return Touch(
        share_id=share.id,
        promoter_id=share.promoter_id,
        touched_at=at,
        first_at=at,
        product_id=share.target_id if share.target_kind == "product" else None,
        merchant_id=share.merchant_id,
        open=is_open,
        promoter_open=share.promoter_open,
    )


def _credit(
    house: House, *, touches: list[Touch], policy: PolicyVersion, basket: Basket, binding: BuyerBinding | None
) -> Credit:
    """
    Decide the credit; of many touches that were read at once for several orders of one buyer, once for all of them.

    The moments of such orders differ, so what was decided is used only where the window judges all touches alike.
    """
    decide = partial(credit, touches=touches, policy=policy, basket=basket, binding=binding)
    if len(touches) < _MANY_TOUCHES:
        return decide()
    after, until, decided = house.credits.get(
        (basket.merchant_id, basket.product_ids, basket.buyer_id),
        (touches, policy, binding),
        lambda: (*holds_between(touches, policy=policy, at=basket.at), decide()),
    )
    if (after is None or after < basket.at) and (until is None or basket.at <= until):
        return decided
    return decide()


async def _binding(house: House, *, policy: PolicyVersion, member_id: UUID | None) -> BuyerBinding | None:
    return await house.bindings.get(member_id) if member_id is not None and policy.binding != "off" else None


def _basket(quoted: Quote, *, buyer_id: UUID | None, at: datetime) -> Basket:
    return Basket(
        merchant_id=quoted.merchant_id,
        product_ids=frozenset(line.product_id for line in quoted.lines),
        buyer_id=buyer_id,
        at=at,
    )


def item_lines(
    *,
    quoted: Quote,
    offers: Mapping[UUID, Offer | None],
    plans: Plans,
    credited: bool,
    invited: bool = False,
) -> tuple[ItemLine, ...]:
    """
    Return the lines of an order with how their money will be divided.

    ``credited``: somebody has the credit; ``invited``: and was invited by somebody.
    """
    lines = []
    for number, line in enumerate(quoted.lines, 1):
        offer = offers[line.sku_id]
        assert offer is not None, "the quote refuses unknown SKUs"
        plan = plans.commission_for(
            product_id=offer.product_id, category_ids=offer.category_ids, merchant_id=offer.merchant_id
        )
        fee = plans.fee_for(merchant_id=offer.merchant_id)
        tax_rate_ppm, tax_minor = 0, 0
        split: LineSplit = split_line(
            amount=Money(line.amount_minor, quoted.currency),
            tax=Money(tax_minor, quoted.currency),
            quantity=line.quantity,
            plan=plan,
            fee=fee,
            credited=credited,
            invited=invited,
        )
        paying = plan if split.commission.minor or split.second.minor else None
        lines.append(
            ItemLine(
                number,
                line.sku_id,
                line.title,
                line.quantity,
                line.unit_price_minor,
                tax_rate_ppm,
                tax_minor,
                line.sku_version,
                fee.id if fee else None,
                split.fee.minor,
                paying.id if paying else None,
                split.commission.minor,
                split.second.minor,
                # The merchant's and the platform's part wait as long as a commission on this line would.
                plan.hold_seconds if plan else 0,
            )
        )
    return tuple(lines)


def item_touches(decided: Credit) -> tuple[ItemTouch, ...]:
    """Return the judged touches that are kept with the order."""
    return tuple(
        [
            ItemTouch(one.share_id, one.promoter_id, one.touched_at, "won" if one.won else "lost", one.reason)
            for one in decided.touches
        ]
    )


async def place_orders(connection: asyncpg.Connection, items: Sequence[OrderItem]) -> list[OrderAnswer]:
    """Place a set of orders in one call; return an answer for each, in order."""
    heads: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    touches: list[tuple[Any, ...]] = []
    contacts: list[tuple[Any, ...]] = []
    for number, item in enumerate(items, 1):
        first = len(lines) + 1
        lines.extend((number, *line) for line in item.lines)
        heads.append((*item.head, first, len(lines)))
        touches.extend((number, *touch) for touch in item.touches)
        if (whom := item.contact) is not None:
            contacts.append((number, whom.name, whom.phone, whom.email, whom.address))
    arguments = [
        *columns(heads, width=len(ItemHead._fields) + 2),
        *columns(lines, width=len(ItemLine._fields) + 1),
        *columns(touches, width=len(ItemTouch._fields) + 1),
        *columns(contacts, width=5),
    ]
    return [
        OrderAnswer(outcome, order_id, total, currency, state, json.loads(detail) if detail else None)
        for outcome, order_id, total, currency, state, detail in await connection.fetch(_CALL, *arguments)
    ]


def _placed(answer: OrderAnswer, offers: dict[UUID, Offer | None]) -> PlacedOrder:
    if answer.outcome == "other_body":
        raise IdempotencyKeyReused()
    if answer.outcome in ("sold_out", "refused"):
        detail = answer.detail or {}
        sku_id = UUID(detail["sku"])
        offer = offers.get(sku_id)
        raise SoldOut(
            sku=public_id("sku", sku_id),
            title=offer.title if offer else public_id("sku", sku_id),
            wanted=detail["wanted"],
            available=detail["available"],
        )
    assert answer.outcome in ("placed", "known"), f"the function has no outcome {answer.outcome}"
    return PlacedOrder(
        id=answer.order_id,
        total=Money(answer.total_minor, answer.currency),
        state=answer.state,
        replayed=answer.outcome == "known",
    )


async def _known(house: House, *, scope: str, key: str, hashed: bytes) -> PlacedOrder | None:
    async with house.db.reading() as connection:
        row = await order_by_key(connection, scope=scope, key=key)
    if row is None:
        return None
    if row["request_hash"] != hashed:
        raise IdempotencyKeyReused()
    return PlacedOrder(
        id=row["id"], total=Money(row["total_minor"], row["currency"]), state=row["state"], replayed=True
    )


def _shown(money: Money) -> str:
    return f"{money.major()} {money.currency}"
