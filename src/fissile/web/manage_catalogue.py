"""The catalogue for those who keep it: list, import with a dry run, products and offers, stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from fissile.flows.change_offer import change_offer
from fissile.flows.change_product import change_product
from fissile.flows.correct_stock import correct_stock
from fissile.flows.export_catalogue import export_catalogue
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import parse_major
from fissile.views import goods as views
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.errors import FieldTooLong, PageNotFound
from fissile.web.labels import LABELS
from fissile.web.page import go, page
from fissile.web.query import cursor, cut, word

READERS = ("operator", "merchant_staff", "auditor")
WRITERS = ("operator", "merchant_staff")
_REASON_MAX = 200
_TITLE_MAX = 200


def own_merchants(asker: Asker) -> Sequence[UUID] | None:
    """Return the merchants whose things this person sees: all (None), or those that staff belong to."""
    if asker.has("operator", "auditor"):
        return None
    return sorted(asker.actor.merchant_ids)


@get("/operator/catalogue", opt={"roles": READERS})
async def catalogue(request: PageRequest) -> Response[str]:
    """Products, listed or not."""
    asker = asker_of(request)
    words = word(request, "q")
    async with asker.house.db.reading() as connection:
        read = await views.products(
            connection,
            merchant_ids=own_merchants(asker),
            words=words,
            after=cursor(request, "after", prefix="prd"),
            limit=views.PAGE + 1,
        )
    products, more = cut(read, size=views.PAGE, prefix="prd")
    return page(asker, "operator/catalogue.html", words=words, products=products, more=more)


@get("/operator/catalogue.csv", opt={"roles": ("operator", "auditor")})
async def exported(request: PageRequest) -> Stream:
    """The whole catalogue as a file that the import reads again."""
    headers = {"Content-Disposition": 'attachment; filename="catalogue.csv"'}
    lines = export_catalogue(asker_of(request).house.db)
    return Stream(lines, media_type="text/csv; charset=utf-8", headers=headers)


@get("/operator/products/{product:str}", opt={"roles": READERS})
async def product(request: PageRequest, product: FromPath[str]) -> Response[str]:
    """One product with its SKUs, their stock and why it is what it is."""
    asker = asker_of(request)
    product_id = parse_public_id("prd", product)
    async with asker.house.db.reading() as connection:
        found = await views.product(connection, product_id=product_id)
        if found is None or not _may_see(asker, found["merchant_id"]):
            raise PageNotFound()
        skus = await views.skus(connection, product_id=product_id)
        movements = await views.movements(connection, product_id=product_id)
    return page(
        asker,
        "operator/product.html",
        product=found,
        skus=skus,
        movements=movements,
        may_write=asker.has(*WRITERS),
    )


@post("/operator/products/{product:str}", status_code=303, opt={"roles": WRITERS})
async def send_product(request: PageRequest, product: FromPath[str]) -> Response[None]:
    """Change title or state of a product."""
    asker, form = asker_of(request), form_of(request)
    title, state = form.get("title"), form.get("state")
    if len(title) > _TITLE_MAX:
        raise FieldTooLong(most=_TITLE_MAX)
    await change_product(
        asker.house.db,
        product_id=parse_public_id("prd", product),
        title=title or None,
        state=_listing(state),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/products/{product}", note="saved")


@post("/operator/skus/{sku:str}", status_code=303, opt={"roles": WRITERS})
async def send_offer(request: PageRequest, sku: FromPath[str]) -> Response[None]:
    """Change price or state of a SKU."""
    asker, form = asker_of(request), form_of(request)
    sku_id = parse_public_id("sku", sku)
    owner = await _owner(asker, sku_id=sku_id)
    price = form.get("price")
    await change_offer(
        asker.house.db,
        sku_id=sku_id,
        price_minor=parse_major(price, currency=owner["currency"]).minor if price else None,
        state=_listing(form.get("state")),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/products/{public_id('prd', owner['product_id'])}", note="saved")


@post("/operator/skus/{sku:str}/stock", status_code=303, opt={"roles": WRITERS})
async def send_stock(request: PageRequest, sku: FromPath[str]) -> Response[None]:
    """Correct the stock of a SKU, with a reason."""
    asker, form = asker_of(request), form_of(request)
    sku_id = parse_public_id("sku", sku)
    owner = await _owner(asker, sku_id=sku_id)
    reason = form.get("reason")
    if len(reason) > _REASON_MAX:
        raise FieldTooLong(most=_REASON_MAX)
    await correct_stock(
        asker.house.db,
        sku_id=sku_id,
        change=form.whole("change", low=-1_000_000_000, high=1_000_000_000),
        reason=reason,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/products/{public_id('prd', owner['product_id'])}", note="stock")


def _may_see(asker: Asker, merchant_id: UUID) -> bool:
    merchants = own_merchants(asker)
    return merchants is None or merchant_id in merchants


async def _owner(asker: Asker, *, sku_id: UUID) -> Any:
    async with asker.house.db.reading() as connection:
        owner = await views.sku_owner(connection, sku_id=sku_id)
    if owner is None or not _may_see(asker, owner["merchant_id"]):
        raise PageNotFound()
    return owner


def _listing(given: str) -> str | None:
    return given if given in LABELS["listing"] else None


HANDLERS = (exported, catalogue, product, send_product, send_offer, send_stock)
