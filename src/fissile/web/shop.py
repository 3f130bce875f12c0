"""The shop: home, search and paste-a-code, categories, products, pictures."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath

from fissile.api.openers import PREFETCH_HEADERS, opener_named
from fissile.api.problems import status_of
from fissile.domain.catalogue.queries import PictureSize, picture_file, search_products
from fissile.domain.shares.errors import CodeNotFound
from fissile.domain.shares.model import Opener
from fissile.domain.shares.rules import find_code, target_path
from fissile.flows.record_visit import record_visit
from fissile.infra.rate_limits import RateLimits
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id
from fissile.views import promoter as promoting
from fissile.views import shop as views
from fissile.web.asker import Asker, PageRequest, asker_of, client_of
from fissile.web.earning import earning_of
from fissile.web.errors import PageNotFound, UnknownPicture
from fissile.web.page import go, page
from fissile.web.query import word

PAGE = 24
_LATELY = 8
_CURSOR_MAX = 2_000  # a cursor holds the name at which the page ended
_SIZES = ("page", "card", "thumb")
_WORDS_MAX = 20_000  # a pasted message, not a book
_PICTURE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@get("/")
async def home(request: PageRequest) -> Response[str]:
    """The first page: search, categories, products."""
    return await _listing(request, category_id=None)


@get("/c/{category:str}")
async def in_category(request: PageRequest, category: FromPath[str]) -> Response[str]:
    """The products of a category and those below it."""
    return await _listing(request, category_id=parse_public_id("cat", category))


async def _listing(request: PageRequest, *, category_id: UUID | None) -> Response[str]:
    asker = asker_of(request)
    after = word(request, "after", most=_CURSOR_MAX)
    async with asker.house.db.reading() as connection:
        here = None if category_id is None else await views.category(connection, category_id=category_id)
        if category_id is not None and here is None:
            raise PageNotFound()
        below = await views.categories_below(connection, parent_id=category_id)
        found = await search_products(connection, category_id=category_id, after=after or None, limit=PAGE)
        at_door = category_id is None and not after
        lately = await views.opened_lately(connection, most=_LATELY) if at_door else []
    return page(asker, "shop/listing.html", here=here, below=below, found=found, first=not after, lately=lately)


@get("/search")
async def search(request: PageRequest) -> Response[Any]:
    """
    One box for both: a text that holds a code or a share link opens what was shared, others search the products.

    Opening by a pasted code is a visit, exactly as ``/s/TOKEN`` is.
    """
    asker = asker_of(request)
    words = str(request.query_params.get("q", ""))[:_WORDS_MAX].strip()
    try:
        code = find_code(words)
        opened = await record_visit(
            asker.house,
            token=code.token,
            form=code.form,
            visitor_id=asker.visitor_id,
            at=asker.at,
            rng=asker.rng,
            opener=_opener(request),
        )
    except CodeNotFound:
        return await _results(request, asker, words=words[:200])
    except Refusal as refusal:
        # Codes are not for trying out: so many wrong ones from one address, and it waits.
        await RateLimits(asker.house.db).hit("code_attempt_address", client_of(request), asker.at)
        return page(
            asker,
            "shop/code_refused.html",
            status=status_of(refusal.code),
            sentence=asker.words.refusal(refusal),
            given=words[:200],
        )
    return go(target_path(opened.share), note="opened")


def _opener(request: PageRequest) -> Opener:
    headers = request.headers
    if any("prefetch" in headers.get(name, "") for name in PREFETCH_HEADERS):
        return Opener("prefetch")
    return opener_named(
        user_agent=headers.get("user-agent", ""), referrer=headers.get("referer", ""), host=headers.get("host", "")
    )


async def _results(request: PageRequest, asker: Asker, *, words: str) -> Response[str]:
    async with asker.house.db.reading() as connection:
        found = await search_products(
            connection, text=words, after=word(request, "after", most=_CURSOR_MAX) or None, limit=PAGE
        )
    return page(asker, "shop/results.html", words=words, found=found)


@get("/p/{product:str}")
async def product(request: PageRequest, product: FromPath[str]) -> Response[str]:
    """One product: pictures, offers, what is left; for promoters what it earns."""
    asker = asker_of(request)
    product_id = parse_public_id("prd", product)
    async with asker.house.db.reading() as connection:
        found = await views.product(connection, product_id=product_id)
        if found is None:
            raise PageNotFound()
        offers = await views.offers(connection, product_id=product_id)
        pictures = await views.product_pictures(connection, product_id=product_id)
        plans = await promoting.plans_for(connection, product_ids=[product_id] if asker.has("promoter") else [])
    return page(
        asker,
        "shop/product.html",
        product=found,
        offers=offers,
        pictures=pictures,
        earning=earning_of(plans.get(product_id), offers=offers),
        buyable=any(one["price_minor"] and (not one["tracked"] or one["available"] > 0) for one in offers),
    )


@get("/m/{merchant:str}")
async def merchant_shop(request: PageRequest, merchant: FromPath[str]) -> Response[str]:
    """The shop of one merchant: its products, and for promoters the way to share it."""
    asker = asker_of(request)
    merchant_id = parse_public_id("mch", merchant)
    here = await asker.house.shops.get(merchant_id)
    if here is None:
        raise PageNotFound()
    async with asker.house.db.reading() as connection:
        found = await search_products(
            connection, merchant_id=merchant_id, after=word(request, "after", most=_CURSOR_MAX) or None, limit=PAGE
        )
        picture = await views.shop_picture(connection, merchant_id=merchant_id)
    return page(asker, "shop/merchant.html", here=here, found=found, picture=picture)


@get("/media/{picture:str}/{size:str}", opt={"bare": True})
async def media(request: PageRequest, picture: FromPath[str], size: FromPath[str]) -> Response[bytes]:
    """A picture in one of its sizes; it never changes under its address."""
    if size not in _SIZES:
        return _no_picture()
    try:
        picture_id = parse_public_id("pic", picture)
    except Refusal:
        return _no_picture()
    async with request.app.state.house.db.reading() as connection:
        found = await picture_file(connection, picture_id=picture_id, size=cast(PictureSize, size))
    if found is None:
        return _no_picture()
    return Response(found.content, media_type=found.media_type, headers=_PICTURE_HEADERS)


def _no_picture() -> Response[bytes]:
    return Response(UnknownPicture().message.encode(), status_code=404, media_type="text/plain; charset=utf-8")


HANDLERS = (home, in_category, search, product, merchant_shop, media)
