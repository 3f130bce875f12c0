"""The promoter's pages: pick a product, share it, see what it brought and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.catalogue.queries import search_products
from fissile.domain.channels.queries import usable_channels
from fissile.domain.shares.model import ShareState
from fissile.domain.shares.rules import link_of, sentence
from fissile.flows.change_share import change_share
from fissile.flows.publish_share import publish_share
from fissile.infra.networks import NETWORKS
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import Money
from fissile.views import promoter as views
from fissile.views import shop
from fissile.web.asker import PageRequest, asker_of, form_of
from fissile.web.earning import earning, earning_of
from fissile.web.errors import BadDate, PageNotFound
from fissile.web.labels import LABELS
from fissile.web.page import go, page
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


@get("/promoter/share/{product:str}", opt=_PROMOTER)
async def share_form(request: PageRequest, product: FromPath[str]) -> Response[str]:
    """The form to share one product."""
    asker = asker_of(request)
    product_id = parse_public_id("prd", product)
    async with asker.house.db.reading() as connection:
        found = await shop.product(connection, product_id=product_id)
        if found is None:
            raise PageNotFound()
        offers = await shop.offers(connection, product_id=product_id)
        card = await shop.card(connection, product_id=product_id)
        plans = await views.plans_for(connection, product_ids=[product_id])
        assert asker.member_id is not None, "a promoter is a member"
        where = word(request, "where")
        places = await usable_channels(connection, promoter_id=asker.member_id, words=where)
    return page(
        asker,
        "promoter/share_form.html",
        where=where,
        places=places,
        networks=NETWORKS,
        product=found,
        card=card,
        earning=earning_of(plans.get(product_id), offers=offers),
        earliest=(asker.at + timedelta(days=1)).date().isoformat(),
    )


@post("/promoter/shares", status_code=303, opt=_PROMOTER)
async def send_share(request: PageRequest) -> Response[None]:
    """Publish a share."""
    asker, form = asker_of(request), form_of(request)
    channel = form.get("channel")
    share = await publish_share(
        asker.house.db,
        actor=asker.actor,
        product_id=parse_public_id("prd", form.get("product")),
        channel=channel if channel in LABELS["channel"] else "other",
        expires_at=_end_of(form.get("expires")),
        idempotency_key=form.key,
        at=asker.at,
        rng=asker.rng,
        channel_id=parse_public_id("chn", place) if (place := form.get("place", "none")) not in _NO_CHANNEL else None,
        offline=place == "offline",
    )
    return go(f"/promoter/shares/{public_id('shr', share.id)}", note="share-made")


@get("/promoter/shares", opt=_PROMOTER)
async def my_shares(request: PageRequest) -> Response[str]:
    """The promoter's shares with visits, orders and earnings."""
    asker = asker_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    async with asker.house.db.reading() as connection:
        read = await views.shares_of(
            connection,
            promoter_id=asker.member_id,
            before=cursor(request, "before", prefix="shr"),
            limit=views.PAGE + 1,
        )
    found, more = cut(read, size=views.PAGE, prefix="shr")
    return page(asker, "promoter/shares.html", shares=found, more=more)


@get("/promoter/shares/{share:str}", opt=_PROMOTER)
async def one_share(request: PageRequest, share: FromPath[str]) -> Response[str]:
    """One share: link, code and sentence to copy, what it brought, pause and revoke."""
    asker = asker_of(request)
    share_id = parse_public_id("shr", share)
    async with asker.house.db.reading() as connection:
        found = await views.share(connection, share_id=share_id)
        if found is None or found["promoter_id"] != asker.member_id:
            raise PageNotFound()
        card = await shop.card(connection, product_id=found["product_id"])
        offers = await shop.offers(connection, product_id=found["product_id"])
        plans = await views.plans_for(connection, product_ids=[found["product_id"]])
    settings = asker.house.settings
    sentences = {
        locale: sentence(
            token=found["token"],
            title=card["title"],
            price=Money(card["price_minor_min"], card["currency"]),
            shop=settings.shop_name,
            locale=locale,
        )
        for locale in ("zh_CN", "en")
        if card is not None
    }
    return page(
        asker,
        "promoter/share.html",
        share=found,
        card=card,
        earning=earning_of(plans.get(found["product_id"]), offers=offers),
        link=link_of(settings.base_url, found["token"]),
        sentences=sentences,
        expired=found["expires_at"] is not None and found["expires_at"] <= asker.at,
    )


@post("/promoter/shares/{share:str}/state", status_code=303, opt=_PROMOTER)
async def send_state(request: PageRequest, share: FromPath[str]) -> Response[None]:
    """Pause, resume or revoke a share."""
    asker, form = asker_of(request), form_of(request)
    state = form.get("state")
    if state not in LABELS["share"]:
        raise PageNotFound()
    await change_share(
        asker.house.db,
        share_id=parse_public_id("shr", share),
        state=cast(ShareState, state),
        actor=asker.actor,
        at=asker.at,
    )
    return go(f"/promoter/shares/{share}", note=f"share-{state}")


@get("/promoter/earnings", opt=_PROMOTER)
async def earnings(request: PageRequest) -> Response[Any]:
    """What was earned, and why: order, line, plan, the touch that won and those that lost."""
    asker = asker_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    async with asker.house.db.reading() as connection:
        balances = await views.balances_of(connection, promoter_id=asker.member_id)
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
    return page(asker, "promoter/earnings.html", balances=balances, earned=earned, more=more, losers=losers)


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


HANDLERS = (pick, share_form, send_share, my_shares, one_share, send_state, earnings, lost)
