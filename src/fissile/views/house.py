"""The operator's first page: counts, money of the day and of thirty days."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import rows, the_row

DAYS = 30

_COUNTS = text("""
SELECT (SELECT count(*) FROM products WHERE state = 'listed') AS products,
       (SELECT count(*) FROM skus WHERE state = 'listed') AS skus,
       (SELECT count(*) FROM members WHERE state = 'active') AS members,
       (SELECT count(*) FROM shares WHERE state = 'active') AS shares,
       (SELECT count(*) FROM visits WHERE last_at >= :day AND kind = 'person') AS visits_today,
       (SELECT count(*) FROM orders WHERE placed_at >= :day) AS orders_today,
       (SELECT count(*) FROM orders WHERE state = 'placed') AS unpaid,
       (SELECT count(*) FROM orders WHERE state = 'paid') AS to_ship,
       (SELECT count(*) FROM refunds WHERE state = 'posted') AS refunds_owed,
       (SELECT count(*) FROM payout_batches WHERE state = 'made') AS batches_waiting
""")
# GMV paid: the totals of orders by the day (UTC) on which they were paid; refunds are not taken off.
_GMV = text("""
SELECT o.currency, coalesce(sum(o.total_minor) FILTER (WHERE o.paid_at >= :day), 0)::bigint AS today,
       sum(o.total_minor)::bigint AS thirty, count(*) AS orders
  FROM orders o WHERE o.paid_at >= :since GROUP BY o.currency ORDER BY count(*) DESC, o.currency LIMIT 10
""")
_DAILY = text("""
SELECT day.start AS day, coalesce(sum(o.total_minor), 0)::bigint AS minor, count(o.id) AS orders
  FROM generate_series(CAST(:since AS timestamptz), CAST(:day AS timestamptz), interval '1 day') AS day (start)
  LEFT JOIN orders o
    ON o.paid_at >= day.start AND o.paid_at < day.start + interval '1 day' AND o.currency = :currency
 GROUP BY day.start ORDER BY day.start
""")


async def counts(connection: AsyncConnection, *, day: datetime) -> RowMapping:
    """Return the counts of the first page; ``day`` is the start of today."""
    return await the_row(connection, _COUNTS, day=day)


async def gmv(connection: AsyncConnection, *, day: datetime, since: datetime) -> list[RowMapping]:
    """Return GMV paid today and since then, by currency (minor units), the most used currency first."""
    return await rows(connection, _GMV, day=day, since=since)


async def gmv_by_day(connection: AsyncConnection, *, currency: str, day: datetime, since: datetime) -> list[RowMapping]:
    """Return GMV paid on each day from ``since`` to ``day`` in one currency, days without orders as 0."""
    return await rows(connection, _DAILY, currency=currency, day=day, since=since)
