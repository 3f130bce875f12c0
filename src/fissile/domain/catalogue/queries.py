"""Reads of the catalogue."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import Boolean, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text, Uuid

from fissile.domain.catalogue import rules
from fissile.domain.catalogue.errors import BadCursor, SkuAmbiguous, SkuUnknown
from fissile.domain.catalogue.model import (
    CategoryView,
    Offer,
    Page,
    PictureFile,
    PictureView,
    ProductCard,
    ProductView,
    ShopView,
    SkuView,
)
from fissile.domain.catalogue.store import ids, options_from, texts
from fissile.kernel.ids import UnknownId, parse_public_id, public_id

PAGE_MAX = 100
PictureSize = Literal["page", "card", "thumb", "original"]

# One text, its conditions switched by parameters that the planner sees as constants.
_SEARCH = """
SELECT p.id, p.title, p.sort_key, p.merchant_id, m.name AS merchant_name, m.currency,
       s.lowest, s.highest, s.in_stock,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = p.id
         ORDER BY pp.position LIMIT 1) AS picture_id
  FROM products p
  JOIN merchants m ON m.id = p.merchant_id AND m.state = 'active'
  JOIN LATERAL (
    SELECT min(k.price_minor) AS lowest, max(k.price_minor) AS highest,
           bool_or(NOT t.tracked OR t.on_hand > t.reserved) AS in_stock
      FROM skus k JOIN sku_stock t ON t.sku_id = k.id
     WHERE k.product_id = p.id AND k.state = 'listed'
  ) s ON s.lowest IS NOT NULL
 WHERE p.state = 'listed'
   {narrowed} {holds} {category} {merchant} {after}
 ORDER BY p.sort_key, p.id
 LIMIT :rows
"""
_NARROWED = "AND p.search @@ CAST(:query AS tsquery)"
_HOLDS = """AND NOT EXISTS (SELECT FROM unnest(CAST(:terms AS text[])) AS term
                             WHERE position((term COLLATE "C") IN p.search_text) = 0)"""
_CATEGORY = """AND p.category_id IN (
     SELECT c.id FROM categories c JOIN categories top ON top.id = CAST(:category_id AS uuid)
      WHERE c.id = top.id OR starts_with(c.path, top.path || ' > '))"""
_MERCHANT = "AND p.merchant_id = :merchant_id"
_AFTER = 'AND (p.sort_key, p.id) > (CAST(:after_key AS text) COLLATE "C", CAST(:after_id AS uuid))'

_PRODUCT = text("""
SELECT p.id, p.code, p.merchant_id, m.code AS merchant_code, m.name AS merchant_name, p.category_id,
       coalesce(c.path, '') AS category_path, p.title, p.description, m.currency, p.changed_at,
       CASE WHEN m.state = 'active' THEN p.state ELSE 'unlisted' END AS state
  FROM products p JOIN merchants m ON m.id = p.merchant_id LEFT JOIN categories c ON c.id = p.category_id
 WHERE p.id = :product_id
""").bindparams(bindparam("product_id", type_=Uuid()))
_SHOP = text("""
SELECT m.id, m.name, m.currency FROM merchants m WHERE m.id = :merchant_id AND m.state = 'active'
""").bindparams(bindparam("merchant_id", type_=Uuid()))
_PRODUCT_SKUS = text("""
SELECT k.id, k.code, k.title, k.options, k.price_minor, k.currency, k.state, k.version,
       t.tracked, t.on_hand, t.reserved
  FROM skus k JOIN sku_stock t ON t.sku_id = k.id
 WHERE k.product_id = :product_id ORDER BY k.position, k.id
""").bindparams(bindparam("product_id", type_=Uuid()))
_PRODUCT_PICTURES = text("""
SELECT q.id, q.width, q.height
  FROM product_pictures pp JOIN pictures q ON q.id = pp.picture_id
 WHERE pp.product_id = :product_id ORDER BY pp.position
""").bindparams(bindparam("product_id", type_=Uuid()))
_CATEGORIES = text("""
SELECT c.id, c.parent_id, c.name, c.path,
       (SELECT count(*) FROM products p JOIN categories below ON below.id = p.category_id
         WHERE p.state = 'listed' AND (below.id = c.id OR starts_with(below.path, c.path || ' > '))) AS products
  FROM categories c ORDER BY c.sort_key, c.id
""")
_SKUS_BY_CODE = text("""
SELECT k.id, m.code AS merchant_code
  FROM skus k JOIN merchants m ON m.id = k.merchant_id
 WHERE k.code = :code AND (:any_merchant OR m.code = :merchant_code) ORDER BY m.code
""").bindparams(
    bindparam("code", type_=Text()),
    bindparam("merchant_code", type_=Text()),
    bindparam("any_merchant", type_=Boolean()),
)
_SKU_BY_ID = text("SELECT id FROM skus WHERE id = :sku_id").bindparams(bindparam("sku_id", type_=Uuid()))
_PICTURE_FILE = text("""
SELECT CASE f.size WHEN 'original' THEN q.media_type ELSE 'image/jpeg' END AS media_type, f.content
  FROM picture_files f JOIN pictures q ON q.id = f.picture_id
 WHERE f.picture_id = :picture_id AND f.size = :size
""").bindparams(bindparam("picture_id", type_=Uuid()), bindparam("size", type_=Text()))
_OFFERS = text("""
SELECT k.id, k.product_id, k.merchant_id, p.category_id, k.title, k.price_minor, k.currency, k.version, t.tracked,
       k.weight_grams, p.tax_rate_ppm,
       CASE WHEN k.state = 'listed' AND p.state = 'listed' AND m.state = 'active'
            THEN 'listed' ELSE 'unlisted' END AS state
  FROM skus k
  JOIN sku_stock t ON t.sku_id = k.id
  JOIN products p ON p.id = k.product_id
  JOIN merchants m ON m.id = k.merchant_id
 WHERE k.id = ANY (:sku_ids)
""").bindparams(ids("sku_ids"))
_ANCESTORS = text("""
WITH RECURSIVE up (leaf_id, id, parent_id, depth) AS (
  SELECT c.id, c.id, c.parent_id, 0 FROM categories c WHERE c.id = ANY (:category_ids)
  UNION ALL
  SELECT up.leaf_id, c.id, c.parent_id, up.depth + 1 FROM up JOIN categories c ON c.id = up.parent_id
)
SELECT leaf_id, id FROM up ORDER BY leaf_id, depth
""").bindparams(ids("category_ids"))
_EXPORT = text("""
SELECT k.code AS sku, p.code AS product, p.title, k.options, p.description, coalesce(c.path, '') AS category,
       k.price_minor, k.currency, CASE WHEN t.tracked THEN t.on_hand::text ELSE '' END AS stock,
       (SELECT array_agg(pp.picture_id ORDER BY pp.position) FROM product_pictures pp
         WHERE pp.product_id = p.id) AS picture_ids,
       m.code AS merchant_code, m.name AS merchant_name, k.weight_grams, p.tax_rate_ppm
  FROM skus k
  JOIN sku_stock t ON t.sku_id = k.id
  JOIN products p ON p.id = k.product_id
  JOIN merchants m ON m.id = k.merchant_id
  LEFT JOIN categories c ON c.id = p.category_id
 ORDER BY m.code, p.sort_key, p.id, k.position, k.id
""")


async def search_products(
    connection: AsyncConnection,
    *,
    text: str = "",
    category_id: UUID | None = None,
    merchant_id: UUID | None = None,
    after: str | None = None,
    limit: int = 24,
) -> Page:
    """
    Return listed products in the order of their names; with ``text`` those that hold each of its terms somewhere in
    title, description or SKU code, with ``category_id`` those of it and
    of what is below it, with ``merchant_id`` those of one shop.

    :raises BadCursor: if ``after`` is not a cursor that a page gave
    """
    limit = max(1, min(limit, PAGE_MAX))
    terms, query = rules.search_terms(text), rules.search_query(text)
    values: dict[str, object] = {"rows": limit + 1}
    if query:
        values["query"] = query
    if terms:
        values["terms"] = terms
    if category_id:
        values["category_id"] = category_id
    if merchant_id:
        values["merchant_id"] = merchant_id
    if after:
        values["after_key"], values["after_id"] = _place(after)
    statement = _search_statement(
        narrowed=bool(query),
        holds=bool(terms),
        category=bool(category_id),
        merchant=bool(merchant_id),
        after=bool(after),
    )
    rows = (await connection.execute(statement, values)).all()
    items = tuple(
        ProductCard(
            product_id=row.id,
            title=row.title,
            merchant_id=row.merchant_id,
            merchant_name=row.merchant_name,
            price_minor_min=row.lowest,
            price_minor_max=row.highest,
            currency=row.currency,
            in_stock=row.in_stock,
            picture_id=row.picture_id,
        )
        for row in rows[:limit]
    )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items, _cursor(last.sort_key, last.id) if last else None)


async def product_page(connection: AsyncConnection, *, product_id: UUID) -> ProductView | None:
    """Return a product with its SKUs, what is available of each, and its pictures; None if there is none."""
    row = (await connection.execute(_PRODUCT, {"product_id": product_id})).one_or_none()
    if row is None:
        return None
    found_skus = await connection.execute(_PRODUCT_SKUS, {"product_id": product_id})
    found_pictures = await connection.execute(_PRODUCT_PICTURES, {"product_id": product_id})
    return ProductView(
        product_id=row.id,
        code=row.code,
        merchant_id=row.merchant_id,
        merchant_code=row.merchant_code,
        merchant_name=row.merchant_name,
        category_id=row.category_id,
        category_path=row.category_path,
        title=row.title,
        description=row.description,
        state=row.state,
        currency=row.currency,
        skus=tuple(
            SkuView(
                sku_id=sku.id,
                code=sku.code,
                title=sku.title,
                options=options_from(sku.options),
                price_minor=sku.price_minor,
                currency=sku.currency,
                state=sku.state,
                version=sku.version,
                available=sku.on_hand - sku.reserved if sku.tracked else None,
                on_hand=sku.on_hand if sku.tracked else None,
                reserved=sku.reserved,
            )
            for sku in found_skus
        ),
        pictures=tuple(PictureView(one.id, one.width, one.height) for one in found_pictures),
        changed_at=row.changed_at,
    )


async def shop_view(connection: AsyncConnection, *, merchant_id: UUID) -> ShopView | None:
    """Return the shop of a merchant; None if there is none or it is closed."""
    row = (await connection.execute(_SHOP, {"merchant_id": merchant_id})).one_or_none()
    return ShopView(row.id, row.name, row.currency) if row else None


async def categories(connection: AsyncConnection) -> list[CategoryView]:
    """Return all categories in the order of their names; ``parent_id`` makes the tree."""
    return [
        CategoryView(row.id, row.parent_id, row.name, row.path, row.products)
        for row in await connection.execute(_CATEGORIES)
    ]


async def sku_by_code(connection: AsyncConnection, *, given: str) -> UUID:
    """
    Return the SKU that is meant by ``sku_…``, by ``merchant:code``, or by a code that only one merchant has.

    :raises SkuUnknown: if there is none
    :raises SkuAmbiguous: if several merchants have it; it lists what to write instead
    """
    given = given.strip().replace("\x00", "")
    try:
        sku_id = parse_public_id("sku", given)
    except UnknownId:
        pass  # then it is a code
    else:
        if (await connection.execute(_SKU_BY_ID, {"sku_id": sku_id})).one_or_none():
            return sku_id
        raise SkuUnknown(given=given[:80])
    merchant_code, colon, code = given.partition(":")
    if colon and (found := await _coded(connection, code=code, merchant_code=merchant_code)):
        return found[0][0]
    found = await _coded(connection, code=given, merchant_code=None)
    if not found:
        raise SkuUnknown(given=given[:80])
    if len(found) > 1:
        raise SkuAmbiguous(given=given[:80], candidates=", ".join(f"{owner}:{given}" for _, owner in found[:10]))
    return found[0][0]


async def picture_file(connection: AsyncConnection, *, picture_id: UUID, size: PictureSize) -> PictureFile | None:
    """Return a picture in one size, None if there is no such picture."""
    row = (await connection.execute(_PICTURE_FILE, {"picture_id": picture_id, "size": size})).one_or_none()
    return PictureFile(row.media_type, row.content) if row else None


async def offers(connection: AsyncConnection, *, sku_ids: Sequence[UUID]) -> dict[UUID, Offer]:
    """Return what orders of these SKUs are decided on; a SKU that there is not is left out."""
    rows = (await connection.execute(_OFFERS, {"sku_ids": list(sku_ids)})).all()
    leaves = sorted({row.category_id for row in rows if row.category_id})
    chains: dict[UUID, list[UUID]] = {}
    if leaves:
        for link in await connection.execute(_ANCESTORS, {"category_ids": leaves}):
            chains.setdefault(link.leaf_id, []).append(link.id)
    return {
        row.id: Offer(
            sku_id=row.id,
            product_id=row.product_id,
            merchant_id=row.merchant_id,
            category_ids=tuple(chains.get(row.category_id, ())),
            title=row.title,
            price_minor=row.price_minor,
            currency=row.currency,
            state=row.state,
            version=row.version,
            tracked=row.tracked,
            weight_grams=row.weight_grams,
            tax_rate_ppm=row.tax_rate_ppm,
        )
        for row in rows
    }


async def export_rows(connection: AsyncConnection) -> AsyncIterator[list[str]]:
    """Stream every SKU as the cells of an import, in the order of its columns; pictures by their ids."""
    found = await connection.stream(_EXPORT)
    async for row in found:
        yield [
            row.sku,
            row.product,
            row.title,
            rules.options_text(options_from(row.options)),
            row.description,
            row.category,
            rules.price_text(price_minor=row.price_minor, currency=row.currency),
            row.currency,
            row.stock,
            " ".join(public_id("pic", one) for one in row.picture_ids or ()),
            rules.merchant_cell(code=row.merchant_code, name=row.merchant_name),
            "" if row.weight_grams is None else str(row.weight_grams),
            rules.tax_rate_text(row.tax_rate_ppm) if row.tax_rate_ppm else "",
        ]


def _search_statement(*, narrowed: bool, holds: bool, category: bool, merchant: bool, after: bool) -> TextClause:
    statement = text(
        _SEARCH.format(
            narrowed=_NARROWED if narrowed else "",
            holds=_HOLDS if holds else "",
            category=_CATEGORY if category else "",
            merchant=_MERCHANT if merchant else "",
            after=_AFTER if after else "",
        )
    )
    return statement.bindparams(texts("terms")) if holds else statement


async def _coded(connection: AsyncConnection, *, code: str, merchant_code: str | None) -> list[tuple[UUID, str]]:
    values = {"code": code, "merchant_code": merchant_code or "", "any_merchant": merchant_code is None}
    return [(row.id, row.merchant_code) for row in await connection.execute(_SKUS_BY_CODE, values)]


def _cursor(sort_key: str, product_id: UUID) -> str:
    place = json.dumps([sort_key, product_id.hex], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[str, UUID]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
        sort_key, product_id = place
        if not isinstance(sort_key, str) or not isinstance(product_id, str) or "\x00" in sort_key:
            raise BadCursor(given=cursor[:60])
        return sort_key.encode().decode(), UUID(hex=product_id)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise BadCursor(given=cursor[:60]) from None
