"""A buyer places an order: quote, credit, split, and the one SQL function that guards stock and keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate, islice
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
    SeveralMerchants,
    SoldOut,
)
from fissile.domain.orders.model import LINES_MAX, Contact, OrderState, PlacedCheckout, PlacedOrder, Quote
from fissile.domain.orders.queries import checkout_of, order_by_key, orders_of_checkout
from fissile.domain.orders.rules import by_merchant, quote, request_hash, totals, wanted_quantities, with_shipping
from fissile.domain.shares.errors import CodeMistyped, ShareExpired, SharePaused, ShareRevoked, ShareUnknown
from fissile.domain.shares.model import Share
from fissile.domain.shares.rules import check_open, is_sound
from fissile.domain.shipping.model import AllTerms, Place
from fissile.domain.shipping.rules import charge, weight_of
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
    "uuid text bigint bigint int int int "
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
    shipping_terms_id: UUID | None = None
    shipping_zone: str = ""
    weight_grams: int = 0
    after_sale_days: int = 0


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
    :raises AddressNeeded, RegionNeeded, NotShippedThere: if the shipping cannot be reckoned
    :raises SoldOut: if stock is short; this answer is kept for the key
    :raises IdempotencyKeyReused: if the key was used for another order
    :raises Busy, DatabaseAway: send the same request again
    """
    placed = await place_checkout(
        house,
        lines=lines,
        share_token=share_token,
        member_id=member_id,
        visitor_id=visitor_id,
        visitor_is_new=visitor_is_new,
        contact=contact,
        expected_totals=None if expected_total is None else (expected_total,),
        idempotency_scope=idempotency_scope,
        idempotency_key=idempotency_key,
        at=at,
        rng=rng,
        merchants_max=1,
    )
    return placed.orders[0]


async def place_checkout(
    house: House,
    *,
    lines: Sequence[tuple[UUID, int]],
    share_token: str | None,
    member_id: UUID | None,
    visitor_id: UUID,
    visitor_is_new: bool = False,
    contact: Contact | None,
    expected_totals: Sequence[Money] | None,
    idempotency_scope: str,
    idempotency_key: str,
    at: datetime,
    rng: Chance,
    merchants_max: int = LINES_MAX,
) -> PlacedCheckout:
    """
    Place one order for each merchant of these goods, all of them or none; the same key again returns the same orders.

    As :func:`place_order`, which is this for one merchant. ``expected_totals`` are what the buyer was shown, one sum a
    currency, in the order of their codes. Goods that are sent need a contact with a place where the merchant's prices
    depend on it.

    :raises SeveralMerchants: if there are more than ``merchants_max``
    :raises AddressNeeded, RegionNeeded, NotShippedThere: if the shipping cannot be reckoned
    :raises EmptyOrder, BadQuantity, TooManyLines, SkuNotOffered, NothingToPay, TotalTooLarge, ShareUnknown,
        CodeMistyped, QuoteChanged, SoldOut, IdempotencyKeyReused, Busy, DatabaseAway: as :func:`place_order`
    """
    wanted = wanted_quantities(lines)
    hashed = request_hash(wanted=wanted, share_token=share_token, contact=contact, expected_total=expected_totals)
    for _ in range(_TRIES):
        try:
            offers = {sku_id: await house.offers.get(sku_id) for sku_id in wanted}
            terms, terms_version = await house.terms.get("terms") or (AllTerms(), 0)
            quotes = quotes_of(
                house, wanted=wanted, offers=offers, terms=terms, place=contact.place if contact else None
            )
            if len(quotes) > merchants_max:
                raise SeveralMerchants()
            _check_shown(expected_totals, totals(quotes))
            touches = await _touches(
                house, share_token=share_token, key=TouchKey(visitor_id, member_id), new=visitor_is_new, at=at
            )
        except Refusal:
            # Orders that this key has placed already are still the answer, whatever has changed since.
            if known := await _known(house, scope=idempotency_scope, key=idempotency_key, hashed=hashed):
                return known
            raise
        policies, policies_version = await house.policies.get("policies") or (Policies(), 0)
        plans, plans_version = await house.plans.get("plans") or (Plans.of(plans=(), fees=()), 0)
        if plans_version != terms_version:
            house.forget()  # one of them was read before a change and the other after it
            continue
        checkout_id = new_id(at=at, rng=rng) if len(quotes) > 1 else None
        items = []
        for number, quoted in enumerate(quotes):
            policy = policies.policy_for(quoted.merchant_id)
            decided = _credit(
                house,
                touches=touches,
                policy=policy,
                basket=_basket(quoted, buyer_id=member_id, at=at),
                binding=await _binding(house, policy=policy, member_id=member_id),
            )
            credited = decided.promoter_id
            second = await _second(house, promoter_id=credited, buyer_id=member_id) if credited else None
            asked = tuple((line.sku_id, line.quantity) for line in quoted.lines)
            split = house.splits.get(
                (asked, credited is not None, second is not None),
                (*(offers[sku_id] for sku_id, _ in asked), plans),
                partial(
                    item_lines,
                    quoted=quoted,
                    offers=offers,
                    plans=plans,
                    credited=credited is not None,
                    invited=second is not None,
                ),
            )
            of_merchant = terms.by_merchant.get(quoted.merchant_id)
            days = of_merchant.after_sale_days if of_merchant else None
            head = ItemHead(
                id=new_id(at=at, rng=rng),
                scope=_scope(idempotency_scope, number),
                key=idempotency_key,
                request_hash=hashed,
                merchant_id=quoted.merchant_id,
                member_id=member_id,
                visitor_id=visitor_id,
                checkout_id=checkout_id,
                currency=quoted.currency,
                goods_minor=quoted.goods.minor,
                shipping_minor=quoted.shipping.minor,
                credit_share_id=decided.share_id,
                credit_promoter_id=credited,
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
                shipping_terms_id=quoted.shipping.terms_id,
                shipping_zone=quoted.shipping.zone,
                weight_grams=quoted.shipping.weight_grams,
                after_sale_days=house.settings.after_sale_days if days is None else days,
            )
            items.append(OrderItem(head, split, item_touches(decided), contact))
        answers = await _submit(house, tuple(items))
        if answers[0].outcome == "known" and checkout_id is not None:
            # The first answer named another checkout.
            checkout_id = await _checkout_of(house, order_id=answers[0].order_id)
        if answers[0].outcome != "stale":
            return PlacedCheckout(checkout_id=checkout_id, orders=tuple(_placed(one, offers) for one in answers))
        house.forget()
    raise OfferKeptChanging()


def quotes_of(
    house: House,
    *,
    wanted: Mapping[UUID, int],
    offers: Mapping[UUID, Offer | None],
    terms: AllTerms,
    place: Place | None,
) -> tuple[Quote, ...]:
    """
    Return what each merchant's order of these goods costs now, merchants by id.

    :raises SkuNotOffered, NothingToPay, TotalTooLarge, AddressNeeded, RegionNeeded, NotShippedThere: as they say
    """
    quotes = []
    for asked in by_merchant(wanted=wanted, offers=offers):
        quoted = house.quotes.get(
            asked, tuple(offers[sku_id] for sku_id, _ in asked), partial(quote, wanted=dict(asked), offers=offers)
        )
        of_merchant = terms.by_merchant.get(quoted.merchant_id)
        if of_merchant is not None:
            parcel = [(offer, quantity) for sku_id, quantity in asked if (offer := offers[sku_id]) is not None]
            charged = charge(
                terms=of_merchant, place=place, weight_grams=weight_of(parcel), goods_minor=quoted.goods.minor
            )
            quoted = with_shipping(quoted, charged)
        quotes.append(quoted)
    return tuple(quotes)


def _check_shown(expected: Sequence[Money] | None, found: Sequence[Money]) -> None:
    if expected is not None and tuple(expected) != tuple(found):
        raise QuoteChanged(shown=" + ".join(map(_shown, expected)), total=" + ".join(map(_shown, found)))


def _scope(scope: str, number: int) -> str:
    """The keys of a checkout's further orders stand in scopes of their own: one key, one row each."""
    return f"{scope}/{number + 1}" if number else scope


async def _submit(house: House, items: tuple[OrderItem, ...]) -> Sequence[OrderAnswer]:
    try:
        return await house.orders.submit(items)
    except asyncpg.UniqueViolationError:
        # The same key with other goods, placed through another process in this very moment: now it is known.
        return await house.orders.submit(items)


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
        split: LineSplit = split_line(
            amount=Money(line.amount_minor, quoted.currency),
            tax=Money(line.tax_minor, quoted.currency),
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
                line.tax_rate_ppm,
                line.tax_minor,
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
    """Place a set of orders, each by itself, in one call; return an answer for each, in order."""
    return [one for (one,) in await place_checkouts(connection, [(item,) for item in items])]


async def place_checkouts(
    connection: asyncpg.Connection, checkouts: Sequence[tuple[OrderItem, ...]]
) -> list[tuple[OrderAnswer, ...]]:
    """Place a set of checkouts in one call, the orders of each all or none; return their answers, in order."""
    heads: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    touches: list[tuple[Any, ...]] = []
    contacts: list[tuple[Any, ...]] = []
    together = [len(items) for items in checkouts]
    begins = accumulate(together, initial=1)
    firsts = [first for first, many in zip(begins, together, strict=False) for _ in range(many)]
    for number, item in enumerate((item for items in checkouts for item in items), 1):
        first = len(lines) + 1
        lines.extend((number, *line) for line in item.lines)
        heads.append((*item.head, firsts[number - 1], first, len(lines)))
        touches.extend((number, *touch) for touch in item.touches)
        if (whom := item.contact) is not None:
            contacts.append((number, whom.name, whom.phone, whom.email, whom.address))
    arguments = [
        *columns(heads, width=len(ItemHead._fields) + 3),
        *columns(lines, width=len(ItemLine._fields) + 1),
        *columns(touches, width=len(ItemTouch._fields) + 1),
        *columns(contacts, width=5),
    ]
    answers = iter(
        OrderAnswer(outcome, order_id, total, currency, state, json.loads(detail) if detail else None)
        for outcome, order_id, total, currency, state, detail in await connection.fetch(_CALL, *arguments)
    )
    return [tuple(islice(answers, many)) for many in together]


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


async def _checkout_of(house: House, *, order_id: UUID) -> UUID | None:
    async with house.db.reading() as connection:
        return await checkout_of(connection, order_id=order_id)


async def _known(house: House, *, scope: str, key: str, hashed: bytes) -> PlacedCheckout | None:
    async with house.db.reading() as connection:
        row = await order_by_key(connection, scope=scope, key=key)
        if row is None:
            return None
        if row["request_hash"] != hashed:
            raise IdempotencyKeyReused()
        together = [row]
        if row["checkout_id"] is not None:
            together = await orders_of_checkout(connection, checkout_id=row["checkout_id"])
    placed = tuple(
        PlacedOrder(id=one["id"], total=Money(one["total_minor"], one["currency"]), state=one["state"], replayed=True)
        for one in together
    )
    return PlacedCheckout(checkout_id=row["checkout_id"], orders=placed)


def _shown(money: Money) -> str:
    return f"{money.major()} {money.currency}"
