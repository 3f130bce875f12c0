"""Placing an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec

from fissile.api.asked import KeyRefused, OriginRefused, ask
from fissile.api.endpoint import FastEndpoint, Request, Response, json_response
from fissile.api.limits import GuestOrderTooLarge, count_guest_order
from fissile.domain.catalogue.errors import SkuAmbiguous, SkuUnknown
from fissile.domain.members.errors import ScopeMissing
from fissile.domain.orders.errors import (
    BadQuantity,
    EmptyOrder,
    IdempotencyKeyReused,
    NothingToPay,
    OfferKeptChanging,
    QuoteChanged,
    SeveralMerchants,
    SkuNotOffered,
    SoldOut,
    TooManyLines,
    TotalTooLarge,
)
from fissile.domain.orders.model import Contact, PlacedOrder
from fissile.domain.shares.errors import CodeMistyped, CodeNotFound, ShareUnknown
from fissile.domain.shares.rules import TOKEN_LENGTH, find_code
from fissile.domain.shipping.errors import AddressNeeded, NotShippedThere, RegionNeeded
from fissile.flows.place_order import place_order
from fissile.infra.batcher import Busy, DatabaseAway
from fissile.infra.chance import SystemChance
from fissile.infra.rate_limits import TooManyGuestOrders
from fissile.kernel.ids import public_id
from fissile.kernel.money import BadAmount, parse_major

if TYPE_CHECKING:
    from fissile.flows.house import House

_CHANCE = SystemChance()
_TEXT = "^[^\\x00]*$"  # the database takes no zero characters
_REPLAYED = (b"idempotent-replayed", b"true")


class OrderLine(msgspec.Struct, forbid_unknown_fields=True):
    """A SKU (its id, its code, or merchant:code) and how many."""

    sku: str
    quantity: int = 1


class OrderContact(msgspec.Struct, forbid_unknown_fields=True):
    """
    Whom to send it to. ``country`` (ISO 3166-1, two letters) and ``region`` (ISO 3166-2) are what shipping is priced
    by; ``address`` is written on the parcel as it is given.
    """

    name: Annotated[str, msgspec.Meta(max_length=80, pattern=_TEXT)]
    phone: Annotated[str, msgspec.Meta(max_length=40, pattern=_TEXT)] = ""
    email: Annotated[str, msgspec.Meta(max_length=200, pattern=_TEXT)] = ""
    address: Annotated[str, msgspec.Meta(max_length=400, pattern=_TEXT)] = ""
    country: Annotated[str, msgspec.Meta(pattern="^([A-Z]{2})?$")] = ""
    region: Annotated[str, msgspec.Meta(pattern="^([A-Z]{2}-[A-Z0-9]{1,3})?$")] = ""


class OrderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """
    One SKU with its quantity, or several ``lines`` of one merchant.

    ``share`` is the code, link or token that brought the buyer; ``expected_total`` what the buyer was shown, in
    the major unit ("12.50"): another total is refused, so that shown is charged.
    """

    sku: str | None = None
    quantity: int = 1
    lines: list[OrderLine] | None = None
    share: str | None = None
    contact: OrderContact | None = None
    expected_total: str | None = None


class OrderPlaced(msgspec.Struct):
    """The order: ``total`` with shipping, in the currency's major unit, ``total_minor`` in whole minor units."""

    id: str
    total: str
    total_minor: int
    currency: str
    state: str
    pay_url: str


def endpoints(house: House) -> Sequence[FastEndpoint]:
    """Return the endpoint that takes orders."""

    async def order(request: Request) -> Response:
        at = datetime.now(UTC)
        asked = await ask(house, request, scope="orders:write", at=at, rng=_CHANCE)
        wanted = await request.json(OrderRequest)
        if asked.actor is None:
            pieces = sum(line.quantity for line in _lines(wanted))
            await count_guest_order(house, address=request.client, pieces=pieces, at=at)
        lines = [(await _sku_id(house, line.sku), line.quantity) for line in _lines(wanted)]
        expected = None
        if wanted.expected_total is not None and lines:
            offer = await house.offers.get(lines[0][0])
            expected = parse_major(wanted.expected_total, currency=offer.currency if offer else "CNY")
        contact = wanted.contact
        placed = await place_order(
            house,
            lines=lines,
            share_token=_token(wanted.share),
            member_id=asked.member_id,
            visitor_id=asked.visitor_id,
            visitor_is_new=asked.visitor_is_new,
            contact=Contact(**msgspec.structs.asdict(contact)) if contact else None,
            expected_total=expected,
            idempotency_scope=asked.scope,
            idempotency_key=request.idempotency_key,
            at=at,
            rng=_CHANCE,
        )
        headers = (*asked.cookies, _REPLAYED) if placed.replayed else asked.cookies
        return json_response(_shown(house, placed), status=200 if placed.replayed else 201, headers=headers)

    return (
        FastEndpoint(
            method="POST",
            path="/api/orders",
            summary="Place an order; its stock is kept until it is paid or its time is over.",
            handler=order,
            body=OrderRequest,
            answer=OrderPlaced,
            problems=(
                KeyRefused,
                ScopeMissing,
                OriginRefused,
                SkuUnknown,
                SkuAmbiguous,
                EmptyOrder,
                BadQuantity,
                TooManyLines,
                SkuNotOffered,
                SeveralMerchants,
                NothingToPay,
                TotalTooLarge,
                AddressNeeded,
                RegionNeeded,
                NotShippedThere,
                GuestOrderTooLarge,
                TooManyGuestOrders,
                BadAmount,
                CodeNotFound,
                CodeMistyped,
                ShareUnknown,
                QuoteChanged,
                SoldOut,
                IdempotencyKeyReused,
                OfferKeptChanging,
                Busy,
                DatabaseAway,
            ),
            status=201,
            idempotent=True,
        ),
    )


def _lines(wanted: OrderRequest) -> list[OrderLine]:
    lines = list(wanted.lines or ())
    if wanted.sku is not None:
        lines.append(OrderLine(sku=wanted.sku, quantity=wanted.quantity))
    return lines


async def _sku_id(house: House, given: str) -> UUID:
    sku_id = await house.sku_ids.get(given)
    assert sku_id is not None, "an unknown SKU is refused, not returned"
    return sku_id


def _token(share: str | None) -> str | None:
    if share is None or (len(share) == TOKEN_LENGTH and share.isalnum()):
        return share
    return find_code(share).token


def _shown(house: House, placed: PlacedOrder) -> OrderPlaced:
    id = public_id("ord", placed.id)
    return OrderPlaced(
        id=id,
        total=str(placed.total.major()),
        total_minor=placed.total.minor,
        currency=placed.total.currency,
        state=placed.state,
        pay_url=f"{house.settings.base_url}/sandbox/pay/{id}",
    )
