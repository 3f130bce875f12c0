"""What orders would cost now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from fissile.domain.orders.model import Quote
from fissile.domain.orders.rules import by_merchant, quote, wanted_quantities, with_shipping
from fissile.domain.shipping.model import AllTerms, Place
from fissile.domain.shipping.rules import charge, weight_of
from fissile.kernel.errors import Refusal

if TYPE_CHECKING:
    from fissile.flows.house import House


async def quote_order(
    house: House, *, lines: Sequence[tuple[UUID, int]], place: Place | None = None
) -> tuple[tuple[Quote, ...], Refusal | None]:
    """
    Return the quotes for these (SKU, quantity) lines, one a merchant, by merchant; they promise no stock.

    Where the shipping cannot be reckoned yet (there is no place, or nothing is sent there) the quote is that of the
    goods alone, and the refusal that an order would meet stands beside.

    :raises EmptyOrder, BadQuantity, TooManyLines, SkuNotOffered, NothingToPay, TotalTooLarge: if it cannot be
    """
    wanted = wanted_quantities(lines)
    offers = {sku_id: await house.offers.get(sku_id) for sku_id in wanted}
    terms, _ = await house.terms.get("terms") or (AllTerms(), 0)
    quotes, missing = [], None
    for asked in by_merchant(wanted=wanted, offers=offers):
        quoted = quote(wanted=dict(asked), offers=offers)
        parcel = [(offer, quantity) for sku_id, quantity in asked if (offer := offers[sku_id]) is not None]
        try:
            charged = charge(
                terms=terms.by_merchant.get(quoted.merchant_id),
                place=place,
                weight_grams=weight_of(parcel),
                goods_minor=quoted.goods.minor,
            )
        except Refusal as refusal:
            missing = refusal
        else:
            quoted = with_shipping(quoted, charged)
        quotes.append(quoted)
    return tuple(quotes), missing
