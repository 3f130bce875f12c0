"""What guests may do from one address: pages and API count together."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute

from fissile.infra.rate_limits import RateLimits, TooManyGuestOrders, TooManyRequests
from fissile.kernel.errors import Refusal

if TYPE_CHECKING:
    from fissile.flows.house import House


class GuestOrderTooLarge(Refusal):
    """A guest orders at most {most} pieces at once: order fewer, or sign in."""


async def count_guest_order(house: House, *, address: str, pieces: int, at: datetime) -> None:
    """
    Count an attempt of somebody without a sign-in or a key to order from this address.

    Without it one script could keep the stock of the whole shop for itself, a quarter of an hour at a time.

    :raises GuestOrderTooLarge: if it is of more pieces than the setting allows
    :raises TooManyGuestOrders: if there were as many within a minute as the setting allows
    """
    pieces_max = house.settings.guest_pieces_max
    if pieces_max and pieces > pieces_max:
        raise GuestOrderTooLarge(most=pieces_max)
    most = house.settings.guest_orders_per_minute
    if not most:
        return
    try:
        await RateLimits(house.db).hit("guest_order_address", address, at, limit=RateLimitItemPerMinute(most, 1))
    except TooManyRequests as refusal:
        raise TooManyGuestOrders(most=most, **refusal.details) from None
