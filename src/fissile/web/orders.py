"""A buyer's orders: one page each, opened by its buyer or by the signed link that a guest was given."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.orders.errors import NotYourOrder
from fissile.flows.cancel_order import cancel_order
from fissile.infra.events import Actor
from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import orders as views
from fissile.web.asker import PageRequest, asker_of, form_of
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
    return page(
        asker,
        "shop/order.html",
        order=found,
        lines=lines,
        refunds=refunds,
        key=asker.guest_key(order_id),
        can_pay=found["state"] == "placed" and found["reserved_until"] > asker.at,
        seconds_left=max(0, int((found["reserved_until"] - asker.at).total_seconds())),
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
    found, more = cut(read, size=views.PAGE, prefix="ord")
    return page(asker, "shop/orders.html", orders=found, more=more)


HANDLERS = (order, cancel, my_orders)
