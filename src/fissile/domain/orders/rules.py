"""Decisions about orders: values in, values out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from uuid import UUID

import msgspec

from fissile.domain.catalogue.model import Offer
from fissile.domain.orders.errors import (
    BadQuantity,
    EmptyOrder,
    NothingToPay,
    SeveralMerchants,
    SkuNotOffered,
    TooManyLines,
    TotalTooLarge,
)
from fissile.domain.orders.model import LINES_MAX, QUANTITY_MAX, Contact, Quote, QuoteLine
from fissile.domain.shipping.model import Charge
from fissile.kernel.money import MINOR_MAX, PPM, Money


def wanted_quantities(lines: Sequence[tuple[UUID, int]]) -> dict[UUID, int]:
    """
    Return how many of each SKU are wanted; two lines of one SKU become one.

    :raises EmptyOrder: if there is no line
    :raises BadQuantity: if a quantity is below 1 or above 10,000
    :raises TooManyLines: if there are more than 50 different SKUs
    """
    wanted: dict[UUID, int] = {}
    for sku_id, quantity in lines:
        if quantity < 1:
            raise BadQuantity(given=quantity, most=QUANTITY_MAX)
        wanted[sku_id] = wanted.get(sku_id, 0) + quantity
    if not wanted:
        raise EmptyOrder()
    if len(wanted) > LINES_MAX:
        raise TooManyLines(most=LINES_MAX)
    if max(wanted.values()) > QUANTITY_MAX:
        raise BadQuantity(given=max(wanted.values()), most=QUANTITY_MAX)
    return wanted


def quote(*, wanted: Mapping[UUID, int], offers: Mapping[UUID, Offer | None]) -> Quote:
    """
    Return what these quantities cost now. Stock is not asked for: only the placement can promise it.

    :raises SkuNotOffered: if one is not listed (its product and merchant included)
    :raises SeveralMerchants: if they are not all of one merchant
    :raises NothingToPay: if the total would be zero
    :raises TotalTooLarge: if it would be above ten trillion, where sums of orders leave what the ledger holds
    """
    lines: list[QuoteLine] = []
    merchant: tuple[UUID, str] | None = None
    for sku_id, quantity in wanted.items():
        offer = offers[sku_id]
        if offer is None or offer.state != "listed":
            raise SkuNotOffered(title=offer.title if offer else str(sku_id))
        if merchant not in (None, (offer.merchant_id, offer.currency)):
            raise SeveralMerchants()
        merchant = (offer.merchant_id, offer.currency)
        lines.append(
            QuoteLine(
                sku_id=sku_id,
                product_id=offer.product_id,
                title=offer.title,
                quantity=quantity,
                unit_price_minor=offer.price_minor,
                amount_minor=offer.price_minor * quantity,
                sku_version=offer.version,
                tax_rate_ppm=offer.tax_rate_ppm,
                tax_minor=tax_contained(offer.price_minor * quantity, rate_ppm=offer.tax_rate_ppm),
            )
        )
    assert merchant is not None, "wanted_quantities refuses empty orders"
    made = Quote(merchant_id=merchant[0], currency=merchant[1], lines=tuple(lines))
    if made.total.minor == 0:
        raise NothingToPay()
    return _bounded(made)


def with_shipping(quoted: Quote, shipping: Charge) -> Quote:
    """
    Return the quote with what sending it costs.

    :raises TotalTooLarge: if the total would be above ten trillion
    """
    return _bounded(replace(quoted, shipping=shipping)) if shipping.terms_id else quoted


def tax_contained(amount_minor: int, *, rate_ppm: int) -> int:
    """
    Return the tax that a line's amount contains, in minor units, rounded half up once a line.

    The rate is a part of the net price, so of a gross amount it is ``amount × rate / (1 + rate)``. The tax of a rate
    in an order is the sum of its lines' taxes, never reckoned anew from the sum.

    Source: docs/decisions/0013-checkout.md
    """
    whole = PPM + rate_ppm
    return (2 * amount_minor * rate_ppm + whole) // (2 * whole)


def by_merchant(
    *, wanted: Mapping[UUID, int], offers: Mapping[UUID, Offer | None]
) -> tuple[tuple[tuple[UUID, int], ...], ...]:
    """
    Return (SKU, quantity) of each merchant's order, merchants by id, so that the same cart is divided the same way.

    :raises SkuNotOffered: if one is not listed
    """
    found: dict[UUID, list[tuple[UUID, int]]] = {}
    for sku_id, quantity in wanted.items():
        offer = offers[sku_id]
        if offer is None or offer.state != "listed":
            raise SkuNotOffered(title=offer.title if offer else str(sku_id))
        found.setdefault(offer.merchant_id, []).append((sku_id, quantity))
    return tuple(tuple(found[merchant_id]) for merchant_id in sorted(found))


def totals(quotes: Sequence[Quote]) -> tuple[Money, ...]:
    """Return what quotes cost together: one sum for each currency, in the order of the codes."""
    sums: dict[str, int] = {}
    for one in quotes:
        sums[one.currency] = sums.get(one.currency, 0) + one.total.minor
    return tuple(Money(sums[currency], currency) for currency in sorted(sums))


def _bounded(made: Quote) -> Quote:
    if made.total.minor > MINOR_MAX:
        raise TotalTooLarge(most=f"{Money(MINOR_MAX, made.currency).major():f} {made.currency}")
    return made


def request_hash(
    *,
    wanted: Mapping[UUID, int],
    share_token: str | None,
    contact: Contact | None,
    expected_total: Money | Sequence[Money] | None,
) -> bytes:
    """Return the SHA-256 of what was asked, so that the same key with another body is told apart."""
    expected = (expected_total,) if isinstance(expected_total, Money) else expected_total
    asked = [
        sorted((sku_id.hex, quantity) for sku_id, quantity in wanted.items()),
        share_token,
        None if contact is None else astuple(contact),
        None if expected is None else [(one.minor, one.currency) for one in expected],
    ]
    return hashlib.sha256(msgspec.json.encode(asked)).digest()
