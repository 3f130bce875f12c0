"""The catalogue as those see it who keep it: everything, listed or not, with stock and its movements."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.rules import search_query, search_terms
from fissile.views.reading import row, rows

PAGE = 40

_PRODUCTS = """
SELECT p.id, p.code, p.title, p.state, m.name AS merchant, c.path AS category, offer.skus, offer.low_minor,
       offer.high_minor, offer.currency, offer.on_hand, offer.reserved,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = p.id ORDER BY pp.position LIMIT 1)
         AS picture_id
  FROM (SELECT * FROM products p WHERE {asked} ORDER BY p.sort_key, p.id LIMIT :limit) p
  JOIN merchants m ON m.id = p.merchant_id
  LEFT JOIN categories c ON c.id = p.category_id
  LEFT JOIN LATERAL (
    SELECT count(*) AS skus, min(s.price_minor) AS low_minor, max(s.price_minor) AS high_minor,
           min(s.currency) AS currency, sum(st.on_hand) FILTER (WHERE st.tracked)::bigint AS on_hand,
           sum(st.reserved)::bigint AS reserved
      FROM skus s JOIN sku_stock st ON st.sku_id = s.id WHERE s.product_id = p.id
  ) offer ON true
 ORDER BY p.sort_key, p.id
"""
# What narrows the page down; only what is asked for is in the statement, so that an index can serve it.
_OF_MERCHANTS = "p.merchant_id = ANY (CAST(:merchants AS uuid[]))"
_NARROWED = "p.search @@ CAST(:query AS tsquery)"
_HOLDS = """NOT EXISTS (SELECT FROM unnest(CAST(:terms AS text[])) AS term
                         WHERE position((term COLLATE "C") IN p.search_text) = 0)"""
_AFTER = "(p.sort_key, p.id) > (SELECT a.sort_key, a.id FROM products a WHERE a.id = CAST(:after AS uuid))"
_PRODUCT = text("""
SELECT p.id, p.merchant_id, p.code, p.title, p.description, p.state, m.name AS merchant, c.path AS category,
       p.created_at, p.changed_at
  FROM products p JOIN merchants m ON m.id = p.merchant_id LEFT JOIN categories c ON c.id = p.category_id
 WHERE p.id = :product
""")
_SKUS = text("""
SELECT s.id, s.code, s.title, s.options, s.price_minor, s.currency, s.state, s.version, st.tracked, st.on_hand,
       st.reserved, s.weight_grams, p.tax_rate_ppm
  FROM skus s JOIN sku_stock st ON st.sku_id = s.id JOIN products p ON p.id = s.product_id
 WHERE s.product_id = :product ORDER BY s.position, s.id LIMIT 200
""").columns(options=JSONB)
_SKU_OWNER = text("SELECT s.product_id, s.merchant_id, s.currency FROM skus s WHERE s.id = :sku")
_MOVEMENTS = text("""
SELECT mv.kind, mv.quantity, mv.reason, mv.order_id, mv.occurred_at, s.code, who.display_name
  FROM stock_movements mv
  JOIN skus s ON s.id = mv.sku_id
  LEFT JOIN member_profiles who ON who.member_id = mv.actor_id
 WHERE s.product_id = :product ORDER BY mv.occurred_at DESC, mv.id DESC LIMIT 50
""")
_MERCHANTS = text("SELECT id, code, name, currency, state FROM merchants ORDER BY code LIMIT 200")
_ALL_CATEGORIES = text("SELECT id, path FROM categories ORDER BY path LIMIT 500")


async def products(
    connection: AsyncConnection,
    *,
    merchant_ids: Sequence[UUID] | None,
    words: str,
    after: UUID | None,
    limit: int = PAGE,
) -> list[RowMapping]:
    """
    Return one page of products in their order.

    ``merchant_ids`` keeps to these merchants; ``words`` to products whose title, description or SKU code holds
    each of them, listed or not.
    """
    asked, values = ["true"], dict[str, object]()
    if merchant_ids is not None:
        asked.append(_OF_MERCHANTS)
        values["merchants"] = list(merchant_ids)
    if query := search_query(words):
        asked.append(_NARROWED)
        values["query"] = query
    if terms := search_terms(words):
        asked.append(_HOLDS)
        values["terms"] = terms
    if after:
        asked.append(_AFTER)
        values["after"] = after
    return await rows(connection, text(_PRODUCTS.format(asked=" AND ".join(asked))), limit=limit, **values)


async def product(connection: AsyncConnection, *, product_id: UUID) -> RowMapping | None:
    """Return one product, listed or not."""
    return await row(connection, _PRODUCT, product=product_id)


async def skus(connection: AsyncConnection, *, product_id: UUID) -> list[RowMapping]:
    """Return the SKUs of a product with their stock."""
    return await rows(connection, _SKUS, product=product_id)


async def sku_owner(connection: AsyncConnection, *, sku_id: UUID) -> RowMapping | None:
    """Return the product, the merchant and the currency of a SKU."""
    return await row(connection, _SKU_OWNER, sku=sku_id)


async def movements(connection: AsyncConnection, *, product_id: UUID) -> list[RowMapping]:
    """Return the last fifty stock movements of a product, newest first."""
    return await rows(connection, _MOVEMENTS, product=product_id)


async def merchants(connection: AsyncConnection) -> list[RowMapping]:
    """Return the merchants."""
    return await rows(connection, _MERCHANTS)


async def all_categories(connection: AsyncConnection) -> list[RowMapping]:
    """Return the categories by their whole path."""
    return await rows(connection, _ALL_CATEGORIES)
