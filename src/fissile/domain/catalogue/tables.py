"""Merchants, categories, products, SKUs, stock, pictures."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from fissile.infra.schema import metadata, moment, number, uid, words

merchants = Table(
    "merchants",
    metadata,
    uid("id", primary_key=True),
    words("code", unique=True),
    words("name"),
    words("currency"),
    words("state"),
    moment("created_at"),
    CheckConstraint("state IN ('active', 'closed')", name="state"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
)

categories = Table(
    "categories",
    metadata,
    uid("id", primary_key=True),
    uid("parent_id", ForeignKey("categories.id"), nullable=True),
    words("name"),
    words("path", unique=True),  # "A > B"
    words("sort_key"),
    moment("created_at"),
)

products = Table(
    "products",
    metadata,
    uid("id", primary_key=True),
    uid("merchant_id", ForeignKey("merchants.id")),
    uid("category_id", ForeignKey("categories.id"), nullable=True),
    words("code"),  # the merchant's own name of it; import finds it by this
    words("title"),
    words("description"),
    words("state"),
    words("sort_key"),  # pinyin for Chinese, so that lists have an order without a locale
    Column("search", TSVECTOR(), nullable=False),
    words("search_text"),  # folded title, description, SKU codes: rechecked with position()
    moment("created_at"),
    moment("changed_at"),
    number("tax_rate_ppm", server_default="0"),  # of the net price; prices contain the tax
    UniqueConstraint("merchant_id", "code"),
    CheckConstraint("state IN ('listed', 'unlisted')", name="state"),
    CheckConstraint("tax_rate_ppm BETWEEN 0 AND 1000000", name="tax_rate"),
)
Index("products_search_idx", products.c.search, postgresql_using="gin")
# The shop's first page and its cursor.
Index("products_sort_key_idx", products.c.sort_key, products.c.id, postgresql_where=text("state = 'listed'"))
Index("products_all_idx", products.c.sort_key, products.c.id)  # the list of those who keep the catalogue
Index("products_merchant_id_idx", products.c.merchant_id, products.c.sort_key, products.c.id)  # a shop's page
Index("products_category_id_idx", products.c.category_id, products.c.sort_key, products.c.id)

skus = Table(
    "skus",
    metadata,
    uid("id", primary_key=True),
    uid("product_id", ForeignKey("products.id")),
    uid("merchant_id", ForeignKey("merchants.id")),
    words("code"),
    words("title"),  # as it stands on an order line: product and options
    Column("options", JSONB(), nullable=False),
    number("price_minor"),  # in the merchant's currency
    words("currency"),
    words("state"),
    number("position"),
    # Grows with each change of price, state, weight or tax rate; an order decided on an older one is decided again.
    number("version", server_default="1"),
    moment("created_at"),
    moment("changed_at"),
    number("weight_grams", nullable=True),  # 0: delivered digitally, nothing is sent; null: sent, weight not known
    UniqueConstraint("merchant_id", "code"),
    CheckConstraint("price_minor >= 0", name="price"),
    CheckConstraint("weight_grams BETWEEN 0 AND 10000000", name="weight"),
    CheckConstraint("state IN ('listed', 'unlisted')", name="state"),
)
Index("skus_product_id_idx", skus.c.product_id, skus.c.position)
Index("skus_code_idx", skus.c.code)  # a bare code in the API

sku_stock = Table(
    "sku_stock",
    metadata,
    uid("sku_id", ForeignKey("skus.id"), primary_key=True),
    Column("tracked", Boolean(), nullable=False),
    number("on_hand", server_default="0"),
    number("reserved", server_default="0"),
    CheckConstraint("on_hand >= 0", name="on_hand"),
    CheckConstraint("reserved >= 0 AND (NOT tracked OR reserved <= on_hand)", name="reserved"),
    comment="One row a SKU, which every change of its stock or offer locks first. Orders reserve of untracked ones"
    " too, so that counting can begin while some wait for their payment.",
)

stock_movements = Table(
    "stock_movements",
    metadata,
    uid("id", primary_key=True),
    uid("sku_id"),
    words("kind"),
    number("quantity"),  # signed: what it adds to on_hand
    words("reason"),
    uid("order_id", nullable=True),
    uid("actor_id", nullable=True),
    moment("occurred_at"),
    CheckConstraint("kind IN ('received', 'sold', 'returned', 'corrected')", name="kind"),
    CheckConstraint(
        "(kind IN ('received', 'returned') AND quantity > 0) OR (kind = 'sold' AND quantity < 0)"
        " OR (kind = 'corrected' AND quantity <> 0)",
        name="quantity",
    ),
    CheckConstraint("(kind IN ('sold', 'returned')) = (order_id IS NOT NULL)", name="order"),
    CheckConstraint("kind <> 'corrected' OR reason <> ''", name="reason"),
    comment="Why stock on hand is what it is; append-only.",
)
Index("stock_movements_sku_id_idx", stock_movements.c.sku_id, stock_movements.c.occurred_at)

pictures = Table(
    "pictures",
    metadata,
    uid("id", primary_key=True),
    Column("sha256", LargeBinary(), nullable=False, unique=True),
    words("media_type"),
    number("width"),
    number("height"),
    moment("created_at"),
)

picture_files = Table(
    "picture_files",
    metadata,
    uid("picture_id", ForeignKey("pictures.id"), primary_key=True),
    words("size", primary_key=True),
    Column("content", LargeBinary(), nullable=False),
    CheckConstraint("size IN ('original', 'page', 'card', 'thumb')", name="size"),
    comment="original as uploaded; page at most 960, card 480, thumb 160 pixels a side, JPEG.",
)

product_pictures = Table(
    "product_pictures",
    metadata,
    uid("product_id", ForeignKey("products.id"), primary_key=True),
    number("position", primary_key=True, autoincrement=False),
    uid("picture_id", ForeignKey("pictures.id")),
)
