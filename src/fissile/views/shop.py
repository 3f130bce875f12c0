"""What buyers see of the catalogue: lists, one product, its pictures. Only what is listed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import row, rows

# A card like those of a search, for some products.
_CARDS = """
SELECT p.id AS product_id, p.title, m.name AS merchant_name, min(s.price_minor) AS price_minor_min,
       max(s.price_minor) AS price_minor_max, min(s.currency) AS currency,
       bool_or(NOT st.tracked OR st.on_hand > st.reserved) AS in_stock,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = p.id ORDER BY pp.position LIMIT 1)
         AS picture_id
  FROM products p
  JOIN merchants m ON m.id = p.merchant_id AND m.state = 'active'
  JOIN skus s ON s.product_id = p.id AND s.state = 'listed'
  JOIN sku_stock st ON st.sku_id = s.id
 WHERE p.id = ANY (CAST(:products AS uuid[])) AND p.state = 'listed'
 GROUP BY p.id, m.name
"""
_CARD = text(_CARDS)
# Read off the end of the events, so that it costs the same however long the history is.
_OPENED_LATELY = text("""
SELECT s.target_id
  FROM events e JOIN shares s ON s.id = e.subject_id
 WHERE e.name = 'visit.recorded' AND s.target_kind = 'product'
   AND e.position > (SELECT max(position) FROM events) - :events
 GROUP BY s.target_id
 ORDER BY EXISTS (SELECT FROM product_pictures pp WHERE pp.product_id = s.target_id) DESC, count(*) DESC, s.target_id
 LIMIT :most
""")
_EVENTS_LOOKED_AT = 10_000
_CATEGORIES = text("""
SELECT c.id, c.parent_id, c.name, c.path,
       EXISTS (SELECT FROM categories below WHERE below.parent_id = c.id) AS has_children
  FROM categories c
 WHERE c.parent_id IS NOT DISTINCT FROM CAST(:parent AS uuid)
 ORDER BY c.sort_key, c.id LIMIT 60
""")
_CATEGORY = text("""
SELECT c.id, c.name, c.path, above.id AS above_id, above.name AS above_name
  FROM categories c LEFT JOIN categories above ON above.id = c.parent_id WHERE c.id = :category
""")
_PRODUCT = text("""
SELECT p.id, p.title, p.description, p.state, m.id AS merchant_id, m.name AS merchant, c.id AS category_id,
       c.name AS category
  FROM products p JOIN merchants m ON m.id = p.merchant_id LEFT JOIN categories c ON c.id = p.category_id
 WHERE p.id = :product AND p.state = 'listed' AND m.state = 'active'
""")
_SKUS = text("""
SELECT s.id, s.code, s.title, s.options, s.price_minor, s.currency, st.tracked,
       st.on_hand - st.reserved AS available
  FROM skus s JOIN sku_stock st ON st.sku_id = s.id
 WHERE s.product_id = :product AND s.state = 'listed'
 ORDER BY s.position, s.id LIMIT 200
""").columns(options=JSONB)
_SKU = text("""
SELECT s.id, s.title, s.options, s.price_minor, s.currency, s.product_id, p.title AS product, st.tracked,
       st.on_hand - st.reserved AS available,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = p.id ORDER BY pp.position LIMIT 1)
         AS picture_id
  FROM skus s JOIN sku_stock st ON st.sku_id = s.id JOIN products p ON p.id = s.product_id
 WHERE s.id = :sku AND s.state = 'listed' AND p.state = 'listed'
""").columns(options=JSONB)
_SHOP_PICTURE = text("""
SELECT pp.picture_id, pic.width, pic.height
  FROM products p JOIN product_pictures pp ON pp.product_id = p.id JOIN pictures pic ON pic.id = pp.picture_id
 WHERE p.merchant_id = :merchant AND p.state = 'listed' ORDER BY p.sort_key, p.id, pp.position LIMIT 1
""")
_PICTURES = text("""
SELECT pp.picture_id, pic.width, pic.height
  FROM product_pictures pp JOIN pictures pic ON pic.id = pp.picture_id
 WHERE pp.product_id = :product ORDER BY pp.position LIMIT 12
""")


async def shop_picture(connection: AsyncConnection, *, merchant_id: UUID) -> RowMapping | None:
    """Return the first picture of a shop's products; None if it has none."""
    return await row(connection, _SHOP_PICTURE, merchant=merchant_id)


async def card(connection: AsyncConnection, *, product_id: UUID) -> RowMapping | None:
    """Return the card of one product; None if it is not listed or has no offer."""
    return await row(connection, _CARD, products=[product_id])


async def opened_lately(connection: AsyncConnection, *, most: int) -> list[RowMapping]:
    """Return cards of the products whose shares people opened most of late, those with a picture first."""
    found = await rows(connection, _OPENED_LATELY, events=_EVENTS_LOOKED_AT, most=most)
    places = {one["target_id"]: place for place, one in enumerate(found)}
    cards = await rows(connection, _CARD, products=list(places))
    return sorted(cards, key=lambda one: places[one["product_id"]])


async def categories_below(connection: AsyncConnection, *, parent_id: UUID | None) -> list[RowMapping]:
    """Return the categories below one, or the top ones."""
    return await rows(connection, _CATEGORIES, parent=parent_id)


async def category(connection: AsyncConnection, *, category_id: UUID) -> RowMapping | None:
    """Return one category with the one above it."""
    return await row(connection, _CATEGORY, category=category_id)


async def product(connection: AsyncConnection, *, product_id: UUID) -> RowMapping | None:
    """Return a listed product."""
    return await row(connection, _PRODUCT, product=product_id)


async def offers(connection: AsyncConnection, *, product_id: UUID) -> list[RowMapping]:
    """Return the listed SKUs of a product with what is left of each (``available`` counts where ``tracked``)."""
    return await rows(connection, _SKUS, product=product_id)


async def offer(connection: AsyncConnection, *, sku_id: UUID) -> RowMapping | None:
    """Return one listed SKU."""
    return await row(connection, _SKU, sku=sku_id)


async def product_pictures(connection: AsyncConnection, *, product_id: UUID) -> list[RowMapping]:
    """Return a product's pictures in their order."""
    return await rows(connection, _PICTURES, product=product_id)
