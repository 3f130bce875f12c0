"""The operator's first page: counts, money of the day and of thirty days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.orders.model import ORDER_STATES
from fissile.views.reading import rows, the_row

DAYS = 30
COUNTED = 10_000
"""Of what waits so many are counted; a shop where more waits says so."""
CURRENCIES_MAX = 10

_COUNTS = text("""
SELECT (SELECT count(*) FROM products WHERE state = 'listed') AS products,
       (SELECT count(*) FROM skus WHERE state = 'listed') AS skus,
       (SELECT count(*) FROM members WHERE state = 'active') AS members,
       (SELECT count(*) FROM shares WHERE state = 'active') AS shares,
       (SELECT count(*) FROM visits WHERE first_at >= :day AND kind = 'person') AS visits_today,
       (SELECT count(*) FROM orders WHERE state = ANY (CAST(:states AS text[])) AND placed_at >= :day) AS orders_today,
       (SELECT count(*) FROM (SELECT FROM orders WHERE state = 'placed' LIMIT :most) waiting) AS unpaid,
       (SELECT count(*) FROM (SELECT FROM orders WHERE state = 'paid' LIMIT :most) waiting) AS to_ship,
       (SELECT count(*) FROM (SELECT FROM refunds WHERE state = 'posted' LIMIT :most) owed) AS refunds_owed,
       (SELECT count(*) FROM payout_batches WHERE state = 'made') AS batches_waiting
""")
# GMV paid: the totals of orders by the day (UTC) on which they were paid; refunds are not taken off.
_GMV = text("""
SELECT o.currency, date_bin('1 day', o.paid_at, :since) AS day, sum(o.total_minor)::bigint AS minor, count(*) AS orders
  FROM orders o WHERE o.paid_at >= :since GROUP BY 1, 2
""")


@dataclass(frozen=True, slots=True)
class DayGmv:
    """What was paid on one day: minor units, and orders."""

    day: datetime
    minor: int = 0
    orders: int = 0


@dataclass(frozen=True, slots=True)
class Gmv:
    """What was paid in one currency, by day without a gap; the last day is today."""

    currency: str
    daily: tuple[DayGmv, ...]

    @property
    def today(self) -> int:
        """Minor units paid today."""
        return self.daily[-1].minor

    @property
    def thirty(self) -> int:
        """Minor units paid on all of these days."""
        return sum(one.minor for one in self.daily)

    @property
    def orders(self) -> int:
        """Orders paid on all of these days."""
        return sum(one.orders for one in self.daily)


async def counts(connection: AsyncConnection, *, day: datetime) -> RowMapping:
    """
    Return the counts of the first page; ``day`` is the start of today.

    Of what waits (``to_ship``, ``unpaid``, ``refunds_owed``) no more than ``COUNTED + 1`` are counted.
    """
    return await the_row(connection, _COUNTS, day=day, states=list(ORDER_STATES), most=COUNTED + 1)


async def gmv(connection: AsyncConnection, *, day: datetime, since: datetime) -> list[Gmv]:
    """Return GMV paid on each day from ``since`` to ``day`` by currency, the most used currency first, at most ten."""
    paid: dict[str, dict[datetime, DayGmv]] = {}
    for one in await rows(connection, _GMV, since=since):
        paid.setdefault(one["currency"], {})[one["day"]] = DayGmv(one["day"], one["minor"], one["orders"])
    days = [since + timedelta(days=number) for number in range((day - since).days + 1)]
    found = [Gmv(currency, tuple(by_day.get(one, DayGmv(one)) for one in days)) for currency, by_day in paid.items()]
    return sorted(found, key=lambda one: (-one.orders, one.currency))[:CURRENCIES_MAX]
