"""Carts, checkouts, terms and requests for pages."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import row, rows

PAGE = 30

# What can be ordered has state 'listed'; the price is the current one, what was seen stands beside it.
_GOODS = """
SELECT s.id AS sku_id, s.title, s.options, s.price_minor, s.currency, s.product_id, p.title AS product, s.weight_grams,
       p.merchant_id, m.name AS merchant, st.tracked, st.on_hand - st.reserved AS available,
       CASE WHEN s.state = 'listed' AND p.state = 'listed' AND m.state = 'active' AND s.price_minor > 0
            THEN 'listed' ELSE 'unlisted' END AS state,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = p.id ORDER BY pp.position LIMIT 1)
         AS picture_id {more}
  FROM skus s JOIN sku_stock st ON st.sku_id = s.id JOIN products p ON p.id = s.product_id
  JOIN merchants m ON m.id = s.merchant_id {joins}
"""
_CART = text(
    _GOODS.format(more=", l.quantity, l.seen_minor, l.seen_currency", joins="JOIN cart_lines l ON l.sku_id = s.id")
    + " WHERE l.owner_id = :owner ORDER BY m.name, m.id, l.added_at, s.id LIMIT 100"
).columns(options=JSONB)
_ITEMS = text(
    _GOODS.format(more="", joins="") + " WHERE s.id = ANY (CAST(:skus AS uuid[])) ORDER BY m.name, m.id, s.id LIMIT 100"
).columns(options=JSONB)
_IN_CART = text("SELECT count(*) FROM cart_lines WHERE owner_id = :owner")
_CHECKOUT = text("""
SELECT o.id, o.state, o.currency, o.total_minor, o.goods_minor, o.shipping_minor, o.reserved_until, o.member_id,
       o.visitor_id, m.name AS merchant, first.title, first.lines
  FROM orders o JOIN merchants m ON m.id = o.merchant_id
  LEFT JOIN LATERAL (
    SELECT l.title, (SELECT count(*) FROM order_lines n WHERE n.order_id = o.id) AS lines
      FROM order_lines l WHERE l.order_id = o.id ORDER BY l.line_no LIMIT 1) first ON true
 WHERE o.checkout_id = :checkout ORDER BY m.name, o.id LIMIT 60
""")
_TAXES = text("""
SELECT tax_rate_ppm, sum(tax_minor)::bigint AS tax_minor FROM order_lines
 WHERE order_id = :order AND tax_rate_ppm > 0 GROUP BY tax_rate_ppm ORDER BY tax_rate_ppm DESC
""")
_REQUESTS_OF_ORDER = text("""
SELECT id, kind, reason, state, asked_at, decided_at, answer FROM after_sale_requests
 WHERE order_id = :order ORDER BY asked_at DESC, id DESC LIMIT 10
""")
_REQUESTS = text("""
SELECT r.id, r.order_id, r.kind, r.reason, r.state, r.asked_at, r.decided_at, r.answer, o.currency, o.total_minor,
       o.refunded_minor, o.state AS order_state, m.name AS merchant, first.title,
       (SELECT d.display_name FROM member_profiles d WHERE d.member_id = r.decided_by) AS decided_by
  FROM after_sale_requests r JOIN orders o ON o.id = r.order_id JOIN merchants m ON m.id = o.merchant_id
  LEFT JOIN LATERAL (SELECT l.title FROM order_lines l WHERE l.order_id = o.id ORDER BY l.line_no LIMIT 1) first ON true
 WHERE (CAST(:state AS text) IS NULL OR r.state = CAST(:state AS text))
   AND (CAST(:merchants AS uuid[]) IS NULL OR o.merchant_id = ANY (CAST(:merchants AS uuid[])))
   AND (CAST(:before AS uuid) IS NULL OR (r.asked_at, r.id) <
        (SELECT b.asked_at, b.id FROM after_sale_requests b WHERE b.id = CAST(:before AS uuid)))
 ORDER BY r.asked_at DESC, r.id DESC LIMIT :limit
""")
_TERMS = text("""
SELECT m.id, m.name, m.currency, t.version, t.valid_from, t.after_sale_days, jsonb_array_length(t.zones) AS zones,
       (SELECT d.display_name FROM member_profiles d WHERE d.member_id = t.made_by) AS made_by
  FROM merchants m
  LEFT JOIN LATERAL (
    SELECT * FROM shipping_terms t WHERE t.merchant_id = m.id ORDER BY t.version DESC LIMIT 1) t ON true
 WHERE m.state = 'active' AND (CAST(:merchants AS uuid[]) IS NULL OR m.id = ANY (CAST(:merchants AS uuid[])))
 ORDER BY m.name, m.id LIMIT 500
""")
_MERCHANT = text("SELECT id, name, currency FROM merchants WHERE id = :merchant")
# A guest's order is found by its number and by one of the two that its buyer gave.
_GUEST_CONTACT = text("""
SELECT o.id, c.email, c.phone, c.name FROM orders o JOIN order_contacts c ON c.order_id = o.id
 WHERE o.id = :order AND o.member_id IS NULL
""")


async def cart(connection: AsyncConnection, *, owner_id: UUID) -> list[RowMapping]:
    """Return the lines of a cart with what they cost now, by merchant."""
    return await rows(connection, _CART, owner=owner_id)


async def items(connection: AsyncConnection, *, sku_ids: Sequence[UUID]) -> list[RowMapping]:
    """Return some SKUs as a cart shows them, by merchant."""
    return await rows(connection, _ITEMS, skus=list(sku_ids))


async def in_cart(connection: AsyncConnection, *, owner_id: UUID) -> int:
    """Return how many different things are in a cart."""
    return int((await connection.execute(_IN_CART, {"owner": owner_id})).scalar_one())


async def checkout(connection: AsyncConnection, *, checkout_id: UUID) -> list[RowMapping]:
    """Return the orders that were placed together, by merchant."""
    return await rows(connection, _CHECKOUT, checkout=checkout_id)


async def taxes(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the tax that an order's lines contain, by rate."""
    return await rows(connection, _TAXES, order=order_id)


async def requests_of_order(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the requests to give an order back, the newest first."""
    return await rows(connection, _REQUESTS_OF_ORDER, order=order_id)


async def requests(
    connection: AsyncConnection,
    *,
    state: str | None,
    merchant_ids: Sequence[UUID] | None,
    before: UUID | None,
    limit: int = PAGE,
) -> list[RowMapping]:
    """Return one page of requests, newest first; of these merchants only, unless ``merchant_ids`` is None."""
    merchants = None if merchant_ids is None else list(merchant_ids)
    return await rows(connection, _REQUESTS, state=state, merchants=merchants, before=before, limit=limit)


async def merchants_with_terms(connection: AsyncConnection, *, merchant_ids: Sequence[UUID] | None) -> list[RowMapping]:
    """Return merchants with the version of their terms, if they have some."""
    return await rows(connection, _TERMS, merchants=None if merchant_ids is None else list(merchant_ids))


async def merchant(connection: AsyncConnection, *, merchant_id: UUID) -> RowMapping | None:
    """Return one merchant."""
    return await row(connection, _MERCHANT, merchant=merchant_id)


async def guest_contact(connection: AsyncConnection, *, order_id: UUID) -> RowMapping | None:
    """Return how the buyer of a guest's order can be reached; None if it is a member's, or there is none."""
    return await row(connection, _GUEST_CONTACT, order=order_id)
