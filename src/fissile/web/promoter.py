"""The promoter's pages: pick a product, share it, see what it brought and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.queries import search_products
from fissile.domain.channels.model import Channel
from fissile.domain.channels.queries import usable_channels
from fissile.flows.publish_share import publish_share
from fissile.infra.networks import NETWORKS
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import Money
from fissile.views import promoter as views
from fissile.views import shop
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.earning import earning, earning_of
from fissile.web.errors import BadDate, PageNotFound
from fissile.web.labels import LABELS
from fissile.web.page import go, page
from fissile.web.payouts import owed_to
from fissile.web.query import cursor, cut, word

_PAGE = 24
_PROMOTER = {"roles": ("promoter",)}
_NO_CHANNEL = ("", "none", "offline")


@get("/promoter/products", opt=_PROMOTER)
async def pick(request: PageRequest) -> Response[str]:
    """Products to share, each with what a sale earns."""
    asker = asker_of(request)
    words = word(request, "q")
    async with asker.house.db.reading() as connection:
        found = await search_products(
            connection, text=words, after=word(request, "after", most=2_000) or None, limit=_PAGE
        )
        plans = await views.plans_for(connection, product_ids=[card.product_id for card in found.items])
    earnings = {
        card.product_id: earning(plans.get(card.product_id), price=Money(card.price_minor_min, card.currency))
        for card in found.items
    }
    return page(asker, "promoter/products.html", words=words, found=found, earnings=earnings)


@get("/promoter/share/{target:str}", opt=_PROMOTER)
async def share_form(request: PageRequest, target: FromPath[str]) -> Response[str]:
    """The form to share one product, or the shop of a merchant."""
    asker = asker_of(request)
    if target.startswith("mch_"):
        return await _share_shop(request, asker, merchant_id=parse_public_id("mch", target))
    product_id = parse_public_id("prd", target)
    async with asker.house.db.reading() as connection:
        found = await shop.product(connection, product_id=product_id)
        if found is None:
            raise PageNotFound()
        offers = await shop.offers(connection, product_id=product_id)
        card = await shop.card(connection, product_id=product_id)
        plans = await views.plans_for(connection, product_ids=[product_id])
        where, places = await _places(connection, request)
    return page(
        asker,
        "promoter/share_form.html",
        shop=None,
        where=where,
        places=places,
        networks=NETWORKS,
        product=found,
        card=card,
        earning=earning_of(plans.get(product_id), offers=offers),
        earliest=_earliest(asker),
    )


async def _places(connection: AsyncConnection, request: PageRequest) -> tuple[str, Sequence[Channel]]:
    """Return what was looked for, and the promoter's accounts and groups that it finds."""
    member_id = asker_of(request).member_id
    assert member_id is not None, "a promoter is a member"
    where = word(request, "where")
    return where, await usable_channels(connection, promoter_id=member_id, words=where)


async def _share_shop(request: PageRequest, asker: Asker, *, merchant_id: UUID) -> Response[str]:
    found = await asker.house.shops.get(merchant_id)
    if found is None:
        raise PageNotFound()
    async with asker.house.db.reading() as connection:
        where, places = await _places(connection, request)
    return page(
        asker,
        "promoter/share_form.html",
        shop=found,
        where=where,
        places=places,
        networks=NETWORKS,
        product=None,
        card=None,
        earning=None,
        earliest=_earliest(asker),
    )


def _earliest(asker: Asker) -> str:
    return (asker.at + timedelta(days=1)).date().isoformat()


@post("/promoter/shares", status_code=303, opt=_PROMOTER)
async def send_share(request: PageRequest) -> Response[None]:
    """Publish a share."""
    asker, form = asker_of(request), form_of(request)
    channel, shop_given = form.get("channel"), form.get("shop")
    share = await publish_share(
        asker.house.db,
        actor=asker.actor,
        product_id=None if shop_given else parse_public_id("prd", form.get("product")),
        merchant_id=parse_public_id("mch", shop_given) if shop_given else None,
        channel=channel if channel in LABELS["channel"] else "other",
        expires_at=_end_of(form.get("expires")),
        idempotency_key=form.key,
        at=asker.at,
        rng=asker.rng,
        channel_id=parse_public_id("chn", place) if (place := form.get("place", "none")) not in _NO_CHANNEL else None,
        offline=place == "offline",
    )
    return go(f"/promoter/shares/{public_id('shr', share.id)}", note="share-made")


@get("/promoter/earnings", opt=_PROMOTER)
async def earnings(request: PageRequest) -> Response[Any]:
    """What was earned, and why: order, line, plan, the touch that won and those that lost."""
    asker = asker_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    async with asker.house.db.reading() as connection:
        sums = await views.balances_of(connection, promoter_id=asker.member_id)
        owed = await owed_to(connection, asker=asker, payee="promoter")
        read = await views.earnings_of(
            connection,
            promoter_id=asker.member_id,
            before=cursor(request, "before", prefix="com"),
            limit=views.PAGE + 1,
        )
        earned, more = cut(read, size=views.PAGE, prefix="com")
        losers = await views.losing_touches(
            connection, promoter_id=asker.member_id, order_ids=[one["order_id"] for one in earned]
        )
    return page(asker, "promoter/earnings.html", **owed, sums=sums, earned=earned, more=more, losers=losers)


@get("/promoter/lost", opt=_PROMOTER)
async def lost(request: PageRequest) -> Response[Any]:
    """Orders whose buyer had opened a share of this promoter, which did not win, with the reason."""
    asker = asker_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    async with asker.house.db.reading() as connection:
        read = await views.lost_orders(
            connection,
            promoter_id=asker.member_id,
            before=cursor(request, "before", prefix="ord"),
            limit=views.PAGE + 1,
        )
    found, more = cut(read, size=views.PAGE, prefix="ord", by="order_id")
    return page(asker, "promoter/lost.html", touches=found, more=more)


def _end_of(given: str) -> datetime | None:
    """Return the end of a written day in UTC; nothing written means that the share does not expire."""
    if not given:
        return None
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):  # the last day that there is has no end
        raise BadDate(given=given[:40]) from None


HANDLERS = (pick, share_form, send_share, earnings, lost)
