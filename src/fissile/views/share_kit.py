"""What a share is shown with: its target, its promoter, and what it brought by day, form, channel and share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import row, rows

Grouping = Literal["day", "form", "channel", "share"]
GROUPINGS: Final[tuple[Grouping, ...]] = ("day", "form", "channel", "share")
PRODUCTS_COUNTED: Final = 1_000
"""Of a shop's products so many are counted; a shop with more says so."""
LINES_MAX: Final = 10_000

_SHOWN = """
SELECT sh.id, sh.token, sh.promoter_id, sh.target_kind, sh.target_id, sh.channel, sh.state, sh.version,
       sh.channel_kind, sh.channel_id, sh.created_at, sh.expires_at,
       CASE sh.target_kind WHEN 'shop' THEN m.name ELSE p.title END AS title,
       coalesce(p.description, '') AS description, m.name AS merchant, m.currency, who.display_name AS promoter,
       price.lowest, price.highest, stock.products,
       coalesce(m.state = 'active' AND (sh.target_kind = 'shop' OR p.state = 'listed'), false) AS offered,
       picture.picture_id, picture.width, picture.height
  FROM shares sh
  LEFT JOIN products p ON sh.target_kind = 'product' AND p.id = sh.target_id
  LEFT JOIN merchants m ON m.id = CASE sh.target_kind WHEN 'shop' THEN sh.target_id ELSE p.merchant_id END
  LEFT JOIN member_profiles who ON who.member_id = sh.promoter_id
  LEFT JOIN LATERAL (
    SELECT min(k.price_minor) AS lowest, max(k.price_minor) AS highest
      FROM skus k WHERE k.product_id = p.id AND k.state = 'listed'
  ) price ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS products FROM (
      SELECT FROM products q WHERE sh.target_kind = 'shop' AND q.merchant_id = m.id AND q.state = 'listed'
       LIMIT :counted) goods
  ) stock ON true
  LEFT JOIN LATERAL (
    SELECT pp.picture_id, pic.width, pic.height
      FROM (SELECT p.id UNION ALL
            (SELECT q.id FROM products q
              WHERE sh.target_kind = 'shop' AND q.merchant_id = m.id AND q.state = 'listed'
                AND EXISTS (SELECT FROM product_pictures any_of WHERE any_of.product_id = q.id)
              ORDER BY q.sort_key, q.id LIMIT 1)) shown
      JOIN product_pictures pp ON pp.product_id = shown.id
      JOIN pictures pic ON pic.id = pp.picture_id
     ORDER BY pp.position LIMIT 1
  ) picture ON true
"""
_BY_ID = text(_SHOWN + " WHERE sh.id = :share")
_BY_TOKEN = text(_SHOWN + " WHERE sh.token = :token")

# The form of an order is that of the visit whose last opening won; a share that was named with an order has no visit.
# Only that grouping looks for the visit, by the whole key of each: of all visits of a share it would take minutes.
_OPENED = """
    LEFT JOIN LATERAL (
      SELECT v.form
        FROM order_touches t JOIN visits v ON v.share_id = t.share_id
       WHERE t.order_id = o.id AND t.outcome = 'won' AND t.touched_at BETWEEN v.first_at AND v.last_at
         AND v.visitor_id = ANY (o.visitor_id || ARRAY(
               SELECT vm.visitor_id FROM visitor_members vm WHERE vm.member_id = o.member_id))
       ORDER BY v.last_at DESC LIMIT 1
    ) opened ON true"""
_KEYS: Final[dict[Grouping, tuple[str, str]]] = {
    "day": (
        "to_char(v.first_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
        "to_char(o.paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    ),
    "form": ("v.form", "coalesce(opened.form, '')"),
    "channel": ("sh.channel", "sh.channel"),
    "share": ("sh.id::text", "sh.id::text"),
}
_BROUGHT = """
WITH mine AS (
  SELECT sh.id, sh.channel FROM shares sh
   WHERE sh.promoter_id = :promoter AND (CAST(:share AS uuid) IS NULL OR sh.id = CAST(:share AS uuid))
), bought AS (
  SELECT {order_key} AS key, o.currency, o.total_minor, earned.minor
    FROM orders o
    JOIN mine sh ON sh.id = o.credit_share_id
{opened}
    LEFT JOIN LATERAL (
      SELECT sum(c.amount_minor - c.taken_back_minor) AS minor
        FROM commissions c WHERE c.order_id = o.id AND c.promoter_id = :promoter
    ) earned ON true
   WHERE o.credit_promoter_id = :promoter AND o.paid_at >= :since AND o.paid_at < :until
)
SELECT key, '' AS currency, count(*) AS visits, sum(opens)::bigint AS opens, 0 AS orders, 0 AS gmv_minor,
       0 AS commission_minor
  FROM (SELECT {visit_key} AS key, v.opens FROM mine sh JOIN visits v ON v.share_id = sh.id
         WHERE v.first_at >= :since AND v.first_at < :until AND v.kind = 'person') seen
 GROUP BY key
UNION ALL
SELECT key, currency, 0, 0, count(*), sum(total_minor)::bigint, coalesce(sum(minor), 0)::bigint
  FROM bought GROUP BY key, currency
 ORDER BY 1, 2 LIMIT :most
"""
_STATEMENTS = {
    by: text(_BROUGHT.format(visit_key=visit_key, order_key=order_key, opened=_OPENED if by == "form" else ""))
    for by, (visit_key, order_key) in _KEYS.items()
}
_TITLES = text("""
SELECT sh.id::text AS id, coalesce(p.title, shop.name) AS title
  FROM shares sh LEFT JOIN products p ON p.id = sh.target_id LEFT JOIN merchants shop ON shop.id = sh.target_id
 WHERE sh.promoter_id = :promoter AND sh.id = ANY (CAST(:shares AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Paid orders in one currency: how many, their totals as paid, and the commission not taken back (minor units)."""

    currency: str
    orders: int
    gmv_minor: int
    commission_minor: int


@dataclass(frozen=True, slots=True)
class Brought:
    """What one day, form, channel or share brought. The key of a form is empty where no visit stands behind orders."""

    key: str
    visits: int
    opens: int
    amounts: tuple[Amounts, ...]

    @property
    def orders(self) -> int:
        """Paid orders in all currencies."""
        return sum(one.orders for one in self.amounts)


async def shown_share(connection: AsyncConnection, *, share_id: UUID) -> RowMapping | None:
    """Return a share with target, price range (minor units), first picture and promoter; ``offered`` if it is sold."""
    return await row(connection, _BY_ID, share=share_id, counted=PRODUCTS_COUNTED + 1)


async def shown_share_of(connection: AsyncConnection, *, token: str) -> RowMapping | None:
    """Return the same of a token."""
    return await row(connection, _BY_TOKEN, token=token, counted=PRODUCTS_COUNTED + 1)


async def brought(
    connection: AsyncConnection,
    *,
    promoter_id: UUID,
    share_id: UUID | None,
    by: Grouping,
    since: datetime,
    until: datetime,
) -> list[Brought]:
    """
    Return what a promoter's shares, or one of them, brought from ``since`` on and before ``until``, by key.

    Visits count where they began, orders where they were paid; days are days of UTC.
    """
    lines: dict[str, tuple[int, int, list[Amounts]]] = {}
    values = {"promoter": promoter_id, "share": share_id, "since": since, "until": until, "most": LINES_MAX}
    for one in await rows(connection, _STATEMENTS[by], **values):
        visits, opens, amounts = lines.get(one["key"], (0, 0, []))
        if one["currency"]:
            amounts.append(Amounts(one["currency"], one["orders"], one["gmv_minor"], one["commission_minor"]))
        lines[one["key"]] = (visits + one["visits"], opens + one["opens"], amounts)
    return [Brought(key, visits, opens, tuple(amounts)) for key, (visits, opens, amounts) in sorted(lines.items())]


async def titles_of(connection: AsyncConnection, *, promoter_id: UUID, share_ids: list[str]) -> dict[str, str]:
    """Return the titles of a promoter's shares by their ids as text."""
    found = await rows(connection, _TITLES, promoter=promoter_id, shares=share_ids)
    return {one["id"]: one["title"] for one in found}
