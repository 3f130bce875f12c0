"""A buyer's orders: one page each, opened by its buyer or by the signed link that a guest was given."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.aftersales.model import CARRIERS, REASON_MAX, tracking_link, window_end
from fissile.domain.orders.errors import NotYourOrder
from fissile.flows.ask_order_link import ask_order_link
from fissile.flows.ask_return import ask_return, withdraw_return
from fissile.flows.cancel_order import cancel_order
from fissile.flows.complete_order import complete_order
from fissile.infra.events import Actor
from fissile.infra.rate_limits import RateLimits, TooManyRequests
from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import checkout as more
from fissile.views import invoices as invoice_views
from fissile.views import orders as views
from fissile.web.asker import Asker, PageRequest, asker_of, client_of, form_of
from fissile.web.errors import PageNotFound
from fissile.web.page import go, page
from fissile.web.query import cursor, cut, word

GUEST = Actor(member_id=None, name="guest")


@get("/o/{order:str}")
async def order(request: PageRequest, order: FromPath[str]) -> Response[str]:
    """One order: what, how much, how far; the link to pay while it waits for payment."""
    asker = asker_of(request)
    order_id = parse_public_id("ord", order)
    by_link = asker.guest_key_holds(order_id, word(request, "k"))
    async with asker.house.db.reading() as connection:
        found = await views.order(connection, order_id=order_id)
        mine = found is not None and found["member_id"] is not None and found["member_id"] == asker.member_id
        if found is None:
            raise PageNotFound()
        if not (mine or by_link):
            raise NotYourOrder()
        lines = await views.order_lines(connection, order_id=order_id)
        refunds = await views.order_refunds(connection, order_id=order_id)
        taxes = await more.taxes(connection, order_id=order_id)
        documents = await invoice_views.documents_of(connection, order_id=order_id)
        asked = await more.requests_of_order(connection, order_id=order_id)
    ends = window_end(completed_at=found["completed_at"], after_sale_days=found["after_sale_days"])
    return page(
        asker,
        "shop/order.html",
        order=found,
        lines=lines,
        refunds=refunds,
        key=asker.guest_key(order_id),
        can_pay=found["state"] == "placed" and found["reserved_until"] > asker.at,
        seconds_left=max(0, int((found["reserved_until"] - asker.at).total_seconds())),
        taxes=taxes,
        documents=documents,
        asked=asked,
        ends=ends,
        can_return=found["state"] in ("paid", "shipped", "completed")
        and (ends is None or asker.at < ends)
        and not any(one["state"] == "asked" for one in asked),
        link=tracking_link(carrier=found["carrier"], number=found["tracking"]),
        carrier=_carrier(asker, found["carrier"]),
        reason_max=REASON_MAX,
    )


@post("/o/{order:str}/cancel", status_code=303)
async def cancel(request: PageRequest, order: FromPath[str]) -> Response[Any]:
    """Give up an order that is not paid: its buyer, or the guest who has its link."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    key = form.get("k")
    async with asker.house.db.reading() as connection:
        found = await views.order(connection, order_id=order_id)
    if found is None:
        raise PageNotFound()
    by_link = asker.guest_key_holds(order_id, key)
    await cancel_order(
        asker.house.db,
        order_id=order_id,
        actor=asker.session.actor if asker.session else GUEST,
        # Whoever has the signed link is the visitor who ordered, on whatever device.
        visitor_id=found["visitor_id"] if by_link else asker.visitor_id,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/o/{public_id('ord', order_id)}" + (f"?k={key}" if by_link else ""), note="cancelled")


@post("/o/{order:str}/return", status_code=303)
async def send_return(request: PageRequest, order: FromPath[str]) -> Response[Any]:
    """Ask to give an order back, or take that back: its buyer, or the guest who has its link."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    key = form.get("k")
    actor = asker.session.actor if asker.session else None
    visitor_id = await _visitor_of(asker, order_id=order_id, key=key)
    if withdrawn := form.get("withdraw"):
        await withdraw_return(
            asker.house.db,
            request_id=parse_public_id("ret", withdrawn),
            actor=actor,
            visitor_id=visitor_id,
            at=asker.at,
        )
        return go(_back(order_id, key), note="saved")
    await ask_return(
        asker.house.db,
        order_id=order_id,
        kind=form.get("kind"),
        reason=form.get("reason"),
        actor=actor,
        visitor_id=visitor_id,
        at=asker.at,
        rng=asker.rng,
    )
    return go(_back(order_id, key), note="return-asked")


@post("/o/{order:str}/received", status_code=303)
async def received(request: PageRequest, order: FromPath[str]) -> Response[Any]:
    """The buyer has the goods: the order is completed, and the time to give it back begins to run."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    if asker.session is None:
        raise NotYourOrder()
    await complete_order(asker.house.db, order_id=order_id, actor=asker.session.actor, at=asker.at)
    return go(_back(order_id, form.get("k")), note="completed")


@get("/find-order")
async def find_page(request: PageRequest) -> Response[str]:
    """The form by which a guest asks for the link of an order again."""
    return page(asker_of(request), "shop/find.html", sentence="", asked=False, order="", contact="")


@post("/find-order", status_code=200)
async def find(request: PageRequest) -> Response[str]:
    """Owe a new link to whoever placed the order; the answer is the same whether there is such an order or not."""
    asker, form = asker_of(request), form_of(request)
    order, contact = form.get("order")[:60], form.get("contact")[:200]
    sentence = ""
    try:
        limits = RateLimits(asker.house.db)
        await limits.hit("order_link_address", client_of(request), asker.at)
        await limits.hit("order_link_order", order.lower(), asker.at)
        await ask_order_link(
            asker.house.db, order=order, contact=contact, locale=asker.words.locale, at=asker.at, rng=asker.rng
        )
    except TooManyRequests as refusal:
        sentence = asker.words.refusal(refusal)
    return page(
        asker,
        "shop/find.html",
        status=429 if sentence else 200,
        sentence=sentence,
        asked=not sentence,
        order=order,
        contact=contact,
    )


async def _visitor_of(asker: Asker, *, order_id: UUID, key: str) -> UUID:
    """Whoever has the signed link of a guest's order is the visitor who ordered, on whatever device."""
    if not asker.guest_key_holds(order_id, key):
        return asker.visitor_id
    async with asker.house.db.reading() as connection:
        found = await views.order(connection, order_id=order_id)
    if found is None:
        raise PageNotFound()
    visitor_id: UUID = found["visitor_id"]
    return visitor_id


def _back(order_id: UUID, key: str) -> str:
    return f"/o/{public_id('ord', order_id)}" + (f"?k={key}" if key else "")


def _carrier(asker: Asker, code: str) -> str:
    known = CARRIERS.get(code)
    if known is None:
        return code
    return known.name_zh if asker.words.locale == "zh_CN" else known.name


@get("/orders", opt={"roles": ()})
async def my_orders(request: PageRequest) -> Response[str]:
    """The orders of the signed-in buyer."""
    asker = asker_of(request)
    assert asker.member_id is not None, "the page is for signed-in people"
    async with asker.house.db.reading() as connection:
        read = await views.orders_of_member(
            connection,
            member_id=asker.member_id,
            before=cursor(request, "before", prefix="ord"),
            limit=views.PAGE + 1,
        )
    found, further = cut(read, size=views.PAGE, prefix="ord")
    return page(asker, "shop/orders.html", orders=found, more=further)


HANDLERS = (order, cancel, send_return, received, find_page, find, my_orders)
