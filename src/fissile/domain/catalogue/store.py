"""SQL of the catalogue's writes, and rows as the import and the changes work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text, Uuid

from fissile.domain.catalogue.model import Options
from fissile.domain.catalogue.tables import (
    categories,
    merchants,
    picture_files,
    pictures,
    product_pictures,
    products,
    sku_stock,
    skus,
)


@dataclass(slots=True)
class MerchantRow:
    """A merchant as it stands in the transaction."""

    id: UUID
    code: str
    name: str
    currency: str
    state: str


@dataclass(slots=True)
class SkuRow:
    """A SKU and its stock as they stand in the transaction, its stock's row locked."""

    id: UUID
    product_id: UUID
    merchant_id: UUID
    code: str
    title: str
    options: Options
    price_minor: int
    currency: str
    state: str
    position: int
    version: int
    tracked: bool
    on_hand: int
    reserved: int
    weight_grams: int | None = None


@dataclass(slots=True)
class SiblingRow:
    """As much of a product's SKU as the product itself needs."""

    id: UUID
    code: str
    options: Options
    position: int


@dataclass(slots=True)
class ProductRow:
    """A product as it stands in the transaction, with its SKUs and pictures in order."""

    id: UUID
    merchant_id: UUID
    category_id: UUID | None
    code: str
    title: str
    description: str
    state: str
    tax_rate_ppm: int = 0
    siblings: list[SiblingRow] = field(default_factory=list)
    picture_ids: list[UUID] = field(default_factory=list)


def ids(name: str) -> Any:
    """Return a parameter that takes a list of ids."""
    return bindparam(name, type_=ARRAY(Uuid()))


def texts(name: str) -> Any:
    """Return a parameter that takes a list of texts."""
    return bindparam(name, type_=ARRAY(Text()))


# Imports and changes of products take turns, one transaction at a time: whoever waits sees what the other wrote,
# so that two imports of one file make nothing twice. The unique keys stand behind it.
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtext('fissile.catalogue')::bigint)")
_NOTIFY = text("SELECT pg_notify('fissile_catalogue', '')")

_MERCHANTS = select(merchants.c.id, merchants.c.code, merchants.c.name, merchants.c.currency, merchants.c.state).where(
    merchants.c.code == func.any(texts("codes"))
)
_CATEGORIES = select(categories.c.id, categories.c.path).where(categories.c.path == func.any(texts("paths")))
_SKU_IDS = select(skus.c.id).where(
    skus.c.merchant_id == func.any(ids("merchant_ids")), skus.c.code == func.any(texts("codes"))
)
_LOCK_STOCK = (
    select(sku_stock.c.sku_id)
    .where(sku_stock.c.sku_id == func.any(ids("sku_ids")))
    .order_by(sku_stock.c.sku_id)
    .with_for_update()
)
_SKUS = (
    select(
        skus.c.id,
        skus.c.product_id,
        skus.c.merchant_id,
        skus.c.code,
        skus.c.title,
        skus.c.options,
        skus.c.price_minor,
        skus.c.currency,
        skus.c.state,
        skus.c.position,
        skus.c.version,
        skus.c.weight_grams,
        sku_stock.c.tracked,
        sku_stock.c.on_hand,
        sku_stock.c.reserved,
    )
    .join(sku_stock, sku_stock.c.sku_id == skus.c.id)
    .where(skus.c.id == func.any(ids("sku_ids")))
)
_PRODUCTS = select(
    products.c.id,
    products.c.merchant_id,
    products.c.category_id,
    products.c.code,
    products.c.title,
    products.c.description,
    products.c.state,
    products.c.tax_rate_ppm,
).where(
    (products.c.id == func.any(ids("product_ids")))
    | ((products.c.merchant_id == func.any(ids("merchant_ids"))) & (products.c.code == func.any(texts("codes"))))
)
_SIBLINGS = (
    select(skus.c.id, skus.c.product_id, skus.c.code, skus.c.options, skus.c.position)
    .where(skus.c.product_id == func.any(ids("product_ids")))
    .order_by(skus.c.position, skus.c.id)
)
_PRODUCT_PICTURES = (
    select(product_pictures.c.product_id, product_pictures.c.picture_id)
    .where(product_pictures.c.product_id == func.any(ids("product_ids")))
    .order_by(product_pictures.c.position)
)
_PICTURES_BY_SHA = select(pictures.c.id, pictures.c.sha256).where(pictures.c.sha256 == bindparam("sha256"))
_PICTURES_BY_ID = select(pictures.c.id).where(pictures.c.id == func.any(ids("picture_ids")))

INSERT_PRODUCT = products.insert().values(search=func.array_to_tsvector(texts("lexemes")))
UPDATE_PRODUCT = (
    update(products)
    .where(products.c.id == bindparam("product_id"))
    .values(
        category_id=bindparam("new_category_id"),
        title=bindparam("new_title"),
        description=bindparam("new_description"),
        state=bindparam("new_state"),
        sort_key=bindparam("new_sort_key"),
        search=func.array_to_tsvector(texts("lexemes")),
        search_text=bindparam("new_search_text"),
        tax_rate_ppm=bindparam("new_tax_rate_ppm"),
        changed_at=bindparam("new_changed_at"),
    )
)
UPDATE_SKU = (
    update(skus)
    .where(skus.c.id == bindparam("sku_id"))
    .values(
        title=bindparam("new_title"),
        options=bindparam("new_options"),
        price_minor=bindparam("new_price_minor"),
        state=bindparam("new_state"),
        version=bindparam("new_version"),
        weight_grams=bindparam("new_weight_grams"),
        changed_at=bindparam("new_changed_at"),
    )
)
UPDATE_SKU_TITLE = update(skus).where(skus.c.id == bindparam("sku_id")).values(title=bindparam("new_title"))
BUMP_VERSIONS = update(skus).where(skus.c.product_id == bindparam("of_product_id")).values(version=skus.c.version + 1)
UPDATE_TAX_RATE = (
    update(products)
    .where(products.c.id == bindparam("of_product_id"))
    .values(tax_rate_ppm=bindparam("new_tax_rate_ppm"), changed_at=bindparam("new_changed_at"))
)
UPDATE_STOCK = (
    update(sku_stock)
    .where(sku_stock.c.sku_id == bindparam("stock_sku_id"))
    .values(tracked=bindparam("new_tracked"), on_hand=bindparam("new_on_hand"))
)
DELETE_PRODUCT_PICTURES = product_pictures.delete().where(product_pictures.c.product_id == func.any(ids("product_ids")))
INSERT_PICTURE_FILES = picture_files.insert()


async def take_turn(connection: AsyncConnection) -> None:
    """Wait until no other transaction is writing products."""
    await connection.execute(_TAKE_TURN)


async def notify(connection: AsyncConnection) -> None:
    """Tell every process at the commit that its cached offers are old."""
    await connection.execute(_NOTIFY)


async def merchants_by_code(connection: AsyncConnection, *, codes: Sequence[str]) -> dict[str, MerchantRow]:
    """Return the merchants that there are of these codes."""
    found = await connection.execute(_MERCHANTS, {"codes": list(codes)})
    return {row["code"]: MerchantRow(**row) for row in found.mappings()}


async def categories_by_path(connection: AsyncConnection, *, paths: Sequence[str]) -> dict[str, UUID]:
    """Return the ids of the categories that there are of these paths."""
    found = await connection.execute(_CATEGORIES, {"paths": list(paths)})
    return {row.path: row.id for row in found}


async def locked_skus(connection: AsyncConnection, *, sku_ids: Sequence[UUID]) -> list[SkuRow]:
    """Lock the stock of these SKUs in id order, then read what stands there now."""
    await connection.execute(_LOCK_STOCK, {"sku_ids": list(sku_ids)})
    return await _skus(connection, sku_ids=sku_ids)


async def _skus(connection: AsyncConnection, *, sku_ids: Sequence[UUID]) -> list[SkuRow]:
    found = await connection.execute(_SKUS, {"sku_ids": list(sku_ids)})
    return [SkuRow(**{**row, "options": options_from(row["options"])}) for row in found.mappings()]


async def skus_by_code(
    connection: AsyncConnection, *, merchant_ids: Sequence[UUID], codes: Sequence[str], locked: bool
) -> dict[tuple[UUID, str], SkuRow]:
    """As :func:`locked_skus`, by merchant and code; without ``locked`` orders need not wait for this transaction."""
    found = await connection.execute(_SKU_IDS, {"merchant_ids": list(merchant_ids), "codes": list(codes)})
    sku_ids = [row.id for row in found]
    rows = await (locked_skus if locked else _skus)(connection, sku_ids=sku_ids)
    return {(row.merchant_id, row.code): row for row in rows}


async def products_with_siblings(
    connection: AsyncConnection,
    *,
    product_ids: Sequence[UUID],
    merchant_ids: Sequence[UUID] = (),
    codes: Sequence[str] = (),
) -> list[ProductRow]:
    """Return products by id, or by merchant and code, each with its SKUs and pictures."""
    wanted = {"product_ids": list(product_ids), "merchant_ids": list(merchant_ids), "codes": list(codes)}
    rows = {row["id"]: ProductRow(**row) for row in (await connection.execute(_PRODUCTS, wanted)).mappings()}
    for row in await connection.execute(_SIBLINGS, {"product_ids": list(rows)}):
        rows[row.product_id].siblings.append(SiblingRow(row.id, row.code, options_from(row.options), row.position))
    for picture in await connection.execute(_PRODUCT_PICTURES, {"product_ids": list(rows)}):
        rows[picture.product_id].picture_ids.append(picture.picture_id)
    return list(rows.values())


async def picture_by_sha(connection: AsyncConnection, *, sha256: bytes) -> UUID | None:
    """Return the picture of these bytes, None if it is new."""
    row = (await connection.execute(_PICTURES_BY_SHA, {"sha256": sha256})).one_or_none()
    return row.id if row else None


async def pictures_by_id(connection: AsyncConnection, *, picture_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the pictures that there are."""
    return {row.id for row in await connection.execute(_PICTURES_BY_ID, {"picture_ids": list(picture_ids)})}


def options_from(stored: Any) -> Options:
    """Return options as values: they are stored as a list of pairs, because an object forgets its order."""
    return tuple((str(name), str(value)) for name, value in stored)
