"""What an order would cost now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from fissile.domain.orders.model import Quote
from fissile.domain.orders.rules import quote, wanted_quantities

if TYPE_CHECKING:
    from fissile.flows.house import House


async def quote_order(house: House, *, lines: Sequence[tuple[UUID, int]]) -> Quote:
    """
    Return the quote for these (SKU, quantity) lines; it promises no stock.

    :raises EmptyOrder, BadQuantity, TooManyLines, SkuNotOffered, SeveralMerchants, NothingToPay: if it cannot be
    """
    wanted = wanted_quantities(lines)
    return quote(wanted=wanted, offers={sku_id: await house.offers.get(sku_id) for sku_id in wanted})
