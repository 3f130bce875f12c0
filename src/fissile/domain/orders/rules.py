"""Decisions about orders: values in, values out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
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
from fissile.kernel.money import MINOR_MAX, Money


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
            )
        )
    assert merchant is not None, "wanted_quantities refuses empty orders"
    made = Quote(merchant_id=merchant[0], currency=merchant[1], lines=tuple(lines))
    if made.total.minor == 0:
        raise NothingToPay()
    if made.total.minor > MINOR_MAX:
        raise TotalTooLarge(most=f"{Money(MINOR_MAX, made.currency).major():f} {made.currency}")
    return made


def request_hash(
    *,
    wanted: Mapping[UUID, int],
    share_token: str | None,
    contact: Contact | None,
    expected_total: Money | None,
) -> bytes:
    """Return the SHA-256 of what was asked, so that the same key with another body is told apart."""
    asked = [
        sorted((sku_id.hex, quantity) for sku_id, quantity in wanted.items()),
        share_token,
        None if contact is None else [contact.name, contact.phone, contact.email, contact.address],
        None if expected_total is None else [expected_total.minor, expected_total.currency],
    ]
    return hashlib.sha256(msgspec.json.encode(asked)).digest()
