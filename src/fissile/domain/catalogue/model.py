"""Values of the catalogue, frozen: what other modules and the edges see of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

Options = tuple[tuple[str, str], ...]  # ("Colour", "red"), in the order of the file


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything of a SKU that an order is decided on; ``version`` grows when any of it that counts changes."""

    sku_id: UUID
    product_id: UUID
    merchant_id: UUID
    category_ids: tuple[UUID, ...]  # own and ancestors, nearest first
    title: str
    price_minor: int
    currency: str
    state: str  # 'listed' only if SKU and product are listed and the merchant is active
    version: int
    tracked: bool
    weight_grams: int | None = None  # 0: delivered digitally, nothing is sent; None: sent, its weight is not known
    tax_rate_ppm: int = 0  # of the net price; the price contains the tax


@dataclass(frozen=True, slots=True)
class SkuView:
    """A variant as its product's page shows it; ``available`` is None where stock is not counted."""

    sku_id: UUID
    code: str
    title: str
    options: Options
    price_minor: int
    currency: str
    state: str
    version: int
    available: int | None
    on_hand: int | None
    reserved: int


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture of a product; width and height are those of the upright original."""

    picture_id: UUID
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ShopView:
    """The shop of an active merchant, as shares lead to it."""

    merchant_id: UUID
    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product with all of its SKUs, listed or not; its state folds in the merchant's."""

    product_id: UUID
    code: str
    merchant_id: UUID
    merchant_code: str
    merchant_name: str
    category_id: UUID | None
    category_path: str
    title: str
    description: str
    state: str
    currency: str
    skus: tuple[SkuView, ...]
    pictures: tuple[PictureView, ...]
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ProductCard:
    """A product in a list, with the cheapest and the dearest of its listed SKUs."""

    product_id: UUID
    title: str
    merchant_id: UUID
    merchant_name: str
    price_minor_min: int
    price_minor_max: int
    currency: str
    in_stock: bool
    picture_id: UUID | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some products in order, and the cursor that continues them (None at the end)."""

    items: tuple[ProductCard, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class CategoryView:
    """A category and how many listed products it has, those of its subcategories included."""

    category_id: UUID
    parent_id: UUID | None
    name: str
    path: str
    products: int


@dataclass(frozen=True, slots=True)
class PictureFile:
    """The bytes of a picture in one size."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """
    A row of an import whose cells are well formed each by itself. Blank is "" or None: unchanged.

    ``price`` is still text: only the merchant's currency says how many digits it has.
    """

    line: int
    sku: str
    product: str
    title: str
    options: Options | None
    description: str
    category: tuple[str, ...]
    price: str
    currency: str
    stock: int | None
    pictures: tuple[str, ...]
    merchant_code: str
    merchant_name: str
    weight_grams: int | None = None
    tax_rate_ppm: int | None = None
